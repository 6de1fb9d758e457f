"""The way in."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

import aioseflow.cli
from aioseflow import __version__


def test_without_the_extra_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(aioseflow.cli, "find_spec", lambda name: None if name == "typer" else found(name))
    with pytest.raises(SystemExit) as ended:
        aioseflow.cli.main()
    assert ended.value.code == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err == "aioseflow: the command line needs typer: pip install 'aioseflow[cli]'\n"


def test_the_package_of_the_command_line_imports_nothing_of_the_extra() -> None:
    program = (
        "import sys, aioseflow.cli;"
        "loaded = {'typer', 'click', 'rich', 'aioseflow.sandbox'} & set(sys.modules);"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_version_is_said_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(aioseflow.cli, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "argv", ["aioseflow", "--version"])
    with pytest.raises(SystemExit) as ended:
        aioseflow.cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr() == (f"aioseflow {__version__}\n", "")


def test_version_loads_nothing_of_the_extra() -> None:
    program = (
        "import sys; sys.argv = ['aioseflow', '--version']\n"
        "from aioseflow.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "loaded = {'typer', 'click', 'rich', 'asyncio'} & set(sys.modules); assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_help_loads_neither_rich_nor_the_sandbox() -> None:
    program = (
        "import sys; sys.argv = ['aioseflow', '--help']\n"
        "from aioseflow.cli import main\n"
        "try: main()\n"
        "except SystemExit as ended: assert not ended.code\n"
        "loaded = {'rich', 'asyncio', 'aioseflow.fleet.fleet', 'aioseflow.sandbox'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_python_dash_m_is_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "aioseflow", "--version"], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (f"aioseflow {__version__}\n", "")


def test_main_runs_the_application_and_exits_with_its_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["aioseflow", "fleet", "stop"])
    with pytest.raises(SystemExit) as ended:
        aioseflow.cli.main()
    assert ended.value.code == 2
    assert "--all" in capsys.readouterr().err


def test_ctrl_c_while_modules_are_imported_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aioseflow.cli, "find_spec", interrupted)
    with pytest.raises(SystemExit) as ended:
        aioseflow.cli.main()
    assert ended.value.code == 130


def test_a_stream_that_breaks_outside_of_any_command_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "argv", ["aioseflow", "--help"])
    monkeypatch.setattr("aioseflow.cli.app.prepare_streams", broken)
    with pytest.raises(SystemExit) as ended:
        aioseflow.cli.main()
    assert (ended.value.code, capsys.readouterr()) == (1, ("", "aioseflow: No space left on device\n"))
