"""Whether a VM does its work again: checks for a rollout's ``healthy=``.

A check is any async callable of service and VM that says True or False; these two ask over the network. What
they cannot reach is not healthy; only a mistake in their arguments is an error.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
import ipaddress
import math
import re
import ssl
import urllib.parse
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Final, TypeAlias

import attrs

from .errors import InvalidArgument
from .models import Service, Vm
from .fleet.plan.rollout import HealthCheck

AddressOf: TypeAlias = Callable[[Service, Vm], str]
"""The address or host name under which a VM is asked; ``""`` where it has none."""

_LONGEST_STATUS_LINE: Final = 8192
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_FIELDS: Final = ("ip", "id", "label")
_PORTS: Final = {"http": 80, "https": 443}


def tcp_check(port: int, *, timeout: float = 5.0, address: AddressOf | None = None) -> HealthCheck:
    """Healthy is a VM whose port takes a connection within ``timeout`` seconds.

    The first of the VM's addresses is asked, or what ``address`` returns; a VM without one is not healthy.
    Raises `InvalidArgument` for a port or time that cannot be right.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise InvalidArgument(f"port={port!r:.40} is no port; give a whole number from 1 to 65535")
    return _TcpCheck(port, _checked_timeout(timeout), _checked_address(address))


def http_check(
    url: str = "http://{ip}/",
    *,
    status: Collection[int] | None = None,
    timeout: float = 5.0,
    address: AddressOf | None = None,
) -> HealthCheck:
    """Healthy is a VM for which a GET of ``url`` brings one of ``status`` within ``timeout`` seconds.

    ``{ip}`` (the first of the VM's addresses, or what ``address`` returns), ``{id}`` and ``{label}`` are
    filled in, percent-encoded behind the host; a VM that lacks one that is used is not healthy. Without
    ``status`` 200 to 399 will do: redirects are not followed. Certificates are verified for ``https``.
    Raises `InvalidArgument` for what cannot be right.
    """
    if not isinstance(url, str):
        raise InvalidArgument(f"url is {type(url).__name__}, not text; for example http://{{ip}}:8080/health")
    place = _Place.read(url)
    if address is not None and "ip" not in place.used:
        raise InvalidArgument(f"url={url!r:.200} does not use address; write {{ip}} where it belongs")
    return _HttpCheck(
        url, place, _checked_status(status), _checked_timeout(timeout), _checked_address(address)
    )


@attrs.frozen(repr=False)
class _TcpCheck:
    port: int
    timeout: float
    address: AddressOf | None

    def __repr__(self) -> str:
        return f"tcp_check({self.port}, timeout={self.timeout:g}{_shown(self.address)})"

    async def __call__(self, service: Service, vm: Vm) -> bool:
        host = _host(service, vm, self.address)
        if host is None:
            return False
        try:
            async with asyncio.timeout(self.timeout), _connection(host, self.port, None):
                return True
        except (OSError, UnicodeError):  # refused, unreachable, timed out; or a name that DNS cannot have
            return False


@attrs.frozen
class _Place:
    """Where a URL leads to, with its ``{fields}`` still in it."""

    tls: bool
    host: str
    port: int
    target: str

    @classmethod
    def read(cls, url: str) -> _Place:
        shown = f"url={url!r:.200}"
        example = "for example http://{ip}:8080/health"
        for name in _FIELD.findall(url):
            if name not in _FIELDS:
                near = difflib.get_close_matches(name, _FIELDS, n=1)
                hint = f"did you mean {{{near[0]}}}?" if near else "there are {ip}, {id} and {label}"
                raise InvalidArgument(f"{shown}: there is no {{{name:.40}}}; {hint}")
        if strange := re.search(r"[\x00-\x20\x7f{}]", _FIELD.sub("", url)):
            raise InvalidArgument(f"{shown} holds {strange[0]!r}; write it as %{ord(strange[0]):02X}")
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InvalidArgument(f"{shown} is no URL ({error}); {example}") from None
        if parts.username is not None or parts.password is not None:
            # Without the URL, which holds a password.
            raise InvalidArgument("url holds a user name or password, which a health check does not send")
        if parts.scheme not in _PORTS or not parts.hostname or port == 0:
            raise InvalidArgument(f"{shown} is no http or https URL of a host; {example}")
        host = parts.hostname
        if not _is_host(_FIELD.sub("x", host)):
            raise InvalidArgument(f"{shown}: {host!r:.80} is no host name or address; {example}")
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        target = urllib.parse.quote(target, safe="/%:?@!$&'()*+,;=~-._{}")
        return cls(parts.scheme == "https", host, port or _PORTS[parts.scheme], target)

    @property
    def used(self) -> frozenset[str]:
        return frozenset(_FIELD.findall(self.host + self.target))

    @property
    def default_port(self) -> int:
        return _PORTS["https" if self.tls else "http"]


