"""The door that closes when the credentials are refused: panels lock accounts after a few bad logins."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs

from ..config import Credentials
from ..errors import AuthenticationError, SeFlowError
from ..secret import Masked, Secret, basic_authorization
from .scrub import Scrubber

NewCredentials: TypeAlias = tuple[str, str | Secret] | None
AskForCredentials: TypeAlias = Callable[[], NewCredentials | Awaitable[NewCredentials]]
"""Called, and awaited if need be, after a refusal: e-mail address and password to go on with, or None."""

_log: Final = logging.getLogger("aioseflow.circuit")


@attrs.define(eq=False)
class AuthCircuit:
    """Holds the credentials; closed while they are thought good, opened by their first definite refusal.

    ``proven`` says that the panel has answered to them: until then requests go one at a time.
    """

    credentials: Credentials
    ask: AskForCredentials | None = None
    proven: bool = attrs.field(default=False, init=False)
    scrub: Scrubber = attrs.field(factory=Scrubber, init=False, repr=False)
    """Takes every password that this client had out of a panel's texts."""
    authorization: Masked = attrs.field(init=False, repr=False)
    _reason: SeFlowError | None = attrs.field(default=None, init=False)
    _asked: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._use(self.credentials)

    def _use(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self.authorization = basic_authorization(credentials.username, credentials.password.reveal())
        for secret in (credentials.password.reveal(), self.authorization.removeprefix("Basic ")):
            self.scrub.add(secret)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused without being sent."""
        return self._reason is not None

    def answered(self) -> None:
        """The panel answered to the credentials, and did not refuse them."""
        if self._reason is None:
            self.proven, self._asked = True, False

    def open(self, reason: SeFlowError) -> bool:
        """Send nothing more with these credentials; False if the circuit was open already."""
        was_open = self._reason is not None
        self._reason = self._reason or reason
        self.proven = False
        return not was_open

    def check(self) -> None:
        """Raise the refusal that opened the circuit, as an error of its own that was never sent."""
        if self._reason is not None:
            raise self.refusal()

    def refusal(self) -> SeFlowError:
        """The error for a call that is not sent because the circuit is open."""
        reason = self._reason
        if reason is None:
            raise RuntimeError("the circuit is closed")
        return type(reason)(
            f"not sent, because an earlier call was refused: {reason.message}",
            status=reason.status,
            codes=reason.codes,
            excerpt=reason.excerpt,
        )

    def reset(self, credentials: Credentials | None = None) -> None:
        """Try again, with the same credentials or with others."""
        self._reason, self.proven, self._asked = None, False, False
        # A new object even for the same text: a late refusal of what was sent before must not count.
        self._use(credentials or self.credentials)

    @property
    def may_ask(self) -> bool:
        """Whether somebody could give other credentials; once, until some are accepted."""
        return self.ask is not None and not self._asked and isinstance(self._reason, AuthenticationError)

    async def renew(self) -> bool:
        """Ask for other credentials and close the circuit with them; False if there are none."""
        ask = self.ask
        if ask is None:
            return False
        self._asked = True
        try:
            given = ask()
            credentials = _checked(await given if inspect.isawaitable(given) else given)
        except Exception as error:  # noqa: BLE001 - the caller gets the refusal, which is what he has to act on
            # Its type alone: texts and frames of the user's own may hold what he was about to give.
            _log.error(
                "the callback for new credentials failed with %s; the circuit stays open",
                type(error).__name__,
            )
            return False
        if credentials is None or credentials == self.credentials:
            return False
        self._reason, self.proven = None, False
        self._use(credentials)
        return True


def _checked(new: NewCredentials) -> Credentials | None:
    return None if new is None else Credentials.check(*new)
