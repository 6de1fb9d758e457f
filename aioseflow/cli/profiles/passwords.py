"""The password of a profile, in the system's keyring or in ``passwords.json`` next to the profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...secret import Secret
from ...text import escape
from ..exit_code import ExitCode, Refusal
from ..trace import hide
from . import private_files, system_keyring
from .profile_store import Place, Profile

_FILE: Final = "passwords.json"


def path() -> Path:
    """Return where the file of passwords is, or would be."""
    return private_files.directory() / _FILE


def keep(profile: Profile, password: Secret) -> None:
    """Store a password. Raises `Refusal`, and `KeyringUnusable` where the keyring cannot keep it."""
    if profile.stored_in is Place.KEYRING:
        system_keyring.keep(profile.entry, password)
    else:
        with private_files.alone() as place:
            _write(place / _FILE, _read(place / _FILE) | {profile.entry: password})


def read(profile: Profile) -> Secret:
    """Return the password. Raises `Refusal`, also where other users can read the file."""
    again = f"aioseflow login --profile {profile.name}"
    if profile.stored_in is Place.FILE:
        found = _read(path()).get(profile.entry)
    else:
        try:
            found = system_keyring.read(profile.entry)
        except system_keyring.KeyringUnusable as unusable:
            raise Refusal(
                f"the password of profile {profile.name} is in the keyring, which cannot be used "
                f"({escape(str(unusable))})",
                ExitCode.ERROR,
                fix=f"unlock it, or run {again}",
            ) from None
    if found is None:
        what = f"the {profile.stored_in} has no password for profile {profile.name}"
        raise Refusal(what, ExitCode.ERROR, fix=f"run {again}")
    return hide(found)


def forget(profile: Profile) -> None:
    """Remove the password, if it is there, and the file with its last one.

    Raises `Refusal` and `KeyringUnusable`.
    """
    if profile.stored_in is Place.KEYRING:
        system_keyring.forget(profile.entry)
        return
    with private_files.alone() as place:
        passwords = _read(place / _FILE)
        if passwords.pop(profile.entry, None) is not None:
            _write(place / _FILE, passwords)


def _read(file: Path) -> dict[str, Secret]:
    passwords = private_files.read(file, "passwords", secret=True)
    if not all(isinstance(text, str) for text in passwords.values()):
        raise private_files.not_ours(file)
    return {entry: Secret(text) for entry, text in passwords.items()}


def _write(file: Path, passwords: dict[str, Secret]) -> None:
    if passwords:
        revealed = {entry: password.reveal() for entry, password in passwords.items()}
        private_files.write(file, "passwords", revealed)
    else:
        file.unlink(missing_ok=True)
