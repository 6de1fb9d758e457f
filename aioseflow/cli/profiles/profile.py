"""A profile: the name of an account, and where its password is; never the password."""

from __future__ import annotations

import enum
import re
from typing import Final

import attrs

from ...errors import ConfigurationError
from ...text import escape
from ..exit_code import Refusal

DEFAULT: Final = "default"

_NAME: Final = re.compile(r"[A-Za-z0-9_.@][A-Za-z0-9_.@-]{0,63}")


class Place(enum.StrEnum):
    """Where a password is."""

    KEYRING = "keyring"
    FILE = "file"


@attrs.frozen
class Profile:
    """One account; ``entry`` is what its password is stored under, another one after every login."""

    name: str
    username: str
    base_url: str
    stored_in: Place
    entry: str

    @property
    def label(self) -> str:
        """How runs call the account. Raises `Refusal` where the panel's URL cannot be right."""
        try:
            return label_of(self.username, self.base_url)
        except ConfigurationError as error:
            raise Refusal(f"profile {self.name}: {error}; or log in again") from None


def label_of(username: str, base_url: str | None) -> str:
    """How runs call an account: by its user, and its panel where that is another than SeFlow's.

    One journal has the runs of every account that was ever named: with names of their own, none is taken
    for a run of another one. Raises `ConfigurationError`.
    """
    from ...config import DEFAULT_BASE_URL, check_base_url

    if base_url is None:
        return username
    url = check_base_url(base_url, allow_insecure=False)
    if str(url) == DEFAULT_BASE_URL:
        return username
    path = url.raw_path.rstrip("/").removesuffix("/api")
    return f"{username} at {url.authority}{path}"


def is_name(text: str) -> bool:
    """Whether a profile can be called so."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """The name itself. Raises `Refusal`."""
    if not is_name(text):
        raise Refusal(
            f"a profile cannot be called {escape(text) or 'nothing'}: "
            "its name has 1 to 64 letters, digits, dots, @, _ or -, and does not begin with -"
        )
    return text
