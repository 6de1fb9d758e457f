"""Actions: what can be done to a VM.

Importing this package enters every built-in action into `ACTIONS`, in the order in which help lists them.
"""

from . import power  # isort: split

from . import changes, usage
from .action import ACTIONS, Action, Effect, Skip

__all__ = ["ACTIONS", "Action", "Effect", "Skip", "changes", "power", "usage"]
