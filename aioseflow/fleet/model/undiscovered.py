"""Services whose VMs a run does not know."""

from __future__ import annotations

from typing import Final

import attrs

from ...errors import SeFlowError

ONE_PAGE: Final = "one_page"
"""The cause of what was listed in part, because the panel gave one page of several."""


@attrs.frozen(kw_only=True)
class Undiscovered:
    """A service (or a whole account, without ids) whose VMs could not be listed.

    With the cause ``"one_page"`` the panel listed only a part: those VMs are in the counts, others are not.
    """

    account: str
    service_id: str | None = None
    service_name: str | None = None
    error: SeFlowError | None = None
    cause: str
