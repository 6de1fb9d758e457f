"""The documents name files, functions and classes that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PAGES: Final = sorted((ROOT / "docs").glob("*.md"))
DEFINED: Final = {
    node.name
    for path in (ROOT / "aioseflow").rglob("*.py")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
}
FILE: Final = re.compile(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`")
# A class, or a function that is named with its class; single lower-case words may be anything.
NAME: Final = re.compile(r"`(?:await )?(?:seflow\.)?([A-Z][A-Za-z]+)(?:\.(_?[a-z_]+))?`")
LINK: Final = re.compile(r"\]\(([^)#]+)\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    places = (ROOT, ROOT / "aioseflow")
    named = FILE.findall(text)
    assert [name for name in named if not any((place / name).exists() for place in places)] == []
    assert [link for link in LINK.findall(text) if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_class_and_method_that_is_named_exists(page: Path) -> None:
    named = NAME.findall(page.read_text(encoding="utf-8"))
    unknown = [kind for kind, _ in named if kind not in DEFINED and not kind.isupper()]
    unknown += [f"{kind}.{member}" for kind, member in named if member and member not in DEFINED]
    assert unknown == []


def test_the_page_about_architecture_traces_functions() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert len([member for _, member in NAME.findall(text) if member]) > 10
    assert 90 <= len(text.splitlines()) <= 150
