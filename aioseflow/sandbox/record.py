"""The record of requests and of their effects, on the panel's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from .forms import Form


@attrs.define(eq=False)
class Request:
    """Request, recorded once its head was read.

    `path` is relative to the API and percent-encoded; a path outside the API is whole. `time` is the loop's.
    `account` is the user name of the request, right or wrong. `connection` numbers the connections from 1.
    `status` is None until a status line is written. `fault` is the name of the fault that was applied, or
    "capacity", "rate", "lockout", "stale"; several are joined by "+".
    """

    number: int
    method: str
    path: str
    query: Form
    time: float
    connection: int
    account: str | None = None
    form: Form = attrs.field(factory=dict)
    cookie: str | None = None
    status: int | None = None
    fault: str | None = None

    def note_fault(self, name: str) -> None:
        """Add the name of a fault that was applied."""
        self.fault = name if self.fault is None else f"{self.fault}+{name}"


class Effects(dict[tuple[str, str], Counter[str]]):
    """How often each action took effect, by (service id, VM id); "" is the VM id of an action on no VM.

    To read a key that is not there gives an empty Counter and stores nothing.
    """

    def __missing__(self, key: tuple[str, str]) -> Counter[str]:
        return Counter()

    def note(self, service: str, vm: str, action: str) -> None:
        """Count an action that took effect."""
        counter = self.get((service, vm))
        if counter is None:
            counter = self[service, vm] = Counter()
        counter[action] += 1

    def matching(self, service: str | None, vm: str | None) -> Iterator[Counter[str]]:
        """Iterate over the counters of a service, of a VM, or of all."""
        for (service_id, vm_id), counter in self.items():
            if service in (None, service_id) and vm in (None, vm_id):
                yield counter
