"""The user's own folders, which a user of a service, a job or a container may not have."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def user_folder(kind: Literal["cache", "config", "state"]) -> Path | None:
    """Return the user's folder for files of aioseflow of this kind; None without a home directory."""
    import platformdirs

    try:
        folder = Path(getattr(platformdirs, f"user_{kind}_path")("aioseflow"))
    except RuntimeError:
        return None
    # Earlier versions of platformdirs leave the ~ where it has no meaning.
    return folder if folder.is_absolute() else None
