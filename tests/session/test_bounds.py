"""What an answer may cost: whatever is sent, a call ends with an error of ours, and the next one works."""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from support.clients import client
from support.wire import Answer, Play, Wire, http

from aioseflow import DecodeError, OutcomeUnknown, SeFlow, SeFlowError, Timeouts

SERVICES = http('{"services": []}')
MEGABYTE = 1_000_000
BOMB = 400 * MEGABYTE
AFFORDED = 100 * MEGABYTE
# In a process of its own: what else this one has used would hide the peak. VmHWM rather than ru_maxrss, which
# a new process has from its parent.
MEASURED = """
import asyncio, json, resource, sys
from pathlib import Path
from aioseflow import SeFlow, SeFlowError

def peak():
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024

async def main():
    seen = {}
    async with SeFlow("u@example.com", "p", base_url=sys.argv[1]) as seflow:
        await seflow.services.list()
        before = peak()
        started = asyncio.get_running_loop().time()
        try:
            await seflow.vms.list(9)
        except SeFlowError as error:
            seen = {"error": type(error).__name__, "message": str(error), "attempts": error.attempts}
        seen |= {"seconds": asyncio.get_running_loop().time() - started, "growth": peak() - before}
        await seflow.services.list()
    print(json.dumps(seen))

asyncio.run(main())
"""


