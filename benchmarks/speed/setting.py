"""What is measured in one run, and what cannot be."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import attrs

from . import valgrind
from .peers import PEERS
from .table import CANNOT, NOT_THERE, Cell

S = TypeVar("S")
T = TypeVar("T")


@attrs.define
class Setting:
    """Of one run.

    Attributes:
        port: where the server listens.
        quick: whether it is to take less than two minutes.
        pythons: other interpreters, of environments in which aioseflow is installed.
        missing: what is not installed, as it is found out.
    """

    port: int
    quick: bool = False
    pythons: tuple[str, ...] = ()
    missing: set[str] = attrs.field(factory=set)

    def counts(self) -> bool:
        """Whether instructions can be counted."""
        if not valgrind.is_there():
            self.missing.add("valgrind")
        return valgrind.is_there()

    def runs(self, names: Iterable[str]) -> tuple[list[str], dict[str, str]]:
        """Which of these peers can run; the others, and why not."""
        there: list[str] = []
        absent: dict[str, str] = {}
        for name in names:
            lacking = PEERS[name].lacks()
            if lacking is None:
                there.append(name)
            else:
                self.missing.add(lacking)
                absent[name] = NOT_THERE
        return there, absent


def at_once(do: Callable[[S], Mapping[str, T]], parts: Iterable[S]) -> dict[str, T]:
    """What is found of all parts, two at a time: for what is counted, which may be disturbed."""
    with ThreadPoolExecutor(2) as both:
        return {name: each for found in both.map(do, parts) for name, each in found.items()}


def cells(
    of: dict[str, dict[str, float]], absent: dict[str, str], columns: Iterable[str], scale: float = 1.0
) -> dict[str, tuple[Cell, ...]]:
    """The rows of a table of what each did, in the order of the peers."""
    columns = list(columns)
    rows: dict[str, tuple[Cell, ...]] = {}
    for name in PEERS:
        if name in of:
            rows[name] = tuple(_scaled(of[name].get(column), scale) for column in columns)
        elif name in absent:
            rows[name] = (absent[name], *[CANNOT] * (len(columns) - 1))
    return rows


def _scaled(value: float | None, scale: float) -> Cell:
    return None if value is None else float(value * scale)


def say(text: str) -> None:
    """What is being done, for who waits."""
    print(text, file=sys.stderr, flush=True)
