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
from cli.tried import PROGRAM, answer, asking, words

from aioseflow.cli.app import MENU
from aioseflow.cli.completion.name_cache import ListedName, remember
from aioseflow.cli.completion.shells import SCRIPTS

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
            *(
                ListedName("33301", hostile[0], str(4001 + number), text)
                for number, text in enumerate(hostile)
            ),
            ListedName("33302", "mail", "5001", "web-1"),
            ListedName("33302", "mail", "5002", "web-2"),
            *(ListedName("9", "odd", text) for text in [*hostile, "7:a@b=c"]),
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


def test_all_commands_are_offered_in_the_order_of_the_help() -> None:
    names = [name for entries in MENU.values() for name in entries]
    assert words("") == words("help ") == names


def test_no_command_is_imported_for_the_first_word() -> None:
    program = (
        "import os, sys\nfrom aioseflow.cli import main\n"
        "os.environ.update(_AIOSEFLOW_COMPLETE='complete_zsh', COMP_LINE='aioseflow fl')\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "loaded = {'aioseflow.cli.fleet', 'rich', 'asyncio', 'aiohttp'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("fleet\t")


@pytest.mark.parametrize(
    ("line", "among"),
    [
        ("fleet sto", "stop"),
        ("help fleet sto", "stop"),
        ("--debug fleet --debug sto", "stop"),
        ("vm sto", "stop"),
        ("fleet stop --wh", "--where"),
        ("completion z", "zsh"),
        ("fleet stop --output j", "json"),
        ("fleet stop --output=j", "--output=json"),
        ("fleet stop --note 'a b' --output \"j", "json"),
        ("fleet stop --note a\\ b --output j", "json"),
        ("--ver", "--version"),
    ],
)
def test_commands_options_and_choices_are_completed(line: str, among: str) -> None:
    assert among in words(line)


def test_where_nothing_is_known_nothing_is_offered() -> None:
    assert words("fleet stop --note ") == []
    assert words("vm show nonsense") == []


def test_a_mistake_of_ours_prints_nothing_into_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.cli.completion.shells.split_arg_string", lambda _: [][0])
    assert answer("aioseflow fl") == []
    assert "this is a bug in aioseflow: IndexError" in capsys.readouterr().err


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


def test_bash_gets_only_words_that_need_no_quotes(quick: Path, marker: Path) -> None:
    assert _bash(quick, *(f"aioseflow tried --vm {quote}9/" for quote in ("", "'", '"')), kind=37) == [
        ["9/7:a@b=c"],
        ["9/7:a@b=c"],
        ["9/7:a@b=c"],
    ]
    # bash's own last word begins behind each of these.
    assert _bash(quick, *(f"aioseflow tried --vm {typed}" for typed in ("9/7:", "9/7:a@", "9/7:a@b="))) == [
        *(["a@b=c"], ["b=c"], ["c"])
    ]
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
_describe() { print -r -- "$*"; print -rl -- "${(@)items}"; print -r -- "${(kv)compstate}"; }
_files() { print files; }
typeset -A compstate
for line in "$@"; do
    # Split as zsh does, with an empty last word behind a blank.
    words=("${(@z)line}")
    [[ $line == *' ' ]] && words+=('')
    CURRENT=$#words PREFIX=$words[-1] compstate=()
    _aioseflow || print nothing
    print '\\f'
done
"""


def _zsh(machine: Path, *lines: str) -> list[list[str]]:
    """What the completion of each line calls, or "nothing"."""
    return _answers(_ran(_shell("zsh"), "-f", "-c", _ZSH, "zsh", *lines, where=machine))


def test_zsh_completes_commands_options_choices_and_files(quick: Path) -> None:
    *added, files, note = _zsh(
        quick,
        "aioseflow flee",
        "aioseflow tried --sh",
        "aioseflow tried --shell z",
        "aioseflow tried --shell=z",
        "aioseflow tried --report us",
        "aioseflow tried --note ",
    )
    assert [lines[1].partition(":")[0] for lines in added] == ["fleet", "--shell", "zsh", "--shell=zsh"]
    assert files == note == ["files"]


def test_zsh_is_given_what_each_candidate_is_and_fills_in_no_several_ids_for_a_label(quick: Path) -> None:
    assert _zsh(
        quick, "aioseflow tried --vm 33302/", "aioseflow tried --vm web-2", "aioseflow tried --vm web"
    ) == [
        ["-V aioseflow items -U", "33302/5001:web-1, mail", "33302/5002:web-2, mail", ""],
        ["-V aioseflow items -U", "33302/5002:web-2, mail", ""],
        ["-V aioseflow items -U", "33302/5001:web-1, mail", "33302/5002:web-2, mail", ""],
    ]


def test_zsh_executes_no_name(quick: Path, marker: Path) -> None:
    names, labels = _zsh(quick, "aioseflow tried --vm 9/", "aioseflow tried --vm 33301/")
    assert names == ["-V aioseflow items -U", r"9/7\:a@b=c:odd", ""]
    assert len(labels) == len(HOSTILE) + 2
    assert all(line.isprintable() for line in labels)
    assert not marker.exists()


def test_a_person_at_a_zsh_presses_tab(machine: Path, marker: Path) -> None:
    (machine / ".zshrc").write_text("PS1='ready> '\nsource <(aioseflow completion zsh)\n")
    terminal = _at_terminal(_shell("zsh"), "-d", "-i", where=machine)
    try:
        terminal.expect("ready> ")
        terminal.type("aioseflow tried --vm 9/\t")
        terminal.expect("9/7:a@b=c")
        terminal.type("\x15aioseflow tried --vm web-1\t")
        terminal.expect("33302/5001")
        terminal.type("\x15aioseflow tried --vm web\t")
        # Both are listed, and the label is left in the line.
        terminal.expect("33302/5002  -- web-2, mail")
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
        terminal.type("aioseflow tried --vm 9/\t")
        terminal.expect("9/7:a@b=c ")
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
    assert words[:-1] == [["fleet"], ["--shell"], ["zsh"], ["--shell=zsh"], ["usage.html"]]


def test_fish_shows_what_each_candidate_is_and_executes_no_name(quick: Path, marker: Path) -> None:
    known, names, labels = _fish(
        quick, *(f"aioseflow tried --vm {service}/" for service in ("33302", "9", "33301"))
    )
    assert known == ["33302/5001\tweb-1, mail", "33302/5002\tweb-2, mail"]
    assert names == ["9/7:a@b=c\todd"]
    assert all(text.isprintable() for line in labels for text in line.split("\t"))
    assert not marker.exists()


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_scripts_are_right_by_their_shells(machine: Path, name: str) -> None:
    assert _ran(_shell(name), "-n", f"script.{name}", where=machine) == ""
