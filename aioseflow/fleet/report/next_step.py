"""Next steps that a report names, in the words of the program that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

PAGE_COLUMNS: Final = 100
"""Width of a page of text where nobody gives one."""

StepName: TypeAlias = Callable[[str, str], str]
"""Gives the name of a next step by its verb (a method of `Fleet`) and the run's id."""


def python_name(verb: str, run_id: str) -> str:
    """Return a next step as a Python program writes it."""
    return f"fleet.{verb}({'' if verb == 'vms' else repr(run_id)})"
