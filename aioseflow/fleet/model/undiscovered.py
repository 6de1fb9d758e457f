"""`Undiscovered`: a service or an account whose VMs could not be listed."""

from __future__ import annotations

from typing import Final

import attrs

from ...errors import SeFlowError

ONE_PAGE: Final = "one_page"
"""Cause of an incomplete list: the panel gave one page of several."""


@attrs.frozen(kw_only=True)
class Undiscovered:
    """A service whose VMs could not be listed; a whole account where ``service_id`` is None.

    With the cause ``"one_page"`` the panel listed only some of the VMs. The counts include these, not the
    others.
    """

    account: str
    service_id: str | None = None
    service_name: str | None = None
    error: SeFlowError | None = None
    cause: str
