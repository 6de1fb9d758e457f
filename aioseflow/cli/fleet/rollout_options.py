"""How a run goes over its VMs, from the words of a command line."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

import attrs
import typer

from ...text import escape
from ..exit_code import Refusal
from .messages import in_our_words

_DURATION: Final = re.compile(
    r"(?:(?P<h>\d{1,4})h)?(?:(?P<m>\d{1,6})m(?:in)?)?(?:(?P<s>\d{1,8}(?:\.\d+)?)s?)?", re.ASCII
)


@attrs.frozen
class RolloutOptions:
    """The options that make a `Rollout`, as far as they were given."""

    given: dict[str, Any]

    def arguments(self) -> dict[str, Any]:
        """The keyword of `Fleet`'s methods. Raises `InvalidArgument`."""
        if not self.given:
            return {}
        from ...fleet import Rollout

        with in_our_words():
            return {"rollout": Rollout(**self.given)}


def roll(
    canary: Annotated[
        str | None, typer.Option("--canary", metavar="N|P%", help="First so many VMs, then the rest.")
    ] = None,
    batch: Annotated[
        list[str] | None,
        typer.Option(
            "--batch",
            metavar="N|P%",
            help="Batch by batch, the next one when all of it is settled; repeated: the sizes in turn, "
            "the last one until the end.",
        ),
    ] = None,
    max_failures: Annotated[
        str | None,
        typer.Option(
            "--max-failures",
            metavar="N|P%",
            help="Start nothing new once more have failed (unknown counts); 0: at the first.",
        ),
    ] = None,
    max_unavailable: Annotated[
        str | None,
        typer.Option(
            "--max-unavailable", metavar="N|P%", help="So many may be down at once, for whatever reason."
        ),
    ] = None,
    per_service: Annotated[
        int | None, typer.Option("--per-service", metavar="N", help="Requests in flight for a service.")
    ] = None,
    window: Annotated[
        int | None, typer.Option("--window", metavar="N", help="VMs begun and not yet settled at once.")
    ] = None,
    pause: Annotated[
        str | None, typer.Option("--pause", metavar="TIME", help="Between batches, such as 90s or 5m.")
    ] = None,
    deadline: Annotated[
        str | None,
        typer.Option("--deadline", metavar="TIME", help="Start nothing new after it, such as 30m or 2h."),
    ] = None,
) -> RolloutOptions:
    """What the options say of the order and the brakes. Raises `Refusal`."""
    given: dict[str, Any] = {
        "canary": None if canary is None else size_of(canary),
        "batches": None if not batch else [size_of(size) for size in batch],
        "max_failures": None if max_failures is None else size_of(max_failures),
        "max_unavailable": None if max_unavailable is None else size_of(max_unavailable),
        "per_service": per_service,
        "window": window,
        "pause_between": None if pause is None else seconds_of(pause, "--pause"),
        "deadline": None if deadline is None else seconds_of(deadline, "--deadline"),
    }
    return RolloutOptions({name: value for name, value in given.items() if value is not None})


def seconds_of(text: str, option: str) -> float:
    """Seconds of ``90``, ``90s``, ``5m`` or ``1h30m``. Raises `Refusal`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or not match[0]:
        raise Refusal(f"{option} is a time such as 90s, 5m or 1h30m, not '{escape(text)}'")
    hours, minutes, seconds = (float(match[unit] or 0) for unit in "hms")
    return hours * 3600 + minutes * 60 + seconds


def size_of(text: str) -> int | str:
    """A number of VMs, or a share of them as it is written."""
    return int(text) if text.isdecimal() and text.isascii() else text
