"""39 rows in the README = 39 pairs of the declared calls = 39 sandbox routes; 38 coroutines; 40 calls."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from aioseflow import SeFlow
from aioseflow.endpoints import CALLS
from aioseflow.sandbox import ROUTES

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
ROW = re.compile(r"^\| `(GET|POST|PUT|DELETE) (/\S*)` \| (.+?) \| (.+?) \|$", re.MULTILINE)
GROUPS = ("account", "billing", "support", "domains", "services", "vms")


def shape(path: str) -> str:
    """A path without the names of its placeholders."""
    return re.sub(r"\{\w+\}|@\w+", "@", path)


def test_the_readme_the_calls_and_the_sandbox_have_the_same_39_pairs() -> None:
    rows = [(method, shape(path)) for method, path, _, _ in ROW.findall(README)]
    assert len(rows) == len(set(rows)) == 39
    assert set(rows) == {(call.method, shape(call.path_template)) for call in CALLS}
    assert set(rows) == {(method, shape(path)) for method, path in ROUTES}
    assert len(ROUTES) == 39


def test_the_readme_names_the_coroutines_and_their_safety() -> None:
    documented = set()
    for method, path, coroutines, safety in ROW.findall(README):
        names = re.findall(r"`(\w+\.\w+)`", coroutines)
        words = re.findall(r"READ|IDEMPOTENT|ONCE", safety)
        for name, word in zip(names, words, strict=True):
            documented.add((method, shape(path), name, word))
    declared = {(call.method, shape(call.path_template), call.name, call.safety.name) for call in CALLS}
    assert documented == declared
    assert len(declared) == len(CALLS) == 40


def test_every_call_has_its_coroutine_and_every_coroutine_its_call() -> None:
    seflow = SeFlow("u", "p")
    coroutines = {
        f"{group}.{name}"
        for group in GROUPS
        for name, member in inspect.getmembers(getattr(seflow, group), inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert coroutines == {call.name for call in CALLS}
    assert len(coroutines) == 38


def test_every_coroutine_says_where_its_answer_comes_from() -> None:
    seflow = SeFlow("u", "p")
    for call in CALLS:
        group, name = call.name.split(".")
        docs = inspect.getdoc(getattr(getattr(seflow, group), name)) or ""
        assert call.method in docs, call.name
