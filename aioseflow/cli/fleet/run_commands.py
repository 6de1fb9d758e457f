"""Runs that were: what became of them, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...text import escape
from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..completion.candidates import complete_run
from ..exit_code import ExitCode, Refusal, of_report
from ..journal_file import journal
from ..output import OutputFormat, OutputOptions, output_options
from ..terminal import columns, echo_err
from .execute import Confirm, act, change, confirm_options, run_async
from .group import RunId, Wait, app
from .html import HtmlPage
from .print_failures import print_failures
from .print_report import outcome_row, print_report, require_columns
from .rollout_options import RolloutOptions, roll

if TYPE_CHECKING:
    from ...fleet import Finding, Journal, Report

_LAST = "last"
_LONGEST = 200

RepeatUnknown = Annotated[
    bool, typer.Option("--repeat-unknown", help="Also send again what may have been done already.")
]


@command(app)
def runs(out: OutputOptions = Depends(output_options, "Output")) -> int:
    """List the runs of the journal, the newest first.

    \b
    Examples:
      aioseflow fleet runs
      aioseflow fleet runs --output json --columns run_id,state
    """
    from .print_runs import runs

    return runs(out)


@command(app)
def status(run: RunId, out: OutputOptions = Depends(output_options, "Output")) -> int:
    """Say what became of a run.

    It is told from the journal alone, and the exit code is that of the run; one that a living process is at
    has exit code 7.

    \b
    Examples:
      aioseflow fleet status last
    """
    require_columns(out)
    kept = journal()
    report = run_async(_report(kept, run_named(kept, run)))
    if out.form is OutputFormat.JSONL:
        # While it lasts a run writes them itself.
        out.listing(map(outcome_row, report.outcomes), ())
    else:
        print_report(report, out, Accounts())
    return of_report(report)


@command(app)
def failures(run: RunId, out: OutputOptions = Depends(output_options, "Output")) -> int:
    """Say who is not as asked, grouped by why.

    One cause, then who. The exit code is that of the run, as of status.

    \b
    Examples:
      aioseflow fleet failures last
      aioseflow fleet failures last --output csv --columns service_id,vm_id,cause
    """
    require_columns(out)
    kept = journal()
    report = run_async(_report(kept, run_named(kept, run)))
    print_failures(report, out)
    return of_report(report)


@command(app)
def diff(
    before: RunId,
    after: Annotated[
        str, typer.Argument(metavar="RUN", help="The later one, or last.", autocompletion=complete_run)
    ],
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Say what is different from one run to another.

    \b
    Examples:
      aioseflow fleet diff 20261124T175849-4c7c22c0 last
    """
    from .print_diff import print_diff

    kept = journal()
    first, second = run_named(kept, before), run_named(kept, after)
    print_diff(run_async(_report(kept, first)), run_async(_report(kept, second)), out)
    return ExitCode.OK


@command(app)
def report(
    run: RunId,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where; by default RUN.html here.")
    ] = None,
    read: Annotated[
        bool, typer.Option("--read", help="Also read traffic and power as they are now.")
    ] = False,
    who: Accounts = Depends(accounts, "Account"),
) -> int:
    """Write a page about a run, for a browser.

    It is one file, which loads nothing from anywhere.

    \b
    Examples:
      aioseflow fleet report last
      aioseflow fleet report 20261124T175849-4c7c22c0 friday.html --read
    """
    kept = journal()
    run_id = run_named(kept, run)
    page = HtmlPage.at(Path(f"{escape(run_id).replace('/', '_')}.html") if file is None else file)
    run_async(_write_page(kept, run_id, page, who if read else None))
    return ExitCode.OK


async def _write_page(kept: Journal, run_id: str, page: HtmlPage, who: Accounts | None) -> None:
    found = await _report(kept, run_id)
    if who is None:
        await page.write(found)
        return
    async with accounts_of(kept, run_id, who).clients(kept) as clients:
        await page.write(found, clients)


