"""Chromium, shared by all tests of a worker.

``AIOSEFLOW_BROWSER=all`` in the environment makes a longer run of it: each attack has a page of its own and
is seen to succeed where nothing protects, and axe-core reads each report at each width in both schemes of
colours. Without it the attacks share a few pages, those of `pages.hostile.CONTROLS` are seen to succeed, and
axe-core reads each report once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pages.axe import source
from pages.browser import Browser, browser


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """The browser of this worker; a test that uses it opens a page of its own."""
    with browser(tmp_path_factory.mktemp("chromium")) as started:
        yield started


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of axe-core, fetched once for all workers."""
    base = tmp_path_factory.getbasetemp()
    # A worker's directory is inside the one that all workers share.
    return source(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
