"""`preload` imports in a thread what first uses would import in the loop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

FIRST_USES = """
import asyncio, sys, threading
import aioseflow, aioseflow.sandbox

class Finder:
    threads = set()
    def find_spec(self, name, path=None, target=None):
        self.threads.add(threading.current_thread() is threading.main_thread())
        if name == MISSING:
            raise ModuleNotFoundError(name, name=name)

async def main():
    quick = dict(stop_time=0.0, start_time=0.0)
    async with aioseflow.sandbox.Sandbox(services=1, vms_per_service=2, **quick) as panel:
        preload = aioseflow.preload
        await asyncio.to_thread(int)
        sys.meta_path.insert(0, Finder())
        await preload()
        assert Finder.threads == {False}, "it imported in the thread of the loop"
        before = set(sys.modules)
        login = dict(username=panel.username, password=panel.password, base_url=panel.url)
        async with aioseflow.SeFlow(**login, journal=JOURNAL) as seflow:
            await seflow.services.list()
            await seflow.billing.invoices()
            where = {"where": 'power == "running" and uptime != null'} if MISSING == "" else {}
            run = seflow.fleet.stop(**where)
            report = await run
            report.summary(), report.to_json()
            await seflow.fleet.restore(run.id)
            await seflow.fleet.retry(run.id)
            await seflow.fleet.report(run.id)
            str(await seflow.fleet.plan(aioseflow.Reboot(), rollout=aioseflow.Rollout(window=1)))
        print(*sorted(set(sys.modules) - before))

asyncio.run(main())
"""


@pytest.mark.parametrize("missing", ["", "rule_engine"])
def test_after_it_a_first_use_imports_nothing(missing: str, tmp_path: Path) -> None:
    program = f"MISSING = {missing!r}; JOURNAL = {str(tmp_path / 'runs.sqlite')!r}\n{FIRST_USES}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_it_writes_nothing_and_needs_no_environment(tmp_path: Path) -> None:
    program = "import asyncio, aioseflow; asyncio.run(aioseflow.preload()); asyncio.run(aioseflow.preload())"
    environment = {
        "HTTPS_PROXY": "no proxy",
        "SSL_CERT_FILE": str(tmp_path / "missing"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []
