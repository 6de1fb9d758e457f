"""Changes by nouns: asked for with the facts, sent once, and then where to look."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from cli.inside import Here, terminals_here
from cli.terminals import Result, Terminal, visible

from aioseflow.cli.accounts import Accounts
from aioseflow.cli.coroutines import COROUTINES
from aioseflow.cli.nouns import change_call
from aioseflow.cli.nouns.call_parameters import Invocation
from aioseflow.cli.nouns.noun_commands import examples_of
from aioseflow.cli.nouns.noun_table import NOUNS
from aioseflow.cli.output import OutputOptions
from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.sandbox import Fault, Sandbox
from aioseflow.secret import Secret

Run = Callable[..., Result]
Panels = Callable[..., Sandbox]
Spawn = Callable[..., Terminal]

CHANGES = {
    f"{noun.name} {verb.name}": examples_of(noun, verb)[0].split()
    for noun in NOUNS.values()
    for verb in noun.verbs
    if COROUTINES[verb.call].changes
}


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))


@pytest.fixture
def question(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command that believes in a terminal, on which nobody says yes."""
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)

    def question(*words: str) -> Result:
        asked = run(*words)
        assert (asked.exit_code, asked.stdout) == (1, "")
        return asked

    return question


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Here]:
    """Runs a command on a terminal in this process."""
    with terminals_here(monkeypatch) as start:
        yield start


def _asked(terminal: Terminal, question: str) -> str:
    return visible(terminal.expect(question))


def _written(terminal: Terminal) -> tuple[int, str]:
    code, text = terminal.finish()
    return code, visible(text)


def _changes(panel: Sandbox) -> list[str]:
    return [
        f"{one.method} {one.path}"
        for one in panel.requests
        if one.method != "GET" and one.form.get("send", "true")
    ]


@pytest.mark.parametrize("words", CHANGES.values(), ids=CHANGES)
def test_without_a_terminal_no_change_is_sent_unless_yes_is_said(
    run: Run, panel: Sandbox, words: list[str]
) -> None:
    refused = run(*words)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(
        f"aioseflow: {words[0]} {words[1]} needs a confirmation, and there is no terminal"
    )
    assert "--yes" in refused.stderr
    assert panel.requests == []


@pytest.mark.parametrize("words", CHANGES.values(), ids=CHANGES)
def test_with_yes_a_change_is_one_request(run: Run, panel: Sandbox, words: list[str]) -> None:
    done = run(*words, "--yes")
    assert done.exit_code == 0, done.stderr
    [request] = panel.requests
    assert request.method != "GET"
    assert done.stderr.startswith("Accepted, not finished yet. Check with: aioseflow ")


def test_the_question_names_the_vm_with_its_label_and_state_by_whom_and_where(
    spawn: Spawn, panel: Sandbox
) -> None:
    terminal = spawn("vm", "stop", "33301/4001")
    assert _asked(terminal, "Proceed? [y/N] ").splitlines() == [
        "vm stop 33301/4001: 'vm-4001', running now",
        f"  as demo@example.com at {panel.url}",
        "Proceed? [y/N] ",
    ]
    assert _changes(panel) == []
    terminal.type("y\n")
    code, written = _written(terminal)
    assert code == 0
    assert written.splitlines()[-1] == "Accepted, not finished yet. Check with: aioseflow vm show 33301/4001"
    assert _changes(panel) == ["POST /service/33301/vms/4001/stop"]
    assert panel.effect_count("stop") == 1


@pytest.mark.parametrize(
    ("words", "facts"),
    [
        (["vm", "resize", "33301", "4002", "--memory", "4096"], ["  memory: 1024 -> 4096 MB"]),
        (["vm", "reboot", "33301/4001", "--iso", "a.iso"], ["  iso: a.iso"]),
        (["disk", "resize", "33301/4001", "virtio0", "--size", "50"], ["  size: 20 -> 50 GB"]),
        (["disk", "resize", "33301/4001", "none", "--size", "50"], ["  size: - -> 50 GB"]),
        (["rdns", "set", "33301", "10.16.0.2=a.example"], ["  10.16.0.2: cloud1.example.com -> a.example"]),
        (
            ["account", "update", "--city", "Rome", "--email", "b@example.com"],
            [
                "  city: City -> Rome",
                "  email: demo@example.com -> b@example.com",
                "  The e-mail address is the login",
            ],
        ),
        (["ip", "remove", "33301/4001", "5000"], ["ip remove 33301/4001 5000: 'vm-4001', running now"]),
    ],
)
def test_the_question_tells_what_is_so_now_and_what_will_be(
    question: Run, panel: Sandbox, words: list[str], facts: list[str]
) -> None:
    asked = question(*words).stderr
    assert all(fact in asked for fact in facts), asked
    assert "not confirmed; nothing was sent" in asked
    assert _changes(panel) == []


