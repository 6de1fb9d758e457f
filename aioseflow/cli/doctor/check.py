"""A check of `aioseflow doctor`: what was found, and what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from ...text import duration
from ..exit_code import ExitCode

ORDER: Final = (
    *("configuration", "proxy", "dns", "tcp", "tls"),
    *("api", "clock", "credentials", "allow_list", "throttle", "latency", "calls"),
)
"""The checks of an account. ``installation`` and ``journal`` come before those of the first account."""


class CheckVerdict(enum.StrEnum):
    """The result of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@attrs.frozen
class Check:
    """A check and what it found.

    Attributes:
        account: whose; None where it is about this machine.
        check: its name, one of `ORDER`, ``installation`` or ``journal``.
        found: what is so, in a few words; why it was not checked.
        fix: what to do; empty where nothing is wrong.
        details: figures and facts for scripts; times in seconds.
    """

    account: str | None
    check: str
    verdict: CheckVerdict
    found: str
    fix: str = ""
    details: Mapping[str, Any] = attrs.Factory(dict)


@attrs.frozen
class Checker:
    """Make checks of one account, or of this machine (None)."""

    account: str | None = None

    def ok(self, name: str, found: str, **details: Any) -> Check:
        """Return a check that passed."""
        return Check(self.account, name, CheckVerdict.OK, found, "", details)

    def warning(self, name: str, found: str, fix: str, **details: Any) -> Check:
        """Return a check that passed, with something that will become a problem."""
        return Check(self.account, name, CheckVerdict.WARNING, found, fix, details)

    def failed(self, name: str, found: str, fix: str, **details: Any) -> Check:
        """Return a check that failed."""
        return Check(self.account, name, CheckVerdict.FAILED, found, fix, details)

    def skipped(self, name: str, why: str, **details: Any) -> Check:
        """Return a check that was not made."""
        return Check(self.account, name, CheckVerdict.NOT_CHECKED, why, "", details)


def exit_code_of(checks: Iterable[Check]) -> ExitCode:
    """Return the exit code: a refused login or address outranks other failures; warnings do not count."""
    failed = {check.check for check in checks if check.verdict is CheckVerdict.FAILED}
    if failed & {"credentials", "allow_list"}:
        return ExitCode.AUTHENTICATION
    return ExitCode.ERROR if failed else ExitCode.OK


def span(seconds: float) -> str:
    """Return seconds as ``4 ms``, ``1.5 s``, ``33 min 20 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)
