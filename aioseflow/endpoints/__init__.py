"""The coroutines, by chapter of the provider's document; declarations only."""

from __future__ import annotations

from typing import Any

from ..session.call import Call
from . import account, billing, domains, services, support, vms

CALLS: tuple[Call[Any], ...] = tuple(
    declared
    for chapter in (account, billing, support, domains, services, vms)
    for declared in vars(chapter).values()
    if isinstance(declared, Call)
)
"""Every call of the API, in the document's order."""
