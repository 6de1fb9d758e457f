"""Where the account comes from: arguments or the environment, checked before anything is sent."""

from __future__ import annotations

import ipaddress
import os
from typing import Final

import attrs
from yarl import URL

from .errors import ConfigurationError
from .secret import Secret

DEFAULT_BASE_URL: Final = "https://manage.seflow.it/api"


@attrs.frozen
class Credentials:
    """The e-mail address and password of a client area."""

    username: str
    password: Secret

    @classmethod
    def check(cls, username: str, password: str | Secret) -> Credentials:
        """Raises `ConfigurationError` for what HTTP Basic cannot carry."""
        text = password.reveal() if isinstance(password, Secret) else password
        if not isinstance(username, str) or not username.strip():
            raise ConfigurationError("the user name is empty; give the e-mail address of the client area")
        if not isinstance(text, str) or not text:
            raise ConfigurationError("the password is empty; give the password of the client area")
        if ":" in username:
            raise ConfigurationError("a user name with a colon cannot be sent with HTTP Basic")
        for what, value in (("user name", username), ("password", text)):
            if any(ord(character) < 32 or ord(character) == 127 for character in value):
                raise ConfigurationError(f"the {what} contains a control character (a line end, perhaps)")
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise ConfigurationError(f"the {what} is not well-formed text") from None
        return cls(username, Secret(text))

    @classmethod
    def from_environment(cls) -> tuple[Credentials, str | None]:
        """From ``SEFLOW_USERNAME`` and ``SEFLOW_PASSWORD``, with ``SEFLOW_BASE_URL`` if it is set."""
        environ = os.environ
        missing = [name for name in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD") if not environ.get(name)]
        if missing:
            raise ConfigurationError(f"set {' and '.join(missing)} in the environment")
        credentials = cls.check(environ["SEFLOW_USERNAME"], environ["SEFLOW_PASSWORD"])
        return credentials, environ.get("SEFLOW_BASE_URL") or None


def check_base_url(text: str, *, allow_insecure: bool) -> URL:
    """The panel's API root without a trailing slash. Raises `ConfigurationError`."""
    try:
        url = URL(text)
        host = url.host
        port = url.port
    except (TypeError, ValueError):
        raise ConfigurationError(
            "the base URL is not a URL; it looks like https://panel.example/api"
        ) from None
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


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
