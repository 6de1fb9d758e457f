"""Services that bring no targets into a run: their VMs could not be listed, or they have none."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import attrs

from ...errors import SeFlowError

ONE_PAGE: Final = "one_page"
"""Cause of an incomplete list: the panel gave one page of several."""

WhyNoVms: TypeAlias = Literal["empty_list", "no_vm_functions", "service_ended", "no_such_route"]


@attrs.frozen(kw_only=True)
class Undiscovered:
    """A service whose VMs could not be listed; a whole account where ``service_id`` is None.

    With the cause ``"one_page"`` the panel listed only some of the VMs. The counts include these, not the
    others. With ``"predicate_raised"`` the selection's predicate raised for some of the VMs, which the
    ``error`` names, and which are not selected.
    """

    account: str
    service_id: str | None = None
    service_name: str | None = None
    error: SeFlowError | None = None
    cause: str


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
