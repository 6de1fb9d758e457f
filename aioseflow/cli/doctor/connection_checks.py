"""From an account's settings to a certificate: each check of the way to its panel."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncGenerator
from typing import Any, Final

import attrs
from yarl import URL

from ...config import DEFAULT_BASE_URL, UNSET, Proxy, check_base_url, find_proxy, find_tls
from ...errors import ConfigurationError
from ...session.classify import certificate_reason
from ..accounts import Identity
from .check import Check, CheckVerdict
from .network import Reached, is_address, reach, resolve, why
from .tls import Certificate, ProxyRefused, Server, certificate, refused_certificate

_SOON: Final = 14  # days
_NAMES: Final = 4
_NOT_YET, _EXPIRED = 9, 10
_OTHER_NAMES: Final = (62, 64)


@attrs.define(eq=False)
class ConnectionChecks:
    """The way of one account to its panel, as far as it was gone.

    Attributes:
        own: this machine's address on the way, None where there was no connection.
    """

    identity: Identity
    account: str | None
    url: URL | None = None
    proxy: Proxy | None = None
    own: str | None = None

    async def checks(self) -> AsyncGenerator[Check, None]:
        """Each check in turn; the first that fails is the last."""
        yield self._configuration()
        if self.url is None:
            return
        yield (check := self._proxy(self.url))
        if check.verdict is CheckVerdict.FAILED:
            return
        host, port = _place(self.url) if self.proxy is None else _place(URL(self.proxy.url))
        check, addresses = await self._dns(host, port)
        yield check
        if not addresses:
            return
        reached = await reach(addresses, port)
        yield self._tcp(reached, port)
        works = next((each for each in reached if each.error is None), None)
        if works is None:
            return
        self.own = works.own
        yield await self._tls(self.url, works.address)

    def _check(self, name: str, verdict: CheckVerdict, found: str, mend: str = "", **details: Any) -> Check:
        return Check(self.account, name, verdict, found, mend, details)

    def _configuration(self) -> Check:
        identity = self.identity
        base_url = identity.base_url or DEFAULT_BASE_URL
        whence = f"profile {identity.profile}" if identity.profile else "SEFLOW_USERNAME and SEFLOW_PASSWORD"
        try:
            self.url = check_base_url(base_url, allow_insecure=False)
        except ConfigurationError as error:
            mend = (
                f"aioseflow login --profile {identity.profile}" if identity.profile else "set SEFLOW_BASE_URL"
            )
            return self._check("configuration", CheckVerdict.FAILED, str(error), mend)
        username = identity.credentials.username
        return self._check(
            "configuration",
            CheckVerdict.OK,
            f"{username} at {self.url}, from {whence}",
            username=username,
            base_url=str(self.url),
            profile=identity.profile,
        )

    def _proxy(self, url: URL) -> Check:
        try:
            self.proxy = find_proxy(UNSET, url)
        except ConfigurationError as error:
            return self._check(
                "proxy", CheckVerdict.FAILED, str(error), "correct HTTPS_PROXY, or name the panel in NO_PROXY"
            )
        if self.proxy is None:
            return self._check("proxy", CheckVerdict.OK, "none", url=None)
        login = " with a login" if self.proxy.authorization is not None else ""
        return self._check(
            "proxy", CheckVerdict.OK, f"{self.proxy.url}{login}, from HTTPS_PROXY", url=self.proxy.url
        )

    async def _dns(self, host: str, port: int) -> tuple[Check, tuple[str, ...]]:
        if is_address(host):
            return self._check("dns", CheckVerdict.OK, f"{host} is an address already", host=host), (host,)
        try:
            found = await resolve(host, port)
        except OSError as error:
            mend = (
                f"look at the name in {'HTTPS_PROXY' if self.proxy else 'the base URL'}, and at this "
                "machine's resolver (/etc/resolv.conf)"
            )
            check = self._check(
                "dns", CheckVerdict.FAILED, f"{host} could not be resolved: {why(error)}", mend, host=host
            )
            return check, ()
        whose = "the proxy, " if self.proxy else ""
        text = f"{whose}{host} is {', '.join(found.addresses)} ({_milliseconds(found.seconds)})"
        check = self._check(
            "dns", CheckVerdict.OK, text, host=host, addresses=found.addresses, seconds=found.seconds
        )
        return check, found.addresses

    def _tcp(self, reached: list[Reached], port: int) -> Check:
        works = [each for each in reached if each.error is None]
        failed = {each.address: why(each.error) for each in reached if each.error is not None}
        details: dict[str, Any] = {
            "port": port,
            "seconds": {each.address: each.seconds for each in works},
            "failed": failed,
        }
        refused = "; ".join(f"{address}: {reason}" for address, reason in failed.items())
        if not works:
            whom = "the proxy" if self.proxy else "the panel"
            mend = f"is {whom} up, and does a firewall on the way let port {port} through?"
            return self._check(
                "tcp", CheckVerdict.FAILED, f"no connection to port {port}: {refused}", mend, **details
            )
        text = ", ".join(f"{each.address} port {port} in {_milliseconds(each.seconds)}" for each in works)
        if failed:
            mend = "calls go to the others, some of them after a pause; mend the route, or the DNS entry"
            return self._check("tcp", CheckVerdict.WARNING, f"{text}; but {refused}", mend, **details)
        return self._check("tcp", CheckVerdict.OK, text, **details)

    async def _tls(self, url: URL, address: str) -> Check:
        if url.scheme != "https":
            return self._check(
                "tls",
                CheckVerdict.NOT_CHECKED,
                "the base URL is http://, which goes no further than this machine",
            )
        try:
            context = find_tls(url, ca_file=None, ssl_context=None) or ssl.create_default_context()
        except ConfigurationError as error:
            return self._check(
                "tls", CheckVerdict.FAILED, str(error), "SSL_CERT_FILE must name a PEM file of certificates"
            )
        server = Server(*_place(url), address, self.proxy)
        details: dict[str, Any] = {"authorities": authorities()}
        try:
            shown = await certificate(server, context)
        except ssl.SSLCertVerificationError as error:
            shown_even_so = await refused_certificate(server, context)
            return self._refused(error, shown_even_so, details)
        except ProxyRefused as error:
            said = f"HTTP {error.status}" if error.status else "something that is not HTTP"
            mend = "let it allow CONNECT to the panel, correct its login in HTTPS_PROXY, or use NO_PROXY"
            return self._check(
                "tls", CheckVerdict.FAILED, f"the proxy opened no tunnel: {said}", mend, **details
            )
        except OSError as error:
            mend = "does this port speak TLS? Is something between that cuts it?"
            return self._check("tls", CheckVerdict.FAILED, f"no handshake: {why(error)}", mend, **details)
        return self._accepted(shown, details)

    def _accepted(self, shown: Certificate, details: dict[str, Any]) -> Check:
        details |= _facts(shown)
        found = f"{shown.protocol}; {_described(shown)}; trusted by {details['authorities']}"
        if shown.days_left >= _SOON:
            return self._check("tls", CheckVerdict.OK, found, **details)
        mend = f"the provider must renew it by {shown.ends:%Y-%m-%d}; afterwards every call fails"
        return self._check("tls", CheckVerdict.WARNING, found, mend, **details)

    def _refused(
        self, error: ssl.SSLCertVerificationError, shown: Certificate | None, details: dict[str, Any]
    ) -> Check:
        found = f"the certificate was refused: {certificate_reason(error)}"
        if shown is not None:
            details |= _facts(shown)
            found += f"; {_described(shown)}"
        code = details["verify_code"] = error.verify_code
        if code in _OTHER_NAMES:
            mend = "write the base URL with a name that the certificate is for"
        elif code in (_NOT_YET, _EXPIRED):
            mend = "the provider must renew it; but look at this machine's clock (date) first"
        else:
            mend = (
                "if the panel's authority is a private one, SSL_CERT_FILE=FILE.pem trusts it; "
                f"trusted now: {details['authorities']}"
            )
        return self._check("tls", CheckVerdict.FAILED, found, mend, **details)


def authorities() -> str:
    """Where the authorities that are trusted come from."""
    if named := os.environ.get("SSL_CERT_FILE"):
        return f"{named} (SSL_CERT_FILE)"
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or "no authority at all (install ca-certificates)"


def _place(url: URL) -> tuple[str, int]:
    return url.host or "", url.port or 0


def _facts(shown: Certificate) -> dict[str, Any]:
    return {
        "subject": shown.subject,
        "issuer": shown.issuer,
        "names": shown.names,
        "ends": shown.ends,
        "days_left": shown.days_left,
        "protocol": shown.protocol,
    }


def _described(shown: Certificate) -> str:
    names = ", ".join(shown.names[:_NAMES]) + (", …" if len(shown.names) > _NAMES else "")
    days = shown.days_left
    end = f"{days} days left" if days >= 0 else f"{-days} days ago"
    return f"for {names or shown.subject}, by {shown.issuer}, until {shown.ends:%Y-%m-%d} ({end})"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
