"""A journal in a folder of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.journals import RUN, begin, opened, select

from aioseflow.fleet.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """An open journal with a run of 200 targets, whose commits wait for an hour."""
    with opened(path, linger=3600.0) as journal:
        begin(journal)
        asyncio.run(select(journal, 200))
        yield journal
        journal.unhold(RUN)
