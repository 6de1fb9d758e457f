"""The command line, ``aioseflow``, which needs the extra ``cli``.

This module imports nothing of the extra, so that a bare installation can report what is missing.
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
    from .terminal import echo, echo_error, fill_closed_descriptors, give_up_streams

    try:
        fill_closed_descriptors()
        words = sys.argv[1:]
        if words == ["--version"]:
            # Without the commands it takes half the time, and no extra; the commands explain an error.
            with suppress(OSError):
                echo(f"aioseflow {__version__}\n")
                sys.exit(0)
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
        # A stream cannot be written, before a command could report it or after it has ended.
        echo_error(error.strerror or str(error))
        give_up_streams()
        sys.exit(1)


def spare_collections() -> None:
    """Keep full garbage collections from holding the loop of a run that is about to begin.

    A full collection visits every object of 100,000 VMs: the 99.9th percentile of a heartbeat's delay was
    100 ms without this and 17 ms with it. A program that calls the command line as a function keeps its own
    settings.
    """
    if owns_process:
        gc.collect()
        gc.freeze()
        gc.set_threshold(700, 10, 100)
