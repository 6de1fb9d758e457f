"""Opening a journal's file: what it must be, how it is made, and how an older one is brought up to date.

Nothing here opens the file but SQLite itself: to close a file loses all POSIX locks of the process on it, and
with them those of every other connection of this process.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from ..faults import JournalError
from . import run_lock as lock
from .places import refuse_network
from .tables import APPLICATION_ID, Migration
from .trust import check_files, check_folder, check_schema

BUSY_SECONDS: Final = 10.0
CANNOT_BE_MADE: Final = "cannot be made"
CANNOT_BE_OPENED: Final = "cannot be opened"
CANNOT_BE_READ: Final = "cannot be read"
READ_WRITE: Final = "mode=rw"
READ_ONLY: Final = "mode=ro"
_IMMUTABLE: Final = "mode=ro&immutable=1"
_FULL: Final = 2


def companions(path: Path) -> tuple[Path, ...]:
    """The files that SQLite keeps next to a database, where it has them."""
    return tuple(path.with_name(path.name + end) for end in ("-journal", "-wal"))


def connect(path: Path, *, mode: str = READ_WRITE, vfs: str | None = None) -> sqlite3.Connection:
    """A connection without transactions of its own making."""
    uri = f"file:{quote(os.fsencode(path))}?{mode}" + (f"&vfs={vfs}" if vfs else "")
    return _prepared(
        sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    )


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    # Bytes that are no UTF-8 are in one damaged value; read strictly, they would fail a whole query.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    # What somebody put into the schema must not call functions that act outside of the file.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


@contextlib.contextmanager
def translated(path: Path, doing: str, *, full: str = "; free space on its disk") -> Iterator[None]:
    """Raise `JournalError` for what SQLite and the operating system say.

    Where another file would help, the ``argument`` of the error says so; ``full`` is the advice for a full
    disk.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        what = error.strerror if isinstance(error, OSError) and error.strerror else error
        helps = "journal" if doing in (CANNOT_BE_MADE, CANNOT_BE_OPENED) else None
        message = f"the journal {path} {doing}: {what}{_advice(error, full)}"
        raise JournalError(message, argument=helps) from error


def _advice(error: Exception, full: str) -> str:
    name = getattr(error, "sqlite_errorname", "")
    if name.startswith("SQLITE_FULL") or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return full
    if name.startswith("SQLITE_BUSY"):
        return f"; another program has kept it locked for {BUSY_SECONDS:.0f} seconds"
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "; it was left as it is: move it away and a new one is made"
    return ""


def open_database(
    path: Path, *, migrations: Sequence[Migration], trusted: bool = False, vfs: str | None = None
) -> sqlite3.Connection:
    """Open the journal, which is made or brought up to date where needed; ``trusted`` leaves out the search
    for damage.

    Raises `JournalError`; what the path leads to is untouched then.
    """
    refuse_network(path)
    check_folder(path)
    check_files(path, companions(path))
    if not is_there(path):
        _make(path, migrations, vfs)
    elif not trusted:
        with translated(path, CANNOT_BE_READ), closing(_reader(path, vfs)) as connection:
            _check(connection, path, len(migrations))
            _search_for_damage(connection, path)
    with contextlib.ExitStack() as stack:
        with translated(path, CANNOT_BE_OPENED):
            connection = stack.enter_context(closing(connect(path, vfs=vfs)))
            version = _check(connection, path, len(migrations))
            if version < len(migrations):
                _migrate(connection, path, migrations)
            _set_durable(connection, path)
        stack.pop_all()
    return connection


def open_to_read(
    path: Path, *, migrations: Sequence[Migration], trusted: bool = False, vfs: str | None = None
) -> sqlite3.Connection:
    """Open the journal without a lock for writing and without writing, also on a medium that is read-only.

    One of an older version is brought up to date in memory. Where there is no file, the connection is to an
    empty journal in memory. ``trusted`` leaves out the search for damage. Raises `JournalError`.
    """
    refuse_network(path)
    if not is_there(path):
        _refuse_strays(path)
        return _in_memory(None, migrations)
    check_folder(path)
    check_files(path, companions(path))
    with contextlib.ExitStack() as stack, translated(path, CANNOT_BE_READ):
        connection = stack.enter_context(closing(_reader(path, vfs)))
        version = _check(connection, path, len(migrations))
        if not trusted:
            _search_for_damage(connection, path)
        if version < len(migrations):
            return _in_memory(connection, migrations)
        stack.pop_all()
    return connection


