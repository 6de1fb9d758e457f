"""Profiles and their file, ``profiles.json``: names, users, panels, and where each password is."""

from __future__ import annotations

import enum
import re
from pathlib import Path
from typing import Any, Final

import attrs

from ...errors import ConfigurationError
from ...text import escape
from ..exit_code import Refusal
from . import private_files

DEFAULT: Final = "default"

_NAME: Final = re.compile(r"[A-Za-z0-9_.@][A-Za-z0-9_.@-]{0,63}")
_FILE: Final = "profiles.json"


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


def stored() -> dict[str, Profile]:
    """Return all profiles by name, in the order of their first logins. Raises `Refusal`."""
    place = private_files.directory_if_any()
    return {} if place is None else _read(place)


def put(profile: Profile) -> Profile | None:
    """Store a profile, and return the one of that name that it replaces. Raises `Refusal`."""
    with private_files.alone() as place:
        profiles = _read(place)
        replaced = profiles.get(profile.name)
        _write(place, profiles | {profile.name: profile})
    return replaced


def drop(profile: Profile) -> None:
    """Forget a profile, unless it was replaced by another one meanwhile. Raises `Refusal`."""
    with private_files.alone() as place:
        profiles = _read(place)
        if profiles.get(profile.name) == profile:
            del profiles[profile.name]
            _write(place, profiles)


def _read(place: Path) -> dict[str, Profile]:
    path = place / _FILE
    profiles = private_files.read(path, "profiles", secret=False)
    return {name: _profile(path, name, fields) for name, fields in profiles.items()}


def _profile(path: Path, name: str, fields: Any) -> Profile:
    match fields:
        case {
            "username": str(username),
            "base_url": str(base_url),
            "stored_in": ("keyring" | "file") as stored_in,
            "entry": str(entry),
        } if is_name(name):
            return Profile(name, username, base_url, Place(stored_in), entry)
        case _:
            what = f"has a profile {escape(name)} that does not have the form that aioseflow writes"
            raise private_files.not_ours(path, what)


def _write(place: Path, profiles: dict[str, Profile]) -> None:
    fields = ("username", "base_url", "stored_in", "entry")
    document = {name: {field: getattr(one, field) for field in fields} for name, one in profiles.items()}
    private_files.write(place / _FILE, "profiles", document)
