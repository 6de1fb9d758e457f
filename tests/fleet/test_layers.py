"""Imports inside the fleet form few floors; `.importlinter` holds their direction."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import aioseflow.fleet

FLOORS_MAX: Final = 9
_FLEET: Final = Path(aioseflow.fleet.__file__).parent
_ROOT: Final = _FLEET.parent.parent
# A package only hands names on: it is no floor of its own.
_MODULES: Final = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts): path
    for path in _FLEET.rglob("*.py")
    if path.name != "__init__.py"
}


def imported_by(name: str) -> Iterator[str]:
    """Yield the modules that a module imports when it is imported, not for type checkers or in functions."""
    package = name.split(".")[:-1]
    statements = list(ast.parse(_MODULES[name].read_text(encoding="utf-8")).body)
    for statement in statements:
        if isinstance(statement, ast.If):
            for_checkers = "TYPE_CHECKING" in ast.unparse(statement.test)
            statements += statement.orelse if for_checkers else statement.body + statement.orelse
        elif isinstance(statement, ast.ImportFrom) and statement.level:
            above = package[: len(package) - statement.level + 1]
            base = ".".join([*above, *filter(None, [statement.module])])
            yield from _MODULES.keys() & {base, *(f"{base}.{alias.name}" for alias in statement.names)}


@cache
def longest_chain(name: str) -> tuple[str, ...]:
    return (name, *max(map(longest_chain, imported_by(name)), key=len, default=()))


def test_a_reader_of_the_fleet_goes_down_few_floors() -> None:
    chain = max(map(longest_chain, _MODULES), key=len)
    assert chain[0] == "aioseflow.fleet.fleet"
    assert len(chain) <= FLOORS_MAX, " -> ".join(chain)
