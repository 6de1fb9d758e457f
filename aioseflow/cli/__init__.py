"""The command line, ``aioseflow``; it needs the extra ``cli``.

Importing this module needs nothing of that, so that a bare installation can say what is missing.
"""

from __future__ import annotations

import gc
import sys
from contextlib import suppress
from importlib.util import find_spec

from ..__about__ import __version__

owns_process = False
"""Whether the process is that of `main`."""


def main() -> None:
    """Run the command line and exit with its code; the codes are those of `exit_code.ExitCode`."""
    from .terminal import fill_closed_descriptors, give_up_streams

    try:
        fill_closed_descriptors()
        words = sys.argv[1:]
        if words == ["--version"]:
            # Without the commands it takes half the time, and no extra; an error is explained by these.
            with suppress(OSError):
                sys.exit(_version())
        missing = [name for name in ("typer", "rich", "platformdirs") if find_spec(name) is None]
        if missing:
            sys.stderr.write(
                f"aioseflow: the command line needs {', '.join(missing)}: pip install 'aioseflow[cli]'\n"
            )
            sys.exit(1)
        global owns_process
        owns_process = True
        from .app import app

        app(prog_name="aioseflow")
    except KeyboardInterrupt:
        # Ctrl-C while modules are still being imported.
        sys.exit(130)
    except OSError as error:
        # A stream that cannot be written, where no command is there yet, or any more, to say so.
        from .terminal import echo_error

        echo_error(error.strerror or str(error))
        give_up_streams()
        sys.exit(1)


def spare_collections() -> None:
    """Keep full garbage collections from holding the loop of a run that is about to begin.

    Each looks through everything there is of 100,000 VMs: the heartbeat that is late once in a thousand times
    was 100 ms late without this, and 17 ms with it. A program that calls the command line as a function keeps
    its collector.
    """
    if owns_process:
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 100)


def _version() -> int:
    from .terminal import echo

    echo(f"aioseflow {__version__}\n")
    return 0
