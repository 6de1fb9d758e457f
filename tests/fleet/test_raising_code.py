"""Actions, predicates and health checks of the user's own that raise: the others go on."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from support.clients import virtual_client
from support.histories import panel_and_client, posts, powers, statuses, until
from support.virtual import VIRTUAL

from aioseflow import (
    Action,
    InvalidArgument,
    Outcome,
    PowerState,
    Report,
    Rollout,
    RunRefused,
    Safety,
    SeFlowError,
    Service,
    Skip,
    Start,
    Status,
    Stop,
    Vm,
)
from aioseflow.fleet.select.selection import select

pytestmark = VIRTUAL

FOUR: dict[str, Any] = {"services": 1, "vms_per_service": 4}
BAD = "4002"
"""The VM for which the user's code raises."""


class Odd(BaseException):
    """An exception that is no `Exception`."""


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


RAISED: list[BaseException] = [
    ValueError("boom"),
    KeyError("x"),
    asyncio.CancelledError(),
    SystemExit(3),
    StopIteration(),
    StopAsyncIteration(),
    TimeoutError("slow"),
    ExceptionGroup("several", [ValueError("a"), OSError("b")]),
    BaseExceptionGroup("several", [asyncio.CancelledError()]),
    Odd("odd"),
    MemoryError(),
    RecursionError(),
    AssertionError(),
    Unprintable(),
]


@attrs.frozen
class Own(Action):
    """Stops a VM, by code of which one method raises for one VM, or returns something odd."""

    name = "own"
    method: str = "perform"
    error: BaseException | None = None
    value: Any = None
    safety: Safety = Safety.IDEMPOTENT
    sends: bool = True
    settles: bool = True

    def _in(self, method: str, vm: Vm | None) -> Any:
        if method == self.method and (vm is None or vm.id == BAD):
            if self.error is not None:
                raise self.error
            return self.value
        return None

    def skip(self, vm: Vm) -> Any:
        return self._in("skip", vm)

    async def perform(self, account: Any, service: Service, vm: Vm) -> Any:
        if self.sends or vm.id != BAD:
            await account.vms.stop(service.id, vm.id)
        return self._in("perform", vm)

    def done(self, vm: Vm | None) -> Any:
        if self.method == "look":
            return None
        odd = self._in("done", vm)
        return odd if odd is not None else vm is not None and vm.power is PowerState.STOPPED

    async def look(self, account: Any, service: Service, vm: Vm) -> Any:
        odd = self._in("look", vm)
        return odd if odd is not None else vm.power is PowerState.STOPPED


def the_bad(report: Report) -> Outcome:
    """The outcome of the VM for which the code raised; every other VM was done."""
    assert len(report.outcomes) == 4
    others = [outcome.status for outcome in report.outcomes if outcome.vm_id != BAD]
    assert others == [Status.CHANGED] * 3, report.summary()
    return next(outcome for outcome in report.outcomes if outcome.vm_id == BAD)


METHODS = ["skip", "perform", "done", "look"]
RAISING = [("perform", error, Safety.IDEMPOTENT) for error in RAISED]
RAISING += [("skip", error, Safety.ONCE) for error in (RAISED[2], RAISED[4])]
RAISING += [(method, error, Safety.ONCE) for method in METHODS for error in (RAISED[0], Odd("odd"))]
RAISING += [(method, error, Safety.IDEMPOTENT) for method in METHODS for error in (RAISED[2], RAISED[3])]


@pytest.mark.parametrize(("method", "error", "safety"), RAISING)
async def test_an_action_that_raises_fails_its_vm_and_no_other(
    method: str, error: BaseException, safety: Safety, tmp_path: Path
) -> None:
    async with panel_and_client(journal=tmp_path / "runs", **FOUR) as (_, seflow):
        run = seflow.fleet.run(Own(method, error, safety=safety))
        report = await asyncio.wait_for(_finished(run), 3600)
        bad = the_bad(report)
        is_sent = method != "skip"
        expected = Status.UNKNOWN if safety is Safety.ONCE and is_sent else Status.FAILED
        assert (bad.status, bad.cause) == (expected, "action_raised")
        assert bad.error is not None
        cause = bad.error.__cause__
        # Of a StopIteration that a coroutine raises, Python makes a RuntimeError.
        assert cause is error or (cause is not None and cause.__cause__ is error)
        assert type(cause).__name__ in str(bad.error)
        assert f"{method}()" in str(bad.error)
        assert not report.ok
        assert bad.attempts == is_sent
        # The same is true of what the journal knows.
        kept = the_bad(await seflow.fleet.report(run.id))
        assert (kept.status, kept.cause, str(kept.error)) == (bad.status, bad.cause, str(bad.error))


