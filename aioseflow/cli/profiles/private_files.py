"""Files of their owner alone: refused where others could have read or written them, replaced as a whole."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from ...private_file import OTHERS, OTHERS_WRITE, exposure, is_of_another_user, replace_file
from ...text import escape
from ..exit_code import ExitCode, Refusal, unusable
from ..user_folders import user_folder

_VARIABLE: Final = "AIOSEFLOW_CONFIG"
_VERSION: Final = 1
_PATH_MAX: Final = 300
_LOCK_TIMEOUT_SECONDS: Final = 10.0


def directory() -> Path:
    """Return where profiles are. Raises `Refusal` where there is no such place."""
    place = directory_if_any()
    if place is None:
        fix = f"name a directory with {_VARIABLE}"
        raise Refusal("there is no home directory to keep profiles in", ExitCode.ERROR, fix=fix)
    return place


def directory_if_any() -> Path | None:
    """Return ``AIOSEFLOW_CONFIG``, or the user's folder for configuration; None without a home directory."""
    named = os.environ.get(_VARIABLE)
    if not named:
        return user_folder("config")
    try:
        return Path(named).expanduser()
    except RuntimeError:
        return None


def read(path: Path, key: str, *, secret: bool) -> dict[str, Any]:
    """Return the entries of a file, which are under ``key``; none where there is no file.

    Raises `Refusal` where the file cannot be read, where another user could have written it or, if it is
    ``secret``, have read it, and where it does not have the form that `write` writes.
    """
    match _json(path, secret=secret):
        case None:
            return {}
        case {"version": int(version)} if version > _VERSION:
            what = f"{_quoted(path)} was written by a newer aioseflow"
            raise Refusal(what, ExitCode.ERROR, fix="use that one")
        case {"version": 1, **fields}:
            entries = fields.get(key)
            if isinstance(entries, dict):
                return entries
    raise not_ours(path)


def _json(path: Path, *, secret: bool) -> Any:
    import json

    try:
        with path.open("rb") as file:
            _check(path, os.fstat(file.fileno()), OTHERS if secret else OTHERS_WRITE)
            data = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise unusable(f"{_quoted(path)} cannot be read", error) from None
    try:
        return json.loads(data)
    except ValueError:
        pass
    # Out of the handler: the error there holds the text of the file.
    raise not_ours(path, "is not JSON")


def not_ours(path: Path, what: str = "does not have the form that this aioseflow writes") -> Refusal:
    """Return the error for a file that was edited; its text, which may be secret, is not quoted."""
    fix = "fix it, or move it away and log in again"
    return Refusal(f"{_quoted(path)} {what}", ExitCode.ERROR, fix=fix)


def write(path: Path, key: str, entries: Mapping[str, Any]) -> None:
    """Replace a file at once, readable by its owner alone. Raises `Refusal`."""
    import json

    document = {"version": _VERSION, key: entries}
    try:
        replace_file(path, json.dumps(document, indent=2).encode() + b"\n")
    except OSError as error:
        raise unusable(f"{_quoted(path)} cannot be written", error) from None


@contextmanager
def alone() -> Iterator[Path]:
    """Lock the directory against other processes while the block lasts; create it where it is missing.

    Raises `Refusal`.
    """
    from filelock import FileLock, Timeout

    place = directory()
    try:
        place.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        _check(place, place.stat(), OTHERS_WRITE)
        lock = FileLock(place / ".lock", mode=0o600)
        lock.acquire(timeout=_LOCK_TIMEOUT_SECONDS)
    except Timeout:
        what = f"another aioseflow has been changing {_quoted(place)} for {_LOCK_TIMEOUT_SECONDS:g} s"
        raise Refusal(what, ExitCode.ERROR, fix="try again later") from None
    except OSError as error:
        fix = f"name another directory with {_VARIABLE}"
        raise unusable(f"{_quoted(place)} cannot be used for profiles", error, fix) from None
    try:
        yield place
    finally:
        lock.release()


def _check(path: Path, found: os.stat_result, forbidden: int) -> None:
    name = _quoted(path)
    if is_of_another_user(found):
        raise Refusal(f"{name} belongs to another user, so it is not used", ExitCode.ERROR)
    if what := exposure(found, forbidden):
        mode = "go-w" if forbidden == OTHERS_WRITE else "600"
        raise Refusal(f"others can {what} {name}, so it is not used: chmod {mode} {name}", ExitCode.ERROR)


def _quoted(path: Path) -> str:
    return escape(shlex.quote(os.fspath(path)), _PATH_MAX)
