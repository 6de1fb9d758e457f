"""The exception tree: everything that leaves this package is a `SeFlowError` (or a cancellation).

Each error says what happened and what to do, survives pickling, and holds no live request, response or
secret.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any


class SeFlowError(Exception):
    """Base of every error of this package.

    Attributes:
        message: what happened and what to do, the same text as ``str(error)``.
        call: the coroutine that failed (``"vms.stop"``), None outside a call.
        request: method and path as sent (``"POST /service/9/vms/4/stop"``), None if nothing was prepared.
        status: HTTP status of the last answer, None where there was none.
        attempts: how many times the request was tried; 0 means that nothing was.
        excerpt: the beginning of the answer, bounded, secrets redacted.
        codes: the panel's own error codes (``("vm_locked",)``), if it gave any.
        retry_after: seconds that the provider asked to wait, if it did.
        may_have_acted: whether an attempt of a *changing* call may have reached the server without its
            answer reaching us. False means: certainly nothing was changed by this call.
        retry_budget_empty: whether it would have been sent again, had not too many calls failed lately.
    """

    def __init__(
        self,
        message: str,
        *,
        call: str | None = None,
        request: str | None = None,
        status: int | None = None,
        attempts: int = 0,
        excerpt: str = "",
        codes: tuple[str, ...] = (),
        retry_after: float | None = None,
        may_have_acted: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.call = call
        self.request = request
        self.status = status
        self.attempts = attempts
        self.excerpt = excerpt
        self.codes = codes
        self.retry_after = retry_after
        self.may_have_acted = may_have_acted
        self.retry_budget_empty = False

    def __str__(self) -> str:
        return self.message


class ConfigurationError(SeFlowError):
    """The client is set up or used wrongly (credentials, base URL, closed client); nothing was sent."""


class InvalidArgument(SeFlowError, ValueError):
    """A value that cannot be right (an id with a slash, negative memory); nothing was sent.

    Attributes:
        argument: the name of the wrong argument in the call's signature (``"max_failures"``), None where no
            single argument is wrong.
    """

    def __init__(self, message: str, *, argument: str | None = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.argument = argument


class TransportError(SeFlowError):
    """The request or its answer was lost on the way: DNS, connection, TLS, reset, cut body."""


class RequestTimeout(TransportError, TimeoutError):
    """No connection, or no complete answer, within the time allowed for one exchange."""


class OutcomeUnknown(SeFlowError):
    """A change was sent, and whether the server acted is not known; it was not sent again.

    ``sent_at`` (aware UTC) is when it was sent last; ``__cause__`` is what went wrong.
    """

    def __init__(self, message: str, *, sent_at: datetime | None = None, **details: Any) -> None:
        super().__init__(message, **{"may_have_acted": True, **details})
        self.sent_at = sent_at


class AuthenticationError(SeFlowError):
    """E-mail or password were refused. Never repeated: panels lock accounts after a few bad logins."""


class AddressNotAllowed(SeFlowError):
    """The panel's allow-list does not contain this machine's address (``ipnotallowed``)."""


class PermissionDenied(SeFlowError):
    """The account may not do this (403)."""


class NotFound(SeFlowError):
    """No such service, VM, invoice …, or no such function on this installation (404)."""


class Throttled(SeFlowError):
    """The provider refused for now, and certainly did not act; ``retry_after`` seconds were asked for."""


class ApiError(SeFlowError):
    """The panel answered that it did not do it; ``codes`` are its own words."""


class ServerError(SeFlowError):
    """The panel broke (5xx) or answered a page where JSON was promised."""


class GatewayError(ServerError):
    """Something in front of the panel (web server, balancer, firewall, challenge page) answered in its place.

    Raised where a page or text that is not the panel's own JSON refuses a request, as a 403 or 404 does: it
    says nothing about the service or VM that was asked for.
    """


class DecodeError(SeFlowError):
    """The answer does not have the shape that this call promises.

    ``path`` is where (``$.vms.18867.memory``); ``payload`` the parsed answer with secrets redacted, None
    where it could not be parsed at all.
    """

    def __init__(self, message: str, *, path: str = "$", payload: Any = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.path = path
        self.payload = payload
