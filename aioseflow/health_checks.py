"""Health checks for ``Rollout(healthy=…)``: whether a VM does its work again, asked over the network.

A health check is any async callable of service and VM that returns True or False. The two here return False
for whatever they cannot reach. They raise only for a mistake in their arguments.
"""

from __future__ import annotations

import asyncio
import difflib
import ipaddress
import math
import re
import ssl
from collections.abc import Callable, Collection
from typing import Any, Final, TypeAlias
from urllib.parse import quote, urlsplit

import aiohttp
import attrs
from yarl import URL

from .errors import InvalidArgument
from .fleet.plan.rollout import HealthCheck
from .models import Service, Vm

AddressOf: TypeAlias = Callable[[Service, Vm], str]
"""Returns the address or host name under which a VM is asked; ``""`` where it has none."""

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_FIELD: Final = re.compile(r"\{([^{}]*)\}")
_FIELDS: Final = ("ip", "id", "label")
_PORTS: Final = {"http": 80, "https": 443}
_EXAMPLE: Final = "for example http://{ip}:8080/health"


def tcp_check(port: int, *, timeout: float = 5.0, address: AddressOf | None = None) -> HealthCheck:
    """Make a check for which a VM is healthy if its port accepts a connection within ``timeout`` seconds.

    The check connects to the first of the VM's addresses, or to what ``address`` returns. A VM without one is
    not healthy. Raises `InvalidArgument` for a port or time that cannot be right.
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
    """Make a check for which a VM is healthy if a GET of ``url`` is answered within ``timeout`` seconds.

    ``{ip}`` (the first of the VM's addresses, or what ``address`` returns), ``{id}`` and ``{label}`` are
    filled in, percent-encoded after the host. A VM that lacks a field of the URL is not healthy. The answer
    must have one of ``status``, by default 200 to 399: redirects are not followed. Certificates are verified
    for ``https``. Raises `InvalidArgument` for arguments that cannot be right.
    """
    if not isinstance(url, str):
        raise InvalidArgument(f"url is {type(url).__name__}, not text; for example http://{{ip}}:8080/health")
    check = _HttpCheck(
        url, _checked_status(status), _checked_timeout(timeout), _checked_address(address), *_parts_of(url)
    )
    if address is not None and "ip" not in check.fields:
        raise InvalidArgument(f"url={url!r:.200} does not use address; write {{ip}} where it belongs")
    return check


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
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.timeout):
                transport, _ = await loop.create_connection(asyncio.Protocol, host, self.port)
                transport.abort()
        except (OSError, UnicodeError):  # refused, unreachable, timed out; a name that DNS cannot have
            return False
        return True


@attrs.frozen(repr=False)
class _HttpCheck:
    """A check by HTTP; ``scheme``, ``host``, ``port`` and ``target`` are parts of the URL with its fields."""

    url: str
    status: tuple[int, ...] | None
    timeout: float
    address: AddressOf | None
    scheme: str
    host: str
    port: int
    target: str
    fields: frozenset[str] = attrs.field(init=False)
    # Made once, because reading the machine's certificates takes a while.
    tls: ssl.SSLContext | None = attrs.field(init=False, eq=False)

    @fields.default
    def _find_fields(self) -> frozenset[str]:
        return frozenset(_FIELD.findall(self.host + self.target))

    @tls.default
    def _make_tls(self) -> ssl.SSLContext | None:
        return ssl.create_default_context() if self.scheme == "https" else None

    def __repr__(self) -> str:
        status = "" if self.status is None else f", status={list(self.status)}"
        return f"http_check({self.url!r}{status}, timeout={self.timeout:g}{_shown(self.address)})"

    async def __call__(self, service: Service, vm: Vm) -> bool:
        url = self._url_of(service, vm)
        if url is None:
            return False
        try:
            async with asyncio.timeout(self.timeout):
                status = await self._ask(url)
        except (aiohttp.ClientError, OSError, ValueError):  # as for TCP; no HTTP, or a name that is no host
            return False
        return status in self.status if self.status is not None else 200 <= status < 400

    def _url_of(self, service: Service, vm: Vm) -> URL | None:
        values = {"ip": _host(service, vm, self.address), "id": vm.id, "label": vm.label}
        known = {name: value for name, value in values.items() if value}
        if not self.fields <= known.keys():
            return None
        host = _FIELD.sub(lambda field: known[field[1]], self.host)
        if not _is_host(host):
            return None
        target = _FIELD.sub(lambda field: quote(known[field[1]], safe=""), self.target)
        place = f"[{host}]" if ":" in host else host
        return URL(f"{self.scheme}://{place}:{self.port}{target}", encoded=True)

    async def _ask(self, url: URL) -> int:
        """Return the status that a GET is answered with. No connection is kept, and no body is read."""
        async with (
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.tls or True, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "aioseflow"},
                skip_auto_headers={"Accept-Encoding"},
                timeout=aiohttp.ClientTimeout(total=None),
            ) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            return response.status


def _parts_of(url: str) -> tuple[str, str, int, str]:
    """Return scheme, host, port and target of a URL, with its ``{fields}`` still in them."""
    shown = f"url={url!r:.200}"
    for name in _FIELD.findall(url):
        if name not in _FIELDS:
            near = difflib.get_close_matches(name, _FIELDS, n=1)
            hint = f"did you mean {{{near[0]}}}?" if near else "there are {ip}, {id} and {label}"
            raise InvalidArgument(f"{shown}: there is no {{{name:.40}}}; {hint}")
    if strange := re.search(r"[\x00-\x20\x7f{}]", _FIELD.sub("", url)):
        raise InvalidArgument(f"{shown} holds {strange[0]!r}; write it as %{ord(strange[0]):02X}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidArgument(f"{shown} is no URL ({error}); {_EXAMPLE}") from None
    if parts.username is not None or parts.password is not None:
        # Without the URL, which holds a password.
        raise InvalidArgument("url holds a user name or password, which a health check does not send")
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise InvalidArgument(f"{shown} is no http or https URL of a host; {_EXAMPLE}")
    host = parts.hostname
    if not _is_host(_FIELD.sub("x", host)):
        raise InvalidArgument(f"{shown}: {host!r:.80} is no host name or address; {_EXAMPLE}")
    target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    return parts.scheme, host, port or _PORTS[parts.scheme], quote(target, safe="/%:?@!$&'()*+,;=~-._{}")


def _host(service: Service, vm: Vm, address: AddressOf | None) -> str | None:
    """Return where a VM is asked, None where it has no usable address."""
    if address is None:
        return next((str(ip) for ip in vm.ip if not isinstance(ip, str) and _is_host(str(ip))), None)
    host = address(service, vm)
    return host if isinstance(host, str) and _is_host(host) else None


def _is_host(text: str) -> bool:
    """Whether a text is a host name or an address: a panel's address or a label may hold anything."""
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
