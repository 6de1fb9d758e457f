"""Names are imported when they are first used, and so is the fleet."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys

import pytest

import aioseflow


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


def homes() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The modules in which the names of the package are: for type checkers, and when a name is used."""
    (branch,) = (node for node in ast.parse(inspect.getsource(aioseflow)).body if isinstance(node, ast.If))
    read: dict[str, set[str]] = {}
    for node in branch.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.level == 1
        assert node.module is not None
        assert all(alias.asname in (None, alias.name) for alias in node.names)
        read.setdefault(node.module, set()).update(alias.name for alias in node.names)
    table = branch.orelse[0]
    assert isinstance(table, ast.Assign)
    return read, {home: set(names.split()) for home, names in ast.literal_eval(table.value).items()}


def test_type_checkers_and_the_interpreter_find_a_name_in_the_same_module() -> None:
    read, run = homes()
    assert read == run


def test_every_exported_name_is_in_one_module() -> None:
    _, run = homes()
    assert set(aioseflow.__all__) - {"__version__"} == set().union(*run.values())
    assert sum(map(len, run.values())) == len(aioseflow.__all__) - 1


def test_a_name_is_the_object_of_its_module() -> None:
    _, run = homes()
    for home, names in run.items():
        module = importlib.import_module(f"aioseflow.{home}")
        assert [name for name in names if getattr(aioseflow, name) is not getattr(module, name)] == []


def test_importing_the_package_loads_nothing_else_of_it_and_no_library() -> None:
    loaded = loaded_by("import aioseflow")
    assert ours(loaded) == {"aioseflow", "aioseflow.__about__"}
    assert loaded.isdisjoint({"aiohttp", "attr", "attrs", "cattrs", "asyncio"})


def test_naming_the_client_loads_nothing_that_only_a_fleet_needs() -> None:
    loaded = loaded_by("from aioseflow import SeFlow")
    assert {"aioseflow.client", "aioseflow.session.session", "aioseflow.endpoints.vms"} <= loaded
    assert {name for name in loaded if name.startswith("aioseflow.fleet")} == set()
    assert loaded.isdisjoint({"sqlite3", "filelock", "rule_engine"})


def test_naming_an_error_loads_the_errors_alone() -> None:
    loaded = loaded_by("from aioseflow import NotFound")
    assert ours(loaded) == {"aioseflow", "aioseflow.__about__", "aioseflow.errors"}


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


def test_naming_a_status_loads_no_other_part_of_the_fleet() -> None:
    loaded = loaded_by("from aioseflow import Status")
    parts = {name.split(".")[2] for name in loaded if name.startswith("aioseflow.fleet.")}
    assert parts == {"model"}


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


@pytest.mark.parametrize("used", ["", "from aioseflow import Fleet, SeFlow\nimport aioseflow.plain\n"])
def test_dir_shows_the_public_names_and_nothing_else(used: str) -> None:
    shown = set(python(f"{used}import aioseflow\nprint(*dir(aioseflow))").split())
    assert set(aioseflow.__all__) <= shown
    others = shown - set(aioseflow.__all__)
    assert {"__doc__", "__name__"} <= others
    assert [name for name in others if not name.startswith("__")] == []
    assert "__about__" not in others


def test_submodules_are_imported_by_their_names() -> None:
    names = {module.name for module in pkgutil.iter_modules(aioseflow.__path__)} - {"__main__"}
    program = (
        f"import importlib\nprint(*(importlib.import_module('aioseflow.' + n).__name__ for n in {names}))"
    )
    assert set(python(program).split()) == {f"aioseflow.{name}" for name in names}


def test_a_pickle_is_read_by_who_has_imported_nothing() -> None:
    program = """
import pickle, subprocess, sys
from aioseflow import NotFound, PowerState, Vm
kept = pickle.dumps([Vm(id="1", power=PowerState.RUNNING), NotFound("no such VM")])
print(repr(kept))
"""
    kept = python(program)
    assert "'1'" in python(f"import pickle\nprint(pickle.loads({kept}))")


def test_a_name_that_does_not_exist_is_the_usual_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'aioseflow' has no attribute 'Nonsense'$"):
        getattr(aioseflow, "Nonsense")  # noqa: B009
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        exec("from aioseflow import Nonsense")  # noqa: S102
