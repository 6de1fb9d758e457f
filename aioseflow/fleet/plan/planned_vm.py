"""What a plan says of each VM, and of each service that could not be listed."""

from __future__ import annotations

import attrs

from ...errors import InvalidArgument, SeFlowError
from ...models import Service, Vm
from ...text import escape
from ..model.outcome import TargetKey
from ..model.target import service_name
from ..model.undiscovered import Undiscovered

_SENTENCE = 300
_NAME = 80


def observe(vm: Vm) -> str:
    """What a plan relies on of a VM, in the words that `StalePlan` compares."""
    lock = "lock unknown" if vm.locked is None else "locked" if vm.locked else "not locked"
    memory = "memory unknown" if vm.memory is None else f"{vm.memory} MB"
    cores = "cores unknown" if vm.cpus is None else f"{vm.cpus} cores"
    return f"{vm.power.value}, {lock}, {memory}, {cores}"


@attrs.frozen(kw_only=True)
class PlannedVm:
    """One selected VM: what is done to it, or why nothing is.

    Attributes:
        power: the `PowerState` word.
        observed: what `observe` says of it.
        do: the name of the action, None where nothing is done.
        why_not: a stable word (``"already_stopped"``, ``"locked"``, ``"excluded"``) where nothing is done.
        batch: the batch that it is in, counted from 1; None without batches or where nothing is done.
    """

    account: str
    service_id: str
    service_name: str
    vm_id: str
    vm_label: str
    power: str
    locked: bool | None
    observed: str
    do: str | None = None
    why_not: str | None = None
    batch: int | None = None

    def __attrs_post_init__(self) -> None:
        if (self.do is None) is (self.why_not is None) or (self.do is None and self.batch is not None):
            raise InvalidArgument(
                f"VM {self.vm_id} of service {self.service_id}: give either do (with its batch) or why_not"
            )

    @classmethod
    def of(
        cls,
        account: str,
        service: Service,
        vm: Vm,
        *,
        do: str | None = None,
        why_not: str | None = None,
        batch: int | None = None,
    ) -> PlannedVm:
        """The entry of a VM as it was read."""
        return cls(
            account=account,
            service_id=service.id,
            service_name=service_name(service),
            vm_id=vm.id,
            vm_label=vm.label or "",
            power=vm.power.value,
            locked=vm.locked,
            observed=observe(vm),
            do=do,
            why_not=why_not,
            batch=batch,
        )

    @property
    def key(self) -> TargetKey:
        """Account, service id and VM id."""
        return self.account, self.service_id, self.vm_id

    @property
    def service_key(self) -> str:
        """``"account/service_id"``."""
        return f"{self.account}/{self.service_id}"

    def __str__(self) -> str:
        label = f" {self.vm_label!r}" if self.vm_label else ""
        return f"VM {self.vm_id}{label} of service {self.service_id}"


def rests_on(planned: PlannedVm, vm: Vm | None) -> bool:
    """Whether nothing is done to a VM because of something that is no longer so of it."""
    if vm is None or planned.why_not in ("excluded", "protected", "locked", "transitional"):
        return False
    if planned.why_not == "already_so":
        return planned.observed.split(", ")[2:] != observe(vm).split(", ")[2:]
    return vm.power.value != planned.power


@attrs.frozen(kw_only=True)
class PlannedLoss:
    """A service (or a whole account, without ids) whose VMs could not be listed when a plan was made.

    Attributes:
        cause: the stable word of `Undiscovered`.
        message: what its error said, in one line; empty where it had none.
    """

    account: str
    service_id: str | None = None
    service_name: str | None = None
    cause: str
    # Not compared: what an error says may have a time in it.
    message: str = attrs.field(default="", eq=False)

    @classmethod
    def of(cls, lost: Undiscovered) -> PlannedLoss:
        """The entry of what could not be listed."""
        return cls(
            account=lost.account,
            service_id=lost.service_id,
            service_name=lost.service_name,
            cause=lost.cause,
            message="" if lost.error is None else escape(str(lost.error), _SENTENCE),
        )

    def as_undiscovered(self) -> Undiscovered:
        """The same for the report of a run that follows the plan."""
        return Undiscovered(
            account=self.account,
            service_id=self.service_id,
            service_name=self.service_name,
            cause=self.cause,
            error=SeFlowError(self.message) if self.message else None,
        )

    def __str__(self) -> str:
        account = escape(self.account, _NAME)
        place = f"account {account}"
        if self.service_id is not None:
            place = f"service {escape(self.service_id, _NAME)} ({account})"
        return f"{place}: {escape(self.cause, _NAME)}" + (
            f": {escape(self.message, _SENTENCE)}" if self.message else ""
        )
