"""The names of options in place of the names of the library's arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import get_type_hints

from typer.models import OptionInfo

from ...errors import InvalidArgument


def option_of(argument: str) -> str:
    """Return the option for an argument of `Fleet`'s methods, the argument itself where there is none."""
    return _options().get(argument, argument)


@cache
def _options() -> dict[str, str]:
    from .change_commands import resize_options
    from .rollout_options import rollout_options
    from .select_options import selection_options

    # In an annotation, typer keeps the first name of an option where a default would be.
    return {
        name: str(fact.default)
        for declared in (rollout_options, selection_options, resize_options)
        for name, hint in get_type_hints(declared, include_extras=True).items()
        for fact in getattr(hint, "__metadata__", ())
        if isinstance(fact, OptionInfo)
    }


@contextmanager
def options_in_errors() -> Iterator[None]:
    """Name the option in an `InvalidArgument` that the block raises.

    The library's messages begin or end with the name of the argument that is wrong.
    """
    try:
        yield
    except InvalidArgument as error:
        if error.argument is not None:
            option, bare = option_of(error.argument), error.message.removeprefix(error.argument)
            if bare != error.message:
                error.message = option + bare
            elif error.message.endswith(error.argument):
                error.message = error.message.removesuffix(error.argument) + option
        raise
