"""Judgements on the state of a VM, as a list or a reading shows it."""

from __future__ import annotations

from typing import Final

from ...models import PowerState, Vm

HELD: Final = frozenset({"transitional", "locked"})


def held(vm: Vm) -> str | None:
    """Why a VM cannot be acted on now, in a word."""
    if vm.power is PowerState.TRANSITIONAL:
        return "transitional"
    return "locked" if vm.locked else None


def is_down(vm: Vm) -> bool:
    """Whether a VM cannot be used, whatever the reason; one of which nothing is known is not down."""
    return vm.power is not PowerState.RUNNING and (vm.power_word is not None or unread(vm, "power"))


def unread(vm: Vm, *names: str) -> bool:
    """Whether the panel sent one of these fields in a form that cannot be read."""
    return bool(vm.unread) and not {*names}.isdisjoint(vm.unread)
