"""The file of the profiles, ``profiles.json``: names, users, panels, and where each password is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from ...text import escape
from ..exit_code import ExitCode, Refusal
from . import private_files
from .profile import Place, Profile, is_name

_FILE: Final = "profiles.json"
_VERSION: Final = 1


def stored() -> dict[str, Profile]:
    """All profiles by their names, in the order in which they were first logged in. Raises `Refusal`."""
    return _read(private_files.directory())


def names() -> list[str]:
    """The names of all profiles, and none where they cannot be read: for completion, which never fails."""
    try:
        return list(stored())
    except Refusal:
        return []


def put(profile: Profile) -> Profile | None:
    """Store a profile, and give the one of that name that it replaces. Raises `Refusal`."""
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
    match private_files.read(path, secret=False):
        case None:
            return {}
        case {"version": int(version)} if version > _VERSION:
            raise Refusal(
                f"{escape(str(path), 300)} was written by a newer aioseflow; use that one", ExitCode.ERROR
            )
        case {"version": 1, "profiles": dict(profiles)}:
            return {name: _profile(path, name, fields) for name, fields in profiles.items()}
        case _:
            raise _not_understood(path, "it")


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
            raise _not_understood(path, f"its profile {escape(name)}")


def _not_understood(path: Path, what: str) -> Refusal:
    return Refusal(
        f"{escape(str(path), 300)} was edited, and {what} is not what aioseflow writes there; "
        "mend it, or move it away and log in again",
        ExitCode.ERROR,
    )


def _write(place: Path, profiles: dict[str, Profile]) -> None:
    private_files.write(
        place / _FILE,
        {
            "version": _VERSION,
            "profiles": {
                name: {
                    "username": profile.username,
                    "base_url": profile.base_url,
                    "stored_in": profile.stored_in.value,
                    "entry": profile.entry,
                }
                for name, profile in profiles.items()
            },
        },
    )
