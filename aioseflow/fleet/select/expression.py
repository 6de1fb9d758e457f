"""`Expression`: a condition of the `where` language, compiled; `syntax` describes the language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from ...models import Service, Vm

Read: TypeAlias = Callable[[Service, Vm, str], Any]
"""Reads a value of a VM of an account; None where it is missing, and for a condition that is undecided."""


@attrs.define(eq=False)
class Expression:
    """A condition, to be called with a service, a VM and the name of the account.

    Attributes:
        text: the condition as it was given.
        account_names: the names of accounts that it compares with.
    """

    text: str
    _test: Read = attrs.field(repr=False)
    _test_of_service: Read = attrs.field(repr=False)
    account_names: frozenset[str] = attrs.field(default=frozenset(), repr=False)
    _undecided: set[tuple[str, str, str]] = attrs.field(factory=set, init=False, repr=False)

    def __call__(self, service: Service, vm: Vm, account: str = "") -> bool:
        """Whether the VM is selected; False where a missing value leaves the condition undecided."""
        return self.decide(service, vm, account) is True

    def decide(self, service: Service, vm: Vm, account: str = "") -> bool | None:
        """Whether the condition is true of the VM; None, and counted, where it is undecided."""
        decided: bool | None = self._test(service, vm, account)
        if decided is None:
            self._undecided.add((account, service.id, vm.id))
        return decided

    def rules_out(self, service: Service, account: str = "") -> bool:
        """Whether no VM of the service can be selected, so that its VMs need not be listed."""
        # This test reads nothing of the VM that is given.
        return self._test_of_service(service, Vm(""), account) is False

    @property
    def missing(self) -> int:
        """How many VMs a missing value left undecided so far, and so left out; each counts once."""
        return len(self._undecided)
