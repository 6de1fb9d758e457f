"""Passwords in a file beside the profiles, ``passwords.json``, for its owner alone: where no keyring is."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ...secret import Secret
from ...text import escape
from ..exit_code import ExitCode, Refusal
from . import private_files

_FILE: Final = "passwords.json"
_VERSION: Final = 1


def path() -> Path:
    """Where it is, or would be."""
    return private_files.directory() / _FILE


def keep(entry: str, password: Secret) -> None:
    """Store a password. Raises `Refusal`."""
    with private_files.alone() as place:
        _write(place, _read(place) | {entry: password})


def read(entry: str) -> Secret | None:
    """A password, None where there is none. Raises `Refusal`, also where others can read the file."""
    return _read(private_files.directory()).get(entry)


def forget(entry: str) -> None:
    """Remove a password, if it is there; and the file, where it was the last one. Raises `Refusal`."""
    with private_files.alone() as place:
        passwords = _read(place)
        if passwords.pop(entry, None) is not None:
            _write(place, passwords)


def _read(place: Path) -> dict[str, Secret]:
    match private_files.read(place / _FILE, secret=True):
        case None:
            return {}
        case {"version": 1, "passwords": dict(passwords)} if all(
            isinstance(text, str) for text in passwords.values()
        ):
            return {entry: Secret(text) for entry, text in passwords.items()}
    raise Refusal(
        f"{escape(str(place / _FILE), 300)} is not what this aioseflow writes there; "
        "move it away and log in again",
        ExitCode.ERROR,
    )


def _write(place: Path, passwords: dict[str, Secret]) -> None:
    if not passwords:
        (place / _FILE).unlink(missing_ok=True)
        return
    private_files.write(
        place / _FILE,
        {
            "version": _VERSION,
            "passwords": {entry: password.reveal() for entry, password in passwords.items()},
        },
    )
