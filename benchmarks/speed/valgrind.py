"""What valgrind counts of a command and of its forks: the same numbers whatever else the machine does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

_INSTRUCTIONS: Final = (
    re.compile(r"I\s+refs:\s+([\d,]+)"),
    ("--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"),
)
_ALLOCATIONS: Final = (
    re.compile(r"total heap usage: ([\d,]+) allocs"),
    ("--tool=memcheck", "--leak-check=no", "--undef-value-errors=no"),
)
# The hash seed decides on collisions, and a proxy is none of the work.
_DROPPED: Final = {"http_proxy", "https_proxy", "all_proxy"}


def environment(**more: str) -> dict[str, str]:
    """The environment in which everything is measured."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in _DROPPED}
    return {**kept, "PYTHONHASHSEED": "0", **more}


def is_there() -> bool:
    """Whether it is installed."""
    return shutil.which("valgrind") is not None


def of_command(command: list[str]) -> int:
    """Instructions of a command."""
    with tempfile.TemporaryDirectory() as directory:
        process = _run(command, directory, allocations=False)[0]
        return _count(directory, process, allocations=False)


def of_forks(command: list[str], *, allocations: bool = False) -> dict[str, int]:
    """Instructions, or blocks allocated on the heap, of each fork of a command that does `forks.in_forks`."""
    with tempfile.TemporaryDirectory() as directory:
        said = _run(command, directory, allocations=allocations)[1]
        forks: dict[str, int] = json.loads(said.splitlines()[-1])
        return {name: _count(directory, process, allocations=allocations) for name, process in forks.items()}


def _run(command: list[str], directory: str, *, allocations: bool) -> tuple[int, str]:
    _, options = _ALLOCATIONS if allocations else _INSTRUCTIONS
    # Otherwise Python takes small blocks from an arena of its own, which valgrind does not see.
    variables = environment(PYTHONMALLOC="malloc") if allocations else environment()
    valgrind = ["valgrind", *options, f"--log-file={directory}/%p"]
    with subprocess.Popen(  # noqa: S603
        [*valgrind, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    ) as process:
        said, complained = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)}: {complained[-4000:]}")
    return process.pid, said


def _count(directory: str, process: int, *, allocations: bool) -> int:
    pattern, _ = _ALLOCATIONS if allocations else _INSTRUCTIONS
    text = Path(directory, str(process)).read_text(encoding="utf-8", errors="replace")
    found = pattern.findall(text)
    if not found:
        raise RuntimeError(f"valgrind said no number: {text[-4000:]}")
    return int(found[-1].replace(",", ""))
