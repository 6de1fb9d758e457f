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
_FILES: Final = {
    ".".join(path.relative_to(_ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in _FLEET.rglob("*.py")
}
_MODULES: Final = [name for name, path in _FILES.items() if path.name != "__init__.py"]


def names_imported_by(module: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of what is imported with a module: not for type checkers, not in functions."""
    package = module.split(".")[: None if _FILES[module].name == "__init__.py" else -1]
    statements = list(ast.parse(_FILES[module].read_text(encoding="utf-8")).body)
    for statement in statements:
        if isinstance(statement, ast.If):
            for_checkers = "TYPE_CHECKING" in ast.unparse(statement.test)
            statements += statement.orelse if for_checkers else statement.body + statement.orelse
        elif isinstance(statement, ast.ImportFrom) and statement.level:
            above = package[: len(package) - statement.level + 1]
            for alias in statement.names:
                yield ".".join([*above, *filter(None, [statement.module])]), alias.name


def home_of(module: str, name: str) -> str:
    """The module that has a name which a package may only hand on."""
    if f"{module}.{name}" in _FILES:
        return f"{module}.{name}"
    if module in _FILES and _FILES[module].name == "__init__.py":
        for inner, handed_on in names_imported_by(module):
            if handed_on == name:
                return home_of(inner, name)
    return module


@cache
def longest_chain(module: str) -> tuple[str, ...]:
    below = {home_of(*imported) for imported in names_imported_by(module)}.intersection(_MODULES) - {module}
    return (module, *max(map(longest_chain, below), key=len, default=()))


def test_a_reader_of_the_fleet_goes_down_few_floors() -> None:
    chain = max(map(longest_chain, _MODULES), key=len)
    assert chain[0] == "aioseflow.fleet.fleet"
    assert len(chain) <= FLOORS_MAX, " -> ".join(chain)


def test_a_name_that_a_package_hands_on_counts_for_the_module_that_has_it() -> None:
    assert home_of("aioseflow.fleet.journal", "Journal") == "aioseflow.fleet.journal.journal"
    assert "aioseflow.fleet.journal.journal" in {
        home_of(*imported) for imported in names_imported_by("aioseflow.fleet.fleet")
    }
