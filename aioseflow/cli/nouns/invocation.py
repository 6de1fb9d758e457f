"""A command line of a noun, parsed."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import attrs

from ...text import escape
from ..accounts import Accounts
from ..output import OutputOptions
from .call_parameters import is_of_vm
from .noun_table import Verb

if TYPE_CHECKING:
    from ..coroutines import Coroutine


@attrs.frozen
class Invocation:
    """A command (``title``: noun and verb), its call with values and options, accounts and output."""

    title: str
    verb: Verb
    coroutine: Coroutine
    values: list[Any]
    options: dict[str, Any]
    who: Accounts
    out: OutputOptions

    @property
    def vm(self) -> str:
        """The VM as SERVICE/VM, empty if the call is not about a VM."""
        return "/".join(self.values[:2]) if is_of_vm(self.coroutine) else ""

    @property
    def look(self) -> str:
        """The command that shows the result of a change, quoted for a shell."""
        service = _word(self.values[0]) if self.values else ""
        profile = "".join(f" --profile {_word(name)}" for name in self.who.names)
        return f"aioseflow {self.verb.look.format(vm=_word(self.vm), service=service)}{profile}"


def _word(text: str) -> str:
    return shlex.quote(escape(text, 100))
