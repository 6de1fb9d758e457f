"""`aioseflow doctor` as it is typed: its exit codes, its forms, and what stands on the screen."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
from cli.terminals import Result, Terminal

from aioseflow import Journal, __version__
from aioseflow.cli.accounts import Accounts, Identity
from aioseflow.cli.doctor import local_checks
from aioseflow.cli.doctor.check import ORDER, Check, CheckVerdict
from aioseflow.cli.doctor.check_printer import CheckPrinter
from aioseflow.config import Credentials
from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

HOSTILE = "\x1b[31mEvil\u202e\n\x9b2J"


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def read(ended: Result) -> dict[str, dict[str, Any]]:
    """What was written as JSON, by the checks' names."""
    return {check["check"]: check for check in json.loads(ended.stdout)}


def seen(written: str) -> list[str]:
    """The lines that a terminal of 80 columns shows, without the figures that are others each time."""
    screen = pyte.Screen(80, 60)
    pyte.Stream(screen).feed(written)
    lines = [re.sub(r"[\d.]+ m?s\b", "1 ms", line.rstrip()) for line in screen.display]
    return lines[: max(at for at, line in enumerate(lines, 1) if line)]


def test_all_well_is_0_and_a_block_for_the_machine_and_one_for_the_account(run: Run, panel: Sandbox) -> None:
    ended = run("doctor")
    assert (ended.exit_code, ended.stderr) == (0, "")
    machine, account, verdict = ended.stdout.split("\n\n")
    assert machine.startswith(f"This machine\nok       installation   aioseflow {__version__}, Python 3.")
    assert account.startswith(f"demo@example.com at 127.0.0.1:{panel.port}\nok       configuration  demo@")
    assert "\nok       credentials    signed in as demo@example.com\n" in account
    assert "\nok       allow list     this machine's address is allowed\n" in account
    assert "\n-        tls            skipped: plain HTTP to this machine\n" in account
    assert verdict == "No problems found (12 checks passed, 2 skipped).\n"


@pytest.mark.parametrize("columns", [80, 200])
def test_no_line_is_wider_than_the_terminal(
    run: Run, panels: Panels, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    panels(dialect="by_id")
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = run("doctor").stdout.splitlines()
    assert max(map(len, lines)) <= columns


def test_a_refused_login_is_6_and_one_request(
    run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "hunter2-wrong")
    ended = run("doctor")
    assert (ended.exit_code, panel.bad_logins, len(panel.requests)) == (6, 1, 1)
    assert "\nFAILED   credentials    demo@example.com or the password is refused\n" in ended.stdout
    assert (
        "\n                        fix: correct SEFLOW_PASSWORD or run aioseflow login. Try" in ended.stdout
    )
    assert (
        "\n-        skipped        allow list, throttle, latency, calls: fix "
        '"credentials"\n                        first\n'
    ) in ended.stdout
    assert ended.stdout.endswith("\n1 problem: credentials (8 checks passed, 5 skipped).\n")
    assert "hunter2" not in ended.stdout


def test_an_address_that_is_not_allowed_is_6(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("ipnotallowed")])
    assert run("doctor").exit_code == 6


def test_whatever_else_failed_is_1(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("status", status=500)])
    assert run("doctor").exit_code == 1


def test_a_warning_is_no_failure(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("throttle", after=1)])
    ended = run("doctor")
    assert ended.exit_code == 0
    assert "\n1 warning: throttle (" in ended.stdout


def test_without_an_account_this_machine_is_checked_all_the_same(run: Run) -> None:
    ended = run("doctor", "--output", "json")
    found = read(ended)
    assert (ended.exit_code, list(found)) == (1, ["installation", "journal", "configuration"])
    assert found["installation"]["verdict"] == "ok"
    assert found["configuration"]["verdict"] == "failed"
    assert found["configuration"]["found"] == "not logged in"
    assert found["configuration"]["fix"] == "run aioseflow login, or set SEFLOW_USERNAME and SEFLOW_PASSWORD"


def test_a_profile_that_is_not_there_is_a_mistake_of_the_command(run: Run, panel: Sandbox) -> None:
    ended = run("doctor", "--profile", "nobodys")
    assert (ended.exit_code, ended.stdout, len(panel.requests)) == (2, "", 0)
    assert "there is no profile nobodys" in ended.stderr


def test_json_has_every_check_once_with_its_facts(run: Run, panel: Sandbox) -> None:
    ended = run("doctor", "-o", "json")
    found = read(ended)
    assert list(found) == ["installation", "journal", *ORDER]
    assert found["configuration"]["details"] == {
        "username": "demo@example.com",
        "base_url": panel.url,
        "profile": None,
    }
    assert len(found["calls"]["details"]["calls"]) == 39
    assert found["tcp"]["account"] == f"demo@example.com at 127.0.0.1:{panel.port}"
    assert panel.password not in ended.stdout


def test_jsonl_has_a_line_for_each_check_and_csv_the_columns_asked_for(run: Run, panel: Sandbox) -> None:
    lines = run("doctor", "-o", "jsonl").stdout.splitlines()
    assert [json.loads(line)["check"] for line in lines] == ["installation", "journal", *ORDER]
    table = run("doctor", "-o", "csv", "--columns", "check,verdict").stdout
    assert table.splitlines()[:2] == ["check,verdict", "installation,ok"]


