"""The account protocol: everything that a fleet uses of a client. A test's stand-in may implement it, too."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import attrs

from ...identifiers import Id
from ...models import Accepted, Disk, RdnsEntry, Service, UntrustedHtml, Vm


class ServiceCalls(Protocol):
    """The methods of ``seflow.services`` that a fleet uses."""

    async def list(self) -> builtins.list[Service]: ...

    async def rdns(self, id: Id) -> builtins.list[RdnsEntry]: ...  # noqa: A002 - the contract's name

    async def set_rdns(self, id: Id, names: Mapping[Any, str]) -> Accepted: ...  # noqa: A002


class VmReads(Protocol):
    """The methods that read VMs."""

    async def list(self, service_id: Id) -> builtins.list[Vm]: ...

    async def get(self, service_id: Id, vm_id: Id) -> Vm: ...

    async def disks(self, service_id: Id, vm_id: Id) -> builtins.list[Disk]: ...


class VmCalls(VmReads, Protocol):
    """The methods of ``seflow.vms`` that a fleet uses."""

    async def stop(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def start(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def reboot(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def destroy(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def rebuild_network(self, service_id: Id, vm_id: Id) -> Accepted: ...

    async def resize(
        self,
        service_id: Id,
        vm_id: Id,
        *,
        memory: int | None = None,
        cpu: int | None = None,
        cpu_share: int | None = None,
    ) -> Accepted: ...

    async def resize_disk(self, service_id: Id, vm_id: Id, disk_id: Id, *, size: int) -> Accepted: ...

    async def usage(
        self, service_id: Id, vm_id: Id, kind: Literal["cpu", "net", "disk"]
    ) -> UntrustedHtml: ...


class SentCall(Protocol):
    """Record of one call on the wire."""

    @property
    def sent(self) -> int:
        """Number of its requests that may have reached the panel."""
        ...

    @property
    def refused(self) -> int:
        """Number of these that were refused and certainly did nothing."""
        ...

    @property
    def request(self) -> str:
        """Method and path of the request."""
        ...

    @property
    def waits(self) -> Sequence[float]:
        """Seconds that the call waited before each repeat."""
        ...


class Closeable(Protocol):
    """Something that must end before its account is closed."""

    def cancel(self) -> None: ...

    async def wait_closed(self) -> None: ...


@attrs.frozen(kw_only=True)
class Flow:
    """Flow of an account's requests at one moment. An account may have it as its attribute ``flow``.

    Attributes:
        limit: requests that may be in flight; ``was`` those that might before the panel throttled the
            account, the same number where it does not.
        in_flight: requests that are in flight.
        refused: requests that the panel refused for now, since the account was opened; in `Progress.flows`
            since the run began.
        held: seconds for which nothing is sent, because the panel asked for it or the pace demands it.
        answers: False while the panel does not answer and one request at a time tries whether it does.
        throttled: whether the panel asked to wait or accepts less than before, as a run sees it.
    """

    limit: int
    in_flight: int
    refused: int = 0
    held: float = 0.0
    answers: bool = True
    was: int = 0
    throttled: bool = False


class FleetAccount(Protocol):
    """An account of a fleet, with its own session, gate and login circuit.

    The account may have a `Flow` as its attribute ``flow``, for `Progress`.
    """

    @property
    def name(self) -> str:
        """Name of the account in outcomes and reports."""
        ...

    @property
    def key(self) -> str:
        """Digest of base URL and user name: the same for every client of the account."""
        ...

    @property
    def concurrency(self) -> int:
        """Largest number of requests that may ever be in flight."""
        ...

    @property
    def polls(self) -> VmReads:
        """`vms` for reading VMs back, in a request class of its own at the gate."""
        ...

    @property
    def throttled_for(self) -> float:
        """Seconds for which nothing is sent, because of the panel or the pace; 0 for none."""
        ...

    @property
    def protected(self) -> Any:
        """The VMs that are not touched without being named, as the client was given them."""
        ...

    def limit_state(self) -> Mapping[str, Any]:
        """Return what was learned of the panel's limit, as JSON types; empty where nothing is learned."""
        ...

    def restore_limit(self, state: Mapping[str, Any]) -> None:
        """Start near a limit that an earlier session found, unless something was sent already."""
        ...

    @property
    def services(self) -> ServiceCalls: ...

    @property
    def vms(self) -> VmCalls: ...

    def capture(self) -> AbstractContextManager[Sequence[SentCall]]:
        """Record the calls of a block."""
        ...

    async def has_vm_functions(self, service_id: Id) -> bool | None:
        """Whether a service can have VMs; None if the panel does not say."""
        ...

    def require_open(self) -> None:
        """Raise `ConfigurationError` unless calls can be made now."""
        ...

    def attach(self, run: Closeable) -> None:
        """Cancel the run when the account is closed."""
        ...

    def detach(self, run: Closeable) -> None:
        """Forget a run that has ended."""
        ...


class FleetClient(Protocol):
    """A client that has a `FleetAccount`: `SeFlow`."""

    @property
    def _fleet_account(self) -> FleetAccount: ...


def account_of(client: FleetClient | FleetAccount) -> FleetAccount:
    """Return the account of a client; a stand-in for an account is one itself."""
    stand_in: Any = client
    account: FleetAccount = getattr(stand_in, "_fleet_account", stand_in)
    return account
