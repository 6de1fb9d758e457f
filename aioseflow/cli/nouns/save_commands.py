"""The commands that write graphs of the panel to files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeAlias, TypedDict

import typer

from ...errors import DecodeError
from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends
from ..completion.candidates import complete_vm
from ..exit_code import ExitCode, Refusal
from ..output import OutputOptions, output_options
from ..terminal import echo_err, echo_error
from .call_parameters import split
from .read_call import ask
from .special_commands import Service

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...models import BandwidthGraph, UntrustedHtml

Period: TypeAlias = Literal["daily", "weekly", "monthly"]
UsageKind: TypeAlias = Literal["cpu", "net", "disk"]

_PERIODS: Final[tuple[Period, ...]] = ("daily", "weekly", "monthly")
_KINDS: Final[tuple[UsageKind, ...]] = ("cpu", "net", "disk")
_NOT_IN_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9_-]+")


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


def save_graphs(
    service: Service,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Write the pictures to this directory.")
    ] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """The command `aioseflow service graphs`."""
    from ...models import BandwidthGraph

    found = ask(who, lambda seflow: seflow.services.bandwidth_graphs(service))
    if save is None:
        out.listing(found, ("switch", "port", "name"), kind=BandwidthGraph)
        return ExitCode.OK
    save.mkdir(parents=True, exist_ok=True)
    graphs = [
        (graph, period, save / f"{_stem(number, graph)}-{period}.png")
        for number, graph in enumerate(found, 1)
        for period in _PERIODS
        if getattr(graph, period)
    ]
    rows = [row for graph in graphs if (row := _saved(*graph))]
    out.listing(rows, ("file", "name", "period", "bytes"))
    return ExitCode.OK if len(rows) == len(graphs) else ExitCode.ERROR


def _saved(graph: BandwidthGraph, period: Period, path: Path) -> SavedGraphDocument | None:
    """Write a graph and return its row; None, and an error on stderr, if it is no picture."""
    try:
        picture = graph.png(period)
    except DecodeError as error:
        echo_error(f"{error}; not written")
        return None
    path.write_bytes(picture)
    return {
        "file": str(path),
        "switch": graph.switch,
        "port": graph.port,
        "name": graph.name,
        "period": period,
        "bytes": len(picture),
    }


def _stem(number: int, graph: BandwidthGraph) -> str:
    """Return a file name that leads to no other directory; the number tells graphs of the same name apart."""
    parts = [_NOT_IN_FILE_NAME.sub("_", text)[:40] for text in (graph.switch, graph.port) if text]
    return "-".join([f"{number:02}", *parts])


def save_usage(
    vm: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE/VM", help="The VM as SERVICE/VM, or as two words.", autocompletion=complete_vm
        ),
    ],
    kind: Annotated[
        str | None, typer.Argument(metavar="[cpu|net|disk]", help="The graph; all three without it.")
    ] = None,
    second: Annotated[str | None, typer.Argument(metavar="KIND", hidden=True)] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the HTML of one graph to this file.")
    ] = None,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """The command `aioseflow vm usage`."""
    words = split([word for word in (vm, kind, second) if word is not None])
    kinds = [name for name in _KINDS if len(words) < 3 or words[2] == name]
    if len(words) < 2:
        raise Refusal("SERVICE/VM is missing", fix="see aioseflow vm usage --help")
    if len(words) > 3 or not kinds:
        raise Refusal(f"the graph is one of cpu, net, disk, not '{escape(words[-1])}'")
    if save is not None and len(kinds) > 1:
        raise Refusal("a file is for one graph", fix="name it: cpu, net or disk")

    async def read(seflow: SeFlow) -> list[UntrustedHtml]:
        return [await seflow.vms.usage(words[0], words[1], kind) for kind in kinds]

    found = ask(who, read)
    if save is not None:
        save.write_text(found[0].html, encoding="utf-8")
        echo_err(
            f"{escape(str(save))} is HTML from the panel and may hold scripts: open it in a sandbox only."
        )
    rows: list[UsageSizeDocument] = [
        {"kind": kind, "characters": len(one.html), "file": None if save is None else str(save)}
        for kind, one in zip(kinds, found, strict=True)
    ]
    out.listing(rows, ("kind", "characters") if save is None else ("kind", "characters", "file"))
    return ExitCode.OK