def test_a_vm_that_is_busy_is_said_to_be(question: Run, panel: Sandbox) -> None:
    panel.services["33301"].vms["4001"].power = "transitional"
    assert (
        "vm stop 33301/4001: 'vm-4001', transitional (locked) now"
        in question("vm", "stop", "33301/4001").stderr
    )


def test_what_cannot_be_read_is_said_and_it_is_asked_all_the_same(question: Run, panel: Sandbox) -> None:
    panel.faults.add(Fault("error", method="GET"))
    asked = question("vm", "resize", "33301/4001", "--memory", "4096").stderr
    assert asked.startswith(
        "vm resize 33301/4001\n  memory: 4096\n  the present values could not be read: The panel refused: "
    )
    assert "Proceed? [y/N]" in asked
    assert _changes(panel) == []


@pytest.mark.parametrize("fault", ["wronglogin", "ipnotallowed"])
def test_where_the_change_would_be_refused_as_well_nobody_is_asked(
    run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: Any
) -> None:
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)
    panel.faults.add(Fault(fault))
    ended = run("vm", "stop", "33301/4001")
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (6, "", 1)
    assert len(panel.requests) == 1


@pytest.mark.parametrize("names", [["nonsense=a.example"], ["10.16.0.2= "]])
def test_names_that_cannot_be_right_are_refused_before_anybody_is_asked(
    run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)
    ended = run("rdns", "set", "33301", *names)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert panel.requests == []


def test_a_vm_that_is_not_there_is_refused_before_anybody_is_asked(here: Here, panel: Sandbox) -> None:
    code, written = _written(here("vm", "destroy", "33301/77"))
    assert code == 1
    assert "vm_notfound" in written
    assert _changes(panel) == []


def test_destroy_wants_the_id_of_the_vm(here: Here, panel: Sandbox) -> None:
    for answer, code, effects in (("y", 1, 0), ("4002", 1, 0), ("4001", 0, 1)):
        terminal = here("vm", "destroy", "33301/4001")
        asked = _asked(terminal, "Type 4001 to confirm: ")
        assert "vm destroy 33301/4001: 'vm-4001', running now" in asked
        assert "This destroys the VM and its disks for good." in asked
        terminal.type(f"{answer}\n")
        assert _written(terminal)[0] == code
        assert panel.effect_count("destroy") == effects


def test_an_upgrade_is_estimated_and_shown_before_it_is_ordered(here: Here, panel: Sandbox) -> None:
    terminal = here("service", "upgrade", "33301", "--resources", "1557=10103")
    asked = _asked(terminal, "This spends money. Order it? [y/N] ")
    assert "service upgrade 33301: 'Cloud 1', 58.50 Monthly now" in asked
    assert "    total: 4.00" in asked
    posts = [one.form for one in panel.requests if one.method == "POST"]
    assert ["send" in form for form in posts] == [False]
    terminal.type("y\n")
    code, written = _written(terminal)
    assert code == 0
    assert "invoice_id" in written
    assert panel.effect_count("upgrade") == 1


def test_what_an_upgrade_costs_is_told_whatever_its_shape(question: Run, panel: Sandbox) -> None:
    asked = question("service", "upgrade", "33301", "--resources", "1557=10103").stderr
    assert asked.splitlines()[:6] == [
        "service upgrade 33301: 'Cloud 1', 58.50 Monthly now",
        "  estimate:",
        "    items:",
        "      name=Cloud 1 - Bandwidth, price=4.00",
        "    total: 4.00",
        "    currency: USD",
    ]
    assert panel.effect_count("upgrade") == 0


