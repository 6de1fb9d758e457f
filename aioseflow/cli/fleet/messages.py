"""What the library says of its arguments, in the words of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ...errors import InvalidArgument

_OPTIONS: Final = {
    'missing="ignore"': "--ignore-missing",
    "where=[(service_id, vm_id)]": "--vm SERVICE/VM",
    "where=[(account, service_id, vm_id)]": "--profile",
    "max_targets": "--max-targets",
    "max_failures": "--max-failures",
    "max_unavailable": "--max-unavailable",
    "per_service": "--per-service",
    "pause_between": "--pause",
    "cpu_share": "--cpu-share",
    **{f"batches[{n}]": "--batch" for n in range(20)},
    "batches": "--batch",
}
_NAMES: Final = re.compile("|".join(rf"(?<![\w\-]){re.escape(name)}(?!\w)" for name in _OPTIONS))
_ARGUMENT: Final = re.compile(r"^(canary|window|deadline|where|exclude|memory|cpu)(?==| )")


def in_options(message: str) -> str:
    """A message with the names of options where it has those of arguments."""
    named = _NAMES.sub(lambda match: _OPTIONS[match[0]], message)
    return _ARGUMENT.sub(lambda match: f"--{match[1]}", named)


@contextmanager
def in_our_words() -> Iterator[None]:
    """What is refused in the block is refused in the words of the command line."""
    try:
        yield
    except InvalidArgument as error:
        error.message = in_options(error.message)
        raise
