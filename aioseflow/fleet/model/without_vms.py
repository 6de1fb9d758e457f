"""`WithoutVms`: a service that has no VMs, as the panel says."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

WhyNoVms: TypeAlias = Literal["empty_list", "no_vm_functions", "service_ended", "no_such_route"]


@attrs.frozen(kw_only=True)
class WithoutVms:
    """A selected service that has no VMs, so that no count includes it.

    Attributes:
        why: ``"empty_list"`` (its list was read and is empty), ``"no_vm_functions"`` (its list was refused,
            and the panel's list of its functions has none for VMs), ``"service_ended"`` (its list was
            refused, and the service is terminated, cancelled or marked as fraud), ``"no_such_route"`` (the
            panel said that there is no such list, and lists no functions).
    """

    account: str
    service_id: str
    service_name: str
    why: str
