from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import floors
from floors import FloorsError, differences

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def project(*dependencies: str, **extras: list[str]) -> dict[str, Any]:
    """What pyproject.toml would say of a package of these dependencies and extras."""
    return {"name": "ours", "dependencies": [*dependencies], "optional-dependencies": extras}


def test_every_dependency_of_core_and_extras_has_its_floor() -> None:
    found = floors.floors(PROJECT)
    declared = [*PROJECT["dependencies"]]
    for extra in ("cli", "report", "where"):
        declared += PROJECT["optional-dependencies"][extra]
    assert {f"{name}>={version}" for name, version in found.items()} == {*declared} - {"aioseflow[where]"}


def test_an_extra_may_name_others_of_the_package() -> None:
    mine = project(
        "a>=1", cli=["ours[where, more]", "B_c>=2.3"], where=["d>=4.5.6"], more=["a>=1"], dev=["e"]
    )
    assert floors.floors(mine, ["cli"]) == {"a": "1", "d": "4.5.6", "b-c": "2.3"}


@pytest.mark.parametrize(
    "requirement",
    ["a", "a>1", "a==1", "a~=1.0", "a>=1,<2", "a>=1; os_name == 'nt'", "a[x]>=1", "a>=1rc1", ""],
)
def test_a_dependency_without_a_plain_floor_is_refused(requirement: str) -> None:
    with pytest.raises(FloorsError, match="no floor"):
        floors.floors(project(requirement), [])


def test_two_floors_of_one_package_are_refused() -> None:
    with pytest.raises(FloorsError, match="two floors, 1 and 2"):
        floors.floors(project("a>=1", cli=["A>=2"]), ["cli"])


def test_what_is_installed_is_compared_with_the_floors(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "missing":
            raise importlib.metadata.PackageNotFoundError(name)
        return {"same": "6.0", "longer": "1.2.0", "newer": "1.10", "zeros": "10"}[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    declared = {"same": "6", "longer": "1.2", "newer": "1.1", "zeros": "1", "missing": "3"}
    assert differences(declared) == [
        "newer 1.10 is installed, and its floor is 1.1",
        "zeros 10 is installed, and its floor is 1",
        "missing is not installed, and its floor is 3",
    ]


def test_a_difference_fails_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    there = project(f"pytest>={importlib.metadata.version('pytest')}", cli=[], report=[])
    assert floors.main(["--installed"], there) == 0
    assert floors.main(["--installed"], project("pytest>=0.1", cli=[], report=[])) == 1
    assert "its floor is 0.1" in capsys.readouterr().out


def test_the_constraints_are_printed_one_a_line() -> None:
    said = subprocess.run(
        [sys.executable, "-I", ROOT / ".ci" / "floors.py"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout.splitlines() == [f"{name}=={floor}" for name, floor in floors.floors(PROJECT).items()]
