"""The coroutines of the client by their names: what they take, which requests they send, what they return."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, get_origin, get_type_hints

import attrs

from ..endpoints import CALLS
from ..endpoints.account import AccountEndpoints, AccountFields
from ..endpoints.billing import BillingEndpoints
from ..endpoints.domains import DomainsEndpoints
from ..endpoints.services import ServicesEndpoints
from ..endpoints.support import SupportEndpoints
from ..endpoints.vms import VmsEndpoints
from ..safety import Safety
from ..session.call import PLACEHOLDER, Call
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
    """A coroutine of the client and its calls: one, of ``vms.usage`` one for each kind of graph."""

    name: str
    function: Callable[..., Any]
    calls: tuple[Call[Any], ...]

    @property
    def changes(self) -> bool:
        """Whether the call changes something."""
        return self.calls[0].changes

    @property
    def is_once(self) -> bool:
        """Whether the call is never sent again after a lost answer."""
        return self.calls[0].safety is Safety.ONCE

    @property
    def many(self) -> bool:
        """Whether the call returns a list."""
        return get_origin(self.calls[0].returns) is list

    @property
    def item(self) -> type:
        """The class of the objects in the list that the call returns."""
        item: type = self.calls[0].returns.__args__[0]
        return item

    @property
    def requests(self) -> tuple[str, ...]:
        """Methods and paths of the calls, such as ``GET /service/@id``."""
        return tuple(
            " ".join((call.method, PLACEHOLDER.sub(r"@\1", call.path_template))) for call in self.calls
        )

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        line = (inspect.getdoc(self.function) or "").partition("\n")[0]
        return line.replace("``", "").replace("`", "")

    @cached_property
    def positional(self) -> dict[str, Any]:
        """The types of the positional parameters by their names, in order."""
        return self._parameters(inspect.Parameter.POSITIONAL_OR_KEYWORD)

    @cached_property
    def options(self) -> dict[str, Any]:
        """The types of the parameters that are passed by name."""
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
        """Whether an option has no default."""
        parameter = self._signature.parameters.get(option)
        return parameter is not None and parameter.default is inspect.Parameter.empty

    async def call(
        self, seflow: SeFlow, values: list[Any], options: dict[str, Any], *, look: str = ""
    ) -> Any:
        """Make the call and return its answer.

        A change that is cancelled after it was sent is reported on stderr; ``look`` shows its result.
        """
        group, _, method = self.name.partition(".")
        with seflow.capture() as exchanges:
            try:
                return await getattr(getattr(seflow, group), method)(*values, **options)
            except asyncio.CancelledError:
                if self.changes and any(exchange.sent for exchange in exchanges):
                    fix = f"; check with: {look}" if look else ""
                    echo_error(f"{self.name} was sent; it may or may not have taken effect{fix}")
                raise


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
