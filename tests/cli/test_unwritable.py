"""Output that cannot be written: no run is stopped by it, and signals always end the process."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson
import pytest
from cli.conftest import Panels, Run

from aioseflow.sandbox import Fault, Sandbox

_COMMAND = "import sys; sys.argv[0] = 'aioseflow'; from aioseflow.cli import main; main()"
_PATIENCE = 60.0
_FULL = Path("/dev/full")
_SLOW = Fault("latency", method="POST", seconds=0.15)


@contextmanager
def started(*words: str, **streams: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A command as a process."""
    usual = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(
        [sys.executable, "-c", _COMMAND, *words],
        start_new_session=True,
        env={**os.environ, "PYTHONUTF8": "1", "TERM": "xterm-256color"},
        **{**usual, **streams},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@contextmanager
def hung() -> Iterator[int]:
    """A pipe that is almost full, and that nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    os.write(writing, b"x" * 3900)
    os.set_blocking(writing, True)
    yield writing
    os.close(reading)
    os.close(writing)


@contextmanager
def stopped_terminal() -> Iterator[int]:
    """A terminal that takes nothing more, as after Ctrl-S."""
    master, slave = os.openpty()
    os.set_blocking(slave, False)
    # The kernel goes on moving what it has taken to the other end for a moment.
    full = 0
    while full < 10:
        try:
            os.write(slave, b"x" * 1000)
            full = 0
        except BlockingIOError:
            full += 1
            time.sleep(0.01)
    os.set_blocking(slave, True)
    yield slave
    os.close(slave)
    os.close(master)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def full() -> IO[bytes]:
    return _FULL.open("wb")


def last_run(run: Run) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(run("fleet", "runs", "-o", "json").stdout)[0]
    return found


@pytest.mark.parametrize("form", ["table", "json", "jsonl"])
def test_a_full_disk_under_the_output_is_one_sentence_that_names_the_run(
    run: Run, panel: Sandbox, form: str
) -> None:
    with (
        full() as nowhere,
        started("fleet", "stop", "--all", "--yes", "--no-wait", "-o", form, stdout=nowhere) as process,
    ):
        _, words = process.communicate(timeout=_PATIENCE)
        said = words.decode()
    assert process.returncode == 1
    assert "Traceback" not in said
    known = last_run(run)
    sentence = (
        f"outcomes could not be written (No space left on device); aioseflow fleet status {known['run_id']}"
    )
    assert " ".join(said.split()).count(sentence) == 1
    assert known["state"] == "ended"
    assert panel.effect_count("stop") == 6


@pytest.mark.parametrize("verb", ["resume", "retry", "usage"])
def test_so_it_is_with_every_command_that_streams(run: Run, panels: Panels, verb: str) -> None:
    panels(faults=[Fault("error", method="POST", path="/service/33301/vms/*/stop", codes=("vm_locked",))])
    run("fleet", "stop", "--all", "--yes", "--no-wait", "--window", "1", "--max-failures", "0")
    words = [verb, "--all"] if verb == "usage" else [verb, "last", "--yes"]
    with full() as nowhere, started("fleet", *words, "-o", "jsonl", stdout=nowhere) as process:
        _, said = process.communicate(timeout=_PATIENCE)
    assert (process.returncode, b"Traceback" in said) == (1, False)
    assert f"fleet status {last_run(run)['run_id']} has them".encode() in b" ".join(said.split())


@pytest.mark.parametrize("stream", [full, hung, stopped_terminal])
def test_progress_that_cannot_be_written_stops_nothing(
    panels: Panels, stream: Callable[[], Any], run: Run
) -> None:
    panel = panels(faults=[_SLOW])
    with (
        stream() as nowhere,
        started("fleet", "stop", "--all", "--yes", "--no-wait", stderr=nowhere) as process,
    ):
        out, _ = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert b"6 changed" in out
    assert panel.effect_count("stop") == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_reader_that_hangs_keeps_no_run_from_its_end_and_one_signal_ends_the_wait(
    panels: Panels, run: Run, number: signal.Signals
) -> None:
    panel = panels(vms_per_service=20)
    with (
        hung() as pipe,
        started("fleet", "stop", "--all", "--yes", "--no-wait", "-o", "jsonl", stdout=pipe) as process,
    ):
        until(lambda: panel.effect_count("stop") == 40)
        until(lambda: last_run(run)["state"] == "ended")
        process.send_signal(number)
        _, said = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert last_run(run)["counts"]["changed"] == 40


@pytest.mark.parametrize("words", [["-o", "jsonl"], []])
def test_two_signals_end_a_run_whose_streams_all_hang(panels: Panels, run: Run, words: list[str]) -> None:
    panel = panels(vms_per_service=20, faults=[_SLOW])
    streams = stopped_terminal()
    with (
        streams as terminal,
        started(
            "fleet", "stop", "--all", "--yes", "--no-wait", *words, stdout=terminal, stderr=terminal
        ) as process,
    ):
        until(lambda: panel.count(method="POST") > 3)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(_PATIENCE) == 130
    known = last_run(run)
    assert known["ending"] == "cancelled"
    assert sum(known["counts"].values()) == 40


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT])
def test_the_end_of_a_session_drains(panels: Panels, run: Run, number: signal.Signals) -> None:
    panel = panels(vms_per_service=20, faults=[_SLOW])
    with started("fleet", "stop", "--all", "--yes", "--no-wait", "--window", "4") as process:
        until(lambda: panel.count(method="POST") >= 4)
        process.send_signal(number)
        out, said = process.communicate(timeout=_PATIENCE)
    assert process.returncode == 130
    known = last_run(run)
    assert (known["counts"]["unknown"], known["ending"]) == (0, "drained")
    assert known["counts"]["not_attempted"] > 0
    assert b"fleet resume" in out + said
    assert panel.repeated("stop") == {}


def test_nohup_is_kept(panels: Panels) -> None:
    panel = panels(vms_per_service=4, faults=[_SLOW])

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with started(
        "fleet", "stop", "--all", "--yes", "--no-wait", "--window", "1", preexec_fn=ignore
    ) as process:
        until(lambda: panel.count(method="POST") >= 1)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=_PATIENCE)
    assert process.returncode == 0
    assert panel.effect_count("stop") == 8


def test_a_terminal_that_is_closed_in_the_middle_drains_the_run(
    spawn: Callable[..., Any], panels: Panels, run: Run
) -> None:
    panel = panels(vms_per_service=20, faults=[_SLOW])
    terminal = spawn("fleet", "stop", "--all", "--yes", "--no-wait", "--window", "4")
    terminal.until(lambda: panel.count(method="POST") >= 4)
    os.close(terminal.master)
    assert terminal.process.wait(_PATIENCE) == 130
    terminal.master = os.open(os.devnull, os.O_RDONLY)
    known = last_run(run)
    assert (known["counts"]["unknown"], known["ending"]) == (0, "drained")


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_at_a_question_is_no_answer(
    spawn: Callable[..., Any], panel: Sandbox, number: signal.Signals
) -> None:
    terminal = spawn("fleet", "stop", "--all")
    terminal.expect("Proceed?")
    terminal.process.send_signal(number)
    code, said = terminal.finish()
    assert code == 130
    assert re.search(r"interrupted; nothing was sent", said)
    assert panel.count(method="POST") == 0