async def _finished(run: Any) -> Report:
    report: Report = await run
    return report


@pytest.mark.parametrize("method", ["perform", "done"])
async def test_an_action_that_only_reads_and_raises_is_failed(method: str) -> None:
    async with panel_and_client(**FOUR, stopped_share=1.0) as (_, seflow):
        report = await seflow.fleet.run(Own(method, ValueError("boom"), safety=Safety.READ, sends=False))
    assert statuses(report) == {"unchanged": 3, "failed": 1}
    assert [outcome.vm_id for outcome in report.causes["action_raised"]] == [BAD]


async def test_a_once_action_that_raises_before_anything_was_sent_is_failed() -> None:
    own = Own("perform", ValueError("boom"), safety=Safety.ONCE, sends=False)
    async with panel_and_client(**FOUR) as (panel, seflow):
        bad = the_bad(await seflow.fleet.run(own))
        assert (bad.status, bad.cause, bad.attempts) == (Status.FAILED, "action_raised", 0)
        assert len(posts(panel)) == 3


async def test_a_once_action_that_raised_is_never_sent_again_by_a_resume_or_a_retry(tmp_path: Path) -> None:
    own = Own("perform", ValueError("boom"), safety=Safety.ONCE)
    async with panel_and_client(journal=tmp_path / "runs", **FOUR) as (panel, seflow):
        run = seflow.fleet.run(own)
        await run
        panel.clear_record()
        async with virtual_client(panel, journal=tmp_path / "runs") as other:
            await other.fleet.resume(run.id, action=own)
        assert (await seflow.fleet.retry(run.id, action=own)).matched_nothing
        assert posts(panel) == {}


NONSENSE: list[tuple[str, Callable[[], Any], str]] = [
    ("skip", lambda: True, "skip() returned True: return a Skip, or None"),
    ("skip", lambda: "off", "skip() returned 'off'"),
    ("skip", lambda: asyncio.sleep(0), "skip() returned a coroutine that was not awaited"),
    ("skip", lambda: Skip("not a status", "x"), "ValueError"),  # type: ignore[arg-type]
    ("perform", lambda: asyncio.sleep(0), "perform() returned a coroutine that was not awaited"),
    ("done", lambda: asyncio.sleep(0), "done() returned a coroutine that was not awaited"),
    ("look", lambda: asyncio.sleep(0), "look() returned a coroutine that was not awaited"),
]


@pytest.mark.parametrize(("method", "make", "said"), NONSENSE, ids=[f"{m}-{s[:30]}" for m, _, s in NONSENSE])
async def test_an_action_that_returns_nonsense_fails_its_vm_and_no_other(
    method: str, make: Callable[[], Any], said: str
) -> None:
    async with panel_and_client(**FOUR) as (_, seflow):
        bad = the_bad(await seflow.fleet.run(Own(method, value=make())))
        assert (bad.status, bad.cause) == (Status.FAILED, "action_raised")
        assert said in str(bad.error)


async def test_a_done_that_is_true_in_another_way_is_done() -> None:
    async with panel_and_client(**FOUR) as (_, seflow):
        report = await seflow.fleet.run(Own("done", value="yes"))
    assert statuses(report) == {"changed": 4}
    assert all(outcome.verified for outcome in report.outcomes)


async def test_a_method_that_is_no_coroutine_function_fails_its_vms_and_says_so() -> None:
    class Plain(Own):
        def perform(self, account: Any, service: Service, vm: Vm) -> Any:
            return None

    async with panel_and_client(**FOUR) as (_, seflow):
        report = await seflow.fleet.run(Plain(), rollout=Rollout(same_cause=None))
    assert {cause: len(of) for cause, of in report.causes.items()} == {"action_raised": 4}
    assert "TypeError" in str(report.outcomes[0].error)


