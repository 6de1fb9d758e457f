"""Names of a module that are imported on first access (PEP 562), and parts of an object that are made then.

Measured in CPU time: ``import aioseflow`` takes 15 ms this way, and all its names together 290 ms, because
aiohttp and attrs' generated classes take most of that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar, get_type_hints

T = TypeVar("T")


def lazily(
    module_name: str, homes: Mapping[str, str], *, modules: str = ""
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the ``__getattr__`` and ``__dir__`` of a module.

    Type checkers must not see them, because they would then accept every name. For type checkers the module
    has plain imports under ``TYPE_CHECKING``.

    Args:
        module_name: the ``__name__`` of the module.
        homes: maps a submodule of the package, such as ``"actions.power"``, to the names that are imported
            from it, separated by blanks.
        modules: other submodules of the package that are attributes, separated by blanks.
    """
    module = sys.modules[module_name]
    package = module.__package__
    home_of = {name: home for home, names in homes.items() for name in names.split()}
    submodules = {home.partition(".")[0] for home in homes}.union(modules.split())

    def __getattr__(name: str) -> Any:  # noqa: N807 - becomes the module's
        if name in home_of:
            found = getattr(import_module(f".{home_of[name]}", package), name)
        elif name in submodules:
            found = import_module(f".{name}", package)
        else:
            raise AttributeError(f"module {module_name!r} has no attribute {name!r}", name=name, obj=module)
        setattr(module, name, found)  # found by the next access without this function
        return found

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(module), *home_of, *submodules})

    return __getattr__, __dir__


class lazy_part(property, Generic[T]):  # noqa: N801 - a decorator
    """Property whose value is made when it is first used; a test may replace the value.

    On the class its value is an object of the same type on which ``__init__`` was not called, so that
    ``create_autospec(SeFlow)`` finds the methods and their signatures.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        super().__init__(make)
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, owner: Any, kind: type | None = None, /) -> T:  # type: ignore[override]
        if owner is None:
            blank: T = object.__new__(get_type_hints(self._make)["return"])
            return blank
        made: dict[str, T] = vars(owner)
        if self._name not in made:
            made[self._name] = self._make(owner)
        return made[self._name]

    def __set__(self, owner: Any, value: T, /) -> None:
        vars(owner)[self._name] = value

    def __delete__(self, owner: Any, /) -> None:
        vars(owner).pop(self._name, None)
