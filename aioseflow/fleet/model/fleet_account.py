"""What a fleet needs of an account: `SeFlow` is one, and a test's stand-in may be another."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

import attrs

from ...identifiers import Id
from ...models import Accepted, Disk, RdnsEntry, Service, UntrustedHtml, Vm


class ServiceCalls(Protocol):
    """``seflow.services``, as far as a fleet uses it."""

    async def list(self) -> builtins.list[Service]: ...

    async def rdns(self, id: Id) -> builtins.list[RdnsEntry]: ...  # noqa: A002 - the contract's name

    async def set_rdns(self, id: Id, names: Mapping[Any, str]) -> Accepted: ...  # noqa: A002


class VmReads(Protocol):
    """Reads VMs."""

    async def list(self, service_id: Id) -> builtins.list[Vm]: ...

    async def get(self, service_id: Id, vm_id: Id) -> Vm: ...

    async def disks(self, service_id: Id, vm_id: Id) -> builtins.list[Disk]: ...


class VmCalls(VmReads, Protocol):
    """``seflow.vms``, as far as a fleet uses it."""

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
    """What one call did on the wire."""

    @property
    def sent(self) -> int:
        """How many of its requests may have reached the server."""
        ...

    @property
    def refused(self) -> int:
        """How many of these were turned away, and certainly did nothing."""
        ...

    @property
    def request(self) -> str:
        """Method and path."""
        ...

    @property
    def waits(self) -> Sequence[float]:
        """Seconds that it waited before each repeat."""
        ...


class Closeable(Protocol):
    """Something that must end before its account does."""

    def cancel(self) -> None: ...

    async def wait_closed(self) -> None: ...


@attrs.frozen(kw_only=True)
class Flow:
    """How the requests of an account flow now.

    An account has it as its attribute ``flow`` where it can; it need not.

    Attributes:
        limit: how many requests may be in flight; ``was`` how many might before its provider throttled it,
            the same where it does not.
        in_flight: how many are.
        refused: how many the provider turned away for now: of the account's since it was opened, in
            `Progress.flows` since the run began.
        held: for how many seconds nobody sends, because the provider asked for it or its pace demands it.
        answers: False while the panel does not answer at all, and one request at a time asks whether it does.
        throttled: whether the provider asked to wait, or takes less than it did; as a run sees it.
    """

    limit: int
    in_flight: int
    refused: int = 0
    held: float = 0.0
    answers: bool = True
    was: int = 0
    throttled: bool = False


class FleetAccount(Protocol):
    """One account of a fleet, with a session, a gate and a circuit of its own.

    One that also has a `Flow` as its attribute ``flow`` lets a run say how its requests go.
    """

    @property
    def name(self) -> str:
        """How outcomes and reports call it."""
        ...

    @property
    def key(self) -> str:
        """A digest of base URL and user name: the same for every client of the account, whatever its name."""
        ...

    @property
    def concurrency(self) -> int:
        """How many calls may ever be in flight at once."""
        ...

    @property
    def polls(self) -> VmReads:
        """`vms` for reading back what is not finished yet, in a lane of its own."""
        ...

    @property
    def throttled_for(self) -> float:
        """For how many seconds nobody sends, because the provider asked for it; 0 for none."""
        ...

    @property
    def protected(self) -> Any:
        """The VMs that are never touched without being named, as the client was given them."""
        ...

    def limit_state(self) -> Mapping[str, Any]:
        """What was learned of the provider's limit, fit for JSON; empty where there is nothing to learn."""
        ...

    def restore_limit(self, state: Mapping[str, Any]) -> None:
        """Start near a limit that an earlier session found, unless something was sent already."""
        ...

    @property
    def services(self) -> ServiceCalls: ...

    @property
    def vms(self) -> VmCalls: ...

    def capture(self) -> AbstractContextManager[Sequence[SentCall]]:
        """See what the calls of this block did on the wire."""
        ...

    async def has_vm_functions(self, service_id: Id) -> bool | None:
        """Whether a service can have VMs; None if the installation does not say."""
        ...

    def require_open(self) -> None:
        """Raise `ConfigurationError` where no call could be made."""
        ...

    def attach(self, run: Closeable) -> None:
        """End the run before the account is closed."""
        ...

    def detach(self, run: Closeable) -> None:
        """The run has ended by itself."""
        ...


class FleetClient(Protocol):
    """A client that has a `FleetAccount` of its own: `SeFlow`."""

    @property
    def _fleet_account(self) -> FleetAccount: ...


def account_of(client: FleetClient | FleetAccount) -> FleetAccount:
    """The account of a client; a stand-in for an account is one itself."""
    stand_in: Any = client
    account: FleetAccount = getattr(stand_in, "_fleet_account", stand_in)
    return account
