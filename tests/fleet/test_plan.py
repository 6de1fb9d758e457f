"""A plan says what would be done, comes back from its JSON exactly, and notices what has changed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow.errors import InvalidArgument
from aioseflow.fleet.model.undiscovered import WithoutVms
from aioseflow.fleet.plan.plan import Plan, PlanDiff, StalePlan
from aioseflow.fleet.plan.plan_text import page
from aioseflow.fleet.plan.planned_vm import PlannedLoss, PlannedVm
from aioseflow.models import PowerState, Service, Vm
from aioseflow.text import escape

_CLUSTER = Service(id="9", name="web cluster")
_DATABASES = Service(id="12", domain="db.example.com")
_RUNNING = Vm(id="1", label="web01", power=PowerState.RUNNING, locked=False, memory=2048, cpus=2)


def _vm(number: int, **changes: Any) -> Vm:
    return attrs.evolve(_RUNNING, **{"id": str(number), "label": f"web{number:02}", **changes})


def _planned(number: int, service: Service = _CLUSTER, **fields: Any) -> PlannedVm:
    return PlannedVm.of("main", service, _vm(number), **(fields or {"do": "stop"}))


def _plan(vms: Sequence[PlannedVm], **fields: Any) -> Plan:
    known: dict[str, Any] = {
        "action": "stop",
        "document": {"actions": [["stop", {}]], "rollout": {"batches": ["10%", 3]}, "note": "né €"},
        "created_at": datetime(2025, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "accounts": ("main",),
        "calls": 3,
    }
    return Plan(vms=tuple(vms), **{**known, **fields})


_WHOLE = _plan(
    [
        _planned(1, do="stop", batch=1),
        _planned(2, do="stop", batch=2),
        _planned(3, do="stop", batch=2),
        _planned(4, why_not="already_stopped"),
        _planned(5, _DATABASES, do="stop", batch=3),
        _planned(6, _DATABASES, why_not="locked"),
    ],
    batches=(1, 2, 1),
    lost=(
        PlannedLoss(account="main", service_id="14", cause="throttled", message="asked to wait 30 s"),
        PlannedLoss(account="main", service_id="15", cause="one_page", message="listed only page 1 of 3"),
    ),
    without_vms=(
        WithoutVms(account="main", service_id="77", service_name="mail", why="no_vm_functions"),
        WithoutVms(account="main", service_id="78", service_name="", why="empty_list"),
    ),
    missing_values=2,
    worst_down={"main/9": 4, "main/12": 1},
    worst_failures=3,
    seconds=200.4,
    basis="settle time of 12 earlier stops: 8 s",
)


def test_a_plan_prints_as_a_page() -> None:
    assert str(_WHOLE).splitlines() == [
        "Stop 4 of 6 VMs in 2 services of main",
        "",
        "service            VMs  stop  already stopped  locked  max down",
        "9 web cluster        4     3                1       0         4",
        "12 db.example.com    2     1                0       1         1",
        "all                  6     4                1       1",
        "max down = most VMs of the service that can be down at the same time",
        "",
        "3 batches: 1, 2, 1",
        "Failure limit: 3.",
        "About 3 API calls, about 3 min 20 s (settle time of 12 earlier stops: 8 s).",
        "The panel gave no value for a field of the condition at 2 VMs; a comparison with no value is false.",
        "",
        "Skipped: 2 VMs",
        "  1 already stopped: web04",
        "  1 locked: web06",
        "",
        "No VMs in 2 services: 78, mail",
        "",
        "Not included (could not be listed):",
        "  service 14 (main): throttled: asked to wait 30 s",
        "",
        "Listed in part; others of their VMs are not included:",
        "  service 15 (main): one_page: listed only page 1 of 3",
        "",
        f"Made 2025-01-02 03:04:05 UTC, digest {_WHOLE.digest[:12]}",
    ]


def test_a_plan_for_nothing_is_a_page_too() -> None:
    page = str(_plan([], calls=0))
    assert page.startswith("Stop 0 of 0 VMs in 0 services of main\n")
    assert "\nFailure limit: none (set one with max_failures).\n" in page
    assert "\nAbout 0 API calls. No estimate yet: first stop on this account.\n" in page
    assert "Skipped" not in page


@pytest.mark.parametrize(
    ("limit", "worst", "line"),
    [
        (
            20,
            137,
            "Failure limit: 20. Up to 137 VMs can fail before nothing new starts; --window bounds that.",
        ),
        (
            "10%",
            137,
            "Failure limit: 10%. Up to 137 VMs can fail before nothing new starts; --window bounds that.",
        ),
        (0, 0, "Failure limit: 0."),
    ],
)
def test_a_failure_limit_says_what_it_does_not_bound(limit: int | str, worst: int, line: str) -> None:
    vms = [_planned(number) for number in range(200)]
    plan = _plan(vms, document={"rollout": {"max_failures": limit}}, worst_failures=worst)
    assert line in page(plan, option=lambda name: f"--{name}").splitlines()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (59.4, "59 s"), (61, "1 min 01 s"), (3599.7, "1 h 00 min"), (4 * 3600 + 125, "4 h 02 min")],
)
def test_a_duration_is_shown_as_people_say_it(seconds: float, shown: str) -> None:
    assert f"calls, about {shown}.\n" in str(_plan([_planned(1)], seconds=seconds))


def test_a_page_of_many_services_stays_short_and_narrow() -> None:
    words = [f"reason_of_length_{n}" for n in range(8)]
    vms = []
    for number in range(3000):
        service = Service(id=str(number % 300), name="x" * 90)
        why_not = words[number % 11] if number % 11 < 8 else None
        vms.append(_planned(number, service, do=None if why_not else "stop", why_not=why_not))
    lost = PlannedLoss(account="main", cause="timeout")
    page = str(_plan(vms, worst_down={"main/7": 10**6}, lost=(lost,) * 50, basis="why " * 200))
    lines = page.splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) < 120
    assert any(line.startswith("and 270 more services") for line in lines)
    assert "  and 30 more" in lines
    table = next(line for line in lines if line.startswith("service "))
    assert "other" in table


@given(text=st.text(max_size=150))
def test_no_text_of_a_panel_steers_the_terminal(text: str) -> None:
    service = Service(id="9", name=text)
    vm = attrs.evolve(_RUNNING, label=text)
    vms = [
        PlannedVm.of("main", service, vm, do="stop"),
        PlannedVm.of("main", service, attrs.evolve(vm, id="2"), why_not="locked"),
    ]
    lost = PlannedLoss(account=text, service_id=text, service_name=text, cause=text, message=escape(text))
    without = WithoutVms(account=text, service_id=text, service_name=text, why=text)
    facts: dict[str, Any] = {"accounts": (text,), "basis": text, "action": text}
    plan = _plan(vms, lost=(lost,), without_vms=(without,), **facts)
    page = str(plan)
    assert len(page.splitlines()) == page.count("\n") + 1 <= 30
    assert all(line.isprintable() and len(line) <= 100 for line in page.split("\n"))
    diff = str(_plan([]).diff(plan))
    assert all(line.isprintable() for line in diff.split("\n"))


def test_a_plan_counts_what_it_does_for_each_service() -> None:
    assert _WHOLE.counts_per_service == {
        "main/9": {"do": 3, "already_stopped": 1},
        "main/12": {"do": 1, "locked": 1},
    }
    assert [vm.vm_id for vm in _WHOLE.targets] == ["1", "2", "3", "5"]


def test_a_plan_comes_back_from_its_json_exactly() -> None:
    for plan in (_WHOLE, _plan([]), _WHOLE.confirm(4), _plan([_planned(1)], seconds=7, confirmed=1)):
        again = Plan.from_json(plan.to_json())
        assert again == plan
        assert hash(again) == hash(plan)
        assert again.digest == plan.digest
        assert str(again) == str(plan)
        assert pickle.loads(pickle.dumps(plan)) == plan


_TEXTS = st.text(max_size=8)
_DOCUMENTS = st.dictionaries(
    _TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


@given(texts=st.tuples(_TEXTS, _TEXTS, _TEXTS), document=_DOCUMENTS, locked=st.none() | st.booleans())
def test_any_text_comes_back_from_json(
    texts: tuple[str, str, str], document: dict[str, Any], locked: bool | None
) -> None:
    vm = attrs.evolve(_planned(1), account=texts[0], service_name=texts[1], vm_label=texts[2], locked=locked)
    lost = tuple(
        PlannedLoss(account=text, service_id=text, service_name=None, cause=text, message=text)
        for text in texts
    )
    without = tuple(WithoutVms(account=text, service_id=text, service_name=text, why=text) for text in texts)
    facts: dict[str, Any] = {"accounts": texts, "basis": texts[0], "document": document}
    plan = _plan([vm], lost=lost, without_vms=without, **facts)
    assert Plan.from_json(plan.to_json()) == plan


def _replaced(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(values)


def _of_vm(**values: Any) -> Callable[[dict[str, Any]], None]:
    return _of("vms", **values)


def _of(name: str, **values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document[name][0].update(values)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_replaced(format="another"), '"format" is not'),
        (_replaced(version=3), "it is of version 3, and only versions 1 and 2 can be read"),
        (_replaced(version=None), "version None"),
        (_replaced(version=True), "version True"),
        (_replaced(digest="0" * 64), "digest"),
        (_replaced(action="start"), "digest"),
        (_replaced(action=None), r"None is not text @ \$\.action"),
        (_replaced(calls=True), r"True is not a whole number @ \$\.calls"),
        (_replaced(missing_values="2"), r"'2' is not a whole number @ \$\.missing_values"),
        (_replaced(further=1), "Plan lacks, or does not have, further"),
        (lambda document: document.pop("vms"), "Plan lacks, or does not have, vms"),
        (_replaced(vms=[1]), r"1 is not an object @ \$\.vms\[0\]"),
        (_replaced(vms={}), r"{} is not a list @ \$\.vms"),
        (_of_vm(locked=0), r"0 is not true or false @ \$\.vms\[0\]\.locked"),
        (_of_vm(batch=True), r"True is not a whole number @ \$\.vms\[0\]\.batch"),
        (_of_vm(power="stopped"), "digest"),
        (_of_vm(memory=4096), "digest"),
        (_of_vm(memory=2048.0), r"2048.0 is not a whole number @ \$\.vms\[0\]\.memory"),
        (_of_vm(cpus=True), r"True is not a whole number @ \$\.vms\[0\]\.cpus"),
        (_of_vm(further=1), r"PlannedVm lacks, or does not have, further @ \$\.vms\[0\]"),
        (lambda document: document["vms"][1].pop("locked"), r"locked @ \$\.vms\[1\]"),
        (_of_vm(do=None), "either do"),
        (_of_vm(batch=3), "batches"),
        (_of("lost", cause="refused"), "digest"),
        (_of("lost", service_id=14), r"14 is not text @ \$\.lost\[0\]\.service_id"),
        (_of("lost", message=None), r"None is not text @ \$\.lost\[0\]\.message"),
        (_replaced(lost=["service 14 of main: Throttled"]), r"is not an object @ \$\.lost\[0\]"),
        (lambda document: document.pop("undiscovered"), "undiscovered"),
        (_of("without_vms", why="empty_list"), "digest"),
        (_of("without_vms", service_name=None), r"None is not text @ \$\.without_vms\[0\]\.service_name"),
        (_replaced(without_vms=[[]]), r"\[\] is not an object @ \$\.without_vms\[0\]"),
        (_replaced(accounts=[1]), r"1 is not text @ \$\.accounts\[0\]"),
        (_replaced(accounts="main"), r"'main' is not a list @ \$\.accounts"),
        (_replaced(worst_down={"main/9": "4"}), r"'4' is not a whole number @ \$\.worst_down\['main/9'\]"),
        (_replaced(created_at="yesterday"), "yesterday"),
        (_replaced(created_at=0), r"0 is not text @ \$\.created_at"),
        (_replaced(created_at="0001-01-01T00:00:00+23:59"), "date value out of range"),
        (_replaced(created_at="2025-01-02T03:04:05"), "time zone"),
        (_replaced(seconds=-1.0), "no duration"),
        (_replaced(seconds=True), r"True is not a number @ \$\.seconds"),
        (_replaced(confirmed=3), "acts on 4 VMs"),
        (lambda document: document["vms"].append(document["vms"][0]), "some twice"),
    ],
)
def test_a_plan_that_is_not_as_it_was_written_is_refused(
    damage: Callable[[dict[str, Any]], object], words: str
) -> None:
    document = json.loads(_WHOLE.to_json())
    damage(document)
    with pytest.raises(InvalidArgument, match=words) as caught:
        Plan.from_json(json.dumps(document))
    assert "make it anew" in str(caught.value)
    assert caught.value.argument == "text"


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", "{}", '"plan"', "[" * 10**5, "1" * 5000, None, b"\xff"]
)
def test_what_is_no_plan_at_all_is_refused(text: Any) -> None:
    with pytest.raises(InvalidArgument, match="cannot be used as a plan"):
        Plan.from_json(text)


def test_the_digest_is_of_what_is_done_and_not_of_predictions() -> None:
    same = attrs.evolve(
        _WHOLE, created_at=datetime(2026, 1, 1, tzinfo=UTC), calls=9, seconds=None, basis="", confirmed=4
    )
    assert same.digest == _WHOLE.digest
    others: list[dict[str, Any]] = [
        {"action": "start"},
        {"document": {}},
        {"worst_failures": None},
        {"vms": (), "batches": ()},
        {"lost": ()},
        {"without_vms": _WHOLE.without_vms[:1]},
    ]
    for changes in others:
        assert attrs.evolve(_WHOLE, **changes).digest != _WHOLE.digest


def test_a_plan_does_not_change_with_what_it_was_made_of() -> None:
    document: dict[str, Any] = {"services": ("9", "12")}
    plan = _plan([], document=document)
    before = plan.digest
    document["services"] = ()
    assert plan.document == {"services": ["9", "12"]}
    assert attrs.evolve(plan).digest == before


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: _planned(1, do="stop", why_not="locked"), None),
        (lambda: _planned(1, do=None), None),
        (lambda: _planned(1, why_not="locked", batch=1), None),
        (lambda: _plan([_planned(1), _planned(1, why_not="locked")]), "vms"),
        (lambda: _plan([_planned(1, do="stop", batch=1)], batches=(2,)), "batches"),
        (lambda: _plan([_planned(1, do="stop", batch=1)]), "batches"),
        (lambda: _plan([_planned(1, do="stop", batch=1), _planned(2)], batches=(1,)), "batches"),
        (lambda: _plan([], created_at=datetime(2025, 1, 1)), "created_at"),  # noqa: DTZ001 - what is refused
        (lambda: _plan([], seconds=float("nan")), "seconds"),
        (lambda: _plan([], document={"when": datetime(2025, 1, 1, tzinfo=UTC)}), "document"),
        (lambda: _plan([], document={"share": float("inf")}), "document"),
        (lambda: _plan([], document=["stop"]), "document"),
        (lambda: _plan([_planned(1)], confirmed=2), "confirmed"),
    ],
)
def test_a_plan_whose_parts_contradict_each_other_is_refused(
    make: Callable[[], object], argument: str | None
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        make()
    assert refused.value.argument == argument


@pytest.mark.parametrize("count", [0, 3, 5, True, "4", 4.0, None])
def test_only_the_number_of_vms_confirms_a_plan(count: Any) -> None:
    assert _WHOLE.confirmed is None
    assert _WHOLE.confirm(4).confirmed == 4
    assert "Confirmed for 4 VMs" in str(_WHOLE.confirm(4))
    with pytest.raises(InvalidArgument, match=f"acts on 4 VMs, and {count!r} were") as refused:
        _WHOLE.confirm(count)
    assert refused.value.argument == "count"


def test_plans_that_do_the_same_do_not_differ() -> None:
    diff = _WHOLE.diff(attrs.evolve(_WHOLE, created_at=datetime(2026, 1, 1, tzinfo=UTC), calls=9))
    assert not diff
    assert diff == PlanDiff()
    assert str(diff) == "no difference"


def test_a_diff_names_what_is_listed_otherwise() -> None:
    diff = _WHOLE.diff(attrs.evolve(_WHOLE, lost=(), without_vms=()))
    assert diff.settings == ("undiscovered", "without_vms")


def test_a_diff_names_what_came_went_and_changed() -> None:
    before = _plan([_planned(1), _planned(2), _planned(3)], document={"rollout": {}, "note": ""})
    stopped = PlannedVm.of("main", _CLUSTER, _vm(2, power=PowerState.STOPPED), why_not="already_stopped")
    after = _plan([_planned(4), stopped, _planned(1)], document={"rollout": {"window": 3}, "note": ""})
    diff = before.diff(after)
    assert diff
    assert [vm.vm_id for vm in diff.added] == ["4"]
    assert [vm.vm_id for vm in diff.removed] == ["3"]
    assert [(old.do, new.why_not) for old, new in diff.changed] == [("stop", "already_stopped")]
    assert diff.settings == ("document.rollout", "order")
    assert str(diff).splitlines() == [
        "+ VM 4 'web04' of service 9: stop",
        "- VM 3 'web03' of service 9: stop",
        "~ VM 2 'web02' of service 9: power 'running' -> 'stopped', "
        "do 'stop' -> None, why_not None -> 'already_stopped'",
        "~ document.rollout differs",
        "~ order differs",
    ]


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (_vm(1), None),
        (_vm(1, note="another", label="renamed"), None),
        (_vm(1, power=PowerState.STOPPED), "was running, is stopped"),
        (_vm(1, locked=True), "was not locked, is locked"),
        (_vm(1, locked=None), "was not locked, is lock unknown"),
        (_vm(1, memory=4096, cpus=None), "was 2048 MB, 2 cores, is 4096 MB, cores unknown"),
        (None, "is gone"),
    ],
)
def test_a_plan_is_stale_when_a_vm_that_it_acts_on_has_changed(now: Vm | None, moved: str | None) -> None:
    plan = _plan([_planned(1), _planned(2, why_not="locked")])
    current = {} if now is None else {("main", "9", "1"): now}
    if moved is None:
        plan.check_current(current)
        return
    with pytest.raises(StalePlan) as caught:
        plan.check_current(current)
    assert caught.value.moved == (f"VM 1 of service 9: {moved}",)
    assert moved in str(caught.value)
    assert "refresh=True" in str(caught.value)


def test_a_stale_plan_of_several_accounts_names_them_and_survives_pickling() -> None:
    plan = _plan([_planned(n) for n in range(9)], accounts=("main", "other"))
    with pytest.raises(StalePlan) as caught:
        plan.check_current({})
    error = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(error, StalePlan)
    assert len(error.moved) == 9
    assert error.moved[0] == "VM 0 of service 9 of main: is gone"
    assert str(error).startswith("9 VMs are not as planned (")
    assert "VM 3" not in str(error)


def test_a_vm_that_is_left_alone_has_moved_only_where_its_reason_is_gone() -> None:
    stopped = _vm(1, power=PowerState.STOPPED)
    cases: list[tuple[str, Vm, Vm | None, str | None]] = [
        ("already_stopped", stopped, _vm(1), "was stopped, is running"),
        ("already_stopped", stopped, attrs.evolve(stopped, memory=4096), None),
        ("already_stopped", stopped, None, None),
        ("already_so", _vm(1), _vm(1, memory=1024), "was 2048 MB, is 1024 MB"),
        (
            "already_so",
            _vm(1),
            _vm(1, cpus=None, locked=True),
            "was not locked, 2 cores, is locked, cores unknown",
        ),
        ("already_so", _vm(1), stopped, None),
        ("locked", _vm(1, locked=True), _vm(1, power=PowerState.STOPPED), None),
        ("excluded", _vm(1), stopped, None),
    ]
    for why_not, before, now, moved in cases:
        plan = _plan([PlannedVm.of("main", _CLUSTER, before, why_not=why_not)])
        current = {} if now is None else {("main", "9", "1"): now}
        if moved is None:
            plan.check_current(current)
        else:
            with pytest.raises(StalePlan) as caught:
                plan.check_current(current)
            assert caught.value.moved == (f"VM 1 of service 9: {moved}",), why_not


def test_what_was_observed_is_data_and_a_text_of_it() -> None:
    planned = PlannedVm.of("main", _CLUSTER, _vm(1, locked=None, memory=None), do="stop")
    facts = (planned.power, planned.locked, planned.memory, planned.cpus)
    assert facts == ("running", None, None, 2)
    assert planned.observed == "running, lock unknown, memory unknown, 2 cores"
    assert attrs.evolve(planned, cpus=None).observed.endswith("cores unknown")
    (written,) = json.loads(_plan([planned]).to_json())["vms"]
    assert (written["memory"], written["cpus"], written["observed"]) == (None, 2, planned.observed)


def test_texts_for_people_are_ignored_when_a_file_is_read() -> None:
    document = json.loads(_WHOLE.to_json())
    document["undiscovered"] = ["service 9 (main): timeout"]
    document["vms"][0]["observed"] = "stopped, not locked, 1 MB, 1 cores"
    assert Plan.from_json(json.dumps(document)) == _WHOLE
