"""The page of a run, from the command line."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.terminals import Result
from support.reports import LOST, a_report, an_outcome

from aioseflow import SeFlowError, Status, Undiscovered, UntrustedHtml, UsageGraphs
from aioseflow.cli.demo import table_of
from aioseflow.cli.fleet.print_failures import _blocks
from aioseflow.cli.fleet.print_report import usage_table
from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]


def test_usage_is_measured_and_written_as_one_page(run: Run, panels: Panels, tmp_path: Path) -> None:
    panel = panels(password="hunter2-geheim")
    page = tmp_path / "usage.html"
    done = run("fleet", "usage", "--all", "--report", str(page))
    assert done.exit_code == 0
    assert f"The page is in {page} (" in done.stderr
    text = page.read_text(encoding="utf-8")
    assert text.startswith(("<!DOCTYPE html>", "<!doctype html>"))
    assert "Bandwidth against limit" in text
    assert "hunter2" not in text
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert panel.count(path="/service/@id/bandwidth") == 2


def test_a_page_of_any_run_is_made_from_the_journal_without_an_account(
    run: Run, panels: Panels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = panels(faults=[Fault("error", method="POST", vm="4002", codes=("vm_locked",))])
    assert run("fleet", "reboot", "--all", "--yes").exit_code == 3
    asked = len(panel.requests)
    monkeypatch.delenv("SEFLOW_USERNAME")
    monkeypatch.delenv("SEFLOW_PASSWORD")
    page = tmp_path / "friday.html"
    assert run("fleet", "report", "last", str(page)).exit_code == 0
    assert "vm_locked" in page.read_text(encoding="utf-8")
    assert len(panel.requests) == asked


def test_a_page_can_have_traffic_and_power_as_they_are_now(run: Run, panel: Sandbox, tmp_path: Path) -> None:
    assert run("fleet", "reboot", "--service", "33301", "--yes").exit_code == 0
    page = tmp_path / "now.html"
    assert run("fleet", "report", "last", str(page), "--read").exit_code == 0
    assert "Bandwidth against limit" in page.read_text(encoding="utf-8")
    assert panel.count(path="/service/33301/bandwidth") == 1


def test_by_default_the_page_is_called_as_its_run(
    run: Run, panel: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("fleet", "reboot", "--all", "--yes").exit_code == 0
    assert run("fleet", "report", "last").exit_code == 0
    [page] = tmp_path.glob("*.html")
    assert page.name.startswith("20")


@pytest.mark.parametrize(
    ("place", "sentence"),
    [("", "is a directory; name a file"), ("nowhere/usage.html", "there is no directory")],
)
def test_where_no_page_can_be_written_nothing_is_measured(
    run: Run, panel: Sandbox, tmp_path: Path, place: str, sentence: str
) -> None:
    refused = run("fleet", "usage", "--all", "--report", str(tmp_path / place))
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert sentence in refused.stderr
    assert panel.requests == []


def test_without_jinja2_the_extra_is_named_before_anything_is_measured(
    run: Run, panel: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.cli.fleet.html.find_spec", lambda _: None)
    refused = run("fleet", "usage", "--all", "--report", str(tmp_path / "usage.html"))
    assert (refused.exit_code, panel.requests) == (1, [])
    assert "pip install 'aioseflow[report]'" in refused.stderr


def test_a_page_that_cannot_be_written_after_all_does_not_hide_the_run(
    run: Run, panel: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("aioseflow.pages.write", full)
    done = run("fleet", "usage", "--all", "--report", str(tmp_path / "usage.html"))
    assert done.exit_code == 1
    assert "Measured 6 VMs." in done.stdout
    assert (
        "cannot be written (No space left on device); the run is kept: aioseflow fleet report 2"
        in done.stderr
    )


def test_failures_tell_what_was_listed_in_part_from_what_was_not_listed() -> None:
    error = SeFlowError("the panel listed only page 1 of 3 (the VMs of service 9)")
    partly = Undiscovered(account="main", service_id="9", service_name="web", cause="one_page", error=error)
    blocks = _blocks(a_report(an_outcome(1), undiscovered=(LOST, partly)), [], 100)
    assert [line.text for block in blocks for line in block if line.text] == [
        "not listed, timeout: service 8 Old",
        "    no answer",
        "listed in part: service 9 web",
        "    the panel listed only page 1 of 3 (the VMs of service 9)",
    ]


def test_usage_is_shown_as_the_sizes_of_what_was_read() -> None:
    graphs = UsageGraphs(
        cpu=UntrustedHtml("cpu", "a" * 1234),
        net=UntrustedHtml("net", "bb"),
        disk=UntrustedHtml("disk", "<b>"),
    )
    read = an_outcome(1, Status.UNCHANGED, value=graphs, vm_label="a\x1bb")
    assert usage_table(a_report(read, an_outcome(2))).rows == [["9", "1", "a\\x1bb", "1,234", "2", "3"]]


def test_the_table_of_a_demonstration_has_a_row_for_each_run_and_fits_80_columns() -> None:
    big = a_report(*(an_outcome(number, Status.FAILED) for number in range(3)))
    lines = table_of([big, a_report(over=False)]).lines()
    assert lines[1].split() == ["stop", "3", "0", "0", "3", "0", "0", "249.0"]
    assert lines[2].split() == ["stop", "0", "0", "0", "0", "0", "0", "0.0"]
    assert len(lines[0]) <= 78
