"""Journals at each place, and one in a file with a run in it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.journals import PLACES, JournalPlace, begin, opened, select

from aioseflow.fleet.journal import HeldRun, Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@pytest.fixture(params=PLACES)
def new_journal(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    """Makes journals of one place; each is that of another process."""
    return JournalPlace.of(request.param, tmp_path)


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """An open journal in a file, whose commits wait for an hour."""
    async with opened(path, linger=3600.0) as journal:
        yield journal


@pytest.fixture
async def held(journal: Journal) -> AsyncIterator[HeldRun]:
    """Its run, of 200 targets."""
    held = await begin(journal)
    await select(journal, held, 200)
    yield held
    await held.give()
