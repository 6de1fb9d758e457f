"""A server that knows its answers beforehand, so that what is measured is the client.

It runs in a process of its own, reads HTTP/1.1 off raw sockets, and keeps a record of what reached it. The
first segment of a path says how large a fleet it plays: ``/s20`` has 20 services of 50 VMs, ``/s1x5000`` one
of 5,000.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from subprocess import PIPE, Popen
from typing import Any, Final

import orjson

VMS_PER_SERVICE: Final = 50
FIRST_SERVICE: Final = 33301
RECORD: Final = "/record"


def vm(service: int, number: int) -> dict[str, Any]:
    """A virtual machine as panels list it, of ten fields."""
    return {
        "id": str(4001 + (service - FIRST_SERVICE) * VMS_PER_SERVICE + number),
        "label": f"vm-{number}.example.net",
        "status": "running",
        "locked": False,
        "memory": "2048",
        "cpus": "2",
        "disk": "40",
        "template_label": "Debian 12",
        "ip": [f"192.0.2.{number % 250 + 1}"],
        "uptime": 86_400 + number,
    }


def service(number: int) -> dict[str, Any]:
    """A service as panels show it."""
    return {
        "id": str(number),
        "name": f"Cloud {number}",
        "domain": f"cloud-{number}.example.net",
        "status": "Active",
        "total": "19.90",
        "billingcycle": "Monthly",
        "next_due": "2026-12-24",
    }


@cache
def answer(method: str, target: str) -> bytes:
    """The whole answer to a request."""
    fleet, *path = target.partition("?")[0].strip("/").split("/")
    count, _, each = fleet[1:].partition("x")
    services = [service(FIRST_SERVICE + number) for number in range(int(count))]
    match path:
        case ["service"]:
            said: Any = {"success": True, "services": services}
        case ["service", one]:
            said = {"success": True, "service": service(int(one))}
        case ["service", one, "vms"]:
            said = {"vms": [vm(int(one), number) for number in range(int(each or VMS_PER_SERVICE))]}
        case _:
            said = {"status": method == "POST"}
    body = orjson.dumps(said)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._record.connections += 1

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end]
            length = _length(head)
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length]
            self._received = self._received[end + 4 + length :]
            method, target, _ = head.split(b"\r\n", 1)[0].decode("ascii").split(" ")
            if target == RECORD:
                said = json.dumps(self._record.taken()).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(said) + said)
            else:
                self._record.add(head, body)
                self._transport.write(answer(method, target))


def _length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"content-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Record:
    """What reached the server since it was last asked."""

    def __init__(self) -> None:
        self.connections = 0
        self._heads: Counter[bytes] = Counter()
        self._bodies: Counter[bytes] = Counter()

    def add(self, head: bytes, body: bytes) -> None:
        """Count a request; paths differ and are none of it."""
        line, _, headers = head.partition(b"\r\n")
        self._heads[line.split(b" ", 1)[0] + b"\r\n" + headers] += 1
        self._bodies[body] += 1

    def taken(self) -> dict[str, Any]:
        """Everything, and begin anew."""
        said = {
            "connections": self.connections,
            "requests": self._heads.total(),
            "heads": {head.decode("latin-1"): number for head, number in self._heads.items()},
            "bodies": {body.decode("latin-1"): number for body, number in self._bodies.items()},
        }
        self.connections = 0
        self._heads.clear()
        self._bodies.clear()
        return said


@contextmanager
def serving() -> Iterator[int]:
    """A server in its own process; the port it listens on."""
    command = (sys.executable, "-m", "benchmarks.speed.server")
    with Popen(command, stdout=PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


async def _serve() -> None:
    record = Record()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(record), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve())
