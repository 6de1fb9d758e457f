"""The options that select VMs, as the methods of `Fleet` take them."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any, Final, TypeAlias

import attrs
from typer import Option

from ..completion.candidates import complete_service, complete_vm
from ..exit_code import Refusal
from .rollout_options import size_of

Note: TypeAlias = Annotated[str, Option("--note", metavar="TEXT", help="Kept with the run.")]


_NUMBERS: Final = re.compile(r"(?:[0-9]+/)?[0-9]+(?:[,;\s]+(?:[0-9]+/)?[0-9]+)+")
_RANGE: Final = re.compile(r"([0-9]+)(?:-|:|\.\.+)([0-9]+)")


def _check_one_id(option: str, given: str) -> None:
    """Raise `Refusal` for several ids in one, a range, a pattern or a name, and say what selects those."""
    prefix = "service." if option == "--service" else ""
    if _NUMBERS.fullmatch(given):
        service, _, _ = given.rpartition("/") if given.count("/") == 1 else ("", "", "")
        ids = [
            each if not service or "/" in each else f"{service}/{each}"
            for each in re.split(r"[,;\s]+", given)
        ]
        raise Refusal(
            f"{option} takes one id, not {given:.40}",
            fix="write " + " ".join(f"{option} {each}" for each in ids),
        )
    if given.strip().lower() in ("*", "all"):
        raise Refusal(f"{option} takes one id, not {given}", fix="write --all for every VM")
    name = "service.name" if prefix else "label"
    if found := _RANGE.fullmatch(given):
        number, (first, last) = f"{prefix}id.to_int", found.groups()
        where = f"{number} >= {first} and {number} <= {last}"
    elif "*" in given:
        pattern = ".*".join(re.sub(r"[^\w -]", r"\\\g<0>", part) for part in given.split("*"))
        where = f'{name} =~ "{pattern}"'
    elif "," in given:
        where = f"{name} in [{', '.join(_text(each.strip()) for each in given.split(','))}]"
    elif re.search(r"\s", given.strip()):
        where = f"{name} == {_text(given)}"
    else:
        return
    raise Refusal(f"{option} takes one id, not {given!r:.40}", fix=f"write --where '{where}'")


def _text(text: str) -> str:
    """Return a text as a condition has it."""
    return json.dumps(text, ensure_ascii=False)


@attrs.frozen
class SelectionOptions:
    """Which VMs, and the guards of the selection; ``note`` is for the run, and no part of a plan."""

    services: Annotated[
        list[str] | None,
        Option(
            "--service",
            metavar="ID",
            help="Only this service; may be repeated.",
            autocompletion=complete_service,
        ),
    ] = None
    vms: Annotated[
        list[str] | None,
        Option(
            "--vm", metavar="[SERVICE/]ID", help="Only this VM; may be repeated.", autocompletion=complete_vm
        ),
    ] = None
    where: Annotated[
        str | None,
        Option(
            "--where", metavar="EXPR", help="Only VMs for which this is true, such as 'power == \"running\"'."
        ),
    ] = None
    everything: Annotated[bool, Option("--all", help="Every VM of every service.")] = False
    exclude: Annotated[
        str | None, Option("--exclude", metavar="EXPR", help="Leave out VMs for which this is true.")
    ] = None
    missing: Annotated[bool, Option("--ignore-missing", help="Leave out ids that do not exist.")] = False
    max_targets: Annotated[
        str | None,
        Option(
            "--max-targets",
            metavar="N|P%",
            help="Start nothing if more VMs are selected: a number, or a share of all VMs.",
        ),
    ] = None
    strict: Annotated[bool, Option("--strict", help="Start nothing if a service could not be listed.")] = (
        False
    )
    note: Note = ""

    @property
    def arguments(self) -> dict[str, Any]:
        """The keywords of `Fleet`'s methods; never the whole fleet without --all. Raises `Refusal`."""
        if self.everything and (self.services or self.vms or self.where is not None):
            raise Refusal("--all selects every VM", fix="leave out --service, --vm and --where, or --all")
        if not (self.everything or self.services or self.vms or self.where is not None):
            raise Refusal(
                "no VMs selected", fix="use --service, --vm or --where, or --all for the whole fleet"
            )
        if self.where is not None and not self.where.strip():
            raise Refusal(
                "--where is empty, which never selects every VM", fix="use --all for the whole fleet"
            )
        if self.exclude is not None and not self.exclude.strip():
            raise Refusal(
                "--exclude is empty, which leaves no VM alone",
                fix="leave it out, or say which VMs, such as --exclude 'label == \"db-1\"'",
            )
        for option, ids in (("--service", self.services), ("--vm", self.vms)):
            for given in ids or ():
                _check_one_id(option, given)
        arguments: dict[str, Any] = {}
        if self.services:
            arguments["services"] = self.services
        if self.where is not None:
            arguments["where"] = self.where
        pairs = [tuple(name.split("/", 1)) for name in self.vms or () if "/" in name]
        if pairs:
            if len(pairs) < len(self.vms or ()):
                raise Refusal("write either every --vm as SERVICE/VM, or every one as an id alone")
            if self.services:
                raise Refusal("--vm SERVICE/VM names the service already", fix="leave out --service")
            if self.where is not None:
                raise Refusal("with --where, write every --vm as an id alone")
            arguments["where"] = pairs
        elif self.vms:
            arguments["vms"] = self.vms
        if self.exclude is not None:
            arguments["exclude"] = self.exclude
        if self.missing:
            arguments["missing"] = "ignore"
        if self.max_targets is not None:
            arguments["max_targets"] = size_of(self.max_targets)
        if self.strict:
            arguments["strict"] = True
        return arguments
