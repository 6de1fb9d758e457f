"""What a run came to, on stdout: a page for people, or data with stable names."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from ...text import escape
from ..accounts import Accounts
from ..output import OutputFormat, OutputOptions
from ..terminal import columns, echo, is_terminal

if TYPE_CHECKING:
    import queue

    from ...fleet import Outcome, Report, Run

OUTCOME_COLUMNS: Final = (
    "account",
    "service_id",
    "service_name",
    "vm_id",
    "vm_label",
    "action",
    "status",
    "verified",
    "cause",
    "error.message",
    "attempts",
    "started_at",
    "finished_at",
)
"""What a csv of outcomes has."""

_WIDEST: Final = 100
_STYLES: Final = (
    (re.compile(r"^\S.*: all as asked$"), "bold green"),
    (re.compile(r"^\S.*(?:NOT as asked|the run failed: .*|not all could be listed)$"), "bold red"),
    (re.compile(r"^failed, .*"), "bold red"),
    (re.compile(r"^unknown, .*|^not listed, .*|^listed in part.*"), "bold magenta"),
    (re.compile(r"^not attempted, .*"), "bold"),
    (re.compile(r"^what to do now:|^down because .*"), "bold"),
)


def print_report(report: Report, out: OutputOptions, who: Accounts) -> None:
    """Write a report to stdout; where it was streamed already, nothing more."""
    match out.form:
        case OutputFormat.TABLE if out.is_page:
            _page(report, who)
        case OutputFormat.JSON | OutputFormat.YAML if not out.columns and not out.sort:
            out.single(report.to_document(values=True))
        case OutputFormat.JSONL:
            pass
        case _:
            out.listing(map(outcome_row, report.outcomes), OUTCOME_COLUMNS)


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """An outcome under the names that it has in a report."""
    from ...fleet.report.report_json import outcome_document

    return outcome_document(outcome, values=True)


def require_columns(out: OutputOptions) -> None:
    """Raise `Refusal` for columns that no outcome has: before a run, not after it."""
    from ...fleet import Outcome
    from ..output.columns import check

    check([*out.columns, *([out.sort.removeprefix("-")] if out.sort else [])], (), Outcome)
    if out.form is OutputFormat.JSONL:
        out.stream()


def command_name(verb: str, run_id: str, who: Accounts) -> str:
    """A next step as it is typed."""
    words = ["vm", "list"] if verb == "vms" else ["fleet", verb, escape(run_id, 200)]
    if who.everyone:
        words.append("--all-profiles")
    elif who.names:
        words += ["--profile", ",".join(who.names)]
    return shlex.join(["aioseflow", *words])


def page(report: Report, who: Accounts, width: int) -> str:
    """A report for people, its next steps as commands."""

    def step(verb: str, run_id: str) -> str:
        return command_name(verb, run_id, who)

    return report.summary(width=min(width, _WIDEST), step=step)


def _page(report: Report, who: Accounts) -> None:
    from ..summary import usage_of
    from ..table import print_lines

    if report.action == "usage" and (sizes := usage_of(report)).rows:
        sizes.print()
        print_lines([""])
    print_page(page(report, who, columns()))


def print_page(text: str) -> None:
    """Write a page of a report, on a terminal with what matters marked."""
    if not is_terminal(sys.stdout):
        echo(f"{text}\n")
        return
    from rich.text import Text

    from ..table import console_of_stdout

    console = console_of_stdout()
    with console.capture() as captured:
        for line in text.splitlines():
            style = next((style for pattern, style in _STYLES if pattern.match(line)), "")
            console.print(Text(line, style), soft_wrap=True)
    echo(captured.get())


@asynccontextmanager
async def streamed(run: Run, out: OutputOptions) -> AsyncIterator[None]:
    """With ``--output jsonl`` each outcome is written when it is known.

    A thread writes: a reader that is slow must not slow the run.
    """
    if out.form is not OutputFormat.JSONL:
        yield
        return
    import asyncio
    import queue
    import threading

    lines: queue.SimpleQueue[Outcome | None] = queue.SimpleQueue()
    loop, written = asyncio.get_running_loop(), asyncio.Event()

    def write() -> None:
        stream = out.stream()
        for outcome in iter(lines.get, None):
            stream.add(outcome_row(outcome))
        loop.call_soon_threadsafe(written.set)

    # A daemon: whoever presses Ctrl-C does not wait for a reader that reads no more.
    threading.Thread(target=write, name="aioseflow jsonl", daemon=True).start()
    reading = asyncio.ensure_future(_read(run, lines))
    try:
        yield
    finally:
        if not run.is_over:
            reading.cancel()
        # What ends the run early is raised where it is awaited.
        await asyncio.wait([reading])
        if not reading.cancelled():
            reading.exception()
        lines.put(None)
    await written.wait()


async def _read(run: Run, lines: queue.SimpleQueue[Outcome | None]) -> None:
    async for outcome in run:
        lines.put(outcome)
