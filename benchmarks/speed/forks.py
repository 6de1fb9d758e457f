"""Work in forks of this process, each of which ends with it.

Valgrind says at the end of a process how many instructions it took, and a fork begins with its parent's. So a
start-up, which takes as many as a thousand calls, is paid once for all that is counted.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping


def in_forks(tasks: Mapping[str, Callable[[], object]]) -> None:
    """Do each in a fork, one after another; print name and process id of each as JSON."""
    done: dict[str, int] = {}
    for name, task in tasks.items():
        process = os.fork()
        if process == 0:
            status = 1
            try:
                task()
                status = 0
            except BaseException:  # noqa: BLE001 - the fork ends here, whatever happens
                traceback.print_exc()
            sys.stderr.flush()
            os._exit(status)
        if os.waitpid(process, 0)[1]:
            raise SystemExit(f"{name} failed")
        done[name] = process
    print(json.dumps(done))
