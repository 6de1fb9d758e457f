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
_PATH_MAX: Final = 300


def stored() -> dict[str, Profile]:
    """Return all profiles by name, in the order of their first logins. Raises `Refusal`."""
    return _read(private_files.directory())


def names() -> list[str]:
    """Return the names of all profiles, none where they cannot be read: completion never fails."""
    try:
        return list(stored())
    except Refusal:
        return []


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
    match private_files.read(path, secret=False):
        case None:
            return {}
        case {"version": int(version)} if version > _VERSION:
            what = f"{escape(str(path), _PATH_MAX)} was written by a newer aioseflow"
            raise Refusal(what, ExitCode.ERROR, fix="use that one")
        case {"version": 1, "profiles": dict(profiles)}:
            return {name: _profile(path, name, fields) for name, fields in profiles.items()}
        case _:
            raise private_files.not_ours(path)


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
    private_files.write(place / _FILE, {"version": _VERSION, "profiles": document})
