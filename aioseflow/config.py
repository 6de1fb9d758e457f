"""Credentials, base URL, proxy and TLS from arguments or the environment, checked before anything is sent."""

from __future__ import annotations

import enum
import ipaddress
import os
import re
import ssl
from pathlib import Path
from typing import Final
from urllib.request import getproxies_environment

import attrs
from yarl import URL

from .errors import ConfigurationError
from .secret import Masked, Secret, basic_authorization

DEFAULT_BASE_URL: Final = "https://manage.seflow.it/api"

_BLANK_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
# An IPv6 address without brackets has more than one colon, so its last group is no port.
_WITH_PORT: Final = re.compile(r"(\[.*\]|[^:]*):([0-9]{1,5})")
_IN_BRACKETS: Final = re.compile(r"\[(.*)\]")


class Unset(enum.Enum):
    """Marks an argument that was left out, where None has a meaning."""

    UNSET = "left out"

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET


@attrs.frozen
class Credentials:
    """The e-mail address and password of a client area."""

    username: str
    password: Secret

    @classmethod
    def check(cls, username: str, password: str | Secret) -> Credentials:
        """Return the credentials. Raises `ConfigurationError` if HTTP Basic cannot carry them."""
        text = password.reveal() if isinstance(password, Secret) else password
        if not isinstance(text, str):
            text = ""
        # From here on no frame of ours shows it in a traceback with locals.
        password, text = Secret(text), Masked(text)
        if not isinstance(username, str) or not username.strip():
            raise ConfigurationError("the user name is empty; give the e-mail address of the client area")
        if not text:
            raise ConfigurationError("the password is empty; give the password of the client area")
        if ":" in username:
            raise ConfigurationError("a user name with a colon cannot be sent with HTTP Basic")
        for what, value in (("user name", username), ("password", text)):
            if any(ord(character) < 32 or ord(character) == 127 for character in value):
                raise ConfigurationError(f"the {what} contains a control character, perhaps a line end")
            # Not tried with encode(): its exception holds the text, and would be the context of ours.
            if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
                raise ConfigurationError(f"the {what} is not well-formed text")
        return cls(username, password)

    @classmethod
    def from_environment(cls) -> tuple[Credentials, str | None]:
        """Return the credentials and the base URL (None if not set) of the ``SEFLOW_…`` variables.

        Raises `ConfigurationError` if a variable is missing.
        """
        missing = [name for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD") if not os.environ.get(name)]
        if missing:
            raise ConfigurationError(f"set {' and '.join(missing)} in the environment")
        credentials = cls.check(os.environ["SEFLOW_USERNAME"], os.environ["SEFLOW_PASSWORD"])
        return credentials, os.environ.get("SEFLOW_BASE_URL") or None


def check_base_url(text: str, *, allow_insecure: bool) -> URL:
    """Return the root of the panel's API without trailing slash and surrounding blanks.

    Raises `ConfigurationError`.
    """
    if isinstance(text, str):
        text = Masked(text.strip())
        # yarl drops line ends and tabs, keeps a blank in the host, and turns one in the path into %20.
        if _BLANK_OR_CONTROL.search(text):
            raise ConfigurationError(
                "the base URL contains a blank or a control character; write it as https://panel.example/api"
            )
    try:
        url = URL(text)
        host = url.host
        port = url.port
    except (TypeError, ValueError):
        raise ConfigurationError("the base URL is not a URL; write it as https://panel.example/api") from None
    if url.scheme not in {"http", "https"} or not host or not port:
        raise ConfigurationError(
            "the base URL needs a scheme, http or https, and a host: https://panel.example/api"
        )
    if url.user is not None or url.password is not None:
        raise ConfigurationError("credentials in the base URL would end up in logs; give them as arguments")
    if url.raw_query_string or url.raw_fragment:
        raise ConfigurationError("the base URL may not have a query or a fragment")
    if url.scheme == "http" and not allow_insecure and not _is_loopback(host):
        raise ConfigurationError(
            f"http:// would send the password to {host} in the clear; use https://, "
            "or allow_insecure=True if the network between is your own"
        )
    return url.with_path(url.raw_path.rstrip("/"), encoded=True)


@attrs.frozen
class Proxy:
    """An HTTP proxy; ``url`` contains no credentials."""

    url: str
    authorization: Masked | None = None


def find_proxy(proxy: str | Unset | None, url: URL) -> Proxy | None:
    """Return the proxy for a panel: the given one, or ``HTTPS_PROXY`` unless ``NO_PROXY`` lists the panel.

    A variable in lower case outweighs the same in upper case. Raises `ConfigurationError`.
    """
    where = "the proxy"
    if isinstance(proxy, Unset):
        # http:// is for this machine or a network of the user's, and no proxy is meant for those.
        proxy = getproxies_environment().get("https") if url.scheme == "https" else None
        if not proxy or is_exempt(url, getproxies_environment().get("no", "")):
            return None
        where = "HTTPS_PROXY"
    if proxy is None:
        return None
    found = _read_proxy(proxy)
    if found is None:
        # It may contain a password, and a traceback shows this frame.
        del proxy
        raise ConfigurationError(f"{where} must be an HTTP proxy's URL, such as http://proxy.example:3128")
    return found


def is_exempt(url: URL, no_proxy: str) -> bool:
    """Return True if a list such as ``NO_PROXY`` contains the URL's host. The rules are curl's, plus ports.

    ``*`` alone means every host. Otherwise the entries, separated by commas or blanks, are

    - names: ``corp.example``, ``.corp.example`` and ``*.corp.example`` all mean the name and its subdomains;
    - addresses, ``10.0.0.1``, ``::1`` or ``[::1]``, and networks, ``10.0.0.0/8`` or ``2001:db8::/32``, for a
      host that is an address: no name is looked up;
    - any of these with a port, ``corp.example:8443`` or ``[::1]:8443``, for that port alone.

    An entry that cannot be read is ignored.
    """
    if no_proxy.strip() == "*":
        return True
    host = (url.raw_host or "").lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    for entry in re.split(r"[,\s]+", no_proxy):
        with_port = _WITH_PORT.fullmatch(entry)
        name, port = (with_port[1], int(with_port[2])) if with_port else (entry, url.port)
        if port == url.port and (_is_below(host, name) if address is None else _is_within(address, name)):
            return True
    return False


def _is_below(host: str, name: str) -> bool:
    name = name.removeprefix("*.").lstrip(".")
    if not name.isascii():
        try:
            name = URL.build(scheme="https", host=name).raw_host or ""
        except ValueError:
            return False
    name = name.lower().rstrip(".")
    return f".{host}".endswith(f".{name}")


def _is_within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, name: str) -> bool:
    in_brackets = _IN_BRACKETS.fullmatch(name)
    try:
        return address in ipaddress.ip_network(
            in_brackets[1] if in_brackets else name.rstrip("."), strict=False
        )
    except ValueError:
        return False


