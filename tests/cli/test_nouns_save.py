"""Pictures and untrusted HTML into files."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cli.terminals import Result

from aioseflow.cli.nouns import save_commands
from aioseflow.models import BandwidthGraph
from aioseflow.sandbox import Fault, Sandbox

Run = Callable[..., Result]

PNG = b"\x89PNG\r\n\x1a\nrest"
PICTURE = base64.b64encode(PNG).decode()


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


def test_graphs_are_listed_without_their_pictures(run: Run, panel: Sandbox) -> None:
    listed = run("service", "graphs", "33301")
    assert listed.stdout.splitlines()[0].split() == ["switch", "port", "name"]
    assert "iVBOR" not in listed.stdout
    assert "iVBOR" in run("service", "graphs", "33301", "-o", "json").stdout


def test_graphs_are_saved_as_png_files_and_the_files_are_listed(
    run: Run, panel: Sandbox, tmp_path: Path
) -> None:
    saved = run("service", "graphs", "33301", "--save", "new/graphs", "-o", "json")
    assert (saved.exit_code, saved.stderr) == (0, "")
    rows = orjson.loads(saved.stdout)
    assert [row["period"] for row in rows] == ["daily", "weekly", "monthly"]
    assert sorted(row["file"] for row in rows) == sorted(map(str, Path("new/graphs").iterdir()))
    for row in rows:
        picture = Path(row["file"]).read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert len(picture) == row["bytes"]


def test_a_panel_cannot_choose_where_a_file_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = [
        BandwidthGraph(switch=switch, port=port, daily=PICTURE)
        for switch, port in [
            ("../../etc", "/cron"),
            ("../../etc", "/cron"),
            ("a\0b", "\x1b[2J"),
            ("x" * 5000, None),
        ]
    ]
    stems = [save_commands._stem(number, graph) for number, graph in enumerate(graphs, 1)]
    assert stems == ["01-_etc-_cron", "02-_etc-_cron", "03-a_b-_2J", f"04-{'x' * 40}"]


def test_what_is_no_picture_is_told_and_the_others_are_saved(run: Run, panel: Sandbox) -> None:
    shortened = {"switch": "20", "port": "1", "name": "eth0", "daily": "iVBORw0…", "weekly": PICTURE}
    panel.faults.add(Fault("status", status=200, body=orjson.dumps({"graphs": [shortened]})))
    saved = run("service", "graphs", "33301", "--save", "graphs", "-o", "json")
    assert saved.exit_code == 1
    assert [row["file"] for row in orjson.loads(saved.stdout)] == ["graphs/01-20-1-weekly.png"]
    assert saved.stderr.count("\n") == 1
    assert "the daily graph is not a base64 PNG" in saved.stderr


def test_a_directory_that_cannot_be_made_is_one_sentence(run: Run, panel: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    saved = run("service", "graphs", "33301", "--save", "file/graphs")
    assert (saved.exit_code, saved.stdout, saved.stderr.count("\n")) == (1, "", 1)
    assert "file/graphs" in saved.stderr


@pytest.mark.parametrize("form", ["table", "json", "jsonl", "csv", "yaml"])
def test_usage_says_how_much_html_there_is_and_never_shows_it(run: Run, panel: Sandbox, form: str) -> None:
    told = run("vm", "usage", "33301/4001", "-o", form)
    assert (told.exit_code, told.stderr) == (0, "")
    assert all(kind in told.stdout for kind in ("cpu", "net", "disk"))
    assert "<" not in told.stdout


def test_one_graph_is_saved_with_a_word_of_warning(run: Run, panel: Sandbox) -> None:
    saved = run("vm", "usage", "33301/4001", "net", "--save", "net.html", "-o", "json")
    assert saved.exit_code == 0
    html = Path("net.html").read_text(encoding="utf-8")
    assert html.startswith("<div")
    assert orjson.loads(saved.stdout) == [{"kind": "net", "characters": len(html), "file": "net.html"}]
    assert (
        saved.stderr == "net.html is HTML from the panel and may hold scripts: open it in a sandbox only.\n"
    )
    assert [request.path for request in panel.requests] == ["/service/33301/vms/4001/usage/net"]
