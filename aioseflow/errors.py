"""The exception tree: every exception of this package is a `SeFlowError` (or a cancellation).

Each error says what happened and what to do, can be pickled, and holds no live request, response or secret.
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
        attempts: the number of attempts; 0 means that nothing was sent.
        excerpt: the beginning of the answer, bounded, secrets redacted.
        codes: the panel's error codes (``("vm_locked",)``), if any.
        retry_after: seconds to wait before the next attempt, if the panel named them.
        may_have_acted: whether an attempt of a *changing* call may have reached the panel while its answer
            was lost. False means that this call has certainly changed nothing.
        retry_budget_empty: whether the call was not sent again only because too many calls had failed.
        never_left: whether no attempt left this machine, because the panel could not be reached.
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
        self.never_left = False

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
    """No connection, or no complete answer, within the time-outs of one request."""


class OutcomeUnknown(SeFlowError):
    """A change was sent, its answer was lost, and it was not sent again: the panel may have acted or not.

    ``sent_at`` (aware UTC) is the time of the last attempt; ``__cause__`` is its error.
    """

    def __init__(self, message: str, *, sent_at: datetime | None = None, **details: Any) -> None:
        super().__init__(message, **{"may_have_acted": True, **details})
        self.sent_at = sent_at


class AuthenticationError(SeFlowError):
    """Wrong e-mail or password. Never sent again, because panels lock accounts after a few bad logins."""


class AddressNotAllowed(SeFlowError):
    """The panel's allow-list does not contain this machine's address (``ipnotallowed``)."""


class PermissionDenied(SeFlowError):
    """The account has no permission for the call (403)."""


class NotFound(SeFlowError):
    """The panel knows no service, VM, invoice … with this id, or has no such function (404)."""


class Throttled(SeFlowError):
    """The panel refused for ``retry_after`` seconds, and certainly did not act."""


class ApiError(SeFlowError):
    """The panel answered that it did not act; ``codes`` are its error codes."""


class ServerError(SeFlowError):
    """The panel failed (5xx), or sent a web page instead of data."""


class GatewayError(ServerError):
    """A machine in front of the panel (web server, balancer, firewall, challenge page) answered in its place.

    Raised where a page or text that is not the panel's JSON refuses a request (403, 404): it says nothing
    about the service or VM of the request.
    """


class DecodeError(SeFlowError):
    """The answer does not have the shape that the call expects.

    ``path`` is the place (``$.vms.18867.memory``); ``payload`` is the parsed answer with secrets redacted,
    None where it could not be parsed.
    """

    def __init__(self, message: str, *, path: str = "$", payload: Any = None, **details: Any) -> None:
        super().__init__(message, **details)
        self.path = path
        self.payload = payload
