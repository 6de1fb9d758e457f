"""Names of next steps in a report, as the program that shows it writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

PAGE_COLUMNS: Final = 100
"""Default width of a text."""

StepName: TypeAlias = Callable[[str, str], str]
"""Returns the name of a next step by its verb (a method of `Fleet`) and the run's id."""


def python_name(verb: str, run_id: str) -> str:
    """Return a next step as a Python program writes it."""
    return f"fleet.{verb}({'' if verb == 'vms' else repr(run_id)})"
