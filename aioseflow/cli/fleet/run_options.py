"""The options of runs: which VMs, how a run goes over them, and the sizes of a resize."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import attrs
from typer import Option

from ...text import escape
from ..completion.candidates import complete_service, complete_vm
from ..exit_code import Refusal
from .one_id import check_one_id

if TYPE_CHECKING:
    from ...fleet.actions.changes import Resize

Note: TypeAlias = Annotated[str, Option("--note", metavar="TEXT", help="Kept with the run.")]

_DURATION: Final = re.compile(
    r"(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,6})m(?:in)?)?(?:(?P<s>\d{1,8}(?:\.\d+)?)s?)?", re.ASCII
)


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
        list[str] | None,
        Option("--exclude", metavar="EXPR", help="Leave out VMs for which this is true; may be repeated."),
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
        if any(not each.strip() for each in self.exclude or ()):
            raise Refusal(
                "--exclude is empty, which leaves no VM alone",
                fix="leave it out, or say which VMs, such as --exclude 'label == \"db-1\"'",
            )
        for option, ids in (("--service", self.services), ("--vm", self.vms)):
            for given in ids or ():
                check_one_id(option, given)
        pairs = [tuple(name.split("/", 1)) for name in self.vms or () if "/" in name]
        if pairs:
            if len(pairs) < len(self.vms or ()):
                raise Refusal("write either every --vm as SERVICE/VM, or every one as an id alone")
            if self.services:
                raise Refusal("--vm SERVICE/VM names the service already", fix="leave out --service")
            if self.where is not None:
                raise Refusal("with --where, write every --vm as an id alone")
        return _given(
            services=self.services or None,
            vms=None if pairs else self.vms or None,
            where=pairs or self.where,
            exclude=tuple(self.exclude or ()) or None,
            missing="ignore" if self.missing else None,
            max_targets=self.max_targets and size_of(self.max_targets),
            strict=self.strict or None,
        )


@attrs.frozen
class RolloutOptions:
    """How a run goes over its VMs; the fields are named as those of `Rollout`."""

    canary: Annotated[str | None, Option("--canary", metavar="N|P%", help="Size of the first batch.")] = None
    batches: Annotated[
        list[str] | None,
        Option(
            "--batch",
            metavar="N|P%",
            help="Batch by batch, the next when all of one is settled; repeated: the sizes in turn, the last "
            "until the end.",
        ),
    ] = None
    max_failures: Annotated[
        str | None,
        Option(
            "--max-failures",
            metavar="N|P%",
            help="Start nothing new once more VMs have failed (unknown counts); 0: at the first.",
        ),
    ] = None
    max_unavailable: Annotated[
        str | None,
        Option(
            "--max-unavailable",
            metavar="N|P%",
            help="At most this many VMs down at once (those already off count).",
        ),
    ] = None
    max_down_per_service: Annotated[
        int | None,
        Option("--max-down-per-service", metavar="N", help="VMs of a service taken down at once."),
    ] = None
    per_service: Annotated[
        int | None,
        Option("--per-service", metavar="N", help="Requests at once per service (not VMs that are down)."),
    ] = None
    window: Annotated[int | None, Option("--window", metavar="N", help="VMs in progress at once.")] = None
    pause_between: Annotated[
        str | None, Option("--pause", metavar="TIME", help="Between batches, such as 90s or 5m.")
    ] = None
    deadline: Annotated[
        str | None,
        Option("--deadline", metavar="TIME", help="Start nothing new after it, such as 30m or 2h."),
    ] = None

    @property
    def arguments(self) -> dict[str, Any]:
        """The keyword of `Fleet`'s methods, if any option is given. Raises `Refusal`, `InvalidArgument`."""
        given = _given(
            canary=self.canary and size_of(self.canary),
            batches=[size_of(size) for size in self.batches or ()] or None,
            max_failures=self.max_failures and size_of(self.max_failures),
            max_unavailable=self.max_unavailable and size_of(self.max_unavailable),
            max_down_per_service=self.max_down_per_service,
            per_service=self.per_service,
            window=self.window,
            pause_between=None if self.pause_between is None else seconds_of(self.pause_between, "--pause"),
            deadline=None if self.deadline is None else seconds_of(self.deadline, "--deadline"),
        )
        if not given:
            return {}
        from ... import Rollout

        return {"rollout": Rollout(**given)}


@attrs.frozen
class ResizeOptions:
    """The sizes that a resize gives to VMs."""

    memory: Annotated[int | None, Option("--memory", metavar="MB", help="Memory of each VM, in MB.")] = None
    cpu: Annotated[int | None, Option("--cpu", metavar="N", help="Cores of each VM.")] = None
    cpu_share: Annotated[
        int | None, Option("--cpu-share", metavar="PERCENT", help="Share of a core's time.")
    ] = None

    @property
    def are_given(self) -> bool:
        """Whether any was given."""
        return (self.memory, self.cpu, self.cpu_share) != (None, None, None)

    def action(self) -> Resize:
        """Return the action. Raises `Refusal` and `InvalidArgument`."""
        from ...fleet.actions.changes import Resize

        if not self.are_given:
            raise Refusal("nothing to resize to", fix="give --memory, --cpu, --cpu-share or several of them")
        return Resize(memory=self.memory, cpu=self.cpu, cpu_share=self.cpu_share)


def _given(**arguments: Any) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if value is not None}


def seconds_of(text: str, option: str) -> float:
    """Return the seconds of ``90``, ``90s``, ``5m`` or ``1h30m``. Raises `Refusal`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not match[0]:
        raise Refusal(f"{option} takes a time such as 90s, 5m or 1h30m, not '{escape(text)}'")
    hours, minutes, seconds = (float(match[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds


def size_of(text: str) -> int | str:
    """Return a number of VMs, or a share of them as it is written."""
    return int(text) if text.isdecimal() and text.isascii() else text
