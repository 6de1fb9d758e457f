"""Files for their owner alone."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

_NAME_MAX: Final = 40

OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def replace_file(path: Path, data: bytes) -> None:
    """Replace a file at once, readable by its owner alone; a link stays a link. Raises `OSError`.

    The data are on the disk before the file has its name, so that a crash leaves the old file or the new one.
    """
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:_NAME_MAX]}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def is_of_another_user(found: os.stat_result) -> bool:
    """Whether a file belongs to a user who is neither this one nor root; root may use the files of all."""
    me = os.geteuid()
    return me != 0 and found.st_uid not in {me, 0}


def exposure(found: os.stat_result, forbidden: int = OTHERS_WRITE) -> str | None:
    """Return what others can do with a file, ``"read"`` or ``"change"``; None where that is not forbidden.

    Args:
        found: the state of the file.
        forbidden: the bits of its mode that it must not have.
    """
    bits = found.st_mode & forbidden
    if not bits:
        return None
    return "read" if bits & ~OTHERS_WRITE else "change"
