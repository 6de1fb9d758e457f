"""The coroutines of the API as commands: their names, and their arguments out of words."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin, get_type_hints

import attrs

from ..endpoints import CALLS
from ..endpoints.account import AccountEndpoints, AccountFields
from ..endpoints.arguments import IpAddress
from ..endpoints.billing import BillingEndpoints
from ..endpoints.domains import DomainsEndpoints
from ..endpoints.services import ServicesEndpoints
from ..endpoints.support import SupportEndpoints
from ..endpoints.vms import VmsEndpoints
from ..session.call import PLACEHOLDER, Call
from ..text import escape
from .exit_code import Refusal
from .terminal import echo_error

if TYPE_CHECKING:
    from ..client import SeFlow

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
    """One coroutine of the client, and the calls that it makes: one, of ``vms.usage`` one for each kind."""

    name: str
    function: Callable[..., Any]
    calls: tuple[Call[Any], ...]

    @property
    def changes(self) -> bool:
        """Whether it is more than a plain reading."""
        return self.calls[0].changes

    @property
    def many(self) -> bool:
        """Whether it answers a list."""
        return get_origin(self.calls[0].returns) is list

    @property
    def requests(self) -> tuple[str, ...]:
        """Method and path of its calls, ``GET /service/@id``."""
        return tuple(
            " ".join((call.method, PLACEHOLDER.sub(r"@\1", call.path_template))) for call in self.calls
        )

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

    def is_needed(self, option: str) -> bool:
        """Whether it cannot be called without an option."""
        parameter = self._signature.parameters.get(option)
        return parameter is not None and parameter.default is inspect.Parameter.empty

    @property
    def synopsis(self) -> str:
        """How it is written on a command line."""
        words = [_word(name, kind) for name, kind in self.positional.items()]
        for name, kind in self.options.items():
            option = f"--{name.replace('_', '-')} {_word('value', kind)}"
            words.append(option if self.is_needed(name) else f"[{option}]")
        return " ".join(["aioseflow api", self.name, *words])

    def bind(self, words: list[str]) -> tuple[list[Any], dict[str, Any]]:
        """Values and options out of the words of a command line. Raises `Refusal`."""
        plain, named = _split(words)
        try:
            return self.values(plain), self._options(named)
        except Refusal as error:
            raise Refusal(f"{error}; {self.synopsis}") from None

    def values(self, words: list[str]) -> list[Any]:
        """What it needs, out of words in order. Raises `Refusal`."""
        rest = list(words)
        values: list[Any] = []
        for name, kind in self.positional.items():
            if not rest:
                raise Refusal(f"{name.upper()} is missing")
            if is_mapping(kind):
                values.append(mapping(name, rest))
                rest = []
            else:
                values.append(_converted(name, kind, rest.pop(0)))
        if rest:
            raise Refusal(f"'{escape(rest[0])}' is too much")
        return values

    def _options(self, named: dict[str, list[str]]) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for name, given in named.items():
            kind = self.options.get(name)
            if kind is None:
                raise Refusal(f"there is no --{escape(name)}")
            if is_mapping(kind):
                options[name] = mapping(name, given)
            elif len(given) > 1:
                raise Refusal(f"--{name} is given twice")
            else:
                options[name] = _converted(name, kind, given[0])
        for name in self.options:
            if self.is_needed(name) and name not in options:
                raise Refusal(f"--{name.replace('_', '-')} is missing")
        return options

    async def call(
        self, seflow: SeFlow, values: list[Any], options: dict[str, Any], *, look: str = ""
    ) -> Any:
        """Make the call. A change that was sent and then cancelled says so on stderr, and where to look."""
        group, _, method = self.name.partition(".")
        with seflow.capture() as exchanges:
            try:
                return await getattr(getattr(seflow, group), method)(*values, **options)
            except asyncio.CancelledError:
                if self.changes and any(exchange.sent for exchange in exchanges):
                    more = f"; {look} shows" if look else ""
                    echo_error(f"{self.name} was sent, and whether the panel acted is not known{more}")
                raise


def mapping(name: str, words: list[str]) -> dict[str, Any]:
    """``KEY=VALUE``, and of ``resources`` ``KEY:ITEM=QUANTITY`` for quantities by item. Raises `Refusal`."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise Refusal(f"{name} is written KEY=VALUE, not '{escape(word)}'")
        resource, colon, item = key.partition(":")
        if name == "resources" and colon:
            inner = found.setdefault(resource, {})
            if not isinstance(inner, dict):
                raise Refusal(f"{escape(resource)} is given twice")
            if item in inner:
                raise Refusal(f"{escape(key)} is given twice")
            inner[item] = _converted("a quantity", int, value)
        elif key in found:
            raise Refusal(f"{escape(key)} is given twice")
        else:
            found[key] = value
    return found


def is_mapping(kind: Any) -> bool:
    """Whether a type is a mapping, or one of several that are possible."""
    kinds = get_args(kind) if get_origin(kind) is not Mapping else (kind,)
    return any(get_origin(one) is Mapping for one in kinds)


def is_text(kind: Any) -> bool:
    """Whether it travels as text: ids are text or a number, and sent as they are written."""
    return kind is str or str in get_args(kind)


def _converted(name: str, kind: Any, word: str) -> Any:
    if get_origin(kind) is Literal:
        if word not in get_args(kind):
            raise Refusal(f"{name} is one of {', '.join(get_args(kind))}, not '{escape(word)}'")
        return word
    if is_text(kind):
        return word
    try:
        return int(word)
    except ValueError:
        raise Refusal(f"{name} is a whole number, not '{escape(word)}'") from None


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
                raise Refusal(f"--{escape(name)} needs a value")
            value = following
        named.setdefault(name.replace("-", "_"), []).append(value)
    return plain, named


def _word(name: str, kind: Any) -> str:
    if is_mapping(kind):
        return "IP=HOST ..." if IpAddress in get_args(kind) or name == "names" else "RESOURCE=ITEM"
    if get_origin(kind) is Literal:
        return "|".join(get_args(kind))
    if name != "value":
        return name.upper()
    return "TEXT" if is_text(kind) else "NUMBER"


def _coroutines() -> dict[str, Coroutine]:
    calls: dict[str, list[Call[Any]]] = {}
    for call in CALLS:
        calls.setdefault(call.name, []).append(call)
    return {
        name: Coroutine(
            name, getattr(_GROUPS[name.partition(".")[0]], name.partition(".")[2]), tuple(several)
        )
        for name, several in calls.items()
    }


COROUTINES: Final = _coroutines()
"""Every coroutine by its name, in the order of the provider's document."""
