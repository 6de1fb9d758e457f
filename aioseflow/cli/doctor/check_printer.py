"""The checks as people read them: a block for each account, a line for each check, and below it the fix."""

from __future__ import annotations

import sys
from typing import Final

import attrs

from ...text import escape, quantity, wrap
from ..table import print_styled
from ..terminal import columns, echo, is_terminal
from .check import ORDER, Check, CheckVerdict

_WORDS: Final = {
    CheckVerdict.OK: ("ok", "green"),
    CheckVerdict.WARNING: ("warning", "bold yellow"),
    CheckVerdict.FAILED: ("FAILED", "bold red"),
    CheckVerdict.NOT_CHECKED: ("-", "dim"),
}
_WORD, _NAME = 9, 15  # cells
_TEXT_MAX: Final = 1200
_NEXT: Final = dict(zip(("installation", "journal", *ORDER), ("journal", *ORDER), strict=False))
_ERASE: Final = "\r\x1b[2K"


@attrs.define(eq=False)
class CheckPrinter:
    """Print checks as they are made; those skipped for one reason share a line.

    A terminal also shows which one is being made.
    """

    checks: list[Check] = attrs.Factory(list)
    _skipped: list[Check] = attrs.field(factory=list, init=False)
    _awaits: bool = attrs.field(default=False, init=False)

    def add(self, check: Check) -> None:
        """Print one more."""
        self.clear()
        begins = not self.checks or self.checks[-1].account != check.account
        is_skipped = check.verdict is CheckVerdict.NOT_CHECKED
        if begins or not is_skipped or any(check.found != one.found for one in self._skipped):
            self._print_skipped()
        if begins:
            title = "This machine" if check.account is None else escape(check.account, _TEXT_MAX)
            print_styled([((("\n" if self.checks else "") + title,), ("bold",))])
        self.checks.append(check)
        if is_skipped:
            self._skipped.append(check)
        else:
            self._print(check.verdict, check.check, check.found, check.fix)
        following = _NEXT.get(check.check)
        if following is not None and is_terminal(sys.stdout):
            echo(f"{' ' * _WORD}{_spoken(following).ljust(_NAME)}…")
            self._awaits = True

    def clear(self) -> None:
        """Erase the name of the check that is being made."""
        if self._awaits:
            echo(_ERASE)
            self._awaits = False

    def finish(self) -> None:
        """Print what is left, and the result."""
        self.clear()
        self._print_skipped()
        made = {verdict: [one.check for one in self.checks if one.verdict is verdict] for verdict in _WORDS}
        passed = f"{quantity(len(made[CheckVerdict.OK]), 'check')} passed"
        skipped = made[CheckVerdict.NOT_CHECKED]
        counted = f"({passed}, {len(skipped)} skipped)" if skipped else f"({passed})"
        problems = [
            f"{quantity(len(names), word)}: {', '.join(map(_spoken, dict.fromkeys(names)))}"
            for names, word in (
                (made[CheckVerdict.FAILED], "problem"),
                (made[CheckVerdict.WARNING], "warning"),
            )
            if names
        ]
        text = f"{'; '.join(problems) or 'No problems found'} {counted}."
        echo("\n" + "".join(f"{line}\n" for line in wrap(text, columns())))

    def _print_skipped(self) -> None:
        skipped, self._skipped = self._skipped, []
        if len(skipped) == 1:
            self._print(CheckVerdict.NOT_CHECKED, skipped[0].check, f"skipped: {skipped[0].found}", "")
        elif skipped:
            names = ", ".join(_spoken(check.check) for check in skipped)
            self._print(CheckVerdict.NOT_CHECKED, "skipped", f"{names}: {skipped[0].found}", "")

    def _print(self, verdict: CheckVerdict, name: str, found: str, fix: str) -> None:
        word, style = _WORDS[verdict]
        width, indent = columns(), _WORD + _NAME
        first = " " * _WORD + _spoken(name).ljust(_NAME)
        lines = [(line, "") for line in wrap(escape(found, _TEXT_MAX), width, indent, first)]
        if fix:
            bold = "bold" if verdict is CheckVerdict.FAILED else ""
            lines += [(line, bold) for line in wrap(f"fix: {escape(fix, _TEXT_MAX)}", width, indent)]
        head, *rest = lines
        print_styled(
            [((word.ljust(_WORD), head[0][_WORD:]), (style, "")), *(((line,), (own,)) for line, own in rest)]
        )


def _spoken(name: str) -> str:
    return name.replace("_", " ")