async def test_a_sequence_is_broken_off_for_the_vm_whose_step_raised() -> None:
    steps = [Own("perform", ValueError("boom"), sends=False), Start()]
    async with panel_and_client(**FOUR) as (panel, seflow):
        report = await seflow.fleet.run(steps)
        bad = the_bad(report)
        assert (bad.status, bad.cause, bad.step) == (Status.FAILED, "action_raised", "own")
        steps = [Stop(), Own("skip", ValueError("boom"))]
        bad = next(each for each in (await seflow.fleet.run(steps)).outcomes if each.vm_id == BAD)
        assert (bad.status, bad.cause, bad.step) == (Status.FAILED, "action_raised", "own")
        assert powers(panel) == ["stopped"] * 4


async def test_a_plan_names_the_vm_whose_skip_raises_and_leaves_it_alone() -> None:
    own = Own("skip", ValueError("boom"))
    async with panel_and_client(**FOUR) as (panel, seflow):
        plan = await seflow.fleet.plan(own)
        assert [(vm.vm_id, vm.why_not) for vm in plan.vms if vm.why_not] == [(BAD, "action_raised")]
        assert the_bad(await seflow.fleet.run(plan)).cause == "action_raised"
        assert len(posts(panel)) == 3


class Stubborn(Own):
    """Keeps a cancellation to itself."""

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await account.vms.stop(service.id, vm.id)


async def test_a_run_is_cancelled_although_its_action_swallows_the_cancellation() -> None:
    async with panel_and_client(**FOUR, limit=2) as (panel, seflow):
        run = seflow.fleet.run(Stubborn()).start()
        await until(lambda: run.progress.in_flight > 0)
        run.cancel()
        report = await asyncio.wait_for(_finished(run), 3600)
        assert len(report.outcomes) == 4
        assert len(posts(panel)) <= 2
        assert report.counts[Status.NOT_ATTEMPTED] >= 2


async def test_a_cancelled_run_of_an_action_that_raises_is_cancelled() -> None:
    class Slow(Own):
        async def perform(self, account: Any, service: Service, vm: Vm) -> None:
            await asyncio.sleep(60)

    async with panel_and_client(**FOUR) as (_, seflow):
        run = seflow.fleet.run(Slow()).start()
        await until(lambda: run.progress.in_flight > 0)
        run.cancel()
        report = await run
    assert set(report.causes) == {"cancelled"}


# -- health checks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", RAISED[:5], ids=lambda error: type(error).__name__)
async def test_a_health_check_that_raises_has_not_seen_its_vm_healthy(error: BaseException) -> None:
    async def healthy(service: Service, vm: Vm) -> bool:
        if vm.id == BAD:
            raise error
        return True

    async with panel_and_client(**FOUR) as (_, seflow):
        run = seflow.fleet.stop(rollout=Rollout(healthy=healthy))
        bad = the_bad(await asyncio.wait_for(_finished(run), 36000))
    assert (bad.status, bad.cause) == (Status.FAILED, "unhealthy")
    assert bad.error is not None
    assert bad.error.__cause__ is error or type(error) in (StopIteration, StopAsyncIteration)


async def test_a_health_check_that_forgets_to_await_has_not_seen_its_vm_healthy() -> None:
    async def healthy(service: Service, vm: Vm) -> Any:
        return asyncio.sleep(0, False) if vm.id == BAD else True

    async with panel_and_client(**FOUR) as (_, seflow):
        bad = the_bad(await seflow.fleet.stop(rollout=Rollout(healthy=healthy)))
    assert bad.cause == "unhealthy"
    assert "was not awaited" in str(bad.error)


# -- predicates -------------------------------------------------------------------------------------------


def raising(error: BaseException) -> Callable[[Service, Vm], bool]:
    def predicate(service: Service, vm: Vm) -> bool:
        if vm.id == BAD:
            raise error
        return vm.id != "4004"

    return predicate


