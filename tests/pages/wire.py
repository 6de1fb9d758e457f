"""The network as a browser of the tests sees it: one listener that every request of any host ends at."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

_PATIENCE: Final = 20.0
_PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Cache-Control: no-store\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"
)
_REFUSED: Final = b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_TLS: Final = b"\x16"
ENCRYPTED: Final = "an encrypted connection"
IDLE: Final = "a connection without a request"


class Wire:
    """A proxy and server that keeps the first lines of all requests, oldest first.

    It answers with the page that ``served`` has for an address, else with one pixel. A connection on which
    nothing was sent (``preconnect`` opens such) counts as well; requests for the hosts in ``ignored`` do not.
    """

    def __init__(self, ignored: frozenset[str] = frozenset()) -> None:
        self.served: dict[str, bytes] = {}
        self._ignored = ignored
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._changed = threading.Condition()
        self._accepted = 0
        self._seen: dict[int, str] = {}
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def connections(self) -> int:
        """Number of connections so far."""
        with self._changed:
            return self._accepted

    def seen(self, *, idle_before: int | None = None) -> tuple[str, ...]:
        """The first line of each request since the last `forget`.

        Of idle connections only those that are among the first ``idle_before`` of all, if that is given.
        """
        with self._changed:
            return tuple(
                line
                for number, line in self._seen.items()
                if line != IDLE or idle_before is None or number < idle_before
            )

    def forget(self) -> None:
        """Begin counting anew."""
        with self._changed:
            self._seen.clear()

    def reached_by(self, text: str) -> bool:
        """Wait until a request whose first line contains this text was seen; whether it came at all."""
        with self._changed:
            return self._changed.wait_for(
                lambda: any(text in line for line in self._seen.values()), _PATIENCE
            )

    def close(self) -> None:
        """Listen no longer."""
        # Closing alone does not wake a thread that waits in accept().
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                connection, _ = self._listener.accept()
                with self._changed:
                    number = self._accepted
                    self._accepted += 1
                    self._seen[number] = IDLE
                    self._changed.notify_all()
                threading.Thread(target=self._answer, args=(connection, number), daemon=True).start()

    def _answer(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):  # a browser that goes away in the middle
            head = b""
            while b"\r\n\r\n" not in head and (more := connection.recv(65536)):
                head += more
                if head.startswith(_TLS):
                    # Nobody here speaks it, and a browser that waits for an answer does nothing else.
                    self._note(number, ENCRYPTED)
                    return
            if head:
                line = _first_line(head.decode("latin-1"))
                self._note(number, line)
                # A tunnel is refused: its request is recorded, and this listener has no TLS.
                connection.sendall(_REFUSED if line.startswith("CONNECT") else self._answer_to(line))

    def _answer_to(self, line: str) -> bytes:
        page = self.served.get(line.split(" ")[1])
        kind, body = (b"image/gif", _PIXEL) if page is None else (b"text/html", page)
        return _ANSWER % (kind, len(body), body)

    def _note(self, number: int, line: str) -> None:
        with self._changed:
            if _host_of(line) in self._ignored:
                self._seen.pop(number, None)
            else:
                self._seen[number] = line
            self._changed.notify_all()


def _first_line(head: str) -> str:
    """The first line as a proxy is sent it, also where a server was."""
    line, *headers = head.split("\r\n")
    method, target, version = f"{line}  ".split(" ")[:3]
    hosts = [header[5:].strip() for header in headers if header.lower().startswith("host:")]
    return f"{method} http://{hosts[0]}{target} {version}" if hosts and target.startswith("/") else line


def _host_of(line: str) -> str | None:
    method, _, rest = line.partition(" ")
    target = rest.split(" ")[0]
    return urlsplit(f"//{target}" if method == "CONNECT" else target).hostname


@contextlib.contextmanager
def wire(ignored: frozenset[str] = frozenset()) -> Iterator[Wire]:
    """A listener for as long as it is needed."""
    listening = Wire(ignored)
    try:
        yield listening
    finally:
        listening.close()
