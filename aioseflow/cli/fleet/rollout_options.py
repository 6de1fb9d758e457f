"""The options that say how a run goes over its VMs."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import attrs
from typer import Option

from ...text import escape
from ..exit_code import Refusal

_DURATION: Final = re.compile(
    r"(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,6})m(?:in)?)?(?:(?P<s>\d{1,8}(?:\.\d+)?)s?)?", re.ASCII
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
        options: dict[str, Any] = {
            "canary": self.canary and size_of(self.canary),
            "batches": [size_of(size) for size in self.batches or ()] or None,
            "max_failures": self.max_failures and size_of(self.max_failures),
            "max_unavailable": self.max_unavailable and size_of(self.max_unavailable),
            "per_service": self.per_service,
            "window": self.window,
            "pause_between": None
            if self.pause_between is None
            else seconds_of(self.pause_between, "--pause"),
            "deadline": None if self.deadline is None else seconds_of(self.deadline, "--deadline"),
        }
        given = {name: value for name, value in options.items() if value is not None}
        if not given:
            return {}
        from ... import Rollout

        return {"rollout": Rollout(**given)}


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
