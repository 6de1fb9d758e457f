"""The checks from an account's settings to a TLS connection."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

import attrs
from yarl import URL

from ...config import UNSET, Proxy, check_base_url, find_proxy, find_tls
from ...errors import ConfigurationError
from ...session.classify import certificate_reason
from ...text import listed
from ..accounts import Identity
from .check import Check, Checker, CheckVerdict, span
from .network import ProxyRefused, Reached, handshake, is_address, reach, reason, resolve

_RENEW_WITHIN_DAYS: Final = 14
_NAMES_SHOWN: Final = 4
_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE")
# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _HAS_EXPIRED; _HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH.
_TIME_CODES: Final = (9, 10)
_NAME_CODES: Final = (62, 64)


@attrs.define(eq=False)
class ConnectionChecks:
    """The connection of one account to its panel, as far as it was checked.

    Attributes:
        own: this machine's address on that connection, None where there was none.
    """

    identity: Identity
    check: Checker
    url: URL | None = None
    proxy: Proxy | None = None
    own: str | None = None

    async def make(self, add: Callable[[Check], None]) -> None:
        """Make each check in turn; the first that fails is the last."""
        add(self._configuration())
        if self.url is None:
            return
        add(proxy := self._proxy(self.url))
        if proxy.verdict is CheckVerdict.FAILED:
            return
        first = self.url if self.proxy is None else URL(self.proxy.url)
        host, port = first.host or "", first.port or 0
        dns, addresses = await self._dns(host, port)
        add(dns)
        if not addresses:
            return
        reached = await reach(addresses, port)
        add(self._tcp(reached, port))
        works = next((each for each in reached if each.error is None), None)
        if works is not None:
            self.own = works.own
            add(await self._tls(self.url, works.address))

    def _configuration(self) -> Check:
        identity = self.identity
        profile, username = identity.profile, identity.credentials.username
        try:
            self.url = check_base_url(identity.panel, allow_insecure=False)
        except ConfigurationError as error:
            fix = f"aioseflow login --profile {profile}" if profile else "set SEFLOW_BASE_URL"
            return self.check.failed("configuration", str(error), fix)
        source = f"profile {profile}" if profile else "SEFLOW_USERNAME and SEFLOW_PASSWORD"
        return self.check.ok(
            "configuration",
            f"{username} at {self.url}, from {source}",
            username=username,
            base_url=str(self.url),
            profile=profile,
        )

    def _proxy(self, url: URL) -> Check:
        try:
            self.proxy = find_proxy(UNSET, url)
        except ConfigurationError as error:
            return self.check.failed("proxy", str(error), "correct HTTPS_PROXY, or put the panel in NO_PROXY")
        if self.proxy is None:
            return self.check.ok("proxy", "none", url=None)
        login = " with a login" if self.proxy.authorization is not None else ""
        return self.check.ok("proxy", f"{self.proxy.url}{login}, from HTTPS_PROXY", url=self.proxy.url)

    async def _dns(self, host: str, port: int) -> tuple[Check, tuple[str, ...]]:
        if is_address(host):
            return self.check.ok("dns", f"{host} is an address already", host=host), (host,)
        began = perf_counter()
        try:
            addresses = await resolve(host, port)
        except OSError as error:
            where = "HTTPS_PROXY" if self.proxy else "the base URL"
            fix = f"check the name in {where}, and this machine's resolver (/etc/resolv.conf)"
            found = f"{host} could not be resolved: {reason(error)}"
            return self.check.failed("dns", found, fix, host=host), ()
        seconds = perf_counter() - began
        found = f"{'the proxy, ' if self.proxy else ''}{host} is {', '.join(addresses)} ({span(seconds)})"
        return self.check.ok("dns", found, host=host, addresses=addresses, seconds=seconds), addresses

    def _tcp(self, reached: list[Reached], port: int) -> Check:
        works = [each for each in reached if each.error is None]
        failed = {each.address: reason(each.error) for each in reached if each.error is not None}
        details: dict[str, Any] = {
            "port": port,
            "seconds": {each.address: each.seconds for each in works},
            "failed": failed,
        }
        refused = "; ".join(f"{address}: {why}" for address, why in failed.items())
        if not works:
            found = f"no connection to port {port}: {refused}"
            whom = "the proxy" if self.proxy else "the panel"
            fix = f"check that {whom} is up, and that no firewall blocks port {port}"
            return self.check.failed("tcp", found, fix, **details)
        found = ", ".join(f"{each.address} port {port} in {span(each.seconds)}" for each in works)
        if failed:
            fix = "calls go to the other addresses, some after a pause; fix the route or the DNS entry"
            return self.check.warning("tcp", f"{found}; but {refused}", fix, **details)
        return self.check.ok("tcp", found, **details)

    async def _tls(self, url: URL, address: str) -> Check:
        if url.scheme != "https":
            return self.check.skipped("tls", "plain HTTP to this machine")
        details: dict[str, Any] = {"authorities": authorities()}
        try:
            context = find_tls(url, ca_file=None, ssl_context=None) or ssl.create_default_context()
            details |= await handshake(url, address, self.proxy, context)
        except ConfigurationError as error:
            found, fix = str(error), "SSL_CERT_FILE must name a PEM file of certificates"
        except ssl.SSLCertVerificationError as error:
            details["verify_code"] = error.verify_code
            found = f"the certificate was refused: {certificate_reason(error)}"
            fix = _fix_certificate(error.verify_code, details["authorities"])
        except ProxyRefused as error:
            found = f"the proxy opened no tunnel: {error}"
            fix = "allow CONNECT to the panel in the proxy, correct its login in HTTPS_PROXY, or use NO_PROXY"
        except OSError as error:
            found, fix = f"no handshake: {reason(error)}", "check the port, and what is between here and it"
            if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
                found = "this port does not speak TLS"
                # A password goes out in the clear to this machine alone.
                fix = f"try {url.with_scheme('http')}" if self._is_local(address) else "check the base URL"
        else:
            return self._trusted(details)
        return self.check.failed("tls", found, fix, **details)

    def _trusted(self, details: dict[str, Any]) -> Check:
        names, days, ends = details["names"], details["days_left"], details["ends"]
        shown = listed(names, _NAMES_SHOWN)
        found = (
            f"{details['protocol']}; for {shown or details['subject']}, by {details['issuer']}, until "
            f"{ends:%Y-%m-%d} ({days} days left); trusted by {details['authorities']}"
        )
        if days >= _RENEW_WITHIN_DAYS:
            return self.check.ok("tls", found, **details)
        fix = f"the provider must renew it by {ends:%Y-%m-%d}; after that every call fails"
        return self.check.warning("tls", found, fix, **details)

    def _is_local(self, address: str) -> bool:
        return self.proxy is None and (address == "::1" or address.startswith("127."))


def _fix_certificate(code: int, trusted: str) -> str:
    if code in _NAME_CODES:
        return "use a base URL with a name that the certificate is for"
    if code in _TIME_CODES:
        return "the provider must renew it; but check this machine's clock (date) first"
    return f"if the panel's authority is private, SSL_CERT_FILE=FILE.pem trusts it; trusted now: {trusted}"


def authorities() -> str:
    """Return where the trusted authorities come from."""
    if named := os.environ.get("SSL_CERT_FILE"):
        return f"{named} (SSL_CERT_FILE)"
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or "no authority at all (install ca-certificates)"