@attrs.frozen(repr=False)
class _HttpCheck:
    url: str
    place: _Place
    status: tuple[int, ...] | None
    timeout: float
    address: AddressOf | None
    # Made once: reading the machine's certificates takes a while.
    tls: ssl.SSLContext | None = attrs.field(init=False, eq=False)

    @tls.default
    def _make_tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self.place.tls else None

    def __repr__(self) -> str:
        status = "" if self.status is None else f", status={list(self.status)}"
        return f"http_check({self.url!r}{status}, timeout={self.timeout:g}{_shown(self.address)})"

    async def __call__(self, service: Service, vm: Vm) -> bool:
        values = self._values(service, vm)
        if values is None:
            return False
        host = _FIELD.sub(lambda field: values[field[1]], self.place.host)
        if not _is_host(host):
            return False
        target = _FIELD.sub(lambda field: urllib.parse.quote(values[field[1]], safe=""), self.place.target)
        try:
            async with asyncio.timeout(self.timeout):
                line = await self._status_line(host, target)
        except (OSError, UnicodeError, ValueError):  # as for TCP, certificates too; or a line without end
            return False
        answered = _STATUS_LINE.match(line)
        if answered is None:
            return False
        status = int(answered[1])
        return status in self.status if self.status is not None else 200 <= status < 400

    def _values(self, service: Service, vm: Vm) -> dict[str, str] | None:
        used = self.place.used
        values = {"id": vm.id}
        for name, value in (
            ("ip", _host(service, vm, self.address) if "ip" in used else None),
            ("label", vm.label),
        ):
            if value:
                values[name] = value
            elif name in used:
                return None
        return values

    async def _status_line(self, host: str, target: str) -> bytes:
        async with _connection(host, self.place.port, self.tls) as (reader, writer):
            name = f"[{host}]" if ":" in host else host
            if self.place.port != self.place.default_port:
                name = f"{name}:{self.place.port}"
            request = (
                f"GET {target} HTTP/1.1\r\nHost: {name}\r\nUser-Agent: aioseflow\r\n"
                "Accept: */*\r\nConnection: close\r\n\r\n"
            )
            writer.write(request.encode("ascii"))
            await writer.drain()
            return await reader.readline()


@contextlib.asynccontextmanager
async def _connection(
    host: str, port: int, tls: ssl.SSLContext | None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, ssl=tls, limit=_LONGEST_STATUS_LINE)
    try:
        yield reader, writer
    finally:
        # Not close(): a server that does not read, or does not end TLS, would be waited for.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def _host(service: Service, vm: Vm, address: AddressOf | None) -> str | None:
    """Where the VM is asked; None where it has no address."""
    if address is None:
        return next((str(ip) for ip in vm.ip if not isinstance(ip, str) and _is_host(str(ip))), None)
    host = address(service, vm)
    return host if isinstance(host, str) and _is_host(host) else None


def _is_host(text: str) -> bool:
    """Whether it can stand in a header: an address of a panel or a label may hold anything."""
    if _HOST_NAME.fullmatch(text):
        return True
    try:
        return getattr(ipaddress.ip_address(text), "scope_id", None) is None
    except ValueError:
        return False


def _checked_timeout(timeout: float) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < math.inf:
        raise InvalidArgument(f"timeout={timeout!r:.40} is no time; give seconds, more than 0")
    return timeout


def _checked_address(address: Any) -> AddressOf | None:
    if address is not None and not callable(address):
        raise InvalidArgument(f'address={address!r:.60} is no function; give lambda service, vm: "192.0.2.1"')
    checked: AddressOf | None = address
    return checked


def _checked_status(status: Any) -> tuple[int, ...] | None:
    if status is None:
        return None
    hint = "give codes from 100 to 599, for example {200, 204}"
    if isinstance(status, str | bytes) or not isinstance(status, Collection) or not status:
        raise InvalidArgument(f"status={status!r:.60} is no collection of codes; {hint}")
    for code in status:
        if isinstance(code, bool) or not isinstance(code, int) or not 100 <= code <= 599:
            raise InvalidArgument(f"status has {code!r:.40}, which is no HTTP status; {hint}")
    return tuple(sorted(set(status)))


def _shown(address: AddressOf | None) -> str:
    return "" if address is None else f", address={getattr(address, '__name__', type(address).__name__)}"
