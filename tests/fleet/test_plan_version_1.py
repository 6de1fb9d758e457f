"""Plan files of version 1 are read and followed; a text that could mean two things is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clients import QUICK_RETRY

from aioseflow import Fleet, InvalidArgument, Plan, PlannedLoss, SeFlow, Status
from aioseflow.sandbox import Sandbox

# Written by revision 146f6af, for two sandboxes: seeds 1 and 2, two services each, of three and of two VMs.
_PLANS = Path(__file__).parent.parent / "data/plans"
_TWO_ACCOUNTS = (_PLANS / "version_1_two_accounts.json").read_text(encoding="utf-8")
_HOSTILE_NAME = (_PLANS / "version_1_hostile_name.json").read_text(encoding="utf-8")


def with_digest_of_version_1(document: dict[str, Any]) -> str:
    """The text of a document, with the digest that the old code would give it."""
    digested = {
        name: value
        for name, value in document.items()
        if name not in ("format", "version", "digest", "created_at", "confirmed", "calls", "seconds", "basis")
    }
    text = json.dumps(digested, sort_keys=True, separators=(",", ":"))
    return json.dumps(document | {"digest": hashlib.sha256(text.encode("ascii")).hexdigest()})


def changed(**values: Any) -> str:
    return with_digest_of_version_1(json.loads(_TWO_ACCOUNTS) | values)


def lost_of(lines: list[str], *accounts: str) -> tuple[PlannedLoss, ...]:
    return Plan.from_json(changed(undiscovered=lines, accounts=["main (eu)", "account 7", *accounts])).lost


def test_the_digest_of_these_tests_is_that_of_the_old_code() -> None:
    for text in (_TWO_ACCOUNTS, _HOSTILE_NAME):
        document = json.loads(text)
        assert json.loads(with_digest_of_version_1(document | {"digest": ""}))["digest"] == document["digest"]


def test_a_file_of_the_old_code_is_read_with_all_its_losses() -> None:
    plan = Plan.from_json(_TWO_ACCOUNTS)
    assert plan.lost == (
        PlannedLoss(account="main (eu)", service_id="33302", cause="permission_denied"),
        PlannedLoss(account="account 7", service_id="33302", cause="server_error"),
    )
    assert list(plan.undiscovered) == json.loads(_TWO_ACCOUNTS)["undiscovered"]
    assert plan.without_vms == ()
    assert [(vm.vm_id, vm.power, vm.locked, vm.memory, vm.cpus) for vm in plan.vms] == [
        ("4001", "running", None, 512, 1),
        ("4001", "running", None, 512, 1),
        ("4002", "running", None, 1024, 2),
        ("4002", "stopped", None, 1024, 2),
        ("4003", "transitional", None, 2048, 3),
    ]
    assert [vm.observed for vm in plan.vms] == [vm["observed"] for vm in json.loads(_TWO_ACCOUNTS)["vms"]]
    assert Plan.from_json(plan.to_json()) == plan
    assert json.loads(plan.to_json())["version"] == 2
    assert "service 33302 (account 7): server_error" in str(plan)


def test_an_account_s_name_that_looks_like_a_line_is_that_account() -> None:
    (lost,) = Plan.from_json(_HOSTILE_NAME).lost
    assert lost == PlannedLoss(account="a): service 9 (main): x\ny", cause="server_error")


async def test_a_plan_of_the_old_code_is_followed_and_its_report_is_not_ok() -> None:
    async with Sandbox(services=2, vms_per_service=3, seed=1, stop_time=0.0) as first:
        vms = first.services["33301"].vms
        vms["4002"].power, vms["4003"].power = "stopped", "transitional"
        async with Sandbox(services=2, vms_per_service=2, seed=2, stop_time=0.0) as second:
            clients = [
                SeFlow(panel.username, panel.password, base_url=panel.url, name=name, retry=QUICK_RETRY)
                for panel, name in ((first, "main (eu)"), (second, "account 7"))
            ]
            async with clients[0], clients[1]:
                report = await Fleet(clients).run(Plan.from_json(_TWO_ACCOUNTS))
    assert (first.effect_count("stop"), second.effect_count("stop")) == (1, 2)
    assert {lost.account: (lost.service_id, lost.cause) for lost in report.undiscovered} == {
        "main (eu)": ("33302", "permission_denied"),
        "account 7": ("33302", "server_error"),
    }
    assert report.counts[Status.CHANGED] == 3
    assert not report.ok


@pytest.mark.parametrize(
    "account", ["main", "main (eu)", "account 7", "x)", "(x", "a: b", "main: timeout", "a\nb"]
)
def test_a_line_is_read_whatever_the_account_is_called(account: str) -> None:
    lines = [f"account {account}: one_page", f"service 9 ({account}): timeout"]
    document = json.loads(_TWO_ACCOUNTS) | {"accounts": [account], "vms": [], "batches": []}
    plan = Plan.from_json(with_digest_of_version_1(document | {"undiscovered": lines}))
    assert plan.lost == (
        PlannedLoss(account=account, cause="one_page"),
        PlannedLoss(account=account, service_id="9", cause="timeout"),
    )


@given(
    accounts=st.lists(st.text("ab (): \n", min_size=1, max_size=6), min_size=1, max_size=3, unique=True),
    service=st.none() | st.text("9a (:)", min_size=1, max_size=6),
)
def test_a_line_is_read_rightly_or_refused(accounts: list[str], service: str | None) -> None:
    account = accounts[0]
    line = f"account {account}: timeout" if service is None else f"service {service} ({account}): timeout"
    document = json.loads(_TWO_ACCOUNTS) | {"accounts": accounts, "vms": [], "batches": []}
    text = with_digest_of_version_1(document | {"undiscovered": [line]})
    refused, lost = "", None
    try:
        lost = Plan.from_json(text).lost
    except InvalidArgument as error:
        refused = str(error)
    if refused:
        assert "more than one way" in refused
        assert len(accounts) > 1
        assert service is not None
    else:
        assert lost == (PlannedLoss(account=account, service_id=service, cause="timeout"),)


@pytest.mark.parametrize(
    ("lines", "accounts", "words"),
    [
        (["service 9 (x (b)): timeout"], ("b)", "x (b)"), "in more than one way"),
        (["service 9 (other): timeout"], (), "in no way"),
        (["account main: timeout"], (), "in no way"),
        (["account account 7: "], (), "in no way"),
        (["account account 7: Timed out"], (), "in no way"),
        (["service  (account 7): timeout x"], (), "in no way"),
        (["service (account 7): timeout"], (), "in no way"),
        ([7], (), "in no way"),
    ],
)
def test_a_line_that_could_mean_something_else_is_refused_and_not_dropped(
    lines: list[Any], accounts: tuple[str, ...], words: str
) -> None:
    with pytest.raises(InvalidArgument, match=words) as caught:
        lost_of(lines, *accounts)
    assert "make it anew" in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        {"observed": "running"},
        {"observed": "running, lock unknown, 512 MB"},
        {"observed": "stopped, lock unknown, 512 MB, 1 cores"},
        {"observed": "running, locked, 512 MB, 1 cores"},
        {"observed": "running, lock unknown, 0512 MB, 1 cores"},
        {"observed": "running, lock unknown, 512 MB, 1 cores, 3 disks"},
        {"observed": None},
        {"locked": True},
    ],
)
def test_an_observation_that_the_old_code_did_not_write_is_refused(values: dict[str, Any]) -> None:
    vms = json.loads(_TWO_ACCOUNTS)["vms"]
    with pytest.raises(InvalidArgument, match="what was observed of VM '4001' of service '33301' cannot be"):
        Plan.from_json(changed(vms=[vms[0] | values, *vms[1:]]))


@pytest.mark.parametrize(
    ("words", "memory", "cpus"),
    [
        ("memory unknown, cores unknown", None, None),
        ("0 MB, cores unknown", 0, None),
        ("memory unknown, -1 cores", None, -1),
    ],
)
@pytest.mark.parametrize(
    ("lock", "locked"), [("locked", True), ("not locked", False), ("lock unknown", None)]
)
def test_every_observation_of_the_old_code_is_read(
    lock: str, locked: bool | None, words: str, memory: int | None, cpus: int | None
) -> None:
    first, *others = json.loads(_TWO_ACCOUNTS)["vms"]
    first |= {"locked": locked, "observed": f"running, {lock}, {words}"}
    vm = Plan.from_json(changed(vms=[first, *others])).vms[0]
    assert (vm.locked, vm.memory, vm.cpus, vm.observed) == (locked, memory, cpus, first["observed"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"vms": None}, "no list of accounts, vms or undiscovered"),
        ({"vms": [1]}, r"1 is not an object @ \$\.vms\[0\]"),
        ({"undiscovered": {}}, "no list of accounts, vms or undiscovered"),
        ({"accounts": [1]}, "in no way"),
        ({"accounts": [1], "undiscovered": []}, r"1 is not text @ \$\.accounts\[0\]"),
        ({"calls": True}, r"True is not a whole number @ \$\.calls"),
        ({"further": 1}, "Plan lacks, or does not have, further"),
        ({"confirmed": 2}, "acts on 3 VMs"),
    ],
)
def test_a_file_of_the_old_version_is_checked_like_a_new_one(values: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        Plan.from_json(changed(**values))


@pytest.mark.parametrize(
    "values",
    [
        {"action": "start"},
        {"undiscovered": ["service 33302 (main (eu)): permission_denied"]},
        {"undiscovered": []},
        {"digest": "0" * 64},
        {"digest": None},
        {"worst_failures": None},
    ],
)
def test_a_file_of_the_old_version_that_was_changed_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgument, match="its digest is not that of its content"):
        Plan.from_json(json.dumps(json.loads(_TWO_ACCOUNTS) | values))


def test_a_confirmed_plan_of_the_old_version_stays_confirmed() -> None:
    assert Plan.from_json(changed(confirmed=3)).confirmed == 3