@command(app)
def resume(
    run: RunId,
    repeat_unknown: RepeatUnknown = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", hidden=True)] = False,
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Go on with an interrupted run.

    It was confirmed when it began. Whatever is undecided is read back before anything is sent, and no
    reboot is repeated unless
    --repeat-unknown says so.

    \b
    Examples:
      aioseflow fleet resume last
    """
    kept = journal()
    run_id = run_named(kept, run)
    found = accounts_of(kept, run_id, who)
    return act(lambda fleet: fleet.resume(run_id, repeat_unknown=repeat_unknown), out, kept, found)


@command(app)
def retry(
    run: RunId,
    failed: Annotated[bool, typer.Option("--failed/--no-failed", help="Those that failed.")] = True,
    not_attempted: Annotated[
        bool, typer.Option("--not-attempted/--no-not-attempted", help="Those that were not attempted.")
    ] = True,
    unknown: Annotated[
        bool, typer.Option("--unknown", help="Also those that may have been done, reboots too.")
    ] = False,
    how: Confirm = Depends(confirm_options, "Asking first"),
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Try again what did not work, as a new run.

    \b
    Examples:
      aioseflow fleet retry last --no-not-attempted
    """
    kept = journal()
    run_id = run_named(kept, run)

    return change(
        lambda fleet: fleet.retry(run_id, failed=failed, not_attempted=not_attempted, unknown=unknown),
        None,
        {},
        name="retry",
        how=how,
        who=accounts_of(kept, run_id, who),
        out=out,
    )


@command(app)
def restore(
    run: RunId,
    rolling: RolloutOptions = Depends(roll, "How fast, and when to stop"),
    wait: Wait = True,
    how: Confirm = Depends(confirm_options, "Asking first"),
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Start exactly the VMs that a run stopped.

    \b
    Examples:
      aioseflow fleet restore last --batch 20%
    """
    kept = journal()
    run_id = run_named(kept, run)
    options = rolling.arguments()
    return change(
        lambda fleet: fleet.restore(run_id, wait=wait, **options),
        None,
        {},
        name="restore",
        how=how,
        who=accounts_of(kept, run_id, who),
        out=out,
    )


@command(app)
def reconcile(
    run: RunId,
    grace: Annotated[
        str, typer.Option("--grace", metavar="TIME", help="Say not done no earlier than so long after it.")
    ] = "180s",
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> int:
    """Read back what became of each unknown VM.

    Each is told with its evidence, and nothing is sent again. Exit code 4 where some stay unknown, 3
    where some turn out not done.

    \b
    Examples:
      aioseflow fleet reconcile last
    """
    from .rollout_options import seconds_of

    kept = journal()
    run_id = run_named(kept, run)
    found = run_async(_reconcile(kept, run_id, seconds_of(grace, "--grace"), accounts_of(kept, run_id, who)))
    if out.is_page:
        _findings(found)
    else:
        out.listing(found, ("account", "service_id", "vm_id", "vm_label", "action", "verdict", "why"))
    verdicts = {finding.verdict for finding in found}
    if "cannot_tell" in verdicts:
        return ExitCode.UNKNOWN
    return ExitCode.FAILED if "not_done" in verdicts else ExitCode.OK


async def _reconcile(kept: Journal, run_id: str, grace: float, who: Accounts) -> list[Finding]:
    async with who.fleet(kept) as fleet:
        return await fleet.reconcile(run_id, grace=grace)


def _findings(found: Sequence[Finding]) -> None:
    from ...text import wrap
    from ..table import print_lines

    if not found:
        echo_err("Nothing of this run is unknown.")
    width = columns()
    for finding in found:
        place = f"{escape(finding.service_id)}/{escape(finding.vm_id)}"
        name = f"{escape(finding.vm_label)} ({place})" if finding.vm_label else place
        print_lines(wrap(f"{name}: {finding.verdict.replace('_', ' ')}", width, 4, ""))
        print_lines(wrap(escape(finding.why, 400), width, 4))


# -- which run, and whose -----------------------------------------------------------------------------------


def run_named(kept: Journal, text: str) -> str:
    """The id of a run that was named, ``last`` the newest's. Raises `RunNotFound` and `Refusal`."""
    if text != _LAST:
        return text
    if not kept.path.exists():
        raise Refusal(f"there are no runs in {escape(str(kept.path), _LONGEST)}", ExitCode.NOTHING_SELECTED)
    known = run_async(kept.runs())
    if not known:
        raise Refusal(f"there are no runs in {escape(str(kept.path), _LONGEST)}", ExitCode.NOTHING_SELECTED)
    header = known[0].header
    when = f"{header.created_at:%Y-%m-%d %H:%M} UTC"
    echo_err(f"last is {escape(header.run_id, _LONGEST)}: {escape(header.action)}, {when}")
    return header.run_id


async def _report(kept: Journal, run_id: str) -> Report:
    from ...fleet.recovery.stored_report import report_of

    stored = await kept.read(run_id)
    return report_of(stored, alive=stored.info.state != "ended" and kept.is_held(run_id))


def accounts_of(kept: Journal, run_id: str, who: Accounts) -> Accounts:
    """The accounts of a run: those that were named, or else those that it had. Raises `Refusal`."""
    return of_accounts(kept.read_now(run_id).info.header.accounts, f"run {escape(run_id, _LONGEST)}", who)


def of_accounts(labels: Sequence[str], what: str, who: Accounts) -> Accounts:
    """The accounts that runs call so: those named, else profiles that are them. Raises `Refusal`."""
    from ..profiles.profile_store import stored

    if not (who.names or who.everyone):
        by_label = {profile.label: name for name, profile in stored().items()}
        if all(label in by_label for label in labels):
            return Accounts(tuple(by_label[label] for label in labels))
    mine = who.labels()
    if set(labels) <= set(mine):
        return who
    theirs, ours = escape(", ".join(labels), _LONGEST), escape(", ".join(mine), _LONGEST)
    raise Refusal(
        f"{what} is of {theirs}, and this would be {ours}; "
        "name its account with --profile, or set SEFLOW_USERNAME and SEFLOW_BASE_URL to what they were"
    )