def _read_proxy(text: str) -> Proxy | None:
    try:
        # yarl drops line ends and keeps blanks.
        if not text.isprintable() or " " in text:
            return None
        url = URL(text if "://" in text else f"http://{text}")
        whole = url.scheme in {"http", "https"} and url.host and url.port
    except (AttributeError, TypeError, ValueError):
        return None
    if not whole:
        return None
    authorization = None
    if url.user is not None or url.password is not None:
        authorization = basic_authorization(url.user or "", url.password or "")
    return Proxy(str(url.with_user(None).origin()), authorization)


def find_tls(
    url: URL, *, ca_file: str | os.PathLike[str] | None, ssl_context: ssl.SSLContext | None
) -> ssl.SSLContext | None:
    """Return the context that verifies the panel's certificate; None for the system's authorities.

    ``ca_file`` holds the only authorities to trust, else ``SSL_CERT_FILE``, else the system's.
    Raises `ConfigurationError`.
    """
    if ssl_context is not None:
        if ca_file is not None:
            raise ConfigurationError("give ca_file or ssl_context, not both: a context has authorities")
        if not isinstance(ssl_context, ssl.SSLContext):
            raise ConfigurationError(
                "ssl_context must be an ssl.SSLContext; verification cannot be switched off. "
                "To trust a private authority, use ca_file="
            )
        if ssl_context.verify_mode is not ssl.CERT_REQUIRED:
            raise ConfigurationError(
                "this ssl_context does not verify certificates, so any server would get the password; "
                "to trust a private authority, use ca_file="
            )
        if not ssl_context.check_hostname:
            raise ConfigurationError(
                "this ssl_context accepts a certificate for any host name, so any server with a certificate "
                "would get the password; set check_hostname = True"
            )
        return ssl_context
    if url.scheme != "https":
        return None
    where, path = "ca_file", ca_file
    if path is None:
        where, path = "SSL_CERT_FILE", os.environ.get("SSL_CERT_FILE") or None
    if path is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(Path(path)))
    except (OSError, TypeError) as error:
        reason = getattr(error, "strerror", None) or "no certificate in it"
        raise ConfigurationError(f"{where} cannot be used: {path} ({reason})") from None


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
