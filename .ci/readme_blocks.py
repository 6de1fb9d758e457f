"""The README's code blocks: read them, and run its shell blocks in order as a reader would.

``python .ci/readme_blocks.py README.md DIRECTORY`` runs every ``sh`` block of the README in DIRECTORY, a
fresh copy of the project. A block marked ``sh server`` never ends by itself: it is started, the next block
waits until the server answers at the address it prints, and it is interrupted as with Ctrl-C at the end.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEMO_HEADING = "See it work"
TESTS_HEADING = "Run the tests"

# A block in any other language could hold commands or code that nothing proves.
_LANGUAGES = frozenset({"json", "python", "sh", "text", "toml"})
_FENCE = re.compile(r"^(`{3,}|~{3,})\s*(.*?)\s*$")
_SET_UP = re.compile(r"-m\s+venv|\bpip\s+install\b")
_VENV = re.compile(r"-m\s+venv\s+(\S+)")
_ADDRESS = re.compile(r"https?://[\w.:\[\]-]+")
# A reader's terminal has none of these; a developer's or a CI machine's may.
_FOREIGN = re.compile(r"^(SEFLOW_|AIOSEFLOW_(?!CI$)|PYTHON|PYTEST_|VIRTUAL_ENV)")

BLOCK_SECONDS = 900.0
READY_SECONDS = 30.0
STOP_SECONDS = 10.0


class ReadmeError(Exception):
    """The README breaks its contract, or one of its blocks did not do what it says."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: the ``##`` heading it is under, the line its text starts at, and its info string."""

    heading: str
    line: int
    language: str
    server: bool
    text: str

    @property
    def title(self) -> str:
        """``line 12, See it work``: enough to find it again."""
        return f"line {self.line}, {self.heading}" if self.heading else f"line {self.line}"


def read(markdown: str) -> list[Block]:
    """Every fenced block in order. Raises `ReadmeError` for a block that no check would look at."""
    blocks: list[Block] = []
    heading, fence, info, start = "", "", "", 0
    text: list[str] = []
    for number, line in enumerate(markdown.splitlines(), start=1):
        if fence:
            if line.strip() == fence:
                blocks.append(_block(heading, start, info, text))
                fence = ""
            else:
                text.append(line)
        elif opening := _FENCE.match(line):
            fence, info, start, text = opening[1], opening[2], number + 1, []
        elif line.lstrip().startswith(("```", "~~~")):
            raise ReadmeError(f"line {number}: an indented code block is not read, move it to the margin")
        elif line.startswith("## "):
            heading = line[3:].strip()
    if fence:
        raise ReadmeError(f"line {start - 1}: this code block is never closed")
    return blocks


def _block(heading: str, line: int, info: str, text: Sequence[str]) -> Block:
    language, *flags = info.split() or [""]
    if language not in _LANGUAGES:
        raise ReadmeError(
            f"line {line - 1}: a block in {language or 'no language'!r} is proven by nothing;"
            f" use one of {', '.join(sorted(_LANGUAGES))}"
        )
    if flags not in ([], ["server"]) or (flags and language != "sh"):
        raise ReadmeError(
            f"line {line - 1}: {info!r} is not understood; only 'sh server' takes a second word"
        )
    return Block(heading, line, language, server=bool(flags), text="\n".join(text))


def set_up_commands(blocks: Sequence[Block]) -> tuple[Block, Block]:
    """The two one-line set-up blocks (demo, tests). Raises `ReadmeError` where there are others or more."""
    found = [block for block in blocks if block.language == "sh" and _SET_UP.search(block.text)]
    headings = [block.heading for block in found]
    if sorted(headings) != sorted([DEMO_HEADING, TESTS_HEADING]):
        raise ReadmeError(
            f"exactly two set-up commands are promised, under {DEMO_HEADING!r} and {TESTS_HEADING!r};"
            f" found: {', '.join(block.title for block in found) or 'none'}"
        )
    for block in found:
        if len(block.text.splitlines()) != 1 or block.server or not _VENV.search(block.text):
            raise ReadmeError(f"{block.title}: a set-up command is one line that makes its own environment")
    demo, tests = (
        next(block for block in found if block.heading == name) for name in (DEMO_HEADING, TESTS_HEADING)
    )
    if "aioseflow demo" not in demo.text:
        raise ReadmeError(f"{demo.title}: this command must end in 'aioseflow demo'")
    if "pytest" not in tests.text:
        raise ReadmeError(f"{tests.title}: this command must run pytest")
    return demo, tests


