"""The inventory as the real Ansible reads it: in groups, pinged, and with labels that are no templates."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.listing import ListingPanel

HERE = Path(sys.executable).parent
COMMAND = "import sys; sys.argv[0] = 'aioseflow'; from aioseflow.cli import main; main()"
JINJA = "{{ 6 * 7 }}{% if 1 %}evaluated{% endif %}"
VMS: dict[str, dict[str, Any]] = {
    "4": {"label": "web", "status": "running", "ip": ["192.0.2.4"], "template": "debian-12"},
    "5": {"label": JINJA, "status": "stopped", "ip": ["2001:db8::5"], "template": JINJA},
    "6": {"label": "localhost", "status": "running", "ip": []},
}


@pytest.fixture
def panel(monkeypatch: pytest.MonkeyPatch) -> Iterator[ListingPanel]:
    """A panel of one service with hostile labels, which the environment names."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> tuple[ListingPanel, asyncio.Server]:
        listing = ListingPanel(**VMS)
        return listing, await loop.create_server(listing.protocol_factory, "127.0.0.1", 0)

    listing, server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    port = server.sockets[0].getsockname()[1]
    monkeypatch.setenv("SEFLOW_USERNAME", listing.username)
    monkeypatch.setenv("SEFLOW_PASSWORD", listing.password)
    monkeypatch.setenv("SEFLOW_BASE_URL", f"http://127.0.0.1:{port}/api")
    yield listing

    async def leave() -> None:
        server.close()
        await listing.close()

    asyncio.run_coroutine_threadsafe(leave(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The two lines that the help shows, with the aioseflow of these tests."""
    path = tmp_path / "inventory.sh"
    aioseflow = f"{shlex.quote(sys.executable)} -c {shlex.quote(COMMAND)}"
    path.write_text(f'#!/bin/sh\nexec {aioseflow} inventory "$@"\n')
    path.chmod(0o700)
    return path


def ansible(program: str, *words: str, home: Path) -> str:
    """What it writes to stdout, where it ends well."""
    path = HERE / program
    if not path.exists():
        pytest.skip(f"{program} is not installed: pip install -e '.[dev]'")
    settings = {
        "HOME": str(home),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_LOCAL_TEMP": str(home / "local"),
        "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
        "ANSIBLE_CONFIG": str(home / "none.cfg"),
        "ANSIBLE_NOCOLOR": "1",
        # A script that failed would otherwise be an empty inventory and no error.
        "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "1",
        "AIOSEFLOW_CONFIG": str(home / "config"),
        "LC_ALL": "C.UTF-8",
    }
    ended = subprocess.run(
        [path, *words],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "inventory" not in ended.stderr.lower()
    return ended.stdout


def test_ansible_inventory_reads_the_groups(panel: ListingPanel, script: Path, tmp_path: Path) -> None:
    graph = ansible("ansible-inventory", "-i", str(script), "--graph", home=tmp_path)
    assert graph == (
        "@all:\n"
        "  |--@ungrouped:\n"
        "  |--@power_running:\n"
        "  |  |--web\n"
        "  |  |--vm-9-6\n"
        "  |--@power_stopped:\n"
        "  |  |--vm-9-5\n"
        "  |--@service_cloud:\n"
        "  |  |--web\n"
        "  |  |--vm-9-5\n"
        "  |  |--vm-9-6\n"
        "  |--@template_6_7_if_1_evaluated_endif:\n"
        "  |  |--vm-9-5\n"
        "  |--@template_debian_12:\n"
        "  |  |--web\n"
        "  |--@template_none:\n"
        "  |  |--vm-9-6\n"
    )


def test_ansible_inventory_reads_the_variables(panel: ListingPanel, script: Path, tmp_path: Path) -> None:
    listed = json.loads(ansible("ansible-inventory", "-i", str(script), "--list", home=tmp_path))
    hostvars = listed["_meta"]["hostvars"]
    assert hostvars["web"]["ansible_host"] == "192.0.2.4"
    assert hostvars["web"]["seflow_template"] == "debian-12"
    assert hostvars["vm-9-5"]["ansible_host"] == "2001:db8::5"
    assert "ansible_host" not in hostvars["vm-9-6"]


def test_ansible_pings_each_host_and_evaluates_no_label(
    panel: ListingPanel, script: Path, tmp_path: Path
) -> None:
    # What ping is given as data it gives back.
    words = ("-c", "local", "-e", f"ansible_python_interpreter={sys.executable}")
    data = ("-m", "ping", "-a", json.dumps({"data": "{{ seflow_label }} and {{ 40 + 2 }}"}))
    written = ansible("ansible", "all", "-i", str(script), *words, *data, home=tmp_path)
    answers = {
        host: json.loads(answer)["ping"]
        for host, answer in re.findall(r"^(\S+) \| SUCCESS => (\{.*?^\})", written, re.MULTILINE | re.DOTALL)
    }
    assert answers == {
        "web": "web and 42",
        "vm-9-5": f"{JINJA} and 42",
        "vm-9-6": "localhost and 42",
    }
