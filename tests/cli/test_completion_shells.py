"""What the program answers to a shell, and what real shells make of it."""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.terminals import Terminal
from cli.tried import PROGRAM, asking

from aioseflow.cli.completion.name_cache import Named, remember
from aioseflow.cli.completion.shells import SCRIPTS, answer, complete, split
from aioseflow.cli.menu import MENU

BREAKS = " \t\n\"'@><=;|&(:"
HOSTILE = (
    "$(touch {0})",
    "`touch {0}`",
    "a b",
    "\"'",
    "x\ny",
    "\x1b[2Jz\u202e",
    "; touch {0} #",
    "%n%{{",
    "!!",
)

_OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """The file that is there if somebody executed a label."""
    return tmp_path / "executed"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, marker: Path) -> Path:
    """A home with the program in its path, the scripts, and a cache with hostile names."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "aioseflow"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, Path(__file__).parents[1:3])))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("AIOSEFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONUTF8", "1")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    hostile = [text.format(marker) for text in HOSTILE]
    remember(
        "me",
        [
            *(Named("33301", hostile[0], str(4001 + number), text) for number, text in enumerate(hostile)),
            Named("33302", "mail", "5001", "web-1"),
            Named("33302", "mail", "5002", "web-2"),
            *(Named("9", "odd", text) for text in hostile),
        ],
    )
    (tmp_path / "usage.html").write_text("")
    for name, script in SCRIPTS.items():
        (tmp_path / f"script.{name}").write_text(script)
    return tmp_path


@pytest.fixture
def quick(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The machine with a program that has its answers from this process, which need not start any more."""
    with asking(monkeypatch) as program:
        (machine / "bin" / "aioseflow").write_text(program)
        yield machine