def run_all(blocks: Sequence[Block], directory: Path) -> None:
    """Run every shell block in order in `directory`; the first that fails ends it with `ReadmeError`.

    What a block exports is seen by those after it, as in one terminal. All but the set-up commands find the
    demo's environment first on PATH, as if it had been activated.
    """
    demo, tests = set_up_commands(blocks)
    with tempfile.TemporaryDirectory(prefix="readme-") as scratch, ExitStack() as servers:
        plain = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        plain |= {"XDG_DATA_HOME": f"{scratch}/data", "XDG_STATE_HOME": f"{scratch}/state"}
        made = _VENV.search(demo.text)
        assert made is not None  # noqa: S101 - set_up_commands has looked
        activated = {**plain, "PATH": f"{directory / made[1] / 'bin'}{os.pathsep}{plain['PATH']}"}
        for block in blocks:
            if block.language != "sh":
                continue
            _say(f"--- {block.title}{' (server)' if block.server else ''}\n$ {block.text}")
            began = time.monotonic()
            if block.server:
                servers.enter_context(serving(block, directory, activated))
            elif block in (demo, tests):
                run(block, directory, plain)
            else:
                activated = run(block, directory, activated)
            _say(f"--- {block.title}: {time.monotonic() - began:.1f} s")


def run(block: Block, directory: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Run one block exactly as written and return the environment that it leaves behind."""
    with tempfile.TemporaryDirectory(prefix="block-") as scratch:
        left, prelude = Path(scratch, "left"), Path(scratch, "prelude")
        # bash reads BASH_ENV before the block, so the block's own text stays untouched.
        prelude.write_text(f"unset BASH_ENV\ntrap 'env -0 > \"{left}\"' EXIT\n")
        process = _start(block, directory, {**environment, "BASH_ENV": str(prelude)})
        try:
            status = process.wait(BLOCK_SECONDS)
        except subprocess.TimeoutExpired:
            raise ReadmeError(f"{block.title}: not finished after {BLOCK_SECONDS:.0f} s") from None
        finally:
            _kill(process)
        if status != 0:
            raise ReadmeError(f"{block.title}: exit status {status}")
        after = dict(entry.split("=", 1) for entry in left.read_text().split("\0") if "=" in entry)
        return {name: value for name, value in after.items() if name not in {"_", "SHLVL", "BASH_ENV"}}


@contextmanager
def serving(block: Block, directory: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Start a server block, wait until the address it prints answers, then interrupt it at the end."""
    process = _start(block, directory, environment, stdout=subprocess.PIPE)
    addresses: list[str] = []
    printed = threading.Event()

    def relay() -> None:
        assert process.stdout is not None  # noqa: S101 - it was asked for above
        with process.stdout:
            for line in process.stdout:
                _say(f"[server] {line.rstrip()}")
                if not addresses and (address := _ADDRESS.search(line)):
                    addresses.append(address[0])
                    printed.set()
        printed.set()

    relaying = threading.Thread(target=relay, daemon=True)
    relaying.start()
    try:
        if not printed.wait(READY_SECONDS) or not addresses:
            raise ReadmeError(f"{block.title}: no address was printed within {READY_SECONDS:.0f} s")
        _answers(block, addresses[0])
        yield addresses[0]
        if process.poll() is not None:
            raise ReadmeError(f"{block.title}: the server ended by itself, exit status {process.returncode}")
        os.killpg(process.pid, signal.SIGINT)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ReadmeError(f"{block.title}: still there {STOP_SECONDS:.0f} s after Ctrl-C") from None
        if status not in (0, 130, -signal.SIGINT):
            raise ReadmeError(f"{block.title}: exit status {status} after Ctrl-C")
    finally:
        _kill(process)
        relaying.join(STOP_SECONDS)


def _answers(block: Block, address: str) -> None:
    where = urlsplit(address)
    port = where.port or (443 if where.scheme == "https" else 80)
    try:
        socket.create_connection((where.hostname, port), timeout=STOP_SECONDS).close()
    except OSError as error:
        raise ReadmeError(f"{block.title}: {address} was printed and does not answer: {error}") from None


def _start(
    block: Block, directory: Path, environment: Mapping[str, str], stdout: int | None = None
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["bash", "-e", "-o", "pipefail", "-c", block.text],
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=None if stdout is None else subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _kill(process: subprocess.Popen[str]) -> None:
    # The group outlives bash where the block left something in the background.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _say(text: str) -> None:
    print(text, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 when every block did what it says."""
    readme, directory = map(Path, arguments)
    # Started in the background of a script, SIGINT would be ignored here and in every server below.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Ended from outside, the servers must not stay behind.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        run_all(read(readme.read_text(encoding="utf-8")), directory.resolve())
    except ReadmeError as error:
        _say(f"README: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
