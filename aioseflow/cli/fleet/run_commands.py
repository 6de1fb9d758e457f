"""The commands about runs of the journal: what happened in them, and how to continue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import attrs
from typer import Argument, Option

from ...text import escape, wrap
from ..accounts import Accounts, accounts
from ..command import Depends
from ..completion.candidates import complete_run
from ..exit_code import ExitCode, Refusal, of_report
from ..journal_file import journal
from ..table import print_lines
from ..terminal import columns, confirm, echo_err, echo_text, require_answerable
from .execute import Confirm, act, change, run_async
from .group import FleetOptions, RunId, SomeRunId, Wait, fleet_command, journal_options
from .html import HtmlPage
from .print_report import print_report, require_columns
from .run_options import RolloutOptions, seconds_of

if TYPE_CHECKING:
    from ... import Finding, Fleet, Journal, Report, Run, RunInfo
    from .choose_run import Verb

_LAST: Final = "last"
_ID_MAX: Final = 200
_WHY_MAX: Final = 400


@fleet_command
def runs(common: FleetOptions = Depends(journal_options)) -> int:
    """List the runs of the journal, the newest first.

    \b
    Examples:
      aioseflow fleet runs
      aioseflow fleet runs --output json --columns run_id,state
    """
    from .print_runs import runs

    return runs(common.out)


@fleet_command
def status(run: RunId, common: FleetOptions = Depends(journal_options)) -> int:
    """Show the result of a run.

    Reads the journal only, sends nothing. Exit code: the run's; 7 while it is still running.

    \b
    Examples:
      aioseflow fleet status last
    """
    require_columns(common.out)
    report = _report_of(run)
    print_report(report, common)
    return of_report(report)


@fleet_command
def failures(run: RunId, common: FleetOptions = Depends(journal_options)) -> int:
    """List failures by cause.

    For each cause the VMs and the messages. Exit code: the run's, as of status.

    \b
    Examples:
      aioseflow fleet failures last
      aioseflow fleet failures last --output csv --columns service_id,vm_id,cause
    """
    from .print_failures import print_failures

    require_columns(common.out)
    report = _report_of(run)
    print_failures(report, common.out)
    return of_report(report)


@fleet_command
def diff(
    before: RunId,
    after: Annotated[
        str, Argument(metavar="RUN", help="The later one, or last.", autocompletion=complete_run)
    ],
    common: FleetOptions = Depends(journal_options),
) -> int:
    """Show what is different from one run to another.

    \b
    Examples:
      aioseflow fleet diff 20261124T175849-4c7c22c0 last
    """
    from .print_diff import print_diff

    print_diff(_report_of(before), _report_of(after), common.out)
    return ExitCode.OK


@fleet_command
def report(
    run: RunId,
    file: Annotated[Path | None, Argument(metavar="FILE", help="Where; by default RUN.html here.")] = None,
    read: Annotated[bool, Option("--read", help="Also read traffic and power as they are now.")] = False,
    who: Accounts = Depends(accounts, "Account"),
) -> int:
    """Export a run as an HTML page.

    The page is one file and loads nothing.

    \b
    Examples:
      aioseflow fleet report last
      aioseflow fleet report 20261124T175849-4c7c22c0 friday.html --read
    """
    kept = journal()
    run_id = run_named(kept, run)
    page = HtmlPage.at(Path(f"{escape(run_id).replace('/', '_')}.html") if file is None else file)
    run_async(_write_page(kept, run_id, page, accounts_of(kept, run_id, who) if read else None))
    return ExitCode.OK


async def _write_page(kept: Journal, run_id: str, page: HtmlPage, who: Accounts | None) -> None:
    found = await _report(kept, run_id)
    async with nullcontext(()) if who is None else who.clients(kept) as clients:
        await page.write(found, clients)


@attrs.frozen
class NamedRun:
    """A run of the journal, and the options for its accounts.

    Attributes:
        words: what it is, where the command line did not name it; empty where it did.
    """

    kept: Journal
    run_id: str
    common: FleetOptions
    words: str = ""


def named_run(run: RunId, common: FleetOptions = Depends(FleetOptions)) -> NamedRun:
    """Return the run that is named. Raises `RunNotFound` and `Refusal`."""
    kept = journal()
    run_id = run_named(kept, run)
    return NamedRun(kept, run_id, FleetOptions(accounts_of(kept, run_id, common.who), common.out))


def _run_for(verb: Verb) -> Callable[..., NamedRun]:
    def named_or_newest(run: SomeRunId = None, common: FleetOptions = Depends(FleetOptions)) -> NamedRun:
        """Return the run that is named, else the newest that the verb makes sense for. Raises `Refusal`."""
        from .choose_run import choose_run, words_of

        if run is not None:
            return named_run(run, common)
        kept = journal()

        def is_of_us(info: RunInfo) -> bool:
            with suppress(Refusal):
                return bool(accounts_of_labels(info.header.accounts, "", common.who))
            return False

        info, ending = run_async(choose_run(kept, verb, is_of_us=is_of_us))
        words = words_of(info, ending)
        echo_text(f"{verb} of run {words}")
        who = accounts_of_labels(info.header.accounts, f"run {info.header.run_id}", common.who)
        return NamedRun(kept, info.header.run_id, FleetOptions(who, common.out), words)

    return named_or_newest


_to_resume, _to_retry, _to_restore = _run_for("resume"), _run_for("retry"), _run_for("restore")


@fleet_command
def resume(
    named: NamedRun = Depends(_to_resume),
    repeat_unknown: Annotated[
        bool, Option("--repeat-unknown", help="Also send again what may have been done already.")
    ] = False,
    yes: Annotated[bool, Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Continue an interrupted run; without RUN the newest that was interrupted, after a question.

    A run that is named was confirmed when it began. Whatever is undecided is read back before anything is
    sent, and no reboot is repeated without --repeat-unknown.

    \b
    Examples:
      aioseflow fleet resume
      aioseflow fleet resume last
    """
    if named.words:
        require_answerable("fleet resume", yes=yes)
        if not yes:
            confirm("")

    def make(fleet: Fleet) -> Run:
        return fleet.resume(named.run_id, repeat_unknown=repeat_unknown)

    return run_async(act(make, named.common, named.kept))


