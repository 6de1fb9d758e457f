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
    """The place of a password."""

    KEYRING = "keyring"
    FILE = "file"


@attrs.frozen
class Profile:
    """An account; its password is stored under ``entry``, which every login makes anew."""

    name: str
    username: str
    base_url: str
    stored_in: Place
    entry: str

    @property
    def label(self) -> str:
        """The account's name in runs. Raises `Refusal` where the panel's URL is invalid."""
        try:
            return label_of(self.username, self.base_url)
        except ConfigurationError as error:
            raise Refusal(f"profile {self.name}: {error}", fix="or log in again") from None


def label_of(username: str, base_url: str | None) -> str:
    """Return an account's name in runs: its user, and its panel where that is not SeFlow's.

    One journal holds the runs of all accounts, so each account needs a name of its own there. Raises
    `ConfigurationError`.
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
    """Whether a text is a valid name of a profile."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """Return a valid name. Raises `Refusal`."""
    if not is_name(text):
        raise Refusal(
            f"a profile cannot be called {escape(text) or 'nothing'}",
            fix="a name has 1 to 64 letters, digits, dots, @, _ or -, and does not begin with -",
        )
    return text
