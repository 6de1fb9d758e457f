"""The nouns, ``aioseflow vm`` and the like: every call of the API under the words that operators use.

`NOUNS` says what there is; the group of one is made when it is asked for by its name, ``nouns.vm``.
"""

from __future__ import annotations

import typer

from .noun_table import NOUNS

__all__ = ["NOUNS"]


def __getattr__(name: str) -> typer.Typer:
    if name not in NOUNS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .noun_commands import group

    return group(NOUNS[name])
