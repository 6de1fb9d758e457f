"""Files for their owner alone: refused where others could have read or written them, replaced whole."""

from __future__ import annotations

import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ...text import escape
from ..exit_code import ExitCode, Refusal

_VARIABLE: Final = "AIOSEFLOW_CONFIG"
_LONGEST_PATH: Final = 300
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_PATIENCE: Final = 10.0


def directory() -> Path:
    """Where profiles are: what ``AIOSEFLOW_CONFIG`` names, or the user's folder for configuration."""
    named = os.environ.get(_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("aioseflow")


def read(path: Path, *, secret: bool) -> Any:
    """The JSON of a file, None where there is no file.

    Raises `Refusal` where it cannot be read, where somebody else could have written it or, if it is
    ``secret``, have read it.
    """
    import json

    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()), _OTHERS if secret else _OTHERS_WRITE)
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refusal(f"{_shown(path)} cannot be read ({error.strerror or error})", ExitCode.ERROR) from None
    try:
        return json.loads(data)
    except ValueError:
        found = None
    # Out of the handler: the error there would hold the text of the file.
    return found if found is not None else _broken(path)


def _broken(path: Path) -> Any:
    raise Refusal(f"{_shown(path)} is no JSON; mend it, or move it away and log in again", ExitCode.ERROR)


def write(path: Path, document: Any) -> None:
    """Replace a file by JSON at once, readable by its owner alone. Raises `Refusal`."""
    import json

    data = json.dumps(document, indent=2).encode() + b"\n"
    try:
        # Where the file is a link to one kept elsewhere, it stays a link.
        target = Path(os.path.realpath(path))
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Refusal(
            f"{_shown(path)} cannot be written ({error.strerror or error})", ExitCode.ERROR
        ) from None


@contextmanager
def alone() -> Iterator[Path]:
    """The directory, made where it is missing, with no other process changing it while the block lasts.

    Raises `Refusal`.
    """
    from filelock import FileLock, Timeout

    place = directory()
    try:
        place.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        _check(place, place.stat(), _OTHERS_WRITE)
        lock = FileLock(place / ".lock", mode=0o600)
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise Refusal(
            f"another aioseflow has been changing {_shown(place)} for {_PATIENCE:g} s; try again later",
            ExitCode.ERROR,
        ) from None
    except OSError as error:
        raise Refusal(
            f"{_shown(place)} cannot be used for profiles ({error.strerror or error}); "
            f"name another directory with {_VARIABLE}",
            ExitCode.ERROR,
        ) from None
    try:
        yield place
    finally:
        lock.release()


def _check(path: Path, found: os.stat_result, forbidden: int) -> None:
    me = os.geteuid()
    if me != 0 and found.st_uid not in {me, 0}:
        raise Refusal(f"{_shown(path)} belongs to another user, so it is not used", ExitCode.ERROR)
    if found.st_mode & forbidden:
        what = "read" if found.st_mode & forbidden & ~_OTHERS_WRITE else "change"
        mode = "go-w" if forbidden == _OTHERS_WRITE else "600"
        raise Refusal(
            f"others can {what} {_shown(path)}, so it is not used: chmod {mode} {_shown(path)}",
            ExitCode.ERROR,
        )


def _shown(path: Path) -> str:
    return escape(shlex.quote(os.fspath(path)), _LONGEST_PATH)
