"""What the nouns read: of one account and of several, in every form, also where something cannot be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import yaml  # type: ignore[import-untyped]
from cli.terminals import Result, Terminal, visible

from aioseflow.cli.completion import name_cache
from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.secret import Secret

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def two(panels: Panels) -> dict[str, Sandbox]:
    """Two panels, each with a profile of its name."""
    started = {"one": panels(services=1, vms_per_service=2), "two": panels(services=2, vms_per_service=1)}
    for name, panel in started.items():
        profile = Profile(name, panel.username, panel.url, Place.FILE, name)
        passwords.keep(profile, Secret(panel.password))
        profile_store.put(profile)
    return started


def _label(panel: Sandbox) -> str:
    return f"demo@example.com at {panel.host}:{panel.port}"


@pytest.mark.parametrize("words", [["--profile", "two"], ["--profile=two"], ["--all-profiles"]])
def test_an_account_may_be_named_before_the_command(
    run: Run, two: dict[str, Sandbox], words: list[str]
) -> None:
    before = run(*words, "service", "list", "-o", "json")
    assert before == run("service", "list", "-o", "json", *words)
    assert len(orjson.loads(before.stdout)) == (3 if words == ["--all-profiles"] else 2)


def test_vm_list_is_of_all_services_in_the_order_of_their_ids(run: Run, panels: Panels) -> None:
    panel = panels(services=3, services_without_vms=1)
    listed = run("vm", "list", "-o", "json")
    rows = orjson.loads(listed.stdout)
    assert [(row["service_id"], row["id"]) for row in rows] == [
        (service.id, vm) for service in panel.services.values() for vm in service.vms
    ]
    assert list(rows[0])[:4] == ["service_id", "service_name", "id", "label"]
    assert rows[0]["service_name"] == "Cloud 1"
    assert rows[0]["password"] is None
    assert list(rows[0])[-2:] == ["unread", "extra"]


def test_vm_list_of_a_service_is_one_request_and_has_the_same_names(run: Run, panel: Sandbox) -> None:
    rows = orjson.loads(run("vm", "list", "33302", "-o", "json").stdout)
    assert [row["id"] for row in rows] == ["4004", "4005", "4006"]
    assert [request.path for request in panel.requests] == ["/service/33302/vms"]
    assert rows == orjson.loads(run("vm", "list", "--service", "33302", "-o", "json").stdout)
    everything = orjson.loads(run("vm", "list", "-o", "json").stdout)
    assert list(everything[0]) == list(rows[0])


def test_vm_list_selects_as_fleet_does(run: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4002"].power = "stopped"
    panel.services["33302"].vms["4004"].power = "stopped"
    where = 'power == "stopped"'
    assert _ids(run("vm", "list", "--where", where, "-o", "json")) == ["4002", "4004"]
    assert _ids(run("vm", "list", "33301", "--where", where, "-o", "json")) == ["4002"]
    assert len(_ids(run("vm", "list", "33301", "--service", "33302", "-o", "json"))) == 6
    wrong = run("vm", "list", "--where", "power ==")
    assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)


def _ids(listed: Result) -> list[str]:
    assert listed.exit_code == 0, listed.stderr
    return [row["id"] for row in orjson.loads(listed.stdout)]


def test_a_table_has_the_columns_that_a_vm_is_written_with(run: Run, panel: Sandbox) -> None:
    lines = run("vm", "list", "33301").stdout.splitlines()
    assert lines[0].split() == ["service_id", "id", "label", "power", "memory", "cpus", "disk", "ip"]
    assert lines[1].split()[:4] == ["33301", "4001", "vm-4001", "running"]


def test_every_form_has_the_same_rows(run: Run, panel: Sandbox) -> None:
    words = ("vm", "list", "--columns", "service_id,id,memory", "--sort=-id", "-o")
    rows = orjson.loads(run(*words, "json").stdout)
    assert [row["id"] for row in rows] == ["4006", "4005", "4004", "4003", "4002", "4001"]
    assert [orjson.loads(line) for line in run(*words, "jsonl").stdout.splitlines()] == rows
    assert yaml.safe_load(run(*words, "yaml").stdout) == rows
    table = [dict(row) for row in csv.DictReader(io.StringIO(run(*words, "csv").stdout))]
    assert table == [{name: str(value) for name, value in row.items()} for row in rows]


def test_an_empty_list_is_said_and_is_no_error(run: Run, panels: Panels) -> None:
    panels(services=1, vms_per_service=0)
    assert run("vm", "list") == Result(0, "", "No VMs match.\n")
    assert run("vm", "list", "-o", "json") == Result(0, "[]\n", "")


def test_a_service_that_cannot_be_listed_is_told_after_the_others_and_has_code_4(
    run: Run, panel: Sandbox
) -> None:
    panel.faults.add(Fault("error", path="/service/33301/vms"))
    listed = run("vm", "list", "-o", "json")
    assert listed.exit_code == 4
    assert [row["service_id"] for row in orjson.loads(listed.stdout)] == ["33302"] * 3
    assert listed.stderr.startswith("aioseflow: not in the list: The panel refused: ")
    assert "(the VMs of service 33301)" in listed.stderr
    assert listed.stderr.count("\n") == 1


def test_of_many_services_that_cannot_be_listed_a_few_are_told(run: Run, panels: Panels) -> None:
    panel = panels(services=9, vms_per_service=1)
    for service in [*panel.services][1:]:
        panel.faults.add(Fault("error", path=f"/service/{service}/vms"))
    listed = run("vm", "list", "-o", "json")
    assert (listed.exit_code, len(orjson.loads(listed.stdout))) == (4, 1)
    lines = listed.stderr.splitlines()
    assert all("The panel refused" in line for line in lines[:-1])
    assert (len(lines), lines[-1]) == (6, "aioseflow: and 3 more could not be read")


def test_where_nothing_can_be_listed_there_is_an_error_and_no_data(run: Run, panel: Sandbox) -> None:
    panel.faults.add(Fault("error", path="/service"))
    listed = run("vm", "list", "-o", "json")
    assert (listed.exit_code, listed.stdout, listed.stderr.count("\n")) == (1, "", 1)


def test_lists_of_several_accounts_say_whose_each_is(run: Run, two: dict[str, Sandbox]) -> None:
    one, other = two
    rows = orjson.loads(run("vm", "list", "--all-profiles", "-o", "json").stdout)
    assert [(row["account"], row["id"]) for row in rows] == [
        (one, "4001"),
        (one, "4002"),
        (other, "4001"),
        (other, "4002"),
    ]
    assert next(iter(rows[0])) == "account"
    for noun in ("service", "invoice", "ticket", "domain"):
        lines = run(noun, "list", "--profile", "two,one").stdout.splitlines()
        assert lines[0].split()[0] == "account"
        assert lines[1].startswith(other)
        assert lines[-1].startswith(one)
    alone = run("service", "list", "--profile", "one", "-o", "json")
    assert "account" not in orjson.loads(alone.stdout)[0]


def test_figures_stand_to_the_right_with_several_accounts_too(run: Run, two: dict[str, Sandbox]) -> None:
    lines = run("vm", "list", "--all-profiles").stdout.splitlines()
    place = lines[0].index("memory") + len("memory")
    assert all(line[place - 1].isdigit() and line[place] == " " for line in lines[1:])


def test_one_account_that_does_not_answer_is_told_beside_the_others(
    run: Run, two: dict[str, Sandbox]
) -> None:
    two["one"].password = "changed"
    listed = run("service", "list", "--all-profiles", "-o", "json")
    assert listed.exit_code == 4
    assert {row["account"] for row in orjson.loads(listed.stdout)} == {"two"}
    assert listed.stderr.startswith("aioseflow: not in the list: one: Wrong e-mail or password")


def test_where_no_account_answers_each_is_told_and_the_code_is_that_of_the_first(
    run: Run, two: dict[str, Sandbox]
) -> None:
    for panel in two.values():
        panel.password = "changed"
    listed = run("service", "list", "--all-profiles")
    assert (listed.exit_code, listed.stdout) == (6, "")
    assert [line.split(": ")[1] for line in listed.stderr.splitlines()] == [*two]


@pytest.mark.parametrize(
    "words",
    [["vm", "show", "33301/4001"], ["balance"], ["service", "show", "33301"], ["vm", "list", "33301"]],
)
def test_one_thing_is_asked_of_one_account(run: Run, two: dict[str, Sandbox], words: list[str]) -> None:
    refused = run(*words, "--all-profiles")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "name one with --profile" in refused.stderr
    assert all(panel.requests == [] for panel in two.values())


def test_what_was_listed_is_known_to_completion(run: Run, panel: Sandbox) -> None:
    run("vm", "list")
    assert list(name_cache.services_of(())["33302"].vms) == ["4004", "4005", "4006"]
    run("service", "list")
    assert [service.name for service in name_cache.services_of(()).values()] == ["Cloud 1", "Cloud 2"]


def test_a_selection_is_not_taken_for_all_vms_of_a_service(run: Run, panel: Sandbox) -> None:
    run("vm", "list", "33301")
    run("vm", "list", "33301", "--where", 'id == "4001"')
    assert len(name_cache.services_of(())["33301"].vms) == 3


def test_the_choices_of_an_upgrade_are_written_as_the_order_takes_them(run: Run, panel: Sandbox) -> None:
    rows = [*csv.DictReader(io.StringIO(run("service", "upgrade-options", "33301", "-o", "csv").stdout))]
    assert [row["resources"] for row in rows][:2] == ["1557=9953", "1557=10103"]
    for row in rows:
        option = "package" if row["package"] else "resources"
        word = row[option].replace("=N", "=2")
        assert run("service", "estimate-upgrade", "33301", f"--{option}", word).exit_code == 0
    whole = orjson.loads(run("service", "upgrade-options", "33301", "-o", "json").stdout)
    assert whole["resources"][0]["items"][0]["id"] == "9953"


def test_whether_a_domain_is_free(run: Run, panel: Sandbox) -> None:
    assert orjson.loads(run("domain", "check", "example.com", "-o", "json").stdout) == {
        "name": "example.com",
        "available": False,
    }
    assert orjson.loads(run("domain", "check", "free-name.example", "-o", "json").stdout)["available"] is True


@pytest.mark.parametrize("columns", [80, 200])
def test_a_list_on_a_terminal_stays_within_its_width(spawn: Spawn, panel: Sandbox, columns: int) -> None:
    panel.services["33301"].vms["4001"].note = "x" * 300
    code, written = spawn("vm", "list", columns=columns).finish()
    lines = visible(written).splitlines()
    assert code == 0
    assert max(map(len, lines)) <= columns
    assert lines[1].split()[:2] == ["33301", "4001"]
