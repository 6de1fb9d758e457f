"""How fast the sandbox answers in a process of its own, and how much memory 100,000 VMs take in it.

    python benchmarks/sandbox.py [--seconds 5] [--connections 32]

The client is a bare protocol in this process, so that what is measured is the sandbox.
Linux only (it reads /proc).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Panel:
    """A sandbox in its own process."""

    url: str
    host: str
    port: int
    authorization: str
    pid: int

    def resident_megabytes(self) -> float:
        """The resident set size of its process."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise RuntimeError(f"no VmRSS for process {self.pid}")

    def request(self, method: str, path: str) -> bytes:
        """The bytes of one request."""
        url = urlsplit(self.url)
        lines = (
            f"{method} {url.path}{path} HTTP/1.1",
            f"Host: {url.netloc}",
            f"Authorization: Basic {self.authorization}",
            "Content-Length: 0" if method == "POST" else "Accept: */*",
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Hammer(asyncio.Protocol):
    """Sends the next request as soon as the last is answered; counts the answers of 200."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        self.answered = 0
        self._requests = requests
        self._next = first
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        assert head.startswith(b"HTTP/1.1 200"), head
        self.answered += 1
        self._received = b""
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._transport.write(self._requests[self._next % len(self._requests)])
        self._next += 1


@asynccontextmanager
async def panel(*arguments: str) -> AsyncIterator[Panel]:
    """Start a sandbox and stop it again."""
    command = (sys.executable, "-m", "aioseflow.sandbox", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        where = json.loads(await process.stdout.readline())
        authorization = b64encode(f"{where['username']}:{where['password']}".encode()).decode()
        url = urlsplit(where["url"])
        assert url.hostname
        assert url.port
        yield Panel(where["url"], url.hostname, url.port, authorization, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def requests_per_second(
    target: Panel, requests: list[bytes], connections: int, seconds: float
) -> float:
    """How many requests a second are answered, over some connections at once."""
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_connection(partial(Hammer, requests, first), target.host, target.port)
        for first in range(connections)
    ]
    await asyncio.sleep(seconds / 5)
    before, started = sum(hammer.answered for _, hammer in opened), loop.time()
    await asyncio.sleep(seconds)
    answered, took = sum(hammer.answered for _, hammer in opened) - before, loop.time() - started
    for transport, _ in opened:
        transport.close()
    return answered / took


async def get(target: Panel, path: str) -> bytes:
    """One answer's body."""
    reader, writer = await asyncio.open_connection(target.host, target.port, limit=1 << 26)
    writer.write(target.request("GET", path))
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.readexactly(int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]))
    writer.close()
    await writer.wait_closed()
    return body


async def measure(connections: int, seconds: float) -> None:
    """Print every figure."""
    async with panel("--services", "4", "--vms", "50") as target:
        kinds = {
            "GET /details": [target.request("GET", "/details")],
            "GET one VM": [target.request("GET", f"/service/33301/vms/{vm}") for vm in range(4001, 4051)],
            "POST stop": [
                target.request("POST", f"/service/33302/vms/{vm}/stop") for vm in range(4051, 4101)
            ],
            "GET list of 50": [target.request("GET", "/service/33303/vms")],
        }
        for name, requests in kinds.items():
            rate = await requests_per_second(target, requests, connections, seconds)
            print(f"{name:15} {rate:8,.0f} requests/s")
    async with panel("--services", "5", "--vms", "20000") as target:
        print(f"100,000 VMs     {target.resident_megabytes():8,.0f} MB resident")
        for number in range(33301, 33306):
            listed = json.loads(await get(target, f"/service/{number}/vms"))["vms"]
            assert len(listed) == 20_000
        print(f"  all listed    {target.resident_megabytes():8,.0f} MB resident")


def main() -> None:
    """Measure as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0, help="for each kind of request")
    parser.add_argument("--connections", type=int, default=32)
    given = parser.parse_args()
    asyncio.run(measure(given.connections, given.seconds))


if __name__ == "__main__":
    main()
