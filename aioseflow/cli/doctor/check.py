"""What one check found, and what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from ..exit_code import ExitCode

ORDER: Final = (
    *("configuration", "proxy", "dns", "tcp", "tls"),
    *("api", "clock", "credentials", "allow_list", "throttle", "latency", "calls"),
)
"""The checks of an account. Before those of the first come ``installation`` and ``journal``."""


class CheckVerdict(enum.StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    NOT_CHECKED = "not_checked"


@attrs.frozen
class Check:
    """One check.

    Attributes:
        account: whose; None where it is about this machine.
        check: its name, one of `ORDER`, ``installation`` or ``journal``.
        found: what is so, in a few words; why it was not checked.
        mend: what to do; empty where all is well.
        details: figures and facts for scripts; times in seconds.
    """

    account: str | None
    check: str
    verdict: CheckVerdict
    found: str
    mend: str = ""
    details: Mapping[str, Any] = attrs.Factory(dict)


def told(sentence: str, otherwise: str) -> tuple[str, str]:
    """A refusal's sentence as what is so and what to do, which is ``otherwise`` where it does not say."""
    found, joint, mend = sentence.rpartition("; ")
    return (found, mend) if joint else (sentence, otherwise)


def exit_code_of(checks: Iterable[Check]) -> ExitCode:
    """The exit code: a refused login or address outranks whatever else failed; warnings are none."""
    failed = {check.check for check in checks if check.verdict is CheckVerdict.FAILED}
    if failed & {"credentials", "allow_list"}:
        return ExitCode.AUTHENTICATION
    return ExitCode.ERROR if failed else ExitCode.OK
