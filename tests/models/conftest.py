"""The answers that real installations published, and what the models say about them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

RESPONSES = Path(__file__).parents[1] / "data" / "responses"


@pytest.fixture
def published() -> Callable[[str], Any]:
    """Parse one of the published answers by its path under ``data/responses``."""
    return lambda name: orjson.loads((RESPONSES / name).read_bytes())
