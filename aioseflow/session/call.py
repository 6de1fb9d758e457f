"""What one API call is: a frozen declaration, made once beside its coroutine."""

from __future__ import annotations

import re
from typing import Generic, TypeVar, get_origin

import attrs

from ..safety import Safety

T = TypeVar("T")

PLACEHOLDER = re.compile(r"\{(\w+)\}")


READ = Safety.READ
IDEMPOTENT = Safety.IDEMPOTENT
ONCE = Safety.ONCE


def _alternatives(key: str | tuple[str, ...]) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else tuple(key)


@attrs.frozen(kw_only=True)
class Call(Generic[T]):
    """One method and path of the API.

    ``key`` names where in the answer the result stands (alternatives in order of preference, empty for the
    whole answer); ``identity`` is the path value that says which of several objects was asked for;
    ``may_be_empty`` marks the one call where an empty body is an answer, ``markup`` those that answer a piece
    of HTML; ``makes`` names keys of which a filled one says that a change was accepted. ``path_format`` is
    the path for ``%``, and ``changes`` says whether the call changes something on the server.
    """

    method: str = attrs.field(kw_only=False)
    path_template: str = attrs.field(kw_only=False)
    name: str
    returns: type[T]
    safety: Safety
    key: tuple[str, ...] = attrs.field(default=(), converter=_alternatives)
    identity: str | None = None
    may_be_empty: bool = False
    markup: bool = False
    makes: tuple[str, ...] = ()
    placeholders: tuple[str, ...] = attrs.field(init=False)
    path_format: str = attrs.field(init=False, repr=False)
    changes: bool = attrs.field(init=False, repr=False)

    @placeholders.default
    def _find_placeholders(self) -> tuple[str, ...]:
        return tuple(PLACEHOLDER.findall(self.path_template))

    @path_format.default
    def _as_format(self) -> str:
        return PLACEHOLDER.sub("%s", self.path_template.replace("%", "%%"))

    @changes.default
    def _is_a_change(self) -> bool:
        return self.safety is not READ

    @property
    def is_list(self) -> bool:
        """Whether the result is a list."""
        return get_origin(self.returns) is list

    @property
    def is_keyed(self) -> bool:
        """Whether the result stands under a key, so that it is no word about the answer itself."""
        return bool(self.key) or self.markup

    def __str__(self) -> str:
        return self.name
