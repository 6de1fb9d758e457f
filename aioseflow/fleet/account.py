"""What a fleet needs of an account: `SeFlow` is one, and a test's stand-in may be another."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from ..identifiers import Id
from ..models import Accepted, Service, UntrustedHtml, Vm


class Services(Protocol):
    """``seflow.services``, as far as a fleet uses it."""

    async def list(self) -> builtins.list[Service]: ...


class Lists(Protocol):
    """Reads the VMs of a service."""

    async def list(self, service_id: Id) -> builtins.list[Vm]: ...


class Vms(Lists, Protocol):
    """``seflow.vms``, as far as a fleet uses it."""

    async def stop(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def start(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def reboot(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def usage(
        self, service_id: Id, vm_id: Id, kind: Literal["cpu", "net", "disk"]
    ) -> UntrustedHtml: ...


class Sent(Protocol):
    """What one call did on the wire."""

    @property
    def sent(self) -> int:
        """How many of its requests may have reached the server."""
        ...


class Endable(Protocol):
    """Something that must end before its account does."""

    def cancel(self) -> None: ...

    async def wait_closed(self) -> None: ...


class Account(Protocol):
    """One account of a fleet, with a session, a gate and a circuit of its own."""

    @property
    def name(self) -> str:
        """How outcomes and reports call it."""
        ...

    @property
    def concurrency(self) -> int:
        """How many calls may ever be in flight at once."""
        ...

    @property
    def polls(self) -> Lists:
        """`vms` for reading back what is not finished yet, in a lane of its own."""
        ...

    @property
    def services(self) -> Services: ...

    @property
    def vms(self) -> Vms: ...

    def capture(self) -> AbstractContextManager[Sequence[Sent]]:
        """See what the calls of this block did on the wire."""
        ...

    async def has_vm_functions(self, service_id: Id) -> bool | None:
        """Whether a service can have VMs; None if the installation does not say."""
        ...

    def require_open(self) -> None:
        """Raise `ConfigurationError` where no call could be made."""
        ...

    def adopt(self, run: Endable) -> None:
        """End the run before the account is closed."""
        ...

    def release(self, run: Endable) -> None:
        """The run has ended by itself."""
        ...
