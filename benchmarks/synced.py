"""What a power cut would leave: the order of syncs and sends of one run, as strace sees them.

Between the marks that the traced process writes around each commit, the journal's log must have been synced
(fdatasync or fsync, ended without error) after its pages were written; and a request that changes a VM must
be sent after the sync of its intent. What is not synced is what a power cut takes.
"""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
import tempfile
from collections import defaultdict
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs

from aioseflow import FixedLimit, SeFlow
from aioseflow.fleet.journal.change import Change, Kind
from aioseflow.fleet.journal.sqlite.sqlite_store import SqliteStore
from aioseflow.sandbox import Sandbox

_MARK = "journal-mark "
_CALLS = "fsync,fdatasync,pwrite64,write,sendto,sendmsg,writev"
# 1234 1700000000.123456 fdatasync(9</tmp/runs.sqlite-wal>) = 0
_LINE = re.compile(r"^(\d+) +(\d+\.\d+) (?:(\w+)\((.*)|<\.\.\. (\w+) resumed>(.*))$")
_REQUEST = re.compile(r"POST \S*/service/(\d+)/vms/(\d+)/stop ")


async def _traced(username: str, password: str, url: str, journal: str) -> None:
    """In the traced process: a run whose commits are marked."""
    apply = SqliteStore.apply

    def marked(store: SqliteStore, ops: list[Change]) -> list[Any]:
        intents = [str(parameters[1]) for kind, parameters, _ in ops if kind is Kind.INTEND]
        os.write(2, f"{_MARK}begin {','.join(intents)}\n".encode())
        results = apply(store, ops)
        os.write(2, f"{_MARK}end\n".encode())
        return results

    SqliteStore.apply = marked  # type: ignore[assignment,method-assign]
    async with SeFlow(username, password, base_url=url, journal=journal, limit=FixedLimit(8)) as seflow:
        report = await seflow.fleet.stop(run_id="traced", wait=False)
        assert report.ok


@attrs.define
class Commit:
    """One group: the numbers of its intents, and what its thread did until it ended, in seconds."""

    intents: list[str]
    began: float
    written: bool = False
    synced: float | None = None
    ended: float | None = None


@attrs.define
class Trace:
    """What of it matters."""

    commits: list[Commit] = attrs.Factory(list)
    sends: dict[tuple[str, str], float] = attrs.Factory(dict)
    syncs: int = 0

    def read(self, lines: list[str]) -> None:
        """Take in the lines of strace, in which a call that another thread interrupts comes in two parts."""
        begun: dict[tuple[str, str], tuple[float, str]] = {}
        for line in lines:
            found = _LINE.match(line)
            if found is None:
                continue
            thread, at, call, rest, resumed, tail = found.groups()
            if resumed:
                since, first = begun.pop((thread, resumed), (float(at), ""))
                self._take(thread, resumed, first + tail, since, float(at))
            elif rest.endswith("<unfinished ...>"):
                begun[thread, call] = (float(at), rest)
                if "POST " in rest:  # the bytes may be gone from here on
                    self._take(thread, call, rest, float(at), float(at))
            else:
                self._take(thread, call, rest, float(at), float(at))

    def _take(self, thread: str, call: str, rest: str, since: float, until: float) -> None:
        if (mark := re.search(rf"{_MARK}(begin|end) ?([\d,]*)", rest)) is not None:
            if mark[1] == "begin":
                self.commits.append(Commit([n for n in mark[2].split(",") if n], since))
            elif self.commits[-1].ended is None:
                self.commits[-1].ended = until
        elif call in ("fsync", "fdatasync") and rest.rstrip().endswith("= 0"):
            self.syncs += 1
            if "-wal>" in rest and self.commits and self.commits[-1].ended is None:
                self.commits[-1].synced = until
        elif call == "pwrite64" and "-wal>" in rest and self.commits:
            self.commits[-1].written, self.commits[-1].synced = True, None
        elif (request := _REQUEST.search(rest)) is not None:
            self.sends.setdefault((request[1], request[2]), since)


async def _trace(directory: Path) -> tuple[Trace, dict[str, tuple[str, str]], int]:
    journal, traced = directory / "runs.sqlite", directory / "trace"
    async with Sandbox(services=10, vms_per_service=20, seed=1) as panel:
        child = await asyncio.create_subprocess_exec(
            *("strace", "-f", "-ttt", "-y", "-s", "4096", "-e", f"trace={_CALLS}", "-o", str(traced)),
            *(sys.executable, "-m", "benchmarks.synced"),
            *(panel.username, panel.password, panel.url, str(journal)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await child.communicate()
        assert child.returncode == 0, said.decode()[-2000:]
        posts = panel.count(method="POST")
    with closing(sqlite3.connect(journal)) as connection:
        rows = connection.execute("SELECT number, service_id, vm_id FROM targets").fetchall()
    trace = Trace()
    trace.read(traced.read_text(encoding="utf-8", errors="replace").splitlines())
    return trace, {str(number): (service, vm) for number, service, vm in rows}, posts


def main() -> int:
    """Trace a run and judge it; 1 if something left before it was safe."""
    with tempfile.TemporaryDirectory(prefix="aioseflow-synced-") as directory:
        trace, targets, posts = asyncio.run(_trace(Path(directory)))
    with_intents = [commit for commit in trace.commits if commit.intents]
    unsynced = [commit for commit in with_intents if not commit.written or commit.synced is None]
    safe_at: dict[tuple[str, str], float] = defaultdict(lambda: float("inf"))
    for commit in with_intents:
        for number in commit.intents:
            safe_at[targets[number]] = commit.synced or float("inf")
    early = [pair for pair, sent in trace.sends.items() if sent <= safe_at[pair]]
    ahead = sorted(1000 * (sent - safe_at[pair]) for pair, sent in trace.sends.items())
    print(f"{posts} requests that change a VM reached the panel; the trace shows {len(trace.sends)} sent")
    print(f"{len(trace.commits)} commits, {len(with_intents)} of them with {posts} intents in all")
    print(f"{trace.syncs} fsync and fdatasync; commits with intents and without a sync: {len(unsynced)}")
    print(f"requests sent before their intent was synced: {len(early)}")
    if ahead:
        print(
            f"from the sync to the send: {ahead[0]:.2f} ms at least, {ahead[len(ahead) // 2]:.2f} ms median"
        )
    complete = len(trace.sends) == posts == len(safe_at)
    return 1 if early or unsynced or not complete or trace.syncs < len(with_intents) else 0


if __name__ == "__main__":
    asyncio.run(_traced(*sys.argv[1:]))
