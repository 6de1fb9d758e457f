from __future__ import annotations

import asyncio
import csv
import io
from pathlib import Path

import pytest
from examples.conftest import Run, Spawn, ended, load

from aioseflow.sandbox import Fault, Sandbox

CPU = "/service/@id/vms/@vmid/usage/cpu"


def rows(text: str) -> list[dict[str, str]]:
    """The table, by the names of its columns."""
    return list(csv.DictReader(io.StringIO(text)))


def written_below(directory: Path) -> list[str]:
    """The files there, relative to it."""
    return [str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()]


async def test_every_vm_has_a_row_with_the_sizes_of_its_fragments(
    panel: Sandbox, run: Run, tmp_path: Path
) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    result = await run("usage_to_csv", "--fragments", str(tmp_path / "new" / "graphs"), "--account", "eu")
    assert result.code == 0
    table = rows(result.stdout)
    assert [(row["account"], row["service"], row["vm"]) for row in table] == [
        *(("eu", "33301", vm) for vm in ("4001", "4002", "4003")),
        *(("eu", "33302", vm) for vm in ("4004", "4005", "4006")),
    ]
    assert [row["power"] for row in table] == ["running", "stopped", *["running"] * 4]
    assert {(row["status"], row["cause"]) for row in table} == {("unchanged", "")}
    for row in table:
        for kind in ("cpu", "net", "disk"):
            [file] = (tmp_path / "new" / "graphs").glob(f"vm-3330?_{row['vm']}-*.{kind}.txt")
            assert len(file.read_text(encoding="utf-8")) == int(row[f"{kind}_characters"]) > 100
    assert panel.count(method="POST") == 0


async def test_a_vm_that_was_not_read_has_no_sizes_and_a_cause(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path=CPU, vm="4004", codes=("no_graph",)))
    result = await run("usage_to_csv")
    assert result.code == 1
    [row] = (row for row in rows(result.stdout) if row["vm"] == "4004")
    assert (row["cpu_characters"], row["status"], row["cause"]) == ("", "failed", "no_graph")
    assert "5 unchanged, 1 failed" in result.stderr


async def test_a_service_that_cannot_be_listed_is_told_of(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("error", path="/service/33301/vms", codes=("broken",)))
    result = await run("usage_to_csv")
    assert (result.code, len(rows(result.stdout))) == (1, 3)
    assert "service 33301 was not listed: The panel refused: broken\n" in result.stderr


@pytest.mark.parametrize(
    ("label", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(1)", "'@SUM(1)"),
        ("  =1", "'  =1"),
        ("\t=1", "?=1"),
        ("\uff1d1", "'\uff1d1"),
        ('a,"b"; c', 'a,"b"; c'),
        ("two\nlines\x1b[2J", "two?lines?[2J"),
        ("città", "città"),
        ("", ""),
    ],
)
def test_text_from_the_panel_is_no_formula_and_one_line(label: str, cell: str) -> None:
    assert load("usage_to_csv").cell(label) == cell


async def test_labels_are_guarded_in_the_table(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "aioseflow.sandbox.machines.Vm.label", property(lambda vm: "=cmd|' /C calc'!A0, or\n")
    )
    result = await run("usage_to_csv")
    assert {row["label"] for row in rows(result.stdout)} == {"'=cmd|' /C calc'!A0, or?"}
    assert len(panel.services) == 2


async def test_whatever_the_ids_are_the_files_stay_in_their_directory(
    panel: Sandbox, run: Run, tmp_path: Path
) -> None:
    vms = panel.services["33301"].vms
    for old, new in zip(
        ("4001", "4002", "4003"), ("../../up", "a b:*%2e%2e" + "ü" * 300, "A B:*"), strict=True
    ):
        vm = vms.pop(old)
        vm.id = new
        vms[new] = vm
    result = await run(
        "usage_to_csv", "--fragments", str(tmp_path / "graphs"), "--output", str(tmp_path / "usage.csv")
    )
    table = {row["vm"]: row for row in rows((tmp_path / "usage.csv").read_text(encoding="utf-8"))}
    # The client sends nothing for an id that would climb.
    assert (table["../../up"]["status"], table["../../up"]["cause"]) == ("not_attempted", "invalid_argument")
    assert table["A B:*"]["status"] == "unchanged"
    assert result.code == 1
    assert {name.split("/")[0] for name in written_below(tmp_path)} == {"graphs", "usage.csv"}
    assert len(written_below(tmp_path / "graphs")) == 5 * 3


async def test_a_wrong_password_is_one_sentence_and_leaves_the_old_file(
    panel: Sandbox, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "usage.csv"
    old.write_text("old", encoding="utf-8")
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    result = await run("usage_to_csv", "--output", str(old))
    assert (result.code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("usage_to_csv: Wrong e-mail or password")
    assert old.read_text(encoding="utf-8") == "old"
    assert panel.bad_logins == 1


async def test_an_address_that_the_panel_refuses_is_one_sentence(panel: Sandbox, run: Run) -> None:
    panel.faults.add(Fault("ipnotallowed"))
    result = await run("usage_to_csv")
    assert (result.code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "not on the panel's allow-list" in result.stderr
    assert len(panel.requests) == 1


async def test_a_file_in_a_directory_that_is_not_there_is_refused_before_anything_is_asked(
    panel: Sandbox, run: Run, tmp_path: Path
) -> None:
    result = await run("usage_to_csv", "--output", str(tmp_path / "none" / "usage.csv"))
    assert (result.code, result.stdout) == (2, "")
    assert "there is no directory" in result.stderr
    assert not panel.requests


async def test_a_file_that_cannot_be_written_is_one_sentence(
    panel: Sandbox, run: Run, tmp_path: Path
) -> None:
    result = await run("usage_to_csv", "--output", str(tmp_path))
    assert (result.code, result.stderr.count("\n")) == (1, 1)
    assert result.stderr.startswith("usage_to_csv: [Errno 21]")
    assert panel.requests


async def test_it_works_as_a_program_of_its_own_also_when_nobody_reads_on(
    panel: Sandbox, spawn: Spawn
) -> None:
    result = await ended(await spawn("usage_to_csv"))
    assert (result.code, len(rows(result.stdout))) == (0, 6)
    process = await spawn("usage_to_csv")
    assert process.stdout is not None
    process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]
    assert process.stderr is not None
    async with asyncio.timeout(60):
        complaint = await process.stderr.read()
        assert (await process.wait(), complaint) == (1, b"")
    assert panel.count(method="POST") == 0
