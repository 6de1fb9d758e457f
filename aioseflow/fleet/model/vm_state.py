"""Judgements on what the state of a VM allows, as a list or a reading shows it."""

from __future__ import annotations

from typing import Final

from ...models import PowerState, Vm

HELD_CAUSES: Final = frozenset({"transitional", "locked"})
"""Causes that pass by themselves: the panel works on the VM."""


def held(vm: Vm) -> str | None:
    """Return the cause for which a VM cannot be acted on now, None where it can."""
    if vm.power is PowerState.TRANSITIONAL:
        return "transitional"
    return "locked" if vm.locked else None


def is_down(vm: Vm) -> bool:
    """Whether a VM cannot be used; a VM of which the list says nothing is not down."""
    return vm.power is not PowerState.RUNNING and (vm.power_word is not None or unread(vm, "power"))


def unread(vm: Vm, *names: str) -> bool:
    """Whether the panel sent one of these fields in a form that cannot be read."""
    return bool(vm.unread) and not {*names}.isdisjoint(vm.unread)
