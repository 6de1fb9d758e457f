"""The entries of a plan: each selected VM, and each service that could not be listed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from ...errors import InvalidArgument, SeFlowError
from ...models import Service, Vm
from ...text import escape
from ..model.outcome import TargetKey
from ..model.target import service_name
from ..model.undiscovered import Undiscovered

_SENTENCE_CHARACTERS: Final = 300
_NAME_CHARACTERS: Final = 80

NOT_FOUND: Final = "not_found"
"""Why nothing is done to a VM of an earlier run that does not exist any more."""

_INDEPENDENT_OF_STATE: Final = frozenset({"excluded", "protected", "locked", "transitional"})
"""Reasons to leave a VM alone that hold for the plan, whatever the VM's power is later."""


@attrs.frozen
class VmFacts:
    """The facts of a VM that a plan relies on."""

    power: str
    locked: bool | None
    memory: int | None
    cpus: int | None

    @classmethod
    def of(cls, vm: Vm) -> VmFacts:
        """Return the facts of a VM as a list or a reading shows it."""
        return cls(vm.power.value, vm.locked, vm.memory, vm.cpus)

    def words(self) -> tuple[str, str, str, str]:
        """Return a word for each fact: ``("running", "not locked", "2048 MB", "2 cores")``."""
        return (
            self.power,
            "lock unknown" if self.locked is None else "locked" if self.locked else "not locked",
            "memory unknown" if self.memory is None else f"{self.memory} MB",
            "cores unknown" if self.cpus is None else f"{self.cpus} cores",
        )


@attrs.frozen(kw_only=True)
class PlannedVm:
    """A selected VM: the action on it, or the reason why there is none.

    Attributes:
        power: the `PowerState` word when the plan was made.
        locked: whether the panel reported a lock; None where it reported none of both.
        memory: MB; None where the panel gave no value.
        cpus: cores; None where the panel gave no value.
        do: the name of the action; None where there is none.
        why_not: why there is no action, as a stable word (``"already_stopped"``, ``"locked"``,
            ``"excluded"``).
        batch: the number of its batch, counted from 1; None without batches or without an action.
        observed: ``power``, ``locked``, ``memory`` and ``cpus`` in words; for people.
    """

    account: str
    service_id: str
    service_name: str
    vm_id: str
    vm_label: str
    power: str
    locked: bool | None
    memory: int | None
    cpus: int | None
    # Derived of the fields above; a field, so that JSON has it.
    observed: str = attrs.field(init=False, eq=False, repr=False)
    do: str | None = None
    why_not: str | None = None
    batch: int | None = None

    @observed.default
    def _observe(self) -> str:
        return ", ".join(self.facts.words())

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
        """Return the entry of a VM as it was read."""
        return cls(
            account=account,
            service_id=service.id,
            service_name=service_name(service),
            vm_id=vm.id,
            vm_label=vm.label or "",
            power=vm.power.value,
            locked=vm.locked,
            memory=vm.memory,
            cpus=vm.cpus,
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

    @property
    def facts(self) -> VmFacts:
        """The facts that the plan relies on, as they were when it was made."""
        return VmFacts(self.power, self.locked, self.memory, self.cpus)

    def __str__(self) -> str:
        label = f" {self.vm_label!r}" if self.vm_label else ""
        return f"VM {self.vm_id}{label} of service {self.service_id}"


def has_moved(planned: PlannedVm, vm: Vm | None) -> bool:
    """Whether a VM differs from what the plan relies on; ``vm`` is a later reading, None if it is gone.

    A VM that is acted on must have all its facts still; one that is left alone, the facts that made it so.
    """
    if planned.do is not None:
        return vm is None or VmFacts.of(vm) != planned.facts
    if vm is None or planned.why_not in _INDEPENDENT_OF_STATE:
        return False
    if planned.why_not == "already_so":
        return (vm.memory, vm.cpus) != (planned.memory, planned.cpus)
    return vm.power.value != planned.power


def movement(planned: PlannedVm, vm: Vm | None) -> str:
    """Return what of a VM differs, in words for people: ``"was running, is stopped"``."""
    if vm is None:
        return "is gone"
    differing = [*_differing(planned.facts, VmFacts.of(vm))]
    before, after = (", ".join(words) for words in zip(*differing, strict=True))
    return f"was {before}, is {after}"


def _differing(before: VmFacts, after: VmFacts) -> Iterator[tuple[str, str]]:
    for old, new in zip(before.words(), after.words(), strict=True):
        if old != new:
            yield old, new


@attrs.frozen(kw_only=True)
class PlannedLoss:
    """A service (or a whole account, without ids) whose VMs could not be listed when a plan was made.

    Attributes:
        cause: the stable word of `Undiscovered`.
        message: the message of its error, in one line; empty where it had none.
    """

    account: str
    service_id: str | None = None
    service_name: str | None = None
    cause: str
    # Not compared: the message of an error may have a time in it.
    message: str = attrs.field(default="", eq=False)

    @classmethod
    def of(cls, lost: Undiscovered) -> PlannedLoss:
        """Return the entry of a service or account that could not be listed."""
        return cls(
            account=lost.account,
            service_id=lost.service_id,
            service_name=lost.service_name,
            cause=lost.cause,
            message="" if lost.error is None else escape(str(lost.error), _SENTENCE_CHARACTERS),
        )

    def as_undiscovered(self) -> Undiscovered:
        """Return the same loss for the report of a run that follows the plan."""
        return Undiscovered(
            account=self.account,
            service_id=self.service_id,
            service_name=self.service_name,
            cause=self.cause,
            error=SeFlowError(self.message) if self.message else None,
        )

    def __str__(self) -> str:
        account = escape(self.account, _NAME_CHARACTERS)
        place = f"account {account}"
        if self.service_id is not None:
            place = f"service {escape(self.service_id, _NAME_CHARACTERS)} ({account})"
        message = f": {escape(self.message, _SENTENCE_CHARACTERS)}" if self.message else ""
        return f"{place}: {escape(self.cause, _NAME_CHARACTERS)}{message}"