def test_several_accounts_have_a_block_each_and_the_worst_is_the_code(
    run: Run, panels: Panels, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = panels(), panels(faults=[Fault("wronglogin")])
    everyone = tuple(
        Identity(Credentials.check(panel.username, panel.password), panel.url, f"p{panel.port}")
        for panel in (bad, good)
    )
    monkeypatch.setattr(Accounts, "identities", lambda self: everyone)
    ended = run("doctor")
    assert ended.exit_code == 6
    assert f"\n\ndemo@example.com at 127.0.0.1:{bad.port}\n" in ended.stdout
    assert f"\n\ndemo@example.com at 127.0.0.1:{good.port}\n" in ended.stdout
    # Folded wherever the width wants it.
    assert f"fix: run aioseflow login --profile p{bad.port}. Try once only" in " ".join(ended.stdout.split())


def test_what_a_server_says_reaches_no_terminal_raw(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("error", codes=(HOSTILE,), status=200), Fault("redirect", location=HOSTILE)])
    for form in ("table", "json", "jsonl", "csv", "yaml"):
        ended = run("doctor", "-o", form)
        assert not set("\x1b\u202e\x9b") & set(ended.stdout + ended.stderr), form


def test_on_a_terminal_verdicts_are_coloured_and_nothing_is_with_no_color(
    spawn: Spawn, panel: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, coloured = spawn("doctor", columns=80).finish()
    monkeypatch.setenv("NO_COLOR", "1")
    _, plain = spawn("doctor", columns=80).finish()
    assert code == 0
    assert "\x1b[32mok" in coloured
    assert "\x1b[3" not in plain
    lines = seen(plain)
    assert seen(coloured) == lines
    assert lines[0] == "This machine"
    assert lines[-1].startswith("No problems found (")
    # What was only for the moment is gone.
    assert "…" not in "".join(lines)


def test_ctrl_c_ends_it_where_a_panel_hangs(spawn: Spawn, panels: Panels) -> None:
    panels(faults=[Fault("hang")])
    terminal = spawn("doctor", columns=80)
    terminal.expect("api            …")
    terminal.type("\x03")
    code, rest = terminal.finish()
    assert (code, "Traceback" in rest, "credentials" in rest) == (130, False, False)


def test_a_terminal_gets_the_same_words(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []
    for is_terminal in (True, False):
        monkeypatch.setattr(
            "aioseflow.cli.doctor.check_printer.is_terminal", lambda stream, so=is_terminal: so
        )
        screen = CheckPrinter()
        screen.add(
            Check(None, "calls", CheckVerdict.FAILED, "[bold]refused[/bold] " * 20, ":warning: 10.0.0.1")
        )
        screen.finish()
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert texts[0].startswith("This machine\nFAILED   calls          [bold]refused[/bold] [bold]")


def test_a_hostile_account_and_finding_are_escaped_on_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    screen = CheckPrinter()
    screen.add(Check(HOSTILE, "tls", CheckVerdict.FAILED, HOSTILE * 500, HOSTILE))
    screen.finish()
    shown = capsys.readouterr().out
    assert "\\x1b[31mEvil\\u202e \\x9b2J" in shown
    assert not set("\x1b\u202e\x9b") & set(shown)
    assert len(shown) < 6000


def test_what_was_left_out_for_one_reason_shares_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = CheckPrinter()
    for account, name, why in [
        ("a", "api", "x"),
        ("a", "clock", "x"),
        ("a", "calls", "y"),
        ("b", "api", "y"),
    ]:
        screen.add(Check(account, name, CheckVerdict.NOT_CHECKED, why))
    screen.finish()
    assert capsys.readouterr().out == (
        "a\n"
        "-        skipped        api, clock: x\n"
        "-        calls          skipped: y\n"
        "\n"
        "b\n"
        "-        api            skipped: y\n"
        "\n"
        "No problems found (0 checks passed, 4 skipped).\n"
    )


# -- this machine --------------------------------------------------------------------------------------------


def test_what_the_command_line_lacks_is_a_warning_with_the_command_that_fixes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(local_checks, "find_spec", lambda name: None)
    check = local_checks.installation()
    assert check.verdict is CheckVerdict.WARNING
    assert check.fix.endswith("-m pip install 'aioseflow[cli]'")
    assert "keyring, pyyaml, rule-engine" in check.found


def test_an_extra_that_is_not_installed_is_a_fact_and_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_checks, "find_spec", lambda name: None if name == "uvloop" else name)
    check = local_checks.installation()
    assert check.verdict is CheckVerdict.OK
    assert check.found.endswith("; optional extra not installed: speed")


async def test_the_journal_is_read_and_none_is_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "kept" / "runs.sqlite"
    monkeypatch.setenv("AIOSEFLOW_JOURNAL", str(path))
    check = await local_checks.journal()
    assert (check.verdict, path.exists()) == (CheckVerdict.OK, False)
    assert await Journal(path).runs() == []
    path.parent.mkdir()
    path.write_bytes(b"no database, but much longer than a header of SQLite would be" * 20)
    broken = await local_checks.journal()
    assert broken.verdict is CheckVerdict.FAILED
    assert "move it away" in broken.fix


async def test_a_journal_that_cannot_be_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("AIOSEFLOW_JOURNAL", str(tmp_path / "file" / "runs.sqlite"))
    check = await local_checks.journal()
    assert (check.verdict, "AIOSEFLOW_JOURNAL" in check.fix) == (CheckVerdict.FAILED, True)


async def test_a_journal_that_may_not_be_written_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    # Asked for by its name: root may write anywhere.
    monkeypatch.setattr("os.access", lambda path, mode: False)
    check = await local_checks.journal()
    assert (check.verdict, check.found.endswith("cannot be written")) == (CheckVerdict.FAILED, True)
