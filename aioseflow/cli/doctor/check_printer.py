"""The checks as people read them: a block for each account, a line for each check, and what to do below."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import Final

import attrs

from ...text import escape, wrap
from ..table import console_of_stdout
from ..terminal import columns, echo, is_terminal
from .check import ORDER, Check, CheckVerdict

_WORDS: Final = {
    CheckVerdict.OK: "ok",
    CheckVerdict.WARNING: "warning",
    CheckVerdict.FAILED: "FAILED",
    CheckVerdict.NOT_CHECKED: "-",
}
_STYLES: Final = {
    CheckVerdict.OK: "green",
    CheckVerdict.WARNING: "bold yellow",
    CheckVerdict.FAILED: "bold red",
    CheckVerdict.NOT_CHECKED: "dim",
}
_WORD, _NAME = 9, 15  # columns
_INDENT: Final = _WORD + _NAME
_LONGEST: Final = 1200
_NEXT: Final = dict(zip(("installation", "journal", *ORDER), ("journal", *ORDER), strict=False))
_ERASE: Final = "\r\x1b[2K"


@attrs.define(eq=False)
class CheckPrinter:
    """Shows checks as they come; those that were not made for one reason share a line.

    A terminal also shows which one is being made.
    """

    checks: list[Check] = attrs.Factory(list)
    _left_out: list[Check] = attrs.field(factory=list, init=False)
    _awaited: bool = attrs.field(default=False, init=False)

    def add(self, check: Check) -> None:
        """Show one more."""
        self.clear()
        if self._left_out and (check.verdict, check.found) != (
            CheckVerdict.NOT_CHECKED,
            self._left_out[0].found,
        ):
            self._show_left_out()
        if not self.checks or self.checks[-1].account != check.account:
            self._show_left_out()
            echo("\n" if self.checks else "")
            title = "This machine" if check.account is None else escape(check.account, _LONGEST)
            self._print("", title, "bold")
        self.checks.append(check)
        if check.verdict is CheckVerdict.NOT_CHECKED:
            self._left_out.append(check)
        else:
            self._show(check.verdict, [check.check], check.found, check.mend)
        self._await(_NEXT.get(check.check))

    def _await(self, name: str | None) -> None:
        if name is not None and is_terminal(sys.stdout):
            echo(f"{' ' * _WORD}{_spoken(name).ljust(_NAME)}…")
            self._awaited = True

    def clear(self) -> None:
        """Take away what was only for the moment."""
        if self._awaited:
            echo(_ERASE)
            self._awaited = False

    def finish(self) -> None:
        """Show what is left, and what it comes to."""
        self.clear()
        self._show_left_out()
        counts = Counter(check.verdict for check in self.checks)
        parts = [
            _number(counts[verdict], word)
            for verdict, word in (
                (CheckVerdict.FAILED, "failed"),
                (CheckVerdict.WARNING, "warning"),
                (CheckVerdict.NOT_CHECKED, "not checked"),
            )
            if counts[verdict]
        ]
        well = not counts[CheckVerdict.FAILED] and not counts[CheckVerdict.WARNING]
        verdict = "All is well" if well else "Not all is well"
        parts.append(_number(counts[CheckVerdict.OK], "ok"))
        echo(f"\n{verdict}: {', '.join(parts)}.\n")

    def _show_left_out(self) -> None:
        left_out, self._left_out = self._left_out, []
        if left_out:
            self._show(
                CheckVerdict.NOT_CHECKED,
                [check.check for check in left_out],
                left_out[0].found,
                left_out[0].mend,
            )

    def _show(self, verdict: CheckVerdict, names: Sequence[str], found: str, mend: str) -> None:
        words = [_spoken(name) for name in names]
        text = escape(found, _LONGEST)
        if verdict is CheckVerdict.NOT_CHECKED:
            others = f"and {', '.join(words[1:])} are " if len(words) > 1 else ""
            text = f"{others}not checked: {text}"
        word = _WORDS[verdict].ljust(_WORD)
        width = columns()
        first, *rest = wrap(text, width, _INDENT, word + words[0].ljust(_NAME))
        self._print(word, first.removeprefix(word), _STYLES[verdict])
        for line in rest:
            self._print("", line, "")
        if mend:
            for line in wrap(f"mend: {escape(mend, _LONGEST)}", width, _INDENT):
                self._print("", line, "bold" if verdict is CheckVerdict.FAILED else "")

    @staticmethod
    def _print(word: str, text: str, style: str) -> None:
        if not is_terminal(sys.stdout):
            echo(f"{word}{text}".rstrip() + "\n")
            return
        from rich.text import Text

        console = console_of_stdout()
        with console.capture() as captured:
            line = Text.assemble((word, style), text) if word else Text(text, style)
            console.print(line, soft_wrap=True)
        echo(captured.get())


def _number(number: int, word: str) -> str:
    plural = "s" if word == "warning" and number != 1 else ""
    return f"{number} {word}{plural}"


def _spoken(name: str) -> str:
    return name.replace("_", " ")