@fleet_command
def retry(
    named: NamedRun = Depends(_to_retry),
    failed: Annotated[bool, Option("--failed/--no-failed", help="VMs that failed.")] = True,
    not_attempted: Annotated[
        bool, Option("--not-attempted/--no-not-attempted", help="VMs that were not attempted.")
    ] = True,
    unknown: Annotated[
        bool, Option("--unknown", help="Also VMs for which it may have been done, reboots too.")
    ] = False,
    asking: Confirm = Depends(Confirm, "Asking first"),
) -> int:
    """Try again what did not work, as a new run; without RUN of the newest in which something did not.

    \b
    Examples:
      aioseflow fleet retry
      aioseflow fleet retry last --no-not-attempted
    """

    def make(fleet: Fleet) -> Run:
        return fleet.retry(named.run_id, failed=failed, not_attempted=not_attempted, unknown=unknown)

    return change(make, "retry", asking, named.common)


@fleet_command
def restore(
    named: NamedRun = Depends(_to_restore),
    rollout: RolloutOptions = Depends(RolloutOptions, "How fast, and when to stop"),
    wait: Wait = True,
    asking: Confirm = Depends(Confirm, "Asking first"),
) -> int:
    """Start exactly the VMs that a run stopped; without RUN the newest that stopped any.

    \b
    Examples:
      aioseflow fleet restore
      aioseflow fleet restore last --batch 20%
    """
    options = rollout.arguments

    def make(fleet: Fleet) -> Run:
        return fleet.restore(named.run_id, wait=wait, **options)

    return change(make, "restore", asking, named.common)


