"""The nouns: every call under the words of operators, explained, and with examples that work."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

import orjson
import pytest
from cli.terminals import Result

from aioseflow.cli.coroutines import COROUTINES
from aioseflow.cli.nouns.noun_commands import examples_of
from aioseflow.cli.nouns.noun_table import NOUNS, Noun, Verb
from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile
from aioseflow.endpoints import CALLS
from aioseflow.sandbox import Sandbox
from aioseflow.sandbox.record import Request
from aioseflow.secret import Secret

Run = Callable[..., Result]

Example = tuple[list[str], bool]

VERBS = [
    pytest.param(noun, verb, id=f"{noun.name} {verb.name}") for noun in NOUNS.values() for verb in noun.verbs
]
EXAMPLES: dict[str, Example] = {
    example: (shlex.split(example), COROUTINES[verb.call].changes)
    for noun in NOUNS.values()
    for verb in noun.verbs
    for example in examples_of(noun, verb)
}


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def profile(panel: Sandbox) -> None:
    """The account of the panel as a profile."""
    stored = Profile("main", panel.username, panel.url, Place.FILE, "entry")
    passwords.keep(stored, Secret(panel.password))
    profile_store.put(stored)


def _pairs(requests: Iterable[Request]) -> set[tuple[str, str]]:
    """Method and path of what was sent, as the calls declare them."""
    patterns = [(call, re.compile(re.sub(r"\{\w+\}", "[^/]+", call.path_template))) for call in CALLS]
    return {
        (call.method, call.path_template)
        for request in requests
        for call, pattern in patterns
        if call.method == request.method and pattern.fullmatch(request.path)
    }


def test_every_coroutine_is_reached_by_a_verb() -> None:
    verbs = [verb for noun in NOUNS.values() for verb in noun.verbs]
    assert {name for verb in verbs for name in (verb.call, *verb.also)} == {call.name for call in CALLS}


@pytest.mark.usefixtures("profile")
def test_all_39_pairs_of_method_and_path_are_sent_by_the_examples(run: Run, panel: Sandbox) -> None:
    # What destroys comes last: the others are about the same VM.
    for words, changes in sorted(EXAMPLES.values(), key=lambda example: "destroy" in example[0]):
        run(*words, *(["--yes"] if changes else []))
    expected = {(call.method, call.path_template) for call in CALLS}
    assert len(expected) == 39
    assert _pairs(panel.requests) == expected


@pytest.mark.usefixtures("profile")
@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES)
def test_every_example_of_the_help_works(run: Run, panel: Sandbox, example: Example) -> None:
    words, changes = example
    ended = run(*words, *(["--yes"] if changes else []))
    assert ended.exit_code == 0, ended.stderr
    assert panel.requests != []
    if changes:
        assert re.search(
            r"^Accepted, not finished yet\. Check with: aioseflow .+$", ended.stderr, re.MULTILINE
        )
    else:
        assert ended.stdout or ended.stderr in ("Nothing to list.\n", "No VMs match.\n")


@pytest.mark.parametrize(("noun", "verb"), VERBS)
def test_every_help_says_in_a_line_what_it_does_which_call_it_is_and_how_it_is_written(
    run: Run, noun: Noun, verb: Verb
) -> None:
    helped = run(noun.name, verb.name, "--help")
    assert (helped.exit_code, helped.stderr) == (0, "")
    lines = helped.stdout.splitlines()
    assert lines[0].startswith(f"Usage: aioseflow {noun.name} {verb.name} [OPTIONS]")
    assert lines[2] == f"  {verb.summary}"
    assert all(f"  {request}" in lines for request in COROUTINES[verb.call].requests)
    assert f"    aioseflow {examples_of(noun, verb)[0]}" in lines
    assert max(map(len, lines)) <= 80
    assert "second" not in helped.stdout


@pytest.mark.parametrize("name", NOUNS)
def test_a_noun_alone_shows_its_verbs_unless_it_has_one_that_is_meant(
    run: Run, panel: Sandbox, name: str
) -> None:
    helped = run(name, "--help")
    assert (helped.exit_code, helped.stderr) == (0, "")
    assert all(re.search(rf"^  {verb.name} ", helped.stdout, re.MULTILINE) for verb in NOUNS[name].verbs)
    alone = run(name)
    if NOUNS[name].default:
        assert alone == run(name, NOUNS[name].default)
        assert alone.exit_code == 0
    else:
        assert alone == Result(2, "", helped.stdout)
        assert panel.requests == []


def test_a_verb_that_is_mistyped_is_told_the_nearest(run: Run) -> None:
    ended = run("vm", "lst")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "did you mean 'list'" in ended.stderr.lower()
    assert "aioseflow vm --help" in ended.stderr


def test_balance_alone_shows_it_with_the_options_of_show(run: Run, panel: Sandbox) -> None:
    alone = run("balance", "-o", "json")
    assert orjson.loads(alone.stdout)["acc_credit"] == "250.00"
    assert alone == run("balance", "show", "-o", "json")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["vm", "show"], "SERVICE/VM is missing; see aioseflow vm show --help"),
        (["vm", "show", "9"], "'9' needs its service, as in 33301/4001; see aioseflow vm show --help"),
        (["vm", "show", "9/4", "4"], "unexpected argument '4'; see aioseflow vm show --help"),
        (
            ["vm", "stop", "9/4", "9/5"],
            "stop takes one VM; for several: aioseflow fleet stop --vm 9/4 --vm 9/5",
        ),
        (["vm", "show", "9/4/4"], "'9/4/4' is not SERVICE/VM, as in 33301/4001"),
        (["vm", "show", "/4"], "'/4' is not SERVICE/VM, as in 33301/4001"),
        (["vm", "show", "9/"], "'9/' is not SERVICE/VM, as in 33301/4001"),
        (["vm", "show", ".."], "'..' needs its service, as in 33301/4001"),
        (["vm", "show", "../4"], "would leave its place in the path"),
        (["service", "show"], "SERVICE is missing; see aioseflow service show --help"),
        (["invoice", "show"], "INVOICE is missing; see aioseflow invoice show --help"),
        (
            ["ip", "assign", "9/4", "--interface", "n", "--yes"],
            "IP is missing; see aioseflow ip assign --help",
        ),
        (
            ["ip", "assign", "9", "4", "--interface", "n", "--yes"],
            "IP is missing; see aioseflow ip assign --help",
        ),
        (
            ["ip", "assign", "9/4", "7", "--yes"],
            "Missing option '--interface'; see aioseflow ip assign --help",
        ),
        (["ip", "list", "9/4", "4"], "the VM is given twice; see aioseflow ip list --help"),
        (["rdns", "set", "9", "--yes"], "IP=HOST ... is missing; see aioseflow rdns set --help"),
        (["rdns", "set", "9", "192.0.2.1", "--yes"], "'192.0.2.1' is not IP=HOST, as in"),
        (
            ["vm", "resize", "9/4", "--yes"],
            "nothing to change; give --memory, --cpu, --cpu-share, --note; see",
        ),
        (["vm", "resize", "9/4", "--memory", "0", "--yes"], "Invalid value for '--memory'"),
        (["vm", "resize", "9/4", "--memory", "much", "--yes"], "Invalid value for '--memory'"),
        (["account", "update", "--yes"], "nothing to change; give --firstname, --lastname, --organizationid"),
        (
            ["service", "upgrade", "9", "--yes"],
            "nothing to change; give --resources, --package, --cycle; see",
        ),
        (["service", "upgrade", "9", "--resources", "x", "--yes"], "'x' is not KEY=VALUE"),
        (["vm", "usage", "9/4", "heat"], "the graph is one of cpu, net, disk, not 'heat'"),
        (["vm", "usage", "9/4", "--save", "x"], "a file is for one graph; name it: cpu, net or disk"),
        (["vm", "usage", "9"], "SERVICE/VM is missing; see aioseflow vm usage --help"),
        (["vm", "show", "9/4", "--nonsense"], "No such option: --nonsense; see aioseflow vm show --help"),
        (["vm", "show", "9/4", "--sort", "id"], "No such option: --sort"),
    ],
)
def test_words_that_do_not_fit_are_one_sentence_and_nothing_is_sent(
    run: Run, panel: Sandbox, words: list[str], sentence: str
) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (2, "", 1)
    assert sentence in ended.stderr
    assert panel.requests == []


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["service", "show", "77"], 1, "service_notfound"),
        (["vm", "show", "33301/77"], 1, "vm_notfound"),
        (["invoice", "show", "77"], 1, "invoice"),
    ],
)
def test_what_the_panel_does_not_know_is_one_sentence(
    run: Run, panel: Sandbox, words: list[str], code: int, sentence: str
) -> None:
    ended = run(*words)
    assert (ended.exit_code, ended.stdout, ended.stderr.count("\n")) == (code, "", 1)
    assert sentence in ended.stderr


def test_a_refused_login_has_its_own_code(run: Run, panel: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "wrong")
    assert run("vm", "list").exit_code == 6
    assert len(panel.requests) == 1


def test_a_vm_is_one_word_or_two(run: Run, panel: Sandbox) -> None:
    one = run("vm", "show", "33301/4001", "-o", "json")
    two = run("vm", "show", "33301", "4001", "-o", "json")
    assert one == two
    assert orjson.loads(one.stdout)["id"] == "4001"
    assert run("ip", "available", "33301/4001", "net0") == run("ip", "available", "33301", "4001", "net0")
    assert run("ip", "list", "33301/4001") == run("ip", "list", "33301", "4001")
    assert run("vm", "usage", "33301/4001", "cpu") == run("vm", "usage", "33301", "4001", "cpu")


def test_passwords_are_hidden(run: Run, panel: Sandbox) -> None:
    for form in ("table", "json", "yaml", "csv", "jsonl"):
        shown = run("service", "show", "33301", "-o", form)
        assert shown.exit_code == 0
        assert "***" in shown.stdout
        assert "secret" not in shown.stdout + shown.stderr
