"""Read the list of a service's VMs, and see whether the list is whole."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from datetime import datetime

import attrs

from ...errors import SeFlowError, ServerError, TransportError
from ...models import Vm
from ...policy import PANEL_PROBE_PAUSE_SECONDS
from ...text import escape
from ..model.clock import panel_time
from ..model.fleet_account import FleetAccount, VmReads


@attrs.frozen
class VmList:
    """The VMs of a service in one answer of the panel.

    Attributes:
        asked_at: when the list was asked for, by the loop's clock.
        pages: which page of several the list is (``"page 1 of 3"``); None for a whole list. A VM that is
            missing from one page is not gone.
        panel_at: the panel's time of the answer (aware UTC), None where it gave none.
    """

    vms: list[Vm]
    asked_at: float
    pages: str | None = None
    panel_at: datetime | None = None

    @property
    def is_whole(self) -> bool:
        """Whether a VM that is not in the list is gone."""
        return self.pages is None


async def read_vms(account: FleetAccount, reads: VmReads, service_id: str) -> VmList:
    """Read the list of a service by ``account.vms`` or ``account.polls``. Raises `SeFlowError`."""
    asked_at = asyncio.get_running_loop().time()
    with account.capture() as exchanges:
        vms = await reads.list(service_id)
    return VmList(vms, asked_at, pages_of(exchanges), panel_time(exchanges))


def is_down(account: FleetAccount) -> bool:
    """Whether the panel of an account counts as down: several requests in a row got no answer."""
    # A stand-in for an account need not have this attribute.
    return getattr(account, "is_down", False)


def may_be_away(account: FleetAccount, error: SeFlowError) -> bool:
    """Whether a panel that is down, or that cannot be reached, is the reason of an error."""
    return isinstance(error, TransportError | ServerError) and (error.never_left or is_down(account))


def probe_pause() -> float:
    """Return the seconds until a panel that is away is asked again, so that clients do not ask together."""
    return PANEL_PROBE_PAUSE_SECONDS * (0.5 + random.random())  # noqa: S311 - not a secret


def pages_of(exchanges: Iterable[object]) -> str | None:
    """Return which page of several an answer is (``"page 1 of 3"``); None where all answers are whole."""
    # The account of a test need not have it.
    return next((pages for each in exchanges if (pages := getattr(each, "pages", None))), None)


def one_page(pages: str, of: str) -> SeFlowError:
    """Return the error of a list of which the panel gave one page."""
    return SeFlowError(f"the panel listed only {escape(pages, 60)} ({of}): look in the panel for the others")
