"""What came in and what it did: the evidence on the server's side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from .forms import Form


@attrs.define(eq=False)
class Request:
    """One request, from the moment its head was read.

    `path` is relative to the API and as it was on the wire (percent-encoded); a path outside the API is
    whole. `time` is the loop's. `account` is the user name that the request showed, right or wrong.
    `connection` numbers the connections from 1. `status` is None until, and unless, a status line is
    written. `fault` names what was applied: a fault's name (several are joined by "+"), or "capacity",
    "rate", "lockout", "stale".
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


class Effects(dict[tuple[str, str], Counter[str]]):
    """How often each action took effect, by (service id, VM id); what belongs to no VM has "" as its VM id.

    Reading what never happened gives an empty Counter and stores nothing.
    """

    def __missing__(self, key: tuple[str, str]) -> Counter[str]:
        return Counter()

    def note(self, service: str, vm: str, action: str) -> None:
        """Count one action that changed something."""
        counter = self.get((service, vm))
        if counter is None:
            counter = self[service, vm] = Counter()
        counter[action] += 1

    def matching(self, service: str | None, vm: str | None) -> Iterator[Counter[str]]:
        """The counters of one service, one VM, or all."""
        for (service_id, vm_id), counter in self.items():
            if service in (None, service_id) and vm in (None, vm_id):
                yield counter