@fleet_command
def reconcile(
    named: NamedRun = Depends(named_run),
    grace: Annotated[
        str, Option("--grace", metavar="TIME", help="Decide not done no earlier than this after the request.")
    ] = "180s",
) -> int:
    """Read back what became of each unknown VM.

    Each is shown with its evidence, and nothing is sent again. Exit code 4 where some stay unknown, 3 where
    some turn out not done.

    \b
    Examples:
      aioseflow fleet reconcile last
    """
    found = run_async(_reconcile(named, seconds_of(grace, "--grace")))
    if named.common.out.is_page:
        _print_findings(found)
    else:
        columns = ("account", "service_id", "vm_id", "vm_label", "action", "verdict", "why")
        named.common.out.listing(found, columns)
    verdicts = {finding.verdict for finding in found}
    if "cannot_tell" in verdicts:
        return ExitCode.UNKNOWN
    return ExitCode.FAILED if "not_done" in verdicts else ExitCode.OK


async def _reconcile(named: NamedRun, grace: float) -> list[Finding]:
    async with named.common.who.fleet(named.kept) as fleet:
        return await fleet.reconcile(named.run_id, grace=grace)


_VERDICTS: Final = {"done": "done", "not_done": "not done", "cannot_tell": "unknown"}


def _print_findings(found: Sequence[Finding]) -> None:
    if not found:
        echo_err("Nothing of this run is unknown.")
    width = columns()
    for finding in found:
        place = f"{escape(finding.service_id)}/{escape(finding.vm_id)}"
        name = f"{escape(finding.vm_label)} ({place})" if finding.vm_label else place
        print_lines(wrap(f"{name}: {_VERDICTS[finding.verdict]}", width, 4, ""))
        print_lines(wrap(escape(finding.why, _WHY_MAX), width, 4))


def run_named(kept: Journal, text: str) -> str:
    """Return the id of a run, for ``last`` the newest's. Raises `Refusal`."""
    if text != _LAST:
        return text
    known = run_async(kept.runs())
    if not known:
        raise Refusal(f"there are no runs in {escape(str(kept.path), _ID_MAX)}", ExitCode.NOTHING_SELECTED)
    header = known[0].header
    when = f"{header.created_at:%Y-%m-%d %H:%M} UTC"
    echo_text(f"last is {escape(header.run_id, _ID_MAX)}: {escape(header.action)}, {when}")
    return header.run_id


def _report_of(text: str) -> Report:
    """Return the report of a run by its name. Raises `RunNotFound` and `Refusal`."""
    kept = journal()
    return run_async(_report(kept, run_named(kept, text)))


async def _report(kept: Journal, run_id: str) -> Report:
    from ...fleet.recovery.stored_report import report_of

    stored = await kept.read(run_id)
    alive = stored.info.state != "ended" and run_id in await kept.living([run_id])
    return report_of(stored, alive=alive)


def accounts_of(kept: Journal, run_id: str, who: Accounts) -> Accounts:
    """Return the accounts of a run: those named, else those that it had. Raises `Refusal`."""
    header = run_async(kept.read(run_id)).info.header
    return accounts_of_labels(header.accounts, f"run {escape(run_id, _ID_MAX)}", who)


def accounts_of_labels(labels: Sequence[str], what: str, who: Accounts) -> Accounts:
    """Return the accounts that runs call so: those named, else the profiles. Raises `Refusal`."""
    from ..profiles.profile_store import stored

    if not (who.names or who.everyone):
        # Several accounts of a run have the names of their profiles.
        by_label = {name: name for name in stored()} if len(labels) > 1 else {}
        by_label |= {profile.label: name for name, profile in stored().items()}
        if all(label in by_label for label in labels):
            return Accounts(tuple(by_label[label] for label in labels))
    mine = who.names_in_runs()
    if set(labels) <= set(mine):
        return who
    theirs, ours = escape(", ".join(labels), _ID_MAX), escape(", ".join(mine), _ID_MAX)
    raise Refusal(
        f"{what} is of {theirs}, and this would be {ours}",
        fix="name its account with --profile, or set SEFLOW_USERNAME and SEFLOW_BASE_URL to what they were",
    )
