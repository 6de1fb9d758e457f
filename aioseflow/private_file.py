"""Files for their owner alone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

_NAME_MAX: Final = 40


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
