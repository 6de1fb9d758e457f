"""Do type checkers accept a user's code, and do they refuse what is wrong?

``python .ci/type_checkers.py pyright pyrefly ty`` checks `tests/typing` with each; mypy is run by the tests.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
USERS_CODE: Final = ROOT / "tests" / "typing"
PYTHON: Final = sys.executable

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "mypy": ("mypy", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(ROOT / ".mypy_cache")),
    "pyright": ("pyright", "--pythonpath", PYTHON),
    "pyrefly": ("pyrefly", "check", "--preset", "default", "--python-interpreter-path", PYTHON),
    "ty": ("ty", "check", "--output-format", "concise", "--python", sys.prefix),
}
# ty knows no error codes of mypy's, and so not what `api.py` says that mypy refuses.
ACCEPTED: Final = {name: ("actions.py",) if name == "ty" else ("actions.py", "api.py") for name in COMMANDS}

REFUSED: Final = """
from collections.abc import Sequence
from aioseflow import Action, Effect, SeFlow, Start, Stop

class Idle(Action):
    name = "idle"

class Odd(Action):
    name = 7  # refused
    effect = "down"  # refused

    async def perform(self, account: object, service: object, vm: object) -> None: ...

async def wrong(seflow: SeFlow) -> None:
    Idle()  # refused
    await seflow.fleet.run("stop")  # refused
    await seflow.fleet.run(Stop)  # refused
    await seflow.fleet.run([Stop(), "start"])  # refused
    await seflow.fleet.restore("id", action=[Start()])  # refused
    steps: Sequence[Action] = [Stop(), 7]  # refused
    print(Stop().nonsense, steps)  # refused
"""


def checked(name: str, files: Sequence[str], directory: Path) -> tuple[int, str]:
    """The exit status and the output of a checker for files of a directory."""
    program, *arguments = COMMANDS[name]
    command = [str(Path(PYTHON).parent / program), *arguments, *files]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=600)
    return done.returncode, done.stdout + done.stderr


def complaints(name: str) -> list[str]:
    """What is wrong with a checker's findings: none where it accepts and refuses what it should."""
    status, output = checked(name, ACCEPTED[name], USERS_CODE)
    wrong = [f"{name} refuses a user's code:\n{output}"] if status else []
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "refused.py").write_text(REFUSED, encoding="utf-8")
        status, output = checked(name, ["refused.py"], Path(scratch))
    found = set(map(int, re.findall(r"refused\.py:(\d+)", output)))
    expected = {number for number, line in enumerate(REFUSED.splitlines(), 1) if line.endswith("# refused")}
    if found != expected or not status:
        wrong.append(f"{name} refuses lines {sorted(found)} and not {sorted(expected)}:\n{output}")
    return wrong


def main(names: Sequence[str], say: Callable[[str], object] = print) -> int:
    """Check with each of these checkers; exit status 1 if anything is wrong."""
    failed = False
    for name in names:
        wrong = complaints(name)
        failed = failed or bool(wrong)
        say("\n".join(wrong) or f"{name}: accepts {' and '.join(ACCEPTED[name])}, and refuses what is wrong")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
