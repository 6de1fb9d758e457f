"""Names are imported on first access, and a fleet when it is first used."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import aioseflow
from aioseflow import endpoints, fleet, models

LAZY = [aioseflow, fleet]
EXPORTING = [aioseflow, fleet]
NOT_LOADED_BY_USE = {"__main__", "cli", "pages", "sandbox"}


def python(program: str) -> str:
    """Run a program in a fresh interpreter and return its output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has after the statement and had not before."""
    program = f"import sys\nbefore = set(sys.modules)\n{statement}\nprint(*set(sys.modules) - before)"
    return set(python(program).split())


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.partition(".")[0] == "aioseflow"}


def two_tellings(module: ModuleType) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Where the names of a lazy module are: for type checkers, and when it runs."""
    (branch,) = (node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.If))
    read: dict[str, set[str]] = {}
    for node in branch.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.level == 1
        assert node.module is not None
        assert all(alias.asname in (None, alias.name) for alias in node.names)
        read.setdefault(node.module, set()).update(alias.name for alias in node.names)
    (assignment,) = branch.orelse
    assert isinstance(assignment, ast.Assign)
    assert isinstance(assignment.value, ast.Call)
    homes = ast.literal_eval(assignment.value.args[1])
    return read, {home: set(names.split()) for home, names in homes.items()}


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_type_checkers_and_the_interpreter_are_told_the_same(module: ModuleType) -> None:
    read, run = two_tellings(module)
    assert read == run


@pytest.mark.parametrize("module", EXPORTING, ids=lambda module: module.__name__)
def test_what_is_exported_is_what_has_a_home(module: ModuleType) -> None:
    _, homes = two_tellings(module)
    assert set(module.__all__) - {"__version__"} == set().union(*homes.values())
    assert sum(map(len, homes.values())) == len(module.__all__) - ("__version__" in module.__all__)


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_a_name_is_the_thing_of_its_home(module: ModuleType) -> None:
    _, homes = two_tellings(module)
    for home, names in homes.items():
        at_home = importlib.import_module(f".{home}", module.__package__)
        assert [name for name in names if getattr(module, name) is not getattr(at_home, name)] == []


def test_importing_the_package_loads_nothing_else_of_it_and_no_library() -> None:
    loaded = loaded_by("import aioseflow")
    assert ours(loaded) == {"aioseflow", "aioseflow.__about__", "aioseflow.lazy"}
    assert loaded.isdisjoint({"aiohttp", "attr", "attrs", "cattrs", "asyncio"})


def test_naming_the_client_loads_nothing_that_only_a_fleet_needs() -> None:
    loaded = loaded_by("from aioseflow import SeFlow")
    assert {"aioseflow.client", "aioseflow.session.session", "aioseflow.endpoints.vms"} <= loaded
    assert {name for name in loaded if name.startswith("aioseflow.fleet")} == set()
    assert loaded.isdisjoint({"sqlite3", "filelock", "rule_engine"})


def test_naming_an_error_loads_the_errors_alone() -> None:
    loaded = loaded_by("from aioseflow import NotFound")
    assert ours(loaded) == {"aioseflow", "aioseflow.__about__", "aioseflow.errors", "aioseflow.lazy"}


AT_WORK = """
import asyncio, contextlib, sys
from aioseflow import NotFound, SeFlow
from aioseflow.sandbox import Sandbox

def loaded():
    return {name for name in sys.modules if name.startswith("aioseflow.")}

def loaded_fleet():
    return sorted(name for name in loaded() if name.startswith("aioseflow.fleet"))

async def work():
    async with Sandbox() as panel, SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
        before = loaded()
        service = (await seflow.services.list())[0]
        await seflow.vms.list(service.id)
        await seflow.account.details()
        with contextlib.suppress(NotFound):
            await seflow.service_methods(service.id)
        with seflow.capture():
            await seflow.with_options(timeout=3).billing.balance()
        seflow.stats()
        print(*sorted(loaded() - before), *loaded_fleet())
        seflow.fleet
        assert loaded_fleet()
        before = loaded()
        await seflow.fleet.stop(where=[(service.id, (await seflow.vms.list(service.id))[0].id)], wait=False)
        print(*sorted(loaded() - before))
    return loaded_fleet()
"""


def test_calls_import_nothing_and_a_fleet_is_imported_when_it_is_first_used() -> None:
    assert python(f"{AT_WORK}\nasyncio.run(work())") == ""


@pytest.mark.parametrize(
    "package", [aioseflow, models, fleet, endpoints], ids=lambda package: package.__name__
)
def test_submodules_are_attributes_without_having_been_imported(package: ModuleType) -> None:
    names = {module.name for module in pkgutil.iter_modules(package.__path__)} - NOT_LOADED_BY_USE
    program = f"import {package.__name__} as package\nprint(*(getattr(package, n).__name__ for n in {names}))"
    assert set(python(program).split()) == {f"{package.__name__}.{name}" for name in names}


def test_the_annotations_of_the_client_can_be_evaluated_before_one_was_made() -> None:
    program = """
import inspect, typing
from aioseflow import NotFound, SeFlow
functions = [
    getattr(member, "fget", None) or getattr(member, "func", None) or getattr(member, "__func__", member)
    for member in vars(SeFlow).values()
]
hints = [typing.get_type_hints(function) for function in functions if inspect.isfunction(function)]
from aioseflow import Journal, Limit
assert typing.get_type_hints(SeFlow.__init__)["limit"] == Limit | int | None
assert Journal in typing.get_args(typing.get_type_hints(SeFlow.__init__)["journal"])
print(len(hints))
"""
    assert int(python(program)) > 15


def test_a_star_imports_all_that_is_exported() -> None:
    program = "from aioseflow import *\nimport aioseflow\nprint(set(aioseflow.__all__) - set(globals()))"
    assert python(program) == "set()"


def test_dir_has_every_name_before_it_is_asked_for() -> None:
    program = "import aioseflow, sys\nprint(*dir(aioseflow))\nassert 'aioseflow.fleet' not in sys.modules"
    assert set(python(program).split()) >= {*aioseflow.__all__, "errors", "models", "fleet", "__doc__"}


def test_a_pickle_is_read_by_who_has_imported_nothing() -> None:
    program = """
import pickle, subprocess, sys
from aioseflow import NotFound, PowerState, Vm
kept = pickle.dumps([Vm(id="1", power=PowerState.RUNNING), NotFound("no such VM")])
print(repr(kept))
"""
    kept = python(program)
    assert "'1'" in python(f"import pickle\nprint(pickle.loads({kept}))")


@pytest.mark.parametrize("module", LAZY, ids=lambda module: module.__name__)
def test_a_name_that_is_not_there_is_the_usual_error(module: ModuleType) -> None:
    with pytest.raises(AttributeError, match=f"^module '{module.__name__}' has no attribute 'Nonsense'$"):
        module.Nonsense  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        exec(f"from {module.__name__} import Nonsense")  # noqa: S102
