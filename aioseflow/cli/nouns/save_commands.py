"""Pictures and markup of the panel, into files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, TypedDict, TypeVar

import typer

from ...errors import DecodeError
from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends
from ..completion.candidates import complete_service, complete_vm
from ..exit_code import ExitCode, Refusal
from ..output import OutputOptions, output_options
from ..terminal import echo_err, echo_error
from .parameters import split

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...models import BandwidthGraph, UntrustedHtml

T = TypeVar("T")
Period: TypeAlias = Literal["daily", "weekly", "monthly"]
UsageKind: TypeAlias = Literal["cpu", "net", "disk"]

_PERIODS: Final[tuple[Period, ...]] = ("daily", "weekly", "monthly")
_KINDS: Final[tuple[UsageKind, ...]] = ("cpu", "net", "disk")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_PATH: Final = 300


class SavedGraphDocument(TypedDict):
    """A traffic graph that was written to a file, as `service graphs --save` prints it."""

    file: str
    switch: str | None
    port: str | None
    name: str | None
    period: Period
    bytes: int


class UsageSizeDocument(TypedDict):
    """The length of a usage graph's HTML, as `vm usage` prints it; ``file`` is where it was written."""

    kind: UsageKind
    characters: int
    file: str | None


def graphs(
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="Its id, as service list shows it.", autocompletion=complete_service
        ),
    ],
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Write the pictures into this directory.")
    ] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """`aioseflow service graphs`."""
    found = asyncio.run(_read(who, lambda seflow: seflow.services.bandwidth_graphs(service)))
    if save is None:
        from ...models import BandwidthGraph

        out.listing(found, ("switch", "port", "name"), kind=BandwidthGraph)
        return ExitCode.OK
    save.mkdir(parents=True, exist_ok=True)
    rows: list[SavedGraphDocument] = []
    asked = 0
    for number, graph in enumerate(found, 1):
        for period in _PERIODS:
            if getattr(graph, period):
                asked += 1
                rows += _saved(graph, period, save / f"{_stem(number, graph)}-{period}.png")
    out.listing(rows, ("file", "name", "period", "bytes"))
    return ExitCode.OK if len(rows) == asked else ExitCode.ERROR


def _saved(graph: BandwidthGraph, period: Period, path: Path) -> list[SavedGraphDocument]:
    """A row if it was written; one that is no picture is told on stderr."""
    try:
        picture = graph.png(period)
    except DecodeError as error:
        echo_error(f"{error}; not written")
        return []
    path.write_bytes(picture)
    return [
        {
            "file": str(path),
            "switch": graph.switch,
            "port": graph.port,
            "name": graph.name,
            "period": period,
            "bytes": len(picture),
        }
    ]


def _stem(number: int, graph: BandwidthGraph) -> str:
    """A file name that no panel can lead elsewhere; the number tells apart what is called the same."""
    parts = [_UNFIT.sub("_", text)[:40] for text in (graph.switch, graph.port) if text]
    return "-".join([f"{number:02}", *parts])


def usage(
    vm: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE/VM",
            help="The VM, as vm list shows it; as two words it does as well.",
            autocompletion=complete_vm,
        ),
    ],
    kind: Annotated[
        str | None, typer.Argument(metavar="[cpu|net|disk]", help="Which graph; all without it.")
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="KIND", hidden=True)] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the one graph's HTML into this file.")
    ] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """`aioseflow vm usage`."""
    words = split([word for word in (vm, kind, second) if word is not None])
    kinds = [name for name in _KINDS if len(words) < 3 or words[2] == name]
    if len(words) < 2:
        raise Refusal("SERVICE/VM is missing; see aioseflow vm usage --help")
    if len(words) > 3 or not kinds:
        raise Refusal(f"the graph is one of cpu, net, disk, not '{escape(words[-1])}'")
    if save is not None and len(kinds) > 1:
        raise Refusal("a file is for one graph; say which: cpu, net or disk")
    return _usage(words[0], words[1], kinds, save, who, out)


def _usage(
    service: str, vm: str, kinds: list[UsageKind], save: Path | None, who: Accounts, out: OutputOptions
) -> int:
    async def each(seflow: SeFlow) -> list[UntrustedHtml]:
        return [await seflow.vms.usage(service, vm, kind) for kind in kinds]

    found = asyncio.run(_read(who, each))
    if save is not None:
        save.write_text(found[0].html, encoding="utf-8")
        echo_err(
            f"{escape(str(save), _LONGEST_PATH)} is HTML from the panel and may hold scripts: open it in a "
            "sandbox only."
        )
    rows: list[UsageSizeDocument] = [
        {"kind": kind, "characters": len(one.html), "file": None if save is None else str(save)}
        for kind, one in zip(kinds, found, strict=True)
    ]
    out.listing(rows, ("kind", "characters") if save is None else ("kind", "characters", "file"))
    return ExitCode.OK


async def _read(who: Accounts, ask: Callable[[SeFlow], Awaitable[T]]) -> T:
    async with who.client() as seflow:
        return await ask(seflow)
