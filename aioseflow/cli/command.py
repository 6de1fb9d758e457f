"""How commands are declared: options that belong together are declared once and arrive as one object."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast, get_type_hints

import attrs
import typer

T = TypeVar("T")
Function = TypeVar("Function", bound=Callable[..., Any])

_TAKES_ANYTHING: Final = {"allow_extra_args": True, "ignore_unknown_options": True}


@attrs.frozen
class _Given:
    make: Callable[..., Any]


def given(make: Callable[..., T]) -> T:
    """The default of a command's parameter that ``make`` builds from options of its own.

    The parameters of ``make`` become options of the command, in the place of that parameter.
    """
    return cast("T", _Given(make))


def command(
    app: typer.Typer,
    name: str | None = None,
    *,
    hidden: bool = False,
    takes_anything: bool = False,
) -> Callable[[Function], Function]:
    """Declare a command of ``app``: a function that returns its exit code."""

    def declare(function: Function) -> Function:
        settings = dict(_TAKES_ANYTHING) if takes_anything else None
        app.command(name, hidden=hidden, context_settings=settings)(spread(function))
        return function

    return declare


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function as typer reads it: with a parameter for each option, none for what they make."""
    taken = inspect.signature(function).parameters
    made = {name: one.default.make for name, one in taken.items() if isinstance(one.default, _Given)}
    options = {name: _options(make) for name, make in made.items()}
    parameters: list[inspect.Parameter] = []
    for one in _options(function):
        parameters += options.get(one.name, [one])

    @functools.wraps(function)
    def spreaded(**values: Any) -> Any:
        for name, make in made.items():
            values[name] = make(**{one.name: values.pop(one.name) for one in options[name]})
        return function(**values)

    spreaded.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    spreaded.__annotations__ = {one.name: one.annotation for one in parameters}
    return spreaded


def _options(function: Callable[..., Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    return [
        # By name only: options without a default may then follow those with one.
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(function).parameters.values()
    ]
