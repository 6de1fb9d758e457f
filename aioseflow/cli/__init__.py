"""The command line, ``aioseflow``; it needs the extra ``cli``.

Importing this module needs nothing of that, so that a bare installation can say what is missing.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command line and exit with its code; the codes are those of `ending.Ending`."""
    try:
        missing = [name for name in ("typer", "rich", "platformdirs") if find_spec(name) is None]
        if missing:
            sys.stderr.write(
                f"aioseflow: the command line needs {', '.join(missing)}: pip install 'aioseflow[cli]'\n"
            )
            sys.exit(1)
        from .app import app

        app(prog_name="aioseflow")
    except KeyboardInterrupt:
        # Ctrl-C while modules are still being imported.
        sys.exit(130)
