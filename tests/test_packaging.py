from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

import aioseflow
import lean_import
from aioseflow.__about__ import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def python(*arguments: str) -> str:
    """What a fresh interpreter prints; it sees the installed package and nothing of this process."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_import_loads_no_extra_no_sandbox_and_no_command_line() -> None:
    assert "no extra among them" in python(str(ROOT / ".ci" / "lean_import.py"))


def test_the_check_of_a_lean_import_sees_a_fat_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typer", sys)
    assert "import aioseflow loads typer" in lean_import.complaints(alone=False)


def test_the_check_of_a_bare_environment_sees_a_full_one() -> None:
    assert any("is installed" in complaint for complaint in lean_import.complaints(alone=True))


def test_the_command_line_loads_the_sandbox_only_when_asked_for_it() -> None:
    assert (
        python("-c", "import aioseflow.cli, sys; print('aioseflow.sandbox' in sys.modules)").strip()
        == "False"
    )


def test_the_version_is_written_in_one_place() -> None:
    assert aioseflow.__version__ == __version__
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "aioseflow/__about__.py"
    written = [
        path.name
        for path in (ROOT / "aioseflow").rglob("*.py")
        if f'"{__version__}"' in path.read_text(encoding="utf-8")
    ]
    assert written == ["__about__.py"]


def test_the_types_are_declared_to_be_usable() -> None:
    assert files("aioseflow").joinpath("py.typed").is_file()


def test_every_exported_name_is_there_once() -> None:
    assert len(aioseflow.__all__) == len(set(aioseflow.__all__))
    assert [name for name in aioseflow.__all__ if not hasattr(aioseflow, name)] == []


def test_the_core_needs_six_libraries_and_two_that_aiohttp_brings() -> None:
    names = {line.split(">=")[0] for line in PROJECT["project"]["dependencies"]}
    assert names == {"aiohttp", "attrs", "cattrs", "filelock", "orjson", "tenacity"} | {"multidict", "yarl"}
