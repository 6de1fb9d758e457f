"""Accounts of a stored run: found by key, and called by the names that they have now."""

from __future__ import annotations

import pytest
from support.journals import KnownAccount, header, rows

from aioseflow.fleet.journal import RunInfo, StoredRun, StoredTarget
from aioseflow.fleet.journal.account_names import counterpart, find_accounts, with_names_of
from aioseflow.fleet.model.undiscovered import Undiscovered, WithoutVms

A, B, C = KnownAccount("a", "key-1"), KnownAccount("b", "key-2"), KnownAccount("c", "key-1")

FOUND: list[tuple[dict[str, str], list[KnownAccount], dict[str, KnownAccount]]] = [
    ({"a": "key-1", "b": "key-2"}, [A, B], {"a": A, "b": B}),
    ({"a": "key-1", "b": "key-2"}, [B], {"b": B}),
    ({"x": "key-1", "y": "key-2"}, [B, A], {"x": A, "y": B}),
    # The key decides, not the name.
    ({"b": "key-1"}, [B, A], {"b": A}),
    ({"a": "key-3"}, [A, B], {}),
    # Two clients of one account: the one that has the name, and none of them twice.
    ({"a": "key-1", "c": "key-1"}, [C, A], {"a": A, "c": C}),
    ({"c": "key-1", "x": "key-1"}, [A, C], {"c": C, "x": A}),
    ({"a": "key-1", "x": "key-1"}, [A], {"a": A}),
]


@pytest.mark.parametrize(("keys", "accounts", "found"), FOUND)
def test_accounts_are_found_by_their_keys(
    keys: dict[str, str], accounts: list[KnownAccount], found: dict[str, KnownAccount]
) -> None:
    assert find_accounts(header(accounts=tuple(keys), account_keys=keys), accounts) == found


def test_accounts_of_a_journal_without_keys_are_found_by_name() -> None:
    assert find_accounts(header(accounts=("b", "x", "a")), [A, B]) == {"b": B, "a": A}


@pytest.mark.parametrize(
    ("mine", "theirs", "name"),
    [
        ({"a": "key-1"}, {"a": "key-1"}, "a"),
        ({"a": "key-1"}, {"x": "key-1", "a": "key-2"}, "x"),
        ({"a": "key-1"}, {"a": "key-2"}, None),
        ({"a": "key-1"}, {}, "a"),
        ({}, {"x": "key-1"}, "a"),
    ],
)
def test_the_counterpart_of_an_account_in_another_run(
    mine: dict[str, str], theirs: dict[str, str], name: str | None
) -> None:
    assert counterpart("a", mine, theirs) == name


def test_everything_of_a_run_that_names_an_account_is_renamed() -> None:
    document = {
        "steps": [{"name": "stop"}, {"name": "start"}],
        "selection": {"where": [["main", "9", "4"], ["9", "5"]], "exclude": [["main", "9", "6"]]},
    }
    made = header(accounts=("main", "b"), account_keys={"main": "key-1", "b": "key-2"}, document=document)
    stored = StoredRun(
        info=RunInfo(
            header=made, state="ended", undiscovered=(Undiscovered(account="main", cause="refused"),)
        ),
        discovered=True,
        targets=[StoredTarget(row=row) for row in rows(2)],
        without_vms=(WithoutVms(account="main", service_id="7", service_name="", why="empty_list"),),
    )
    assert with_names_of(stored, [KnownAccount("main", "key-1"), B]) is stored
    renamed = with_names_of(stored, [A, B])
    assert renamed.info.header.accounts == ("a", "b")
    assert renamed.info.header.account_keys == {"a": "key-1", "b": "key-2"}
    assert renamed.info.header.document["selection"] == {
        "where": [["a", "9", "4"], ["9", "5"]],
        "exclude": [["a", "9", "6"]],
    }
    assert renamed.info.action_names == renamed.info.header.action_names == ("stop", "start")
    assert {each.row.account for each in renamed.targets} == {"a"}
    assert [each.account for each in renamed.info.undiscovered] == ["a"]
    assert [each.account for each in renamed.without_vms] == ["a"]
    assert renamed.stored_names == {"a": "main"}
    # The run itself is as it was.
    assert stored.info.header.document == document
    assert {each.row.account for each in stored.targets} == {"main"}
