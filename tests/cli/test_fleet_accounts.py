"""Several accounts are one fleet, and what follows a run finds the accounts that it had."""

from __future__ import annotations

from collections.abc import Callable

import orjson
import pytest
from cli.terminals import Result

from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.secret import Secret

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]


@pytest.fixture
def two(panels: Panels, monkeypatch: pytest.MonkeyPatch) -> tuple[Sandbox, Sandbox]:
    """The panels of the profiles ``a`` and ``b``, and no account in the environment."""
    made = []
    for name in ("a", "b"):
        panel = panels(
            username=f"{name}@example.com",
            faults=[Fault("error", method="POST", vm="4002", codes=("broken",))],
        )
        profile = Profile(name, panel.username, panel.url, Place.FILE, f"entry of {name}")
        passwords.keep(profile, Secret(panel.password))
        profile_store.put(profile)
        made.append(panel)
    for variable in ("SEFLOW_USERNAME", "SEFLOW_PASSWORD", "SEFLOW_BASE_URL"):
        monkeypatch.delenv(variable)
    return made[0], made[1]


@pytest.mark.parametrize(
    "words", [["--profile", "a,b"], ["--profile", "a", "--profile", "b"], ["--all-profiles"]]
)
def test_several_profiles_are_one_fleet(run: Run, two: tuple[Sandbox, Sandbox], words: list[str]) -> None:
    done = run("fleet", "reboot", "--all", "--yes", *words)
    assert done.exit_code == 3
    assert done.stdout.startswith("Rebooted 10 of 12 VMs. 2 failed.")
    assert [panel.effect_count("reboot") for panel in two] == [5, 5]
    # The journal knows the accounts, so that the next step is the same however the run was begun.
    step = f"aioseflow fleet retry {_newest(run)} tries"
    assert step in " ".join(done.stdout.split())
    assert step in " ".join(run("fleet", "status", "last").stdout.split())


def test_a_retry_finds_the_profiles_that_the_run_had(run: Run, two: tuple[Sandbox, Sandbox]) -> None:
    assert run("fleet", "reboot", "--all", "--yes", "--all-profiles").exit_code == 3
    for panel in two:
        panel.faults.clear()
    assert run("fleet", "retry", "last", "--yes").exit_code == 0
    assert [panel.effect_count("reboot") for panel in two] == [6, 6]


def test_a_selection_can_name_the_account(run: Run, two: tuple[Sandbox, Sandbox]) -> None:
    where = 'account == "b" and service.id == "33301"'
    assert run("fleet", "reboot", "--where", where, "--all-profiles", "--yes").exit_code == 3
    assert [panel.effect_count("reboot") for panel in two] == [0, 2]


def test_a_pair_of_ids_that_two_accounts_have_is_an_error_that_names_both(
    run: Run, two: tuple[Sandbox, Sandbox]
) -> None:
    refused = run("fleet", "reboot", "--vm", "33301/4001", "--all-profiles", "--yes")
    assert refused.exit_code == 2
    assert "is in the accounts a and b" in refused.stderr
    assert "name its account, too" in refused.stderr
    assert [panel.effect_count("reboot") for panel in two] == [0, 0]


def test_what_follows_a_run_of_two_accounts_is_not_done_with_one(
    run: Run, two: tuple[Sandbox, Sandbox]
) -> None:
    assert run("fleet", "reboot", "--all", "--yes", "--all-profiles").exit_code == 3
    asked = [len(panel.requests) for panel in two]
    refused = run("fleet", "retry", "last", "--yes", "--profile", "a")
    assert refused.exit_code == 2
    assert "name its account with --profile" in refused.stderr
    assert [len(panel.requests) for panel in two] == asked


def _newest(run: Run) -> str:
    newest: str = orjson.loads(run("fleet", "runs", "-o", "json").stdout)[0]["run_id"]
    return newest


def test_accounts_have_the_names_of_their_profiles_and_none_is_cut(
    run: Run, two: tuple[Sandbox, Sandbox]
) -> None:
    planned = run("fleet", "plan", "stop", "--all-profiles", "--all")
    rows = [line for line in planned.stdout.splitlines() if line.startswith("33301")]
    assert [row.split("  ")[0].rpartition(" ")[2] for row in rows] == ["(a)", "(b)"]
    listed = run("service", "list", "--all-profiles").stdout.splitlines()
    assert {line.split()[0] for line in listed[1:]} == {"a", "b"}


def test_a_name_that_no_account_has_is_refused(run: Run, two: tuple[Sandbox, Sandbox]) -> None:
    for words in (
        ["fleet", "plan", "stop"],
        ["fleet", "stop", "--yes"],
        ["vm", "list"],
        ["inventory", "--list"],
    ):
        refused = run(*words, "--all-profiles", "--where", 'account == "mix"')
        assert (refused.exit_code, refused.stdout) == (2, ""), words
        assert 'account is never "mix"; it is one of "a", "b"' in " ".join(refused.stderr.split()), words


def test_lists_of_some_of_the_accounts(run: Run, two: tuple[Sandbox, Sandbox]) -> None:
    listed = run(
        "vm", "list", "--all-profiles", "--where", 'account == "b"', "-o", "csv", "--columns", "account"
    )
    assert listed.exit_code == 0
    assert set(listed.stdout.split()) == {"account", "b"}


def test_a_run_of_several_profiles_is_found_again_by_their_names(
    run: Run, two: tuple[Sandbox, Sandbox]
) -> None:
    run("fleet", "stop", "--all-profiles", "--all", "--yes", "--no-wait")
    restored = run("fleet", "restore", "last", "--yes", "-o", "json")
    assert restored.exit_code == 0
    assert [panel.effect_count("start") for panel in two] == [panel.effect_count("stop") for panel in two]
