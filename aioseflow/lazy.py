"""Parts of an object that are made when they are first used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, get_type_hints

T = TypeVar("T")


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
