"""Each kind of answer that is not what it looks like, in a run: outcomes, report, and the panel's record."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from support.coherent import SHORT, CoherentPanel, panel_and_client
from support.wire import Answer, Play, http

from aioseflow import ApiError, DecodeError, Destroy, OutcomeUnknown, Reboot, Resize, Start, Status, Stop

ALL_SIX: Final = ["81", "82", "83", "91", "92", "93"]
NOTICE: Final = b"\n<br />\n<b>Warning</b>:  Unknown: session write failed\n"
FIREWALL: Final = http("<html>Access denied by policy</html>", 403)
LIST: Final = "GET /service/9/vms"


def act(panel: CoherentPanel, vm: str, action: str, answer: Answer) -> Callable[[], Answer]:
    """An answer to a change that the panel makes all the same."""

    def do() -> Answer:
        panel.changes[f"POST /service/{vm[0]}/vms/{vm}/{action}"] += 1
        panel.vms[vm[0]][vm]["state"] = "offline" if action == "stop" else "online"
        return answer

    return do


def once(answer: Answer) -> Callable[[], Answer | None]:
    """An answer to the first request."""
    answers = iter([answer])
    return lambda: next(answers, None)


def asked(panel: CoherentPanel, line: str) -> int:
    """How often a request arrived."""
    return sum(f"{seen.method} {seen.target.removeprefix('/api')}" == line for seen in panel.requests)


NO: Final[list[Any]] = [
    {"success": False, "message": "VM is locked"},
    {"status": "error", "message": "VM is locked"},
    {"status": "failed", "error_message": "VM is locked"},
    {"result": "Error", "msg": "VM is locked"},
    {"errors": ["VM is locked"], "status": True},
    {"errors": {"vm": "VM is locked"}, "info": ["queued"]},
]


@pytest.mark.parametrize("no", NO, ids=json.dumps)
async def test_a_no_in_other_words_is_failed_for_every_action(no: Any) -> None:
    async with panel_and_client() as (panel, seflow):
        for action in ("reboot", "stop"):
            panel.says[f"POST /service/9/vms/91/{action}"] = no
        rebooted = await seflow.fleet.reboot(vms=["91", "92"])
        stopped = await seflow.fleet.stop(vms=["91", "92"], settle=SHORT)
        for report in (rebooted, stopped):
            assert {o.vm_id: o.status for o in report.outcomes} == {
                "91": Status.FAILED,
                "92": Status.CHANGED,
            }
            assert not report.ok
            assert "VM is locked" in report.summary() or "vm" in report.causes
        assert asked(panel, "POST /service/9/vms/91/reboot") == 1
        assert panel.vms["9"]["91"]["state"] == "online"


NEITHER: Final[list[Any]] = [
    {"message": "The request was passed on"},
    {"code": 17, "message": "see the log"},
    {"status": "queued"},
    {"data": {"task": 5}},
]


@pytest.mark.parametrize("neither", NEITHER, ids=json.dumps)
async def test_an_answer_that_says_nothing_never_makes_a_reboot_changed(neither: Any) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says["POST /service/9/vms/91/reboot"] = neither
        report = await seflow.fleet.reboot(vms=["91"])
        [outcome] = report.outcomes
    assert (outcome.status, outcome.cause) == (Status.UNKNOWN, "lost_answer")
    assert isinstance(outcome.error, OutcomeUnknown)
    assert not report.ok
    assert asked(panel, "POST /service/9/vms/91/reboot") == 1


@pytest.mark.parametrize("acted", [True, False])
@pytest.mark.parametrize("neither", NEITHER, ids=json.dumps)
async def test_an_answer_that_says_nothing_is_read_back_where_that_decides(
    neither: Any, *, acted: bool
) -> None:
    async with panel_and_client() as (panel, seflow):
        answer = http(json.dumps(neither))
        says = act(panel, "91", "stop", answer) if acted else answer
        panel.says["POST /service/9/vms/91/stop"] = says
        report = await seflow.fleet.stop(vms=["91", "92"], settle=SHORT)
        outcome = next(o for o in report.outcomes if o.vm_id == "91")
    if acted:
        assert (outcome.status, outcome.verified) == (Status.CHANGED, True)
    else:
        assert outcome.status is Status.UNKNOWN
        assert isinstance(outcome.error, ApiError)
    assert report.ok is acted
    assert asked(panel, "POST /service/9/vms/91/stop") == 1


PAGES: Final[dict[str, Answer]] = {
    "404": http("<html><body>404 Not Found</body></html>", 404),
    "404 in text": http("File not found.", 404),
    "403": FIREWALL,
    "406": http("", 406),
}


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_says_nothing_of_a_service(page: str) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says[LIST] = panel.says["GET /service/9/methods"] = PAGES[page]
        report = await seflow.fleet.stop(settle=SHORT)
    assert [(lost.service_id, lost.cause) for lost in report.undiscovered] == [("9", "gateway_error")]
    assert (report.ok, report.counts[Status.CHANGED], report.without_vms) == (False, 3, ())
    assert "in front of the panel" in report.summary()


async def test_a_page_in_front_of_a_change_is_failed_and_a_vm_that_it_speaks_of_is_not_gone() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says["DELETE /service/9/vms/91"] = PAGES["404"]
        panel.says["POST /service/9/vms/92/reboot"] = FIREWALL
        plan = await seflow.fleet.plan(Destroy(), vms=["91"], settle=SHORT)
        destroyed = await seflow.fleet.run(plan.confirm(1))
        rebooted = await seflow.fleet.reboot(vms=["92"])
        for report in (destroyed, rebooted):
            [outcome] = report.outcomes
            assert (outcome.status, outcome.cause) == (Status.FAILED, "gateway_error")
            assert outcome.error is not None
            assert not outcome.error.may_have_acted
        assert "91" in panel.vms["9"]


async def test_what_a_machine_in_between_did_not_pass_on_goes_again() -> None:
    async with panel_and_client() as (panel, seflow):
        for status, vm in ((421, "91"), (425, "92"), (408, "93")):
            panel.says[f"POST /service/9/vms/{vm}/reboot"] = once(http("", status))
        report = await seflow.fleet.reboot(services=["9"])
        by_vm = {o.vm_id: o for o in report.outcomes}
    assert [by_vm[vm].status for vm in ("91", "92", "93")] == [
        Status.CHANGED,
        Status.CHANGED,
        Status.UNKNOWN,
    ]
    assert [panel.changes[f"POST /service/9/vms/{vm}/reboot"] for vm in ("91", "92", "93")] == [1, 1, 0]
    lines = [seen.connection for seen in panel.requests if seen.target.endswith("/vms/91/reboot")]
    assert len(set(lines)) == 2


def listed(panel: CoherentPanel) -> bytes:
    rows = [{**row, "label": f"perché-{vm}"} for vm, row in panel.vms["9"].items()]
    return json.dumps({"vms": rows}, ensure_ascii=False).encode("latin-1")


FORMS: Final[dict[str, Callable[[CoherentPanel], Any]]] = {
    "latin-1, declared": lambda panel: http(
        listed(panel), headers={"Content-Type": "application/json; charset=ISO-8859-1"}
    ),
    "latin-1": lambda panel: http(listed(panel)),
    "noise behind": lambda panel: http(json.dumps({"vms": panel.vms["9"]}).encode() + NOTICE),
    "noise around": lambda panel: http(NOTICE[1:] + json.dumps({"vms": panel.vms["9"]}).encode() + NOTICE),
    "NaN": lambda panel: http(
        json.dumps({"vms": [{**row, "disk": float("nan")} for row in panel.vms["9"].values()]})
    ),
    "half a surrogate": lambda panel: {"vms": [{**row, "note": "\ud800"} for row in panel.vms["9"].values()]},
    "long header": lambda panel: http(json.dumps({"vms": panel.vms["9"]}), headers={"X-Policy": "x" * 9000}),
    "a word beside it": lambda panel: {"vms": panel.vms["9"], "success": True, "message": "welcome"},
    "odd rows": lambda panel: {
        "vms": {vm: {**row, "memory": "1 GB", "locked": "no"} for vm, row in panel.vms["9"].items()}
    },
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_list_in_an_odd_form_is_read_acted_on_and_read_back(form: str) -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says[LIST] = lambda: FORMS[form](panel)
        report = await seflow.fleet.stop(settle=SHORT)
        assert sorted(o.vm_id for o in report.outcomes) == ALL_SIX
        assert all(o.status is Status.CHANGED and o.verified for o in report.outcomes)
        assert report.ok
        assert set(panel.changes.values()) == {1}


async def test_an_empty_row_is_a_vm_of_which_nothing_is_known() -> None:
    empties: list[Any] = [[], {}, None, False]
    for empty in empties:
        async with panel_and_client() as (panel, seflow):
            panel.says[LIST] = {"vms": {"91": panel.vms["9"]["91"], "92": empty}}
            report = await seflow.fleet.reboot(services=["9"])
            assert sorted(o.vm_id for o in report.outcomes) == ["91", "92"]
            assert report.ok
            assert panel.changes["POST /service/9/vms/92/reboot"] == 1


async def test_a_list_that_says_no_is_not_an_empty_service() -> None:
    for no in ({"success": False, "vms": []}, {"status": "error", "vms": {}, "message": "try later"}):
        async with panel_and_client() as (panel, seflow):
            panel.says[LIST] = no
            report = await seflow.fleet.stop(settle=SHORT)
            assert [lost.service_id for lost in report.undiscovered] == ["9"]
            assert not report.ok
            assert report.without_vms == ()


async def test_a_wait_of_nothing_is_waited_for_by_our_own_clock() -> None:
    async with panel_and_client() as (panel, seflow):
        refusals = itertools.repeat(http("", 429, headers={"Retry-After": "0"}), 4)
        panel.says["POST /service/9/vms/91/reboot"] = lambda: next(refusals, None)
        with seflow.capture() as exchanges:
            await seflow.vms.reboot("9", "91")
        [exchange] = exchanges
        # Refusals of a policy of 1 and 2 ms at most, each at least half of its bound.
        assert len(exchange.waits) == 4
        assert all(wait >= 0.0005 for wait in exchange.waits)
        assert panel.changes["POST /service/9/vms/91/reboot"] == 1


async def test_an_unreadable_id_fails_its_list_and_says_where() -> None:
    async with panel_and_client() as (panel, seflow):
        panel.says[LIST] = {"vms": [panel.vms["9"]["91"], {"id": {"x": 1}}]}
        report = await seflow.fleet.stop(settle=SHORT)
        [lost] = report.undiscovered
    assert (lost.service_id, lost.cause) == ("9", "undecodable")
    assert isinstance(lost.error, DecodeError)
    assert "$.vms[1].id" in report.summary().replace("\n", "").replace("        ", "")


async def test_what_is_sent_over_a_cut_connection_is_never_taken_for_done() -> None:
    """A panel that closes behind each answer without a word: no unknown, nothing twice."""
    async with panel_and_client() as (panel, seflow):
        usual = panel._answer
        panel.answer = lambda seen: Play(data, "close") if isinstance(data := usual(seen), bytes) else data
        report = await seflow.fleet.reboot()
        assert report.ok
        assert set(panel.changes.values()) == {1}


@pytest.mark.parametrize("readable", [True, False])
async def test_a_list_older_than_our_own_change_leaves_out_no_later_step(*, readable: bool) -> None:
    """The list that shows the new size still shows the VM running, which this run has stopped."""
    async with panel_and_client() as (panel, seflow):

        def sizes_are_new_and_states_old() -> Any:
            if not panel.changes["PUT /service/9/vms/91"]:
                return None
            return {"vms": [vm | {"state": "online"} for vm in panel.vms["9"].values()]}

        panel.says[LIST] = sizes_are_new_and_states_old
        if not readable:
            panel.says["GET /service/9/vms/91"] = http("", 500)
        # What the start did cannot be seen in these lists before it is sent.
        report = await seflow.fleet.run([Stop(), Resize(memory=4096), Start()], vms=["91"], settle=SHORT)
        assert [outcome.status for outcome in report.outcomes] == [Status.CHANGED]
        assert panel.changes["POST /service/9/vms/91/start"] == 1
        assert panel.vms["9"]["91"]["state"] == "online"


async def test_a_step_that_is_sent_once_is_left_out_where_a_list_says_so_and_nothing_else_can_be_read() -> (
    None
):
    async with panel_and_client() as (panel, seflow):
        panel.says["GET /service/9/vms/91"] = http("", 500)
        report = await seflow.fleet.run([Stop(), Reboot()], vms=["91"], settle=SHORT)
        assert [(each.status, each.cause) for each in report.outcomes] == [(Status.FAILED, "not_running")]
        assert panel.changes["POST /service/9/vms/91/reboot"] == 0
