"""What one command line asks for."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import attrs

from ...text import escape
from ..accounts import Accounts
from ..output import OutputOptions
from .noun_table import Verb
from .parameters import is_of_a_vm

if TYPE_CHECKING:
    from ..coroutines import Coroutine

_LONGEST_WORD = 100


@attrs.frozen
class Invocation:
    """One command: the call behind it, with what, of whom, and how the answer is to be written.

    ``title`` is the noun and the verb, ``vm stop``.
    """

    title: str
    verb: Verb
    coroutine: Coroutine
    values: list[Any]
    options: dict[str, Any]
    who: Accounts
    out: OutputOptions

    @property
    def vm(self) -> str:
        """The VM as fleet and help write it, or "" if it is of none."""
        return "/".join(self.values[:2]) if is_of_a_vm(self.coroutine) else ""

    @property
    def look(self) -> str:
        """The command that shows what came of a change, fit for a shell and a terminal."""
        place = self.verb.look.format(vm=_word(self.vm), service=_word(self.values[0]) if self.values else "")
        profile = "".join(f" --profile {_word(name)}" for name in self.who.names)
        return f"aioseflow {place}{profile}"


def _word(text: str) -> str:
    return shlex.quote(escape(text, _LONGEST_WORD))
