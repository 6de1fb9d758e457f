from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import readme_blocks
from readme_blocks import Block, ReadmeError, read, run, run_all, serving, set_up_commands

README = dedent(
    """\
    # Name

    ## See it work
    ```sh
    python3 -m venv .venv && echo aioseflow demo
    ```

    ## Run the tests
    ```sh
    python3 -m venv .venv-tests && echo pytest
    ```
    """
)
# `-u`: this server does not flush the line with its address by itself.
SERVER = f"exec {sys.executable} -u -m http.server --bind 127.0.0.1 0"


def section(text: str, info: str = "sh") -> str:
    """One more block under a heading of its own."""
    return f"\n## More\n```{info}\n{text}\n```\n"


def shell(text: str, *, server: bool = False) -> Block:
    """A block that stands alone."""
    return Block(heading="More", line=1, language="sh", server=server, text=text)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What a block starts with."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    return {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


def test_a_block_knows_its_heading_line_language_and_text() -> None:
    text = "## One\n\n```python\nprint(1)\n\n# not a heading\n```\n\n"
    text += "## Two\n````text\n```\n````\n```sh server\nx\n```\n"
    assert read(text) == [
        Block("One", 4, "python", server=False, text="print(1)\n\n# not a heading"),
        Block("Two", 11, "text", server=False, text="```"),
        Block("Two", 14, "sh", server=True, text="x"),
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("```bash\nls\n```", "proven by nothing"),
        ("```console\n$ ls\n```", "proven by nothing"),
        ("```\nls\n```", "no language"),
        ("```sh quietly\nls\n```", "not understood"),
        ("```python server\nls\n```", "not understood"),
        ("- so:\n  ```sh\n  ls\n  ```", "indented"),
        ("```sh\nls", "never closed"),
    ],
)
def test_a_block_that_no_check_would_run_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(ReadmeError, match=complaint):
        read(text)


def test_the_two_set_up_commands_are_found_by_their_headings() -> None:
    demo, tests = set_up_commands(read(README))
    assert demo.text == "python3 -m venv .venv && echo aioseflow demo"
    assert tests.text == "python3 -m venv .venv-tests && echo pytest"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "found: none"),
        (README + section("pip install aioseflow"), "exactly two"),
        (README + section("python3 -m venv other"), "exactly two"),
        (README.replace("See it work", "Demo"), "exactly two"),
        (README.replace(" && echo pytest", "\necho pytest"), "one line"),
        (README.replace("python3 -m venv .venv-tests", "pip install ."), "one line"),
        (README.replace("aioseflow demo", "done"), "aioseflow demo"),
        (README.replace("echo pytest", "echo done"), "pytest"),
    ],
)
def test_fewer_more_or_other_set_up_commands_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ReadmeError, match=complaint):
        set_up_commands(read(text))


def test_a_failing_line_fails_its_block(tmp_path: Path, environment: dict[str, str]) -> None:
    for text in ("false\ntrue", "false | cat", "exit 3"):
        with pytest.raises(ReadmeError, match="exit status"):
            run(shell(text), tmp_path, environment)


def test_a_block_that_does_not_end_is_a_failure(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme_blocks, "BLOCK_SECONDS", 0.2)
    with pytest.raises(ReadmeError, match="not finished"):
        run(shell("sleep 60"), tmp_path, environment)


def test_what_a_block_exports_is_seen_by_the_next(tmp_path: Path, environment: dict[str, str]) -> None:
    after = run(shell("export GREETING='two\nlines'"), tmp_path, environment)
    assert after["GREETING"] == "two\nlines"
    run(shell('test "$GREETING" = "two\nlines" && test -z "${BASH_ENV:-}"'), tmp_path, after)


def test_every_shell_block_runs_in_order_and_finds_the_demo_environment(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    tool = r"printf '#!/bin/sh\necho ran\n' > .venv/bin/tool && chmod +x .venv/bin/tool"
    text = (
        README.replace("python3 -m venv .venv &&", f"mkdir -p .venv/bin && {tool} && true -m venv .venv &&")
        .replace("python3 -m venv .venv-tests &&", "! command -v tool && true -m venv .venv-tests &&")
    )  # fmt: skip
    run_all(read(text + section("tool > ran.txt") + section("grep ran ran.txt")), tmp_path)
    assert (tmp_path / "ran.txt").read_text() == "ran\n"


def test_the_surroundings_of_the_caller_do_not_leak_in(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEFLOW_PASSWORD", "somebody's")
    monkeypatch.setenv("AIOSEFLOW_CI", "1")
    text = README.replace("python3 -m venv", "true -m venv")
    run_all(read(text + section('test -z "${SEFLOW_PASSWORD:-}" && test "$AIOSEFLOW_CI" = 1')), tmp_path)


def test_a_server_answers_while_later_blocks_run_and_is_gone_afterwards(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    text = README.replace("python3 -m venv", "true -m venv")
    server = f"""exec {sys.executable} -c "
import http.server, pathlib
server = http.server.HTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
address = 'http://127.0.0.1:%d' % server.server_port
pathlib.Path('address.txt').write_text(address)
print('ready:', address, flush=True)
server.serve_forever()"
"""
    asks = f"""{sys.executable} -c "
import pathlib, urllib.request
address = pathlib.Path('address.txt').read_text()
pathlib.Path('answered.txt').write_text(address + str(urllib.request.urlopen(address).status))"
"""
    run_all(read(text + section(server, "sh server") + section(asks)), tmp_path)
    answered = (tmp_path / "answered.txt").read_text()
    assert answered.endswith("200")
    with pytest.raises(ReadmeError, match="does not answer"):
        readme_blocks._answers(shell(""), answered.removesuffix("200"))


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("true", "no address"),
        ("echo http://127.0.0.1:1 && sleep 60", "does not answer"),
        ("exec sleep 60", "no address"),
    ],
)
def test_a_server_that_never_answers_is_a_failure(
    tmp_path: Path,
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    complaint: str,
) -> None:
    monkeypatch.setattr(readme_blocks, "READY_SECONDS", 0.5)
    with (
        pytest.raises(ReadmeError, match=complaint),
        serving(shell(command, server=True), tmp_path, environment),
    ):
        pytest.fail("it was taken for a server")


def test_a_server_that_dies_early_is_a_failure(tmp_path: Path, environment: dict[str, str]) -> None:
    with (
        pytest.raises(ReadmeError, match=r"ended by itself|exit status"),
        serving(shell(f"echo $$ > pid; {SERVER}", server=True), tmp_path, environment),
    ):
        run(shell("kill $(cat pid)"), tmp_path, environment)


def test_a_server_that_ignores_ctrl_c_is_a_failure(
    tmp_path: Path, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readme_blocks, "STOP_SECONDS", 0.5)
    with (
        pytest.raises(ReadmeError, match="after Ctrl-C"),
        serving(shell(f"trap '' INT\n{SERVER}", server=True), tmp_path, environment),
    ):
        pass


def test_the_exit_status_says_whether_the_readme_holds(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    for text, status in ((README.replace("python3 -m venv", "true -m venv"), 0), ("no commands", 1)):
        readme.write_text(text)
        done = subprocess.run(
            [sys.executable, readme_blocks.__file__, str(readme), str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == status, done.stdout + done.stderr
    assert "README: exactly two" in done.stdout
