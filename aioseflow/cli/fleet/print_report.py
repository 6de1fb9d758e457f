"""Print the report of a run to stdout: as a page for people, or as data with stable names."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ...text import escape
from ..accounts import Accounts
from ..output import OutputFormat, OutputOptions
from ..output.columns import check
from ..table import Column, Table, print_lines, print_styled
from ..terminal import columns

if TYPE_CHECKING:
    from ... import Outcome, Report
    from ...fleet.report.headline import Line
    from .group import FleetOptions

OUTCOME_COLUMNS: Final = (
    *("account", "service_id", "service_name", "vm_id", "vm_label", "action", "status", "verified", "cause"),
    *("error.message", "attempts", "started_at", "finished_at"),
)
"""The columns of a csv of outcomes."""

_PAGE_WIDTH_MAX: Final = 100
_NAME_MAX: Final = 32
_COMMANDS: Final = {"report": "status"}
"""Commands by the methods of a fleet that are called otherwise."""

_STYLES: Final = {"good": "bold green", "bad": "bold red", "unsure": "bold magenta", "strong": "bold"}


def print_report(report: Report, common: FleetOptions) -> set[str]:
    """Print a report; return the verbs of the next steps that it names."""
    out = common.out
    match out.form:
        case OutputFormat.TABLE if out.is_page:
            return _page(report, common.who)
        case OutputFormat.JSON | OutputFormat.YAML if not out.columns and not out.sort:
            out.single(report.to_document(values=True))
        case _:
            out.listing(map(outcome_row, report.outcomes), OUTCOME_COLUMNS)
    return set()


def outcome_row(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome under the names that it has in a report."""
    from ...fleet.report.report_json import outcome_document

    return outcome_document(outcome, values=True)


def require_columns(out: OutputOptions) -> None:
    """Raise `Refusal` for columns that no outcome has; called before a run, not after it."""
    from ... import Outcome

    check(out.named, (), Outcome)
    if out.form is OutputFormat.JSONL:
        out.stream()


def command_name(verb: str, run_id: str, who: Accounts) -> str:
    """Return a next step as it is typed."""
    if verb != "vms":
        # The journal knows the accounts of a run.
        return shlex.join(["aioseflow", "fleet", _COMMANDS.get(verb, verb), escape(run_id, 200)])
    words = ["vm", "list"]
    if who.everyone:
        words.append("--all-profiles")
    elif who.names:
        words += ["--profile", ",".join(who.names)]
    return shlex.join(["aioseflow", *words])


def page_width() -> int:
    """Return how many columns a page takes."""
    return min(columns(), _PAGE_WIDTH_MAX)


def _page(report: Report, who: Accounts) -> set[str]:
    from ...fleet.report.report_text import lines_of

    if (sizes := usage_table(report)).rows:
        sizes.print()
        print_lines([""])
    named: set[str] = set()

    def step(verb: str, run_id: str) -> str:
        named.add(verb)
        return command_name(verb, run_id, who)

    print_page(lines_of(report, width=page_width(), step=step))
    return named


def usage_table(report: Report) -> Table:
    """Return how large the usage graphs of each VM are; they are untrusted HTML, which is not shown."""
    from ... import UsageGraphs

    rows = []
    for outcome in report.outcomes:
        if isinstance(outcome.value, UsageGraphs):
            graphs = outcome.value
            sizes = [f"{len(graph.html):,}" for graph in (graphs.cpu, graphs.net, graphs.disk)]
            names = (outcome.service_id, outcome.vm_id, outcome.vm_label)
            rows.append([*(escape(name, _NAME_MAX) for name in names), *sizes])
    figures = (Column(f"{kind} graph", right=True) for kind in ("cpu", "net", "disk"))
    return Table([Column("service"), Column("VM"), Column("label"), *figures], rows)


def print_page(lines: Iterable[Line]) -> None:
    """Write the lines of a page, coloured by their tones on a terminal."""
    print_styled(((line.text,), (_STYLES.get(line.tone, ""),)) for line in lines)
