"""A server of raw sockets on loopback: its beginning, its end and the tasks between."""

from __future__ import annotations

import asyncio
import ssl
from types import TracebackType
from typing import Self


class Listening:
    """``async with`` starts it and ends it with every connection; `converse` is each one.

    ``wanted_port`` is the port to listen on, 0 for a free one.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, head_bytes: int = 64 * 1024) -> None:
        self.wanted_port = 0
        self._tls = tls
        self._head_bytes = head_bytes
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", self.wanted_port, ssl=self._tls, limit=self._head_bytes
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        raise NotImplementedError

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self.converse(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            # The server's own end; asyncio would log a cancelled client callback as an error.
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