def _reader(path: Path, vfs: str | None) -> sqlite3.Connection:
    """A connection to read: where SQLite cannot keep its files next to the journal, without them."""
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(closing(connect(path, mode=READ_ONLY, vfs=vfs)))
        try:
            connection.execute("SELECT 1 FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError as error:
            if not error.sqlite_errorname.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
                raise
        else:
            stack.pop_all()
            return connection
    if _size(companions(path)[-1]) == 0:
        return connect(path, mode=_IMMUTABLE, vfs=vfs)
    # SQLite reads a WAL only where it can keep an index of it.
    with tempfile.TemporaryDirectory(prefix="aioseflow-") as folder:
        copy = Path(folder) / path.name
        for file in (path, companions(path)[-1]):
            shutil.copyfile(file, copy.with_name(file.name))
        with closing(connect(copy, vfs=vfs)) as connection:
            return _in_memory(connection, ())


def _in_memory(source: sqlite3.Connection | None, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Copy a journal into memory, or make an empty one there, and bring it up to date."""
    connection = _prepared(sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False))
    if source is not None:
        source.backup(connection)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for step in migrations[version:]:
        step(connection)
    return connection


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def is_there(path: Path) -> bool:
    """Whether there is anything to be opened: a file without content is a new one."""
    with translated(path, CANNOT_BE_OPENED):
        try:
            found = path.stat()
        except FileNotFoundError:
            return False
    if not stat.S_ISREG(found.st_mode):
        raise JournalError(f"the journal {path} is not a file; name a file")
    return found.st_size > 0


def _check(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The version of the file, if it is a journal that this version can use."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(
            f"{path} is a database of another program; it was left as it is: give the journal another"
        )
    check_schema(connection, path)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > newest:
        raise JournalError(
            f"the journal {path} was written by a newer aioseflow (its schema is version {version}, this one "
            f"knows up to {newest}); it was left as it is: update aioseflow, or name another file"
        )
    return int(version)


def _search_for_damage(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise JournalError(
            f"the journal {path} is damaged ({found!s:.200}); it was left as it is: move it away and "
            "a new one is made"
        )


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """All steps in one transaction, so that a journal is never between two versions."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have done it while this one waited.
        version = _check(connection, path, len(migrations))
        for step in migrations[version:]:
            step(connection)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(error, Exception):
            raise JournalError(
                f"the journal {path} could not be brought to version {len(migrations)} and stays as it was: "
                f"{error}"
            ) from error
        raise


def _set_durable(connection: sqlite3.Connection, path: Path) -> None:
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    connection.execute("PRAGMA synchronous = FULL")
    # macOS: without these an fsync leaves the data in the drive's cache.
    connection.execute("PRAGMA fullfsync = ON")
    connection.execute("PRAGMA checkpoint_fullfsync = ON")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if mode != "wal" or synchronous != _FULL:
        raise JournalError(
            f"the journal {path} cannot be kept durable here (SQLite uses journal_mode={mode}, synchronous="
            f"{synchronous} instead of wal, {_FULL}); put it on a local disk"
        )
    # The first transaction makes the companion files, which are looked for at each commit from then on.
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def _make(path: Path, migrations: Sequence[Migration], vfs: str | None) -> None:
    """Make the file under another name and rename it: killed in between, no half of it is there."""
    with translated(path, CANNOT_BE_MADE):
        _make_folder(path.parent)
        lock_path = lock.folder(path) / "making.lock"
        lock_path.parent.mkdir(mode=0o700, exist_ok=True)
        held = lock.take(lock_path, patience=BUSY_SECONDS)
        if held is None:
            raise JournalError(
                f"another process has been making the journal {path} for {BUSY_SECONDS:.0f} seconds"
            )
        try:
            if not is_there(path):
                _make_locked(path, migrations, vfs)
        finally:
            held.release()


def _refuse_strays(path: Path) -> None:
    for stray in companions(path):
        if _size(stray):
            # SQLite would play it into a new file.
            raise JournalError(
                f"the journal {path} is not there, but {stray.name} is, which is a part of one: put both "
                "together again, or move that away too"
            )


def _make_locked(path: Path, migrations: Sequence[Migration], vfs: str | None) -> None:
    _refuse_strays(path)
    for stray in companions(path):
        stray.unlink(missing_ok=True)
    new = path.with_name(path.name + ".new")
    for leftover in (new, *companions(new)):
        leftover.unlink(missing_ok=True)
    # SQLite makes its files for everybody, less the umask; the companions of this one get its mode.
    os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(connect(new, vfs=vfs)) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute("COMMIT")
            _migrate(connection, path, migrations)
            _set_durable(connection, path)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
