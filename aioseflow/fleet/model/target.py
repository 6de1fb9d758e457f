"""A VM that a run acts on: which one it is, and where it stands."""

from __future__ import annotations

import attrs

from ...models import Service, Vm
from .outcome import TargetKey


@attrs.define(eq=False)  # never changed; to make a frozen one takes 5,000 instructions
class Target:
    """One VM to act on, as it was read when it was selected."""

    account: str
    service: Service
    vm: Vm

    @property
    def key(self) -> TargetKey:
        return self.account, self.service.id, self.vm.id


def service_name(service: Service) -> str:
    """How a service is called: its name, or its domain where it has none."""
    return service.name or service.domain or ""