def compressed(kind: str, size: int) -> Iterator[bytes]:
    """Zeros, in the given coding; ``identity`` is one that saves nothing."""
    piece = bytes(MEGABYTE)
    if kind == "identity":
        yield from (piece for _ in range(size // MEGABYTE))
        return
    packer = zlib.compressobj(wbits=-15)
    block = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    yield b"\x1f\x8b\x08" + bytes(6) + b"\xff" if kind == "gzip" else b"\x78\x9c"
    yield from (block for _ in range(size // MEGABYTE))
    # The last block, without the sums that follow: a reader of so much has lost already.
    yield b"\x03\x00"


@asynccontextmanager
async def streaming(kind: str, size: int, *, chunked: bool) -> AsyncIterator[str]:
    """A panel whose list of VMs is of that size; yields its URL."""
    pieces = list(compressed(kind, size))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"/vms " not in head:
                    writer.write(SERVICES)
                    continue
                length = f"Content-Length: {sum(map(len, pieces))}"
                framing = "Transfer-Encoding: chunked" if chunked else length
                coding = "" if kind == "identity" else f"Content-Encoding: {kind}\r\n"
                writer.write(f"HTTP/1.1 200 OK\r\n{framing}\r\n{coding}\r\n".encode())
                for piece in filter(None, pieces):
                    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    await writer.drain()
                if chunked:
                    writer.write(b"0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api"


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "chunked"])
@pytest.mark.parametrize(("kind", "size"), [("gzip", BOMB), ("deflate", BOMB), ("identity", 70 * MEGABYTE)])
async def test_a_huge_answer_costs_less_than_100_megabytes_and_is_refused(
    kind: str, size: int, *, chunked: bool, record_property: Any
) -> None:
    async with streaming(kind, size, chunked=chunked) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", MEASURED, url, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await process.communicate()
    assert process.returncode == 0
    seen = json.loads(output)
    record_property("growth", seen["growth"])
    assert (seen["error"], seen["attempts"]) == ("DecodeError", 1)
    assert "longer than 64 MiB" in seen["message"]
    assert seen["growth"] < AFFORDED, f"{seen['growth'] / MEGABYTE:.0f} MB in {seen['seconds']:.1f} s"


def nested(opening: str, depth: int = 100_000) -> str:
    return f'{{"services": {opening * depth}'


def headers(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 2", *lines, "", "{}"]).encode()


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HOSTILE: dict[str, Answer] = {
    "a header of 1 MB": headers(f"X-Long: {'x' * MEGABYTE}"),
    "a header's name of 1 MB": headers(f"{'x' * MEGABYTE}: x"),
    "a header without an end": Play(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * MEGABYTE, then="close"),
    "10,000 headers": headers(*(f"X-{number}: {number}" for number in range(10_000))),
    "folded headers": headers("X-Long: a", *[" b"] * 40_000),
    "a reason of 1 MB": f"HTTP/1.1 200 {'x' * MEGABYTE}\r\n\r\n".encode(),
    "JSON 100,000 lists deep": http(nested("[") + "]" * 100_000 + "}"),
    "JSON 100,000 objects deep": http(nested('{"a":') + "1" + "}" * 100_001),
    "JSON nested without an end": http(nested("[")),
    "a number of 100,000 digits": http(f'{{"services": {"9" * 100_000}}}'),
    "a length that is too long": Play(http('{"services": []}', length=9999), then="close"),
    "a length that is too short": Play(http('{"services": []}', length=5), then="close"),
    "a length below zero": http('{"services": []}', length=-1),
    "a length beyond all numbers": Play(http("{}", length=10**30), then="close"),
    "two lengths": headers("Content-Length: 3"),
    "a length and chunks": Play(headers("Transfer-Encoding: chunked"), then="close"),
    "a length that is a word": b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}",
    "a chunk of a negative size": CHUNKED + b"-5\r\n{}\r\n0\r\n\r\n",
    "a chunk's size without an end": Play(CHUNKED + b"1" * MEGABYTE, then="close"),
    "chunks without an end": Play(CHUNKED + b"2\r\n{}\r\n", then="hang"),
    "early answers without an end": Play(b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, then="hang"),
    "early hints and nothing": Play(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", then="close"),
    "another protocol": Play(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", then="close"
    ),
    "a status of garbage": Play(b"HTTP/1.1 OK fine\r\n\r\n", then="close"),
    "a status below all": b"HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}",
    "a status beyond all": b"HTTP/1.1 999 Said\r\nContent-Length: 2\r\n\r\n{}",
    "a version of garbage": Play(b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\n{}", then="close"),
    "binary": Play(bytes(range(256)) * 1000, then="close"),
    "line ends": Play(b"\r\n" * 100_000, then="close"),
    "a coding that it is not in": http('{"services": []}', headers={"Content-Encoding": "gzip"}),
    "a coding that nobody knows": http(b"\xff\xfe", headers={"Content-Encoding": "zip, gzip, br"}),
    "half a bomb": Play(
        http(b"".join(compressed("gzip", MEGABYTE))[:-9], headers={"Content-Encoding": "gzip"})
    ),
}


def hasty(url: str, **options: Any) -> SeFlow:
    return client(url, retry=None, timeouts=Timeouts(connect=0.2, read=0.2, change=0.2), **options)


@pytest.mark.parametrize("answer", HOSTILE)
async def test_a_read_ends_with_an_error_of_ours_and_the_next_call_works(answer: str) -> None:
    async with Wire() as wire, hasty(wire.url) as seflow:
        wire.answer = HOSTILE[answer]
        with pytest.raises(SeFlowError):
            await seflow.services.list()
        wire.answer = SERVICES
        assert await seflow.services.list() == []
        assert seflow.stats().in_flight == 0


@pytest.mark.parametrize("answer", HOSTILE)
async def test_a_reboot_ends_as_unknown_and_the_next_call_works(answer: str) -> None:
    async with Wire() as wire, hasty(wire.url) as seflow:
        wire.answer = HOSTILE[answer]
        with pytest.raises(OutcomeUnknown):
            await seflow.vms.reboot(9, 4)
        assert len(wire.requests) == 1
        wire.answer = SERVICES
        assert await seflow.services.list() == []


async def test_an_endless_answer_in_chunks_is_refused_at_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioseflow.session.body_reader.MAX_BODY_BYTES", MEGABYTE)
    async with streaming("identity", 2 * MEGABYTE, chunked=True) as url, client(url) as seflow:
        with pytest.raises(DecodeError, match="longer than"):
            await seflow.vms.list(9)
        assert await seflow.services.list() == []