def test_an_upgrade_whose_price_is_not_known_is_not_offered(
    run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.cli.terminal.can_ask", lambda: True)
    ended = run("service", "upgrade", "33301", "--resources", "1557=1")
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "invalid_resource_value" in ended.stderr
    assert panel.effect_count("upgrade") == 0


def test_who_does_not_type_the_id_destroys_nothing(question: Run, panel: Sandbox) -> None:
    assert "for good" in question("vm", "destroy", "33301/4001").stderr
    assert _changes(panel) == []


@pytest.mark.parametrize("words", [["vm", "stop", "33301/4001"], ["vm", "destroy", "33301/4001"]])
def test_ctrl_c_at_the_question_sends_nothing(spawn: Spawn, panel: Sandbox, words: list[str]) -> None:
    terminal = spawn(*words)
    terminal.expect(f"at {panel.url}")
    terminal.expect(" ")
    terminal.type("\x03")
    code, _ = _written(terminal)
    assert code == 130
    assert _changes(panel) == []


@pytest.mark.parametrize(
    ("words", "look"),
    [
        (["vm", "reboot", "33301/4001"], "vm show 33301/4001"),
        (["vm", "rebuild-network", "33301/4001"], "vm show 33301/4001"),
        (["ip", "assign", "33301/4001", "5003", "--interface", "net0"], "ip list 33301/4001"),
        (["service", "upgrade", "33301", "--resources", "1557=10103"], "invoice list"),
    ],
)
def test_a_lost_answer_is_unknown_and_says_where_to_look(
    run: Run, panel: Sandbox, words: list[str], look: str
) -> None:
    panel.faults.add(Fault("reset", method="POST", when="after"))
    ended = run(*words, "--yes")
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (4, "", 1)
    assert ended.stderr.endswith(f"; check with: aioseflow {look}\n")
    assert len(_changes(panel)) == 1


def test_a_change_that_was_refused_is_no_riddle(run: Run, panel: Sandbox) -> None:
    ended = run("vm", "stop", "33301/77", "--yes")
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "vm_notfound" in ended.stderr
    assert "check with" not in ended.stderr


def test_the_command_that_shows_it_is_for_the_same_profile_and_fit_for_a_shell(
    run: Run, panel: Sandbox
) -> None:
    profile = Profile("main", panel.username, panel.url, Place.FILE, "main")
    passwords.keep(profile, Secret(panel.password))
    profile_store.put(profile)
    done = run("vm", "stop", "33301/4001", "--yes", "--profile", "main")
    assert done.stderr.endswith("Check with: aioseflow vm show 33301/4001 --profile main\n")
    panel.faults.add(Fault("reset", method="POST", when="after"))
    lost = run("vm", "reboot", "33301", "$(reboot)", "--yes")
    assert "check with: aioseflow vm show '33301/$(reboot)'" in lost.stderr


def test_an_answer_is_data_where_data_is_asked_for(run: Run, panel: Sandbox) -> None:
    stopped = run("vm", "stop", "33301/4001", "--yes", "-o", "json")
    assert orjson.loads(stopped.stdout)["status"] is True
    assert run("vm", "start", "33301/4001", "--yes").stdout == ""
    assert "revdnsupdated" in run("rdns", "set", "33301", "10.16.0.2=a.example", "--yes").stdout


def test_a_change_is_made_in_one_account(run: Run, panels: Panels) -> None:
    for name in ("one", "two"):
        panel = panels()
        profile = Profile(name, panel.username, panel.url, Place.FILE, name)
        passwords.keep(profile, Secret(panel.password))
        profile_store.put(profile)
    refused = run("vm", "stop", "33301/4001", "--yes", "--all-profiles")
    assert refused.exit_code == 2
    assert "name one with --profile" in refused.stderr
    assert panel.requests == []


async def test_an_interrupted_change_says_that_it_may_have_been_done_and_where_to_look(
    panel: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    panel.faults.add(Fault("hang", when="after"))
    verb = next(verb for verb in NOUNS["vm"].verbs if verb.name == "reboot")
    coroutine = COROUTINES[verb.call]
    asked = Invocation("vm reboot", verb, coroutine, ["33301", "4001"], {}, Accounts(), OutputOptions())
    sending = asyncio.ensure_future(change_call._send(asked))
    async with asyncio.timeout(20):
        while not any(request.fault for request in panel.requests):  # noqa: ASYNC110 - in a thread
            await asyncio.sleep(0.01)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert capsys.readouterr().err == (
        "aioseflow: vms.reboot was sent; it may or may not have taken effect; "
        "check with: aioseflow vm show 33301/4001\n"
    )


def test_an_answer_in_another_encoding_confirms_nothing(here: Here, panel: Sandbox) -> None:
    terminal = here("vm", "stop", "33301/4001")
    terminal.expect("[y/N] ")
    os.write(terminal.master, b"\xff\n")
    code, written = terminal.finish()
    assert code == 2
    assert "what was typed is not in the terminal's encoding; nothing was sent" in written.replace(
        "\r\n", " "
    )
    assert panel.effects == {}
