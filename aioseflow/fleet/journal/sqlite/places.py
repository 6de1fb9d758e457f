"""Where a journal may be: in a file, and on a local disk."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Final

from ....errors import ConfigurationError
from ..faults import JournalError

_NETWORK: Final = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smbfs", "ncpfs", "afs", "ceph", "lustre", "glusterfs"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph"),
    ]
)
_ESCAPE: Final = re.compile(r"\\([0-7]{3})")


def file_system(mountinfo: str, path: str) -> str | None:
    """The type of the file system that an absolute path is on, by the text of ``/proc/self/mountinfo``."""
    best, kind = -1, None
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = _ESCAPE.sub(lambda match: chr(int(match[1], 8)), fields[4])
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two mounts on one point the later hides the earlier.
        if inside and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind


def is_network(kind: str | None) -> bool:
    """Whether a file system of that type may have other machines on it."""
    return kind is not None and (kind in _NETWORK or kind.startswith("smb"))


def refuse_network(path: Path) -> None:
    """Raise `JournalError` where the path is on a network file system; only Linux says so."""
    if not sys.platform.startswith("linux"):
        return
    try:
        # Bytes that are no UTF-8 have to compare equal to those of the path.
        mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    # os.path: what a link leads to counts, and a file that is not there yet has a place nevertheless.
    kind = file_system(mountinfo, os.path.realpath(path))
    if is_network(kind):
        raise JournalError(
            f"the journal {path} would be on a network file system ({kind}), where neither locks nor the "
            f"memory that SQLite's WAL shares between processes can be relied on; put it on a local disk"
        )


def named(path: str | os.PathLike[str]) -> Path:
    """The absolute path of the file that is named. Raises `ConfigurationError` where none can be."""
    name = os.fspath(path)
    if not isinstance(name, str) or not name.strip() or "\0" in name or name.startswith((":", "file:")):
        raise ConfigurationError(f"journal={path!r:.100} names no file; give the path of one")
    if name.endswith((os.sep, f"{os.sep}.", f"{os.sep}..")) or name in (".", "..", "~"):
        raise ConfigurationError(f"journal={name!r} is a directory; name a file in it")
    expanded = os.path.expanduser(name)  # noqa: PTH111 - it leaves alone what it cannot expand
    if expanded.startswith("~"):
        raise ConfigurationError(f"journal={name!r}: there is no such home; give the whole path")
    # Absolute, so that it stays the same file when the process changes its directory.
    return Path(os.path.abspath(expanded))  # noqa: PTH100 - it asks nothing of the disk


def inode(path: Path) -> tuple[int, int] | None:
    """Which file a path leads to, None if to none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