def _shell(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (apt-get install zsh fish)")
    return found


def _ran(*command: str, where: Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, cwd=where, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def _answers(written: str) -> list[list[str]]:
    """The lines that a shell wrote before each form feed."""
    *answers, rest = written.split("\f\n")
    assert rest == ""
    return [answer.splitlines() for answer in answers]


def _at_terminal(*command: str, where: Path) -> Terminal:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 200, 0, 0))
    process = subprocess.Popen(
        # The shell reads keys from the terminal that is its own.
        [sys.executable, "-c", _OWN_TERMINAL, *command],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        cwd=where,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(slave)
    return Terminal(process, master)


@pytest.mark.parametrize(
    ("line", "words", "last", "start", "quote"),
    [
        ("a ", ["a"], "", 0, ""),
        ("a b", ["a"], "b", 0, ""),
        ("a --b=c", ["a"], "--b=c", 4, ""),
        ("a me@x.y:z", ["a"], "me@x.y:z", 7, ""),
        ("a 'b c", ["a"], "b c", 0, "'"),
        ('a "b\\"c', ["a"], 'b"c', 0, '"'),
        ("a --b='c d", ["a"], "--b=c d", 4, "'"),
        ("a b\\ c\\=d", ["a"], "b c=d", 0, ""),
        ("a 'b'c", ["a"], "bc", 1, ""),
        ("a '' b", ["a", ""], "b", 0, ""),
        ("a b\\", ["a"], "b", 0, ""),
    ],
)
def test_a_line_is_split_as_bash_does_and_nothing_is_expanded(
    line: str, words: list[str], last: str, start: int, quote: str
) -> None:
    assert split(line, BREAKS) == (words, last, start, quote)


def test_the_first_word_is_answered_without_typer_and_without_importing_a_command() -> None:
    program = (
        "import sys\nfrom aioseflow.cli.completion.shells import complete\n"
        "assert 'fleet' in [one.word for one in complete([], 'fl').candidates]\n"
        "assert 'fleet' in [one.word for one in complete(['help'], '').candidates]\n"
        "loaded = {'typer', 'click', 'rich', 'asyncio', 'aiohttp'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_all_commands_are_offered_in_the_order_of_the_help() -> None:
    names = [name for entries in MENU.values() for name in entries]
    assert [one.word for one in complete([], "").candidates] == names


@pytest.mark.parametrize(
    ("words", "last", "among"),
    [
        (["fleet"], "sto", "stop"),
        (["help", "fleet"], "sto", "stop"),
        (["--debug", "fleet", "--debug"], "sto", "stop"),
        (["fleet", "stop"], "--wh", "--where"),
        (["completion"], "z", "zsh"),
        (["fleet", "stop", "--output"], "j", "json"),
        (["fleet", "stop"], "--output=j", "--output=json"),
        ([], "--ver", "--version"),
    ],
)
def test_commands_options_and_choices_are_completed(words: list[str], last: str, among: str) -> None:
    assert among in [one.word for one in complete(words, last).candidates]


@pytest.mark.parametrize("words", [["nonsense"], ["fleet", "nonsense"], ["fleet", "stop", "--note"]])
def test_where_nothing_is_known_nothing_is_offered(words: list[str]) -> None:
    assert complete(words, "").candidates == ()


def test_a_mistake_of_ours_prints_nothing_into_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert answer(["bash", "too few"]) == 1
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("AIOSEFLOW_DEBUG", "1")
    assert answer(["bash", "too few"]) == 1
    written = capsys.readouterr()
    assert written.out == ""
    assert "ValueError: not enough values" in written.err


_BASH = """
source script.bash
COMP_TYPE=$1
for COMP_LINE in "${@:2}"; do
    COMP_POINT=${#COMP_LINE}
    _aioseflow aioseflow
    (( ${#COMPREPLY[@]} )) && printf '%s\\n' "${COMPREPLY[@]}"
    printf '\\f\\n'
done
"""


def _bash(machine: Path, *lines: str, kind: int = 9) -> list[list[str]]:
    """What each line may become."""
    command = (_shell("bash"), "--norc", "--noprofile", "-c", _BASH, "bash", str(kind), *lines)
    return _answers(_ran(*command, where=machine))


def test_bash_completes_commands_options_and_choices(quick: Path) -> None:
    assert _bash(
        quick,
        "aioseflow flee",
        "aioseflow tried --sh",
        "aioseflow tried --shell z",
        "aioseflow tried --shell=z",
        "aioseflow tried --note ",
    ) == [["fleet"], ["--shell"], ["zsh"], ["zsh"], []]


def test_bash_lists_what_each_candidate_is_unless_it_inserts_all(quick: Path) -> None:
    several, one = "aioseflow tried --vm 33302/", "aioseflow tried --vm 33302/5001"
    assert _bash(quick, several, one) == [
        ["33302/5001  (web-1, mail)", "33302/5002  (web-2, mail)"],
        ["33302/5001"],
    ]
    assert _bash(quick, several, kind=37) == [["33302/5001", "33302/5002"]]


def test_bash_puts_the_id_in_the_place_of_a_label(quick: Path) -> None:
    assert _bash(quick, "aioseflow tried --vm web-2", "aioseflow tried --vm web") == [
        ["33302/5002"],
        # Of several nothing is put in place: they have nothing in common with the blank.
        ["33302/5001  (web-1, mail)", "33302/5002  (web-2, mail)", " "],
    ]
    assert _bash(quick, "aioseflow tried --vm web", kind=37) == [[]]


def test_bash_executes_no_name_and_gives_it_back_whole(quick: Path, marker: Path) -> None:
    quotes = ["", "'", '"']
    answers = _bash(quick, *(f"aioseflow tried --vm {quote}9/" for quote in quotes), kind=37)
    expected = {f"9/{text.format(marker)}" for text in HOSTILE if text.isprintable()}
    for quote, lines in zip(quotes, answers, strict=True):
        # As if the lines were sent.
        sent = "\n".join(f"printf '%s\\n' {quote}{line}{quote}" for line in lines)
        back = _ran(_shell("bash"), "-c", sent, where=quick).splitlines()
        # bash would expand an exclamation mark there.
        assert set(back) == {text for text in expected if quote != '"' or "!" not in text}
    assert not marker.exists()


def test_what_bash_shows_of_hostile_labels_is_plain_text(quick: Path, marker: Path) -> None:
    [listed] = _bash(quick, "aioseflow tried --vm 33301/")
    assert len(listed) == len(HOSTILE)
    assert all(line.startswith(f"33301/{4001 + number}  (") for number, line in enumerate(listed))
    assert all(line.isprintable() for line in listed)
    assert not marker.exists()


_ZSH = """
compdef() { : }
source script.zsh
compadd() { print -r -- "compadd $*"; print -rl -- "${(@)values}"; print -rl -- "${(@)texts}"; }
_files() { print files; }
for line in "$@"; do
    # Split as zsh does, with an empty last word behind a blank.
    words=("${(@z)line}")
    [[ $line == *' ' ]] && words+=('')
    CURRENT=$#words PREFIX=$words[-1]
    _aioseflow || print nothing
    print '\\f'
done
"""


def _zsh(machine: Path, *lines: str) -> list[list[str]]:
    """What the completion of each line calls, or "nothing"."""
    return _answers(_ran(_shell("zsh"), "-f", "-c", _ZSH, "zsh", *lines, where=machine))


def test_zsh_completes_commands_options_and_choices(quick: Path) -> None:
    *added, files, note = _zsh(
        quick,
        "aioseflow flee",
        "aioseflow tried --sh",
        "aioseflow tried --shell z",
        "aioseflow tried --shell=z",
        "aioseflow tried --report us",
        "aioseflow tried --note ",
    )
    assert [lines[1] for lines in added] == ["fleet", "--shell", "zsh", "--shell=zsh"]
    assert (files, note) == (["files"], ["nothing"])


def test_zsh_is_told_what_each_candidate_is_and_how_to_treat_them(quick: Path) -> None:
    assert _zsh(quick, "aioseflow tried --vm 33302/", "aioseflow tried --vm web-2") == [
        [
            "compadd -V aioseflow -l -d texts -a values",
            *("33302/5001", "33302/5002", "33302/5001  -- web-1, mail", "33302/5002  -- web-2, mail"),
        ],
        ["compadd -V aioseflow -l -d texts -U -a values", "33302/5002", "33302/5002  -- web-2, mail"],
    ]


def test_zsh_executes_no_name(quick: Path, marker: Path) -> None:
    names, labels = _zsh(quick, "aioseflow tried --vm 9/", "aioseflow tried --vm 33301/")
    assert {f"9/{text.format(marker)}" for text in HOSTILE if text.isprintable()} <= set(names)
    assert all(line.isprintable() for line in labels)
    assert not marker.exists()


def test_a_person_at_a_zsh_presses_tab(machine: Path, marker: Path) -> None:
    (machine / ".zshrc").write_text("PS1='ready> '\nsource <(aioseflow completion zsh)\n")
    terminal = _at_terminal(_shell("zsh"), "-d", "-i", where=machine)
    try:
        terminal.expect("ready> ")
        terminal.type("aioseflow tried --vm 9/\\$\t")
        # Quoted by zsh itself.
        terminal.expect(f"9/\\$\\(touch\\ {marker}\\)")
        terminal.type("\x15aioseflow tried --vm web-1\t")
        terminal.expect("33302/5001")
        terminal.type("\x15aioseflow tried --report us\t")
        terminal.expect("usage.html")
    finally:
        terminal.close()
    assert not marker.exists()


def test_a_person_at_a_bash_presses_tab(machine: Path, marker: Path) -> None:
    (machine / "rc").write_text("PS1='ready> '\nsource <(aioseflow completion bash)\n")
    terminal = _at_terminal(_shell("bash"), "--noprofile", "--rcfile", "rc", "-i", where=machine)
    try:
        terminal.expect("ready> ")
        terminal.type("aioseflow tried --vm 9/\\$\t")
        terminal.expect(f"9/\\$\\(touch\\ {marker}\\) ")
        terminal.type("\x15aioseflow tried --vm=web-1\t")
        terminal.expect("33302/5001 ")
        terminal.type("\x15aioseflow tried --report us\t")
        terminal.expect("usage.html ")
    finally:
        terminal.close()
    assert not marker.exists()


_FISH = """
source script.fish
for line in $argv
    complete -C $line
    printf '\\f\\n'
end
"""


def _fish(machine: Path, *lines: str) -> list[list[str]]:
    """What each line may become: a word, or a word, a tab and what it is."""
    return _answers(_ran(_shell("fish"), "-N", "-c", _FISH, *lines, where=machine))


def test_fish_completes_commands_options_choices_and_files(quick: Path) -> None:
    answers = _fish(
        quick,
        "aioseflow flee",
        "aioseflow tried --sh",
        "aioseflow tried --shell z",
        "aioseflow tried --shell=z",
        "aioseflow tried --report us",
        "aioseflow tried --note ",
    )
    words = [[line.partition("\t")[0] for line in lines] for lines in answers]
    assert words == [["fleet"], ["--shell"], ["zsh"], ["--shell=zsh"], ["usage.html"], []]


def test_fish_shows_what_each_candidate_is_and_executes_no_name(quick: Path, marker: Path) -> None:
    known, names, labels = _fish(
        quick, *(f"aioseflow tried --vm {service}/" for service in ("33302", "9", "33301"))
    )
    assert known == ["33302/5001\tweb-1, mail", "33302/5002\tweb-2, mail"]
    assert {line.partition("\t")[0] for line in names} == {
        f"9/{text.format(marker)}" for text in HOSTILE if text.isprintable()
    }
    assert all(text.isprintable() for line in labels for text in line.split("\t"))
    assert not marker.exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_right_by_their_shells(machine: Path, name: str) -> None:
    assert _ran(_shell(name), "-n", f"script.{name}", where=machine) == ""
