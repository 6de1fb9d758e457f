"""The shape of the package: what makes it readable, as far as a program can see it.

Imports for type checkers count as imports; imports inside functions do not, for they cut a cycle on purpose.
`sandbox/` may use the names of the package, and the chapters of the provider's document are modules of
`endpoints/` and of `models/`.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from types import FunctionType
from typing import Final

import pytest

import aioseflow

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGE: Final = ROOT / "aioseflow"
FILES: Final = sorted(PACKAGE.rglob("*.py"))
LINES_AT_MOST: Final = 400

OTHER_WORDS: Final = re.compile(
    r"\b(mend(s|ed|ing)?|whoever|sittings?|crews?|standings?|intakes?|(not )?as asked|riddles?|ledgers?)\b",
    re.IGNORECASE,
)
"""Words for which the glossary has one of its own (docs/glossary.md)."""
SUBJECTLESS: Final = re.compile(r"(It|What|Who|Whoever|The same|Such|So|One|None of|Those|These|That)\b")
"""Beginnings of a docstring that does not name its subject."""
CHAPTERS: Final = frozenset({"account", "billing", "domains", "services", "support", "vms"})


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES: Final = {module_name(path): path for path in FILES}
TREES: Final = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}


def statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module that run when it is imported, or that only a type checker reads."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If | ast.Try):
            waiting += node.body + node.orelse


def imports_of(name: str) -> set[str]:
    path = MODULES[name]
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    for node in statements(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                found.add(submodule if submodule in MODULES else base)
    # A package that only hands on names is no door for the modules inside it.
    return {
        other
        for other in found
        if other in MODULES
        and other != name
        and not name.startswith(f"{other}.")
        and not (path.name == "__init__.py" and other.startswith(f"{name}."))
    }


def test_no_imports_go_round_in_a_circle() -> None:
    try:
        TopologicalSorter({name: imports_of(name) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(f"a cycle: {' -> '.join(error.args[1])}")


def test_a_class_has_a_name_of_its_own() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for name, tree in TREES.items():
        if not name.startswith("aioseflow.sandbox"):
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    homes[node.name].add(name)
    assert {name: sorted(where) for name, where in homes.items() if len(where) > 1} == {}


def test_a_module_has_a_name_of_its_own() -> None:
    homes: dict[str, set[str]] = defaultdict(set)
    for name, path in MODULES.items():
        if not name.startswith("aioseflow.sandbox") and path.stem not in CHAPTERS | {"__init__", "__main__"}:
            homes[path.stem].add(name)
    assert {name: sorted(where) for name, where in homes.items() if len(where) > 1} == {}


def test_a_file_is_one_idea() -> None:
    sizes = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in MODULES.items()}
    assert {name: size for name, size in sizes.items() if size > LINES_AT_MOST} == {}


def words_in(path: Path) -> Iterator[str]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if OTHER_WORDS.search(line):
            yield f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_there_is_one_word_for_one_thing() -> None:
    assert [line for path in FILES for line in words_in(path)] == []


def test_a_docstring_names_its_subject() -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        f"{name}: {text.splitlines()[0]}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, kinds) and (text := ast.get_docstring(node)) and SUBJECTLESS.match(text)
    ]
    assert found == []


def test_every_public_name_has_a_docstring() -> None:
    bare = []
    for name in aioseflow.__all__:
        public = getattr(aioseflow, name)
        if not inspect.isclass(public) and not inspect.isroutine(public):
            continue  # a type alias or a constant has none
        if not inspect.getdoc(public):
            bare.append(name)
        if inspect.isclass(public):
            for member, value in vars(public).items():
                is_code = isinstance(value, FunctionType | classmethod | staticmethod | property)
                if not member.startswith("_") and is_code and not inspect.getdoc(getattr(public, member)):
                    bare.append(f"{name}.{member}")
    assert bare == []


def test_only_the_verdict_says_unknown() -> None:
    """Of the modules of the fleet and of its commands: others ask `Status.is_undecided`."""

    def code(path: Path) -> str:
        tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
        return "".join(token.string for token in tokens if token.type in (tokenize.NAME, tokenize.OP))

    places = {PACKAGE / "fleet", PACKAGE / "cli" / "fleet"}
    fleet = [path for path in FILES if places.intersection(path.parents)]
    saying = [str(path.relative_to(PACKAGE)) for path in fleet if "Status.UNKNOWN" in code(path)]
    assert saying == ["fleet/run/verdict.py"]
