"""The coroutines of the API as commands: their names, and their arguments out of words."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import attrs

from ..endpoints import CALLS
from ..endpoints.account import AccountEndpoints, AccountFields
from ..endpoints.arguments import IpAddress
from ..endpoints.billing import BillingEndpoints
from ..endpoints.domains import DomainsEndpoints
from ..endpoints.services import ServicesEndpoints
from ..endpoints.support import SupportEndpoints
from ..endpoints.vms import VmsEndpoints
from .ending import Refusal
from .terminal import shown

_GROUPS: Final = {
    "account": AccountEndpoints,
    "billing": BillingEndpoints,
    "support": SupportEndpoints,
    "domains": DomainsEndpoints,
    "services": ServicesEndpoints,
    "vms": VmsEndpoints,
}


@attrs.define(eq=False)
class Coroutine:
    """One coroutine of the client, ``changes`` if its call is not a plain reading."""

    name: str
    function: Callable[..., Any]
    changes: bool

    @property
    def summary(self) -> str:
        """The first line of its docstring."""
        line = (inspect.getdoc(self.function) or "").partition("\n")[0]
        return line.replace("``", "").replace("`", "")

    @cached_property
    def positional(self) -> dict[str, Any]:
        """What it needs, in order, with its types."""
        return self._parameters(inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @cached_property
    def options(self) -> dict[str, Any]:
        """What it takes by name, with its types."""
        if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in self._signature.parameters.values()):
            return dict.fromkeys(AccountFields.__annotations__, str)
        return self._parameters(inspect.Parameter.KEYWORD_ONLY)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function)

    def _parameters(self, kind: Any) -> dict[str, Any]:
        types = get_type_hints(self.function)
        return {
            name: types[name]
            for name, parameter in self._signature.parameters.items()
            if parameter.kind is kind and name != "self"
        }

    @property
    def synopsis(self) -> str:
        """How it is written on a command line."""
        words = [_word(name, kind) for name, kind in self.positional.items()]
        for name, kind in self.options.items():
            option = f"--{name.replace('_', '-')} {_word('value', kind)}"
            required = self._signature.parameters.get(name)
            needed = required is not None and required.default is inspect.Parameter.empty
            words.append(option if needed else f"[{option}]")
        return " ".join(["aioseflow api", self.name, *words])

    def bind(self, words: list[str]) -> tuple[list[Any], dict[str, Any]]:
        """Values and options out of the words of a command line. Raises `Refusal`."""
        plain, named = _split(words)
        values: list[Any] = []
        for name, kind in self.positional.items():
            if not plain:
                raise self._wrong(f"{name.upper()} is missing")
            if _is_mapping(kind):
                values.append(self._mapping(name, plain))
                plain = []
            else:
                values.append(self._converted(name, kind, plain.pop(0)))
        if plain:
            raise self._wrong(f"'{shown(plain[0])}' is too much")
        options: dict[str, Any] = {}
        for name, given in named.items():
            kind = self.options.get(name)
            if kind is None:
                raise self._wrong(f"there is no --{shown(name)}")
            if _is_mapping(kind):
                options[name] = self._mapping(name, given)
            elif len(given) > 1:
                raise self._wrong(f"--{name} is given twice")
            else:
                options[name] = self._converted(name, kind, given[0])
        for name, parameter in self._signature.parameters.items():
            needed = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
            if needed and name not in options:
                raise self._wrong(f"--{name.replace('_', '-')} is missing")
        return values, options

    def _converted(self, name: str, kind: Any, word: str) -> Any:
        if get_origin(kind) is Literal:
            if word not in get_args(kind):
                raise self._wrong(f"{name} is one of {', '.join(get_args(kind))}, not '{shown(word)}'")
            return word
        # Ids are text or a number, and travel as text.
        if kind is str or str in get_args(kind):
            return word
        try:
            return int(word)
        except ValueError:
            raise self._wrong(f"{name} is a whole number, not '{shown(word)}'") from None

    def _mapping(self, name: str, words: list[str]) -> dict[str, Any]:
        """``KEY=VALUE``, and ``KEY:ITEM=QUANTITY`` for quantities by item."""
        mapping: dict[str, Any] = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals or not key:
                raise self._wrong(f"{name} is written KEY=VALUE, not '{shown(word)}'")
            resource, colon, item = key.partition(":")
            if name == "resources" and colon:
                inner = mapping.setdefault(resource, {})
                if not isinstance(inner, dict):
                    raise self._wrong(f"{shown(resource)} is given twice")
                inner[item] = self._converted("a quantity", int, value)
            elif key in mapping:
                raise self._wrong(f"{shown(key)} is given twice")
            else:
                mapping[key] = value
        return mapping

    def _wrong(self, what: str) -> Refusal:
        return Refusal(f"{what}; {self.synopsis}")


def _split(words: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Plain words, and those behind ``--name`` (or after its ``=``)."""
    plain: list[str] = []
    named: dict[str, list[str]] = {}
    rest = iter(words)
    for word in rest:
        if not word.startswith("--") or word == "--":
            plain.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not equals:
            following = next(rest, None)
            if following is None:
                raise Refusal(f"--{shown(name)} needs a value")
            value = following
        named.setdefault(name.replace("-", "_"), []).append(value)
    return plain, named


def _is_mapping(kind: Any) -> bool:
    kinds = get_args(kind) if get_origin(kind) is not Mapping else (kind,)
    return any(get_origin(one) is Mapping for one in kinds)


def _word(name: str, kind: Any) -> str:
    if _is_mapping(kind):
        return "IP=HOST ..." if IpAddress in get_args(kind) or name == "names" else "RESOURCE=ITEM"
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if name != "value":
        return name.upper()
    return "TEXT" if kind is str or str in get_args(kind) else "NUMBER"


COROUTINES: Final[dict[str, Coroutine]] = {
    call.name: Coroutine(
        call.name,
        getattr(_GROUPS[call.name.partition(".")[0]], call.name.partition(".")[2]),
        call.changes,
    )
    for call in CALLS
}
"""Every coroutine by its name, in the order of the provider's document."""
