"""`aioseflow api`: one call, its answer as JSON."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from cli.terminals import Result, Terminal, process, visible

from aioseflow.cli.accounts import Accounts
from aioseflow.cli.coroutines import COROUTINES, Coroutine
from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.secret import Secret

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]


@pytest.fixture(autouse=True)
def _own_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))


def test_list_names_every_call_with_what_it_does(run: Run) -> None:
    listed = run("api", "--list")
    lines = listed.stdout.splitlines()
    assert listed.exit_code == 0
    assert [line.split()[0] for line in lines] == list(COROUTINES)
    assert "vms.list                   List the VMs of a service (GET /service/@id/vms)." in lines


def test_list_on_a_terminal_stays_within_its_width(spawn: Spawn) -> None:
    code, written = spawn("api", "--list", columns=60).finish()
    assert code == 0
    assert max(len(line) for line in visible(written).splitlines()) <= 60


def test_without_a_call_there_is_help(run: Run) -> None:
    ended = run("api")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert ended.stderr.startswith("Usage: aioseflow api")
    assert "\nSupport:\n  support.tickets  List the tickets" in ended.stderr


def test_an_answer_is_json_on_stdout(run: Run, panel: Sandbox) -> None:
    answered = run("api", "vms.list", "33301")
    assert (answered.exit_code, answered.stderr) == (0, "")
    vms = orjson.loads(answered.stdout)
    assert [vm["id"] for vm in vms] == ["4001", "4002", "4003"]
    assert vms[0]["power"] == "running"
    assert vms[0]["disk"] == "70.00"


def test_passwords_are_hidden(run: Run, panel: Sandbox) -> None:
    service = orjson.loads(run("api", "services.get", "33301").stdout)
    assert (service["password"], service["rootpassword"]) == ("***", "***")


def test_a_usage_graph_is_told_as_text_of_its_kind(run: Run, panel: Sandbox) -> None:
    usage = orjson.loads(run("api", "vms.usage", "33301", "4001", "net").stdout)
    assert usage["kind"] == "net"
    assert "<div" in usage["html"]


@pytest.mark.parametrize(
    ("words", "path", "form"),
    [
        (["vms.resize", "33301", "4001", "--memory", "4096"], "/vms/4001", {"memory": "4096"}),
        (["account.update", "--city", "Rome"], "/details", {"city": "Rome"}),
        (
            ["services.set_rdns", "33301", "10.16.0.2=a.example"],
            "/rdns",
            {"ipaddress": {"10.16.0.2": "a.example"}},
        ),
        (
            ["services.request_upgrade", "33301", "--resources", "1557=9953"],
            "/upgrade",
            {"resources": {"1557": "9953"}, "send": "true"},
        ),
    ],
)
def test_a_change_is_sent_as_written(
    run: Run, panel: Sandbox, words: list[str], path: str, form: dict[str, object]
) -> None:
    run("api", *words, "--yes")
    [request] = panel.requests
    assert request.path.endswith(path)
    assert request.form == form


def test_an_estimate_changes_nothing_and_asks_nothing(run: Run, panel: Sandbox) -> None:
    run("api", "services.estimate_upgrade", "33301", "--resources", "1557=9953")
    [request] = panel.requests
    assert "send" not in request.form


@pytest.mark.parametrize(
    "name", [name for name, coroutine in COROUTINES.items() if coroutine.changes and name.startswith("vms.")]
)
def test_without_a_terminal_no_change_is_sent_unless_yes_is_said(run: Run, panel: Sandbox, name: str) -> None:
    coroutine = COROUTINES[name]
    vm = ["1"] * len(coroutine.positional)
    size = ["--size", "50"]
    needed = {
        "vms.resize": ["--cpu", "2"],
        "vms.resize_disk": size,
        "vms.assign_ip": ["--interface", "net0"],
    }.get(name, [])
    refused = run("api", name, *vm, *needed)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert panel.requests == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["vms.lst"], 2, "No such command 'vms.lst'; did you mean 'vms.list'"),
        (["qqqq"], 2, "No such command 'qqqq'; see aioseflow api --help"),
        (["vms.list", ".."], 2, "would leave its place in the path"),
        (["vms.list", "77"], 1, "service_notfound"),
        (["vms.reboot", "33301", "77", "--yes"], 1, "vm_notfound"),
    ],
)
def test_errors_have_one_sentence_and_a_code(
    run: Run, panel: Sandbox, words: list[str], code: int, sentence: str
) -> None:
    ended = run("api", *words)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (code, "", 1)
    assert sentence in ended.stderr


def test_a_lost_answer_to_a_change_is_unknown(run: Run, panels: Panels) -> None:
    panels(faults=[Fault("reset", method="POST", when="after")])
    ended = run("api", "vms.reboot", "33301", "4001", "--yes")
    assert (ended.exit_code, ended.stdout) == (4, "")
    assert "may or may not have taken effect" in ended.stderr


def test_a_refused_login_has_its_own_code(run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    assert run("api", "billing.balance").exit_code == 6


def test_missing_credentials_are_named(run: Run) -> None:
    ended = run("api", "billing.balance")
    assert ended.exit_code == 2
    assert "SEFLOW_USERNAME and SEFLOW_PASSWORD" in ended.stderr


def test_a_change_is_asked_for_on_the_terminal_and_data_stays_clean(
    spawn: Spawn, panel: Sandbox, tmp_path: Path
) -> None:
    with (tmp_path / "out.json").open("w+b") as out:
        terminal = spawn("api", "vms.stop", "33301", "4001", stdout=out)
        question = terminal.expect("Proceed? [y/N] ")
        assert f"vms.stop 33301 4001 as demo@example.com at {panel.url}" in question.replace("\r\n", " ")
        assert panel.requests == []
        terminal.type("y\n")
        assert terminal.finish()[0] == 0
        out.seek(0)
        assert orjson.loads(out.read())["status"] is True
    assert panel.effect_count("stop") == 1


def test_ctrl_c_at_the_question_sends_nothing(spawn: Spawn, panel: Sandbox) -> None:
    terminal = spawn("api", "vms.stop", "33301", "4001")
    terminal.expect("Proceed? [y/N] ")
    terminal.type("\x03")
    code, written = terminal.finish()
    assert code == 130
    assert "nothing was sent" in written
    assert panel.requests == []


@pytest.mark.parametrize("place", [1, 3, 5])
def test_a_profile_may_be_named_anywhere_among_the_words(run: Run, panels: Panels, place: int) -> None:
    first, second = panels(), panels()
    for name, panel in (("first", first), ("second", second)):
        profile = Profile(name, panel.username, panel.url, Place.FILE, name)
        passwords.keep(profile, Secret(panel.password))
        profile_store.put(profile)
    words = ["vms.resize", "33301", "4001", "--memory", "4096"]
    words[place:place] = ["--profile", "first"]
    ended = run("api", *words, "--yes")
    assert (ended.exit_code, ended.stderr) == (0, "")
    [request] = first.requests
    assert (request.path, request.form) == ("/service/33301/vms/4001", {"memory": "4096"})
    assert second.requests == []


def test_one_call_is_for_one_account(run: Run, panels: Panels) -> None:
    for name in ("first", "second"):
        panel = panels()
        profile = Profile(name, panel.username, panel.url, Place.FILE, name)
        passwords.keep(profile, Secret(panel.password))
        profile_store.put(profile)
    ended = run("api", "services.list", "--all-profiles")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "name one with --profile" in ended.stderr


async def _call(coroutine: Coroutine) -> None:
    async with Accounts().client() as seflow:
        await coroutine.call(seflow, ["33301", "4001"], {})


async def test_an_interrupted_change_says_that_it_may_have_been_done(
    panels: Panels, capsys: pytest.CaptureFixture[str]
) -> None:
    panel = panels(faults=[Fault("hang", when="after")])
    for name in ("vms.stop", "vms.get"):
        coroutine = COROUTINES[name]
        calling = asyncio.ensure_future(_call(coroutine))
        async with asyncio.timeout(20):
            while not any(request.fault for request in panel.requests):  # noqa: ASYNC110 - in a thread
                await asyncio.sleep(0.01)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        panel.clear_record()
    assert capsys.readouterr().err == ("aioseflow: vms.stop was sent; it may or may not have taken effect\n")


def test_a_pipe_that_closes_early_is_quiet(panel: Sandbox) -> None:
    listing = process("api", "--list")
    assert listing.stdout is not None
    assert listing.stderr is not None
    listing.stdout.readline()
    listing.stdout.close()
    assert listing.stderr.read() == b""
    listing.stderr.close()
    assert listing.wait(30) == 0
