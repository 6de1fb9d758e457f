"""Checks that nobody but its owner can have written a journal: to resume a run of it asks nothing."""

from __future__ import annotations

import os
import shlex
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

from ....private_file import exposure, is_of_another_user
from ..faults import JournalError
from .run_lock import folder as locks_of


def check_folder(path: Path) -> None:
    """Raise `JournalError` where others can change which files are in the folder of a journal.

    A folder such as ``/tmp``, where users cannot touch the files of others, is used.
    """
    folder = path.parent
    found = _status(folder)
    if found is None or (found.st_mode & stat.S_ISVTX and not is_of_another_user(found)):
        return
    _check(folder, found, "or name a file in a folder that is not there yet, which is made for you alone")


def check_files(path: Path, companions: Sequence[Path]) -> None:
    """Raise `JournalError` where others could have written the journal, or what is next to it."""
    for file in (path, *companions, locks_of(path)):
        if (found := _status(file)) is not None:
            _check(file, found, "if nobody else has written it")


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `JournalError` where a journal holds code: triggers and views are not ours."""
    found = connection.execute(
        "SELECT type, name FROM sqlite_schema WHERE type NOT IN ('table', 'index') LIMIT 1"
    ).fetchone()
    if found is not None:
        raise JournalError(
            f"the journal {path} holds the {found[0]!s:.20} {found[1]!s:.60}, which aioseflow never makes: "
            "another program has changed it, so it is not used",
            argument="journal",
        )


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise JournalError(
            f"the journal {path} cannot be used: {error.strerror or error}", argument="journal"
        ) from None


def _check(path: Path, found: os.stat_result, condition: str) -> None:
    if is_of_another_user(found):
        raise JournalError(f"{path} belongs to another user, so the journal is not used", argument="journal")
    if exposure(found):
        raise JournalError(
            f"others can change {path}, so the journal is not used: chmod go-w {shlex.quote(str(path))}, "
            f"{condition}",
            argument="journal",
        )
