"""The door that closes when the credentials are refused: panels lock accounts after a few bad logins."""

from __future__ import annotations

import attrs

from ..errors import SeFlowError


@attrs.define(eq=False)
class AuthCircuit:
    """Closed while the credentials are thought good; opened by the first definite refusal of them."""

    _reason: SeFlowError | None = attrs.field(default=None, init=False)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused without being sent."""
        return self._reason is not None

    def open(self, reason: SeFlowError) -> None:
        """Send nothing more with these credentials."""
        self._reason = self._reason or reason

    def check(self) -> None:
        """Raise the refusal that opened the circuit, as an error of its own that was never sent."""
        if self._reason is not None:
            raise type(self._reason)(
                f"not sent, because an earlier call was refused: {self._reason.message}",
                status=self._reason.status,
                codes=self._reason.codes,
                excerpt=self._reason.excerpt,
            )
