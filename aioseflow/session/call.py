"""The frozen declaration of one API call, written once, above the coroutine that makes it."""

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
    """A method and a path of the API.

    Attributes:
        method: ``"POST"``.
        path_template: ``"/service/{service_id}/vms"``; ``path_format`` is the same for ``%``.
        name: the coroutine, ``"vms.list"``.
        returns: the type of the result.
        safety: whether the request may be sent again.
        key: the keys of the result in the answer, in order of preference; empty for the whole answer.
        identity: the path value that identifies the object, where an answer may hold several.
        may_be_empty: whether an empty body is an answer.
        markup: whether the answer is a piece of HTML.
        makes: keys of which a filled one says that a change was accepted.
        changes: whether the call changes something on the panel.
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
    def _make_path_format(self) -> str:
        return PLACEHOLDER.sub("%s", self.path_template.replace("%", "%%"))

    @changes.default
    def _is_change(self) -> bool:
        return self.safety is not READ

    @property
    def is_list(self) -> bool:
        """Whether the result is a list."""
        return get_origin(self.returns) is list

    @property
    def is_keyed(self) -> bool:
        """Whether the result has a key, so that the words next to it are about the answer and not data."""
        return bool(self.key) or self.markup

    def __str__(self) -> str:
        return self.name
