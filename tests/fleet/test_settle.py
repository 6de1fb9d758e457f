"""Settling: what lists must say, and how often, before a VM counts as done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from support.virtual import VIRTUAL

from aioseflow import PowerState, Service, SettlePolicy, Start, Stop, Vm
from aioseflow.fleet.model.progress import NO_SERVICE
from aioseflow.fleet.model.target import Target, TargetState
from aioseflow.fleet.run.settle import DoneCheck, Settled, SettlePoller
from aioseflow.fleet.run.verdict import NOT_DONE_AFTER_SECONDS, Reading

pytestmark = VIRTUAL

ON, OFF, TURNING = PowerState.RUNNING, PowerState.STOPPED, PowerState.TRANSITIONAL
GONE = None
ERROR = "an error"
SILENT = "a list that says nothing of power"


class Lists:
    """An account whose lists say one thing after the other, and the last one for ever."""

    def __init__(self, *says: Any, locked: bool | None) -> None:
        self.says, self.locked, self.read = list(says), locked, 0
        self.polls = SimpleNamespace(list=self._list)

    def capture(self) -> Any:
        return nullcontext([])

    async def _list(self, service_id: str) -> list[Vm]:
        from aioseflow import ServerError

        said = self.says[min(self.read, len(self.says) - 1)]
        self.read += 1
        if said == ERROR:
            raise ServerError("no")
        if said is GONE:
            return []
        if said == SILENT:
            return [Vm(id="4", locked=self.locked)]
        return [Vm(id="4", power=said, power_word=said.value, locked=self.locked)]


async def settled(
    action: Stop | Start,
    *says: Any,
    locked: bool | None = None,
    lost: bool = False,
    changed_before: bool = False,
    patience: float = 60.0,
) -> tuple[Reading, int]:
    """The result for one VM, and how many lists it took."""
    account = Lists(*says, locked=locked)
    results: list[Settled] = []
    target = Target("main", Service(id="9"), Vm(id="4"))
    state = TargetState(target, 0, target.key, NO_SERVICE, answer_lost=lost)
    state.changed_before = changed_before

    async def cannot_tell(service: Service, vm: Vm) -> bool | None:
        return None

    async with asyncio.TaskGroup() as tasks:
        policy = SettlePolicy(first_poll=1.0, longest_poll=1.0, patience=patience)
        account_like: Any = account
        poller = SettlePoller(
            account_like, policy, lambda state, result: results.append(result), lambda *_: None, tasks
        )
        poller.watch(state, DoneCheck(action.done, cannot_tell))
    (result,) = results
    return result.reading, account.read


@pytest.mark.parametrize(
    ("locked", "says", "lists"),
    [
        # A panel that says "not locked" is believed at once.
        (False, [ON], 1),
        # One without a lock may have given an old list: it has to say so twice, in a row.
        (None, [ON], 2),
        (None, [ON, OFF, ON], 4),
        (True, [ON], 2),
    ],
)
async def test_how_many_lists_show_that_a_start_is_done(
    says: Sequence[PowerState], lists: int, *, locked: bool | None
) -> None:
    assert await settled(Start(), *says, locked=locked) == (Reading.DONE, lists)


async def test_a_reading_that_cannot_tell_takes_nothing_back() -> None:
    assert await settled(Start(), ON, SILENT, ON, OFF) == (Reading.DONE, 3)
    # Seen once and never readable again: neither done nor not done, and not waited for without end.
    reading, _ = await settled(Start(), ON, SILENT)
    assert reading is Reading.UNREADABLE


async def test_a_vm_that_was_so_before_the_run_changed_it_must_be_seen_twice() -> None:
    """The list of before the stop shows it running and not locked."""
    found = await settled(Start(), ON, OFF, OFF, ON, locked=False, changed_before=True)
    assert found == (Reading.DONE, 5)


async def test_one_stale_list_verifies_nothing() -> None:
    """The list of before the stop says "running" once more, after the start was accepted."""
    reading, lists = await settled(Start(), ON, OFF)
    assert reading is Reading.NOT_SEEN
    assert lists > 50


@pytest.mark.parametrize(
    ("says", "locked", "lost", "patience", "reading"),
    [
        ([ON], None, False, 60.0, Reading.NOT_SEEN),
        ([ON], True, False, 60.0, Reading.BUSY),
        ([TURNING], None, True, 60.0, Reading.BUSY),
        ([ERROR], None, False, 60.0, Reading.UNREADABLE),
        ([PowerState.UNKNOWN], None, False, 60.0, Reading.NOT_SEEN),
        # A lost answer: "not done" only when no panel would carry it out any more.
        ([ON], None, True, NOT_DONE_AFTER_SECONDS - 10, Reading.NOT_SEEN),
        ([ON], None, True, NOT_DONE_AFTER_SECONDS, Reading.NOT_DONE),
        ([ON], True, True, NOT_DONE_AFTER_SECONDS, Reading.BUSY),
        ([ON], None, False, NOT_DONE_AFTER_SECONDS, Reading.NOT_SEEN),
    ],
)
async def test_what_a_stop_that_is_never_seen_done_comes_to(
    says: Sequence[Any], patience: float, reading: Reading, *, locked: bool | None, lost: bool
) -> None:
    assert (await settled(Stop(), *says, locked=locked, lost=lost, patience=patience))[0] is reading


async def test_lists_that_fail_for_a_while_are_waited_out() -> None:
    assert await settled(Stop(), *[ERROR] * 30, OFF, locked=False) == (Reading.DONE, 31)
