"""Is `import aioseflow` as light as it is promised to be?

``--alone`` says that the environment holds the wheel without extras, and checks that too: an import that
finds nothing to import proves nothing about an environment where everything is installed, nor the reverse.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable, Sequence
from importlib.resources import files

EXTRAS = (
    "aiogram", "anyio", "jinja2", "keyring", "opentelemetry", "platformdirs", "prometheus_client", "rich",
    "rule_engine", "typer", "uvloop",
)  # fmt: skip
OPTIONAL_ROOMS = (
    "aioseflow.cli", "aioseflow.exporter", "aioseflow.pages", "aioseflow.pytest_plugin", "aioseflow.sandbox",
    "aioseflow.sync", "aioseflow.telemetry",
)  # fmt: skip


def loaded(names: Iterable[str]) -> list[str]:
    """Which of these modules the interpreter has loaded by now."""
    return [name for name in names if name in sys.modules]


def complaints(*, alone: bool) -> list[str]:
    """What is wrong, one sentence each; imports aioseflow."""
    package = importlib.import_module("aioseflow")
    at_import = loaded((*EXTRAS, *OPTIONAL_ROOMS))
    found = [f"import aioseflow loads {name}" for name in at_import]
    found += [
        f"aioseflow.{name} is exported and not there"
        for name in package.__all__
        if not hasattr(package, name)
    ]
    # Most of the package is imported only now.
    package.SeFlow("nobody", "nothing")
    at_use = loaded((*EXTRAS, *OPTIONAL_ROOMS))
    found += [f"using the exported names loads {name}" for name in at_use if name not in at_import]
    if not files("aioseflow").joinpath("py.typed").is_file():
        found.append("py.typed is missing: the types are there and nobody may use them")
    if alone:
        found += [
            f"{name} is installed, this environment is not bare"
            for name in EXTRAS
            if importlib.util.find_spec(name)
        ]
        if importlib.metadata.version("aioseflow") != package.__version__:
            found.append("the wheel's version is not aioseflow.__version__")
    return found


def main(arguments: Sequence[str]) -> int:
    """Print what is wrong; exit status 1 if anything is."""
    found = complaints(alone="--alone" in arguments)
    for complaint in found:
        print(complaint)
    if not found:
        package = importlib.import_module("aioseflow")
        print(f"import aioseflow {package.__version__}: {len(sys.modules)} modules, no extra among them")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
