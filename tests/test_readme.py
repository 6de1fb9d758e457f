from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

import readme_blocks
from aioseflow.sandbox import Sandbox

README = Path(__file__).parent.parent / "README.md"
BLOCKS = readme_blocks.read(README.read_text(encoding="utf-8"))
PROGRAMS = [block for block in BLOCKS if block.language == "python"]


def test_the_readme_has_exactly_two_set_up_commands() -> None:
    readme_blocks.set_up_commands(BLOCKS)


def test_the_readme_shows_python() -> None:
    assert PROGRAMS


@pytest.mark.parametrize("block", PROGRAMS, ids=lambda block: block.title)
async def test_every_python_block_of_the_readme_is_a_program_that_works(
    block: readme_blocks.Block, tmp_path: Path
) -> None:
    # A fragment that only defines something would pass without having been tried.
    assert "asyncio.run(" in block.text
    async with Sandbox(services=3, vms_per_service=5, seed=1) as panel:
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-W", "error", "-c", block.text),
            cwd=tmp_path,
            env={
                **os.environ,
                "SEFLOW_BASE_URL": panel.url,
                "SEFLOW_USERNAME": panel.username,
                "SEFLOW_PASSWORD": panel.password,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(60):
                _, stderr = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
    assert (program.returncode, stderr.decode()) == (0, "")
    # A program may bring a panel of its own; one that asked none has shown nothing.
    assert panel.requests or "Sandbox(" in block.text
