from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

PASSES = "def test_passes(): pass"
# Every way of pytest to let a test off.
ABSENT = {
    "in_a_test": "import pytest\ndef test_it(): pytest.skip('no panel')",
    "by_mark": "import pytest\n@pytest.mark.skip(reason='no panel')\ndef test_it(): pass",
    "in_a_fixture": (
        "import pytest\n@pytest.fixture\ndef panel(): pytest.skip('no panel')\ndef test_it(panel): pass"
    ),
    "expected_failure": "import pytest\n@pytest.mark.xfail(reason='no panel')\ndef test_it(): assert 0",
    "no_parameters": "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_it(x): pass",
    "missing_import": "import pytest\npytest.importorskip('no_such_module', reason='no panel')",
    "whole_module": "import pytest\npytest.skip('no panel', allow_module_level=True)",
}


def suite(directory: Path, modules: Mapping[str, str], *arguments: str, ci: str) -> tuple[int, str]:
    """Exit status and output of a suite of its own under this project's conftest."""
    directory.joinpath("pytest.ini").write_text(
        f"[pytest]\nasyncio_default_fixture_loop_scope = function\npythonpath = {Path(__file__).parent}\n"
    )
    directory.joinpath("conftest.py").write_text(Path(__file__).with_name("conftest.py").read_text())
    for name, text in modules.items():
        directory.joinpath(f"test_{name}.py").write_text(text)
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments],
        cwd=directory,
        env={**outer, "AIOSEFLOW_CI": ci},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["0", "1"])
def test_in_the_checks_a_test_that_does_not_run_is_a_failure(tmp_path: Path, workers: str) -> None:
    status, output = suite(
        tmp_path, {**ABSENT, "passes": PASSES}, "-n", workers, "--continue-on-collection-errors", ci="1"
    )
    assert status == 1, output
    # What fails before the test itself began, pytest counts as an error.
    assert "2 failed, 1 passed, 5 errors" in output
    assert output.count("which AIOSEFLOW_CI=1 forbids") >= len(ABSENT)


@pytest.mark.parametrize("workers", ["0", "1"])
def test_in_the_checks_a_module_that_skips_itself_stops_the_suite(tmp_path: Path, workers: str) -> None:
    modules = {"whole_module": ABSENT["whole_module"], "passes": PASSES}
    status, output = suite(tmp_path, modules, "-n", workers, ci="1")
    assert status != 0, output


def test_elsewhere_a_skip_is_a_skip(tmp_path: Path) -> None:
    status, output = suite(tmp_path, {**ABSENT, "passes": PASSES}, "-n", "0", ci="")
    assert status == 0, output
    assert "1 passed, 6 skipped, 1 xfailed" in output


def test_in_the_checks_what_passes_still_passes(tmp_path: Path) -> None:
    status, output = suite(tmp_path, {"passes": PASSES}, "-n", "0", ci="1")
    assert status == 0, output
    assert "1 passed" in output
