"""The login circuit: opens when credentials are refused, because panels lock accounts after bad logins."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import attrs

from ..callables import warn
from ..config import Credentials
from ..errors import AuthenticationError, SeFlowError
from ..secret import Masked, Secret
from .auth import Auth, AuthScheme, BasicAuth
from .scrub import Scrubber

NewCredentials: TypeAlias = tuple[str, str | Secret] | None
AskForCredentials: TypeAlias = Callable[[], NewCredentials | Awaitable[NewCredentials]]
"""Called, and awaited if need be, after a refusal: returns another e-mail address and password, or None."""

_log: Final = logging.getLogger("aioseflow.circuit")


@attrs.define(eq=False)
class AuthCircuit:
    """Circuit breaker for refused credentials: closed until the panel's first definite refusal.

    ``proven`` says that the panel has accepted the current header; until then requests go one at a time.
    """

    credentials: Credentials
    ask: AskForCredentials | None = None
    scheme: AuthScheme = BasicAuth
    proven: bool = attrs.field(default=False, init=False)
    scrub: Scrubber = attrs.field(factory=Scrubber, init=False, repr=False)
    """Masks every secret that this client ever used in the panel's texts."""
    authorization: Masked = attrs.field(init=False, repr=False)
    """The value of the ``Authorization`` header; its identity marks with which header a request was sent."""
    _auth: Auth = attrs.field(init=False, repr=False)
    _reason: SeFlowError | None = attrs.field(default=None, init=False)
    _was_refreshed: bool = attrs.field(default=False, init=False)
    _was_asked: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._use(self.credentials)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused without being sent."""
        return self._reason is not None

    def accepted(self) -> None:
        """Note that the panel answered and did not refuse the credentials."""
        if self._reason is None:
            self.proven, self._was_refreshed, self._was_asked = True, False, False

    def open(self, reason: SeFlowError) -> bool:
        """Stop sending with this header. Return False if the circuit was open already."""
        was_open = self._reason is not None
        self._reason = self._reason or reason
        self.proven = False
        return not was_open

    def refusal(self) -> SeFlowError:
        """Return the error for a call that is not sent because the circuit is open."""
        reason = self._reason
        if reason is None:
            raise RuntimeError("the circuit is closed")
        return type(reason)(
            f"Not sent, because an earlier call was refused. {reason.message}",
            status=reason.status,
            codes=reason.codes,
            excerpt=reason.excerpt,
        )

    def reset(self, credentials: Credentials | None = None) -> None:
        """Close the circuit, with the same credentials or with others."""
        self._was_asked = False
        # A new header object even for the same credentials: a late refusal of the old one must not count.
        self._use(credentials or self.credentials)

    @property
    def why(self) -> str:
        """The message of the refusal that opened the circuit; empty while it is closed."""
        return "" if self._reason is None else self._reason.message

    @property
    def can_refresh(self) -> bool:
        """Whether the scheme can get another header for the same credentials. Once, until it is accepted."""
        reason = self._reason
        return (
            isinstance(reason, AuthenticationError)
            and not self._was_refreshed
            and self._auth.can_refresh(reason)
        )

    async def refresh(self) -> bool:
        """Get another header for the same credentials and close the circuit. Return False without one."""
        self._was_refreshed = True
        try:
            if not await self._auth.refresh():
                return False
        except asyncio.CancelledError:
            # The next refused request tries again.
            self._was_refreshed = False
            raise
        except Exception as error:  # noqa: BLE001 - the caller gets the refusal, which says what to do
            _log_failure("the refresh of the login", error)
            return False
        self._use_header()
        return True

    @property
    def can_ask(self) -> bool:
        """Whether the user's callback may be asked for other credentials. Once, until some are accepted."""
        return self.ask is not None and not self._was_asked and isinstance(self._reason, AuthenticationError)

    async def renew(self) -> bool:
        """Ask for other credentials and close the circuit with them. Return False if there are none."""
        ask = self.ask
        if ask is None:
            return False
        self._was_asked = True
        try:
            given = ask()
            credentials = _checked(await given if inspect.isawaitable(given) else given)
        except Exception as error:  # noqa: BLE001 - the caller gets the refusal, which says what to do
            _log_failure("the callback for new credentials", error)
            return False
        if credentials is None or credentials == self.credentials:
            return False
        self._use(credentials)
        return True

    def _use(self, credentials: Credentials) -> None:
        self.credentials = credentials
        self._auth, self._was_refreshed = self.scheme(credentials), False
        self._use_header()

    def _use_header(self) -> None:
        self._reason, self.proven = None, False
        self.authorization = self._auth.header
        for secret in self._auth.secrets():
            self.scrub.add(secret)


def _checked(new: NewCredentials) -> Credentials | None:
    return None if new is None else Credentials.check(*new)


def _log_failure(what: str, error: Exception) -> None:
    # Its type alone: text and frames of the exception may hold a password or token.
    _log.error("%s failed with %s; the circuit stays open", what, type(error).__name__)
    warn(f"{what} failed with {type(error).__name__}; nothing more is sent with the refused login")
