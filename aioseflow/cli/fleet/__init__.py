"""`aioseflow fleet`: every selected VM at once, and a true word about each."""

# In the order of the help.
from . import planned, changes, usage, past  # isort: skip
from .group import app

__all__ = ["app", "changes", "past", "planned", "usage"]
