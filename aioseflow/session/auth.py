"""Authentication schemes: how requests prove who sends them. HTTP Basic is the only one today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeAlias

from ..config import Credentials
from ..errors import SeFlowError
from ..secret import Masked, basic_authorization


class Auth(Protocol):
    """The authentication of one pair of credentials. A new scheme is one class with these members.

    `refresh` gets another header for the same credentials, such as a new token. Other credentials get another
    object, made by the `AuthScheme`.
    """

    @property
    def header(self) -> Masked:
        """The value of the ``Authorization`` header.

        The same object is returned until the header changes, because its identity separates late
        refusals of an old header from refusals of the new one.
        """
        ...

    def secrets(self) -> Iterable[str]:
        """Return the texts that are masked wherever a text of the panel repeats them."""
        ...

    def can_refresh(self, refusal: SeFlowError) -> bool:
        """Return True if `refresh` may help after this refusal (an expired token). Called without waiting."""
        ...

    async def refresh(self) -> bool:
        """Get another header. Return True if the refused requests are to be sent again with it.

        Called once for all requests that the panel refused, while the others wait. It is not called again
        before the panel has accepted the new header.
        """
        ...


AuthScheme: TypeAlias = Callable[[Credentials], Auth]
"""Makes the authentication for a pair of credentials; called again for each new pair."""


class BasicAuth:
    """HTTP Basic: the header is the credentials, so after a refusal only other credentials help."""

    def __init__(self, credentials: Credentials) -> None:
        password = Masked(credentials.password.reveal())
        self.header = basic_authorization(credentials.username, password)
        self._secrets = (password, Masked(self.header.removeprefix("Basic ")))

    def secrets(self) -> Iterable[str]:
        """Return the password, and its encoded form as it stands in the header."""
        return self._secrets

    def can_refresh(self, refusal: SeFlowError) -> bool:
        """Return False."""
        return False

    async def refresh(self) -> bool:
        """Return False."""
        return False
