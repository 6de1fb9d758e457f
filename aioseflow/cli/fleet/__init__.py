"""`aioseflow fleet`: every selected VM at once, and a true word about each."""

from typing import Final

from . import change_commands, plan_commands, run_commands
from .group import app

_ORDER: Final = (
    *("plan", "start", "stop", "reboot", "resize", "destroy", "usage", "apply"),
    *("runs", "status", "failures", "resume", "retry", "restore", "reconcile", "diff", "report"),
)
# As help lists them: what is done, then what was.
app.registered_commands.sort(key=lambda one: _ORDER.index(one.callback.__name__ if one.callback else ""))

__all__ = ["app", "change_commands", "plan_commands", "run_commands"]
