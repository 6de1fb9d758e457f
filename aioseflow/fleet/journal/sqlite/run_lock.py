"""Locks of runs: each has one runner, held by an OS lock, which the kernel frees when its holder dies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..faults import JournalError

if TYPE_CHECKING:
    from filelock import BaseFileLock

# A process that only asks whether a lock is held has it for that moment, which must not end the attempt.
_PATIENCE: Final = 0.025


def folder(journal: Path) -> Path:
    """Where the locks of a journal are."""
    return journal.with_name(journal.name + ".locks")


def place(journal: Path, run_id: str) -> Path:
    """The lock file of a run, whatever characters its id has."""
    return folder(journal) / f"{hashlib.sha256(run_id.encode()).hexdigest()[:32]}.lock"


def take(path: Path, *, patience: float = _PATIENCE) -> BaseFileLock | None:
    """Lock a file, which is made where it is missing; None if another process has it.

    Raises `JournalError` where files cannot be locked.
    """
    from filelock import FileLock, Timeout, UnixFileLock

    # One object may be locked in one thread and freed in another.
    lock = FileLock(path, mode=0o600, thread_local=False)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        lock.acquire(timeout=patience, poll_interval=_PATIENCE / 10)
    except Timeout:
        return None
    except (OSError, NotImplementedError) as error:
        raise JournalError(
            f"{path} cannot be locked, so nothing would keep two processes apart: {error}"
        ) from None
    if not isinstance(lock, UnixFileLock):
        # filelock falls back to a file's mere existence, which outlives its maker.
        lock.release()
        raise JournalError(f"{path} is on a file system without locks; put the journal on a local disk")
    return lock


def is_taken(path: Path) -> bool:
    """Whether a living process, this one too, has the lock; asked without writing anything.

    Raises `JournalError` where that cannot be asked.
    """
    import fcntl

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise JournalError(f"{path} cannot be asked whether a process runs it: {error.strerror}") from None
    try:
        # Shared, so that processes that ask do not take each other for the runner.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        raise JournalError(f"{path} cannot be asked whether a process runs it: {error.strerror}") from None
    finally:
        os.close(descriptor)
    return False