@pytest.mark.parametrize(
    ("error", "planned", "kept"),
    [
        *((error, False, False) for error in RAISED),
        *(
            (ValueError("boom"), planned, kept)
            for planned, kept in ((True, False), (False, True), (True, True))
        ),
    ],
)
async def test_a_vm_for_which_a_predicate_raises_is_named_and_not_selected(
    error: BaseException, planned: bool, kept: bool, tmp_path: Path
) -> None:
    journal = tmp_path / "runs" if kept else None
    async with panel_and_client(journal=journal, **FOUR) as (panel, seflow):
        if planned:
            plan = await seflow.fleet.plan(Stop(), where=raising(error))
            assert [vm.vm_id for vm in plan.vms] == ["4001", "4003"]
            assert f"VM {BAD}" in str(plan)
            run = seflow.fleet.run(plan)
        else:
            run = seflow.fleet.stop(where=raising(error))
        await run
        for report in (run.report, await seflow.fleet.report(run.id)):
            assert [outcome.vm_id for outcome in report.outcomes] == ["4001", "4003"]
            assert statuses(report) == {"changed": 2}
            assert not report.ok
            [lost] = report.undiscovered
            assert (lost.service_id, lost.cause) == ("33301", "predicate_raised")
            assert getattr(lost.error, "vm_ids", None) == (BAD,) or planned
            assert f"the predicate raised for VM {BAD}, not selected: {type(error).__name__}" in str(
                lost.error
            )
            assert f"VM {BAD}" in " ".join(report.summary().split())
            assert "could not be listed" not in report.summary()
            assert BAD in json.dumps(json.loads(report.to_json()))
        assert panel.services["33301"].vms[BAD].power == "running"


async def test_a_vm_for_which_an_exclusion_or_a_protection_raises_is_left_alone_and_named() -> None:
    def odd(service: Service, vm: Vm) -> bool:
        return vm.id == BAD and bool(1 / 0)

    async with panel_and_client(**FOUR) as (panel, seflow):
        report = await seflow.fleet.stop(exclude=odd)
        assert (statuses(report), report.ok) == ({"changed": 3}, False)
        assert f"VM {BAD}" in str(report.undiscovered[0].error)
        async with virtual_client(panel, protected=odd) as other:
            report = await other.fleet.start()
        assert (statuses(report), report.ok) == ({"changed": 3}, False)
        assert panel.services["33301"].vms[BAD].power == "running"


async def test_a_strict_run_is_refused_where_a_predicate_raises() -> None:
    async with panel_and_client(**FOUR) as (panel, seflow):
        with pytest.raises(RunRefused, match="predicate_raised"):
            await seflow.fleet.stop(where=raising(ValueError("boom")), strict=True)
        assert posts(panel) == {}


async def test_vms_are_yielded_before_the_error_of_a_predicate() -> None:
    async with panel_and_client(**FOUR) as (_, seflow):
        listing = seflow.fleet.vms(where=raising(ValueError("boom")))
        seen = [(await anext(listing))[1].id, (await anext(listing))[1].id]
        with pytest.raises(SeFlowError, match=f"VM {BAD}, not selected: ValueError: boom"):
            await anext(listing)
    assert seen == ["4001", "4003"]


async def test_a_predicate_that_raised_once_is_asked_again_by_the_next_run() -> None:
    broken = [True]

    def predicate(service: Service, vm: Vm) -> bool:
        if broken[0] and vm.id == BAD:
            raise ValueError("boom")
        return True

    async with panel_and_client(**FOUR) as (_, seflow):
        plan = await seflow.fleet.plan(Stop(), where=predicate)
        assert len(plan.lost) == 1
        broken[0] = False
        report = await seflow.fleet.stop(where=predicate)
        assert (statuses(report), report.ok) == ({"changed": 4}, True)


@pytest.mark.parametrize(
    "predicate",
    [lambda vm: True, lambda: True, lambda service, vm, account: True, lambda *, service, vm: True],
)
@pytest.mark.parametrize("argument", ["where", "exclude"])
async def test_a_predicate_that_does_not_take_a_service_and_a_vm_is_refused(
    predicate: Any, argument: str
) -> None:
    where = predicate if argument == "where" else [("9", "4")]
    exclude = predicate if argument == "exclude" else ()
    with pytest.raises(InvalidArgument, match=f"^{argument} is called with a service and a VM") as refused:
        select(where, exclude=exclude)
    assert refused.value.argument == argument
