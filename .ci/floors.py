"""The floors that pyproject.toml declares, for ``.ci/run floors``.

``python .ci/floors.py`` prints a line ``name==version`` for each dependency of the package and of its extras
`EXTRAS`: constraints for pip. ``python .ci/floors.py --installed`` fails if the environment that runs it has
any other version of one of them.
"""

from __future__ import annotations

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
EXTRAS = ("cli", "report")

# Any other form has no floor, or one that this script would have to guess.
_FLOOR = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)>=([0-9]+(?:\.[0-9]+)*)")
_OWN_EXTRAS = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)\[([a-z, ]+)\]")


class FloorsError(Exception):
    """A dependency without a floor, with two, or installed in another version."""


def floors(project: Mapping[str, Any], extras: Iterable[str] = EXTRAS) -> dict[str, str]:
    """The lowest declared version of each dependency of the package and of these extras.

    Raises `FloorsError` for a requirement of another form than ``name>=1.2``.
    """
    found: dict[str, str] = {}
    requirements = [*project["dependencies"], *(line for extra in extras for line in _of(project, extra))]
    for requirement in requirements:
        floor = _FLOOR.fullmatch(requirement)
        if floor is None:
            raise FloorsError(f"{requirement!r} has no floor; write it as name>=1.2")
        name, version = floor.groups()
        if found.setdefault(_normal(name), version) != version:
            raise FloorsError(f"{name} has two floors, {found[_normal(name)]} and {version}")
    return found


def _of(project: Mapping[str, Any], extra: str) -> Iterator[str]:
    for requirement in project["optional-dependencies"][extra]:
        own = _OWN_EXTRAS.fullmatch(requirement)
        if own and own[1] == project["name"]:
            for name in own[2].split(","):
                yield from _of(project, name.strip())
        else:
            yield requirement


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def differences(declared: Mapping[str, str]) -> list[str]:
    """A sentence for each of these that is missing here or is not installed in that version."""
    found = []
    for name, floor in declared.items():
        try:
            version = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} is not installed, and its floor is {floor}")
            continue
        if _release(version) != _release(floor):
            found.append(f"{name} {version} is installed, and its floor is {floor}")
    return found


def _release(version: str) -> str:
    return re.sub(r"(\.0)+$", "", version)


def main(arguments: Sequence[str], project: Mapping[str, Any] | None = None) -> int:
    """Print the constraints or, with ``--installed``, compare them with this environment."""
    if project is None:
        project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    declared = floors(project)
    if list(arguments) != ["--installed"]:
        print("\n".join(f"{name}=={version}" for name, version in declared.items()))
        return 0
    found = differences(declared)
    print("\n".join(found) or f"{len(declared)} packages are installed at their floors")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
