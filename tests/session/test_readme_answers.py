"""The README's table of answers to a change is what the judge does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import attrs
import pytest

from aioseflow.models import Accepted
from aioseflow.session.call import ONCE, Call
from aioseflow.session.judge import judge
from aioseflow.session.retry import AttemptFailed, FailureKind

README: Final = Path(__file__).parents[2] / "README.md"
REBOOT: Final = Call("POST", "/reboot", name="vms.reboot", returns=Accepted, safety=ONCE)
MAKES: Final = {"order_num": ("order_num",), "vm": ("vm",)}
ENDINGS: Final = {"accepted": None, "refused": FailureKind.ANSWERED_NO, "neither": FailureKind.UNDECODABLE}


def rows() -> list[tuple[str, str, str]]:
    """Each example of the table: the body, what it is said to be, and where it was met."""
    section = (
        README.read_text(encoding="utf-8").partition("### What counts as an answer")[2].partition("\n#")[0]
    )
    found = []
    for line in section.splitlines():
        if line.startswith("| `"):
            examples, meant, source = line.strip("| ").split(" | ")
            bodies = re.findall(r"`([^`]*)`", examples)
            found += [
                (body, meant.partition(":")[0], source.partition(":")[0].split(" ")[0]) for body in bodies
            ]
    return found


def test_the_table_is_found() -> None:
    assert len(rows()) >= 20
    assert {source for _, _, source in rows()} == {"seen", "documented", "inferred"}


@pytest.mark.parametrize(("body", "meant", "source"), rows())
def test_an_answer_is_what_the_readme_says(body: str, meant: str, source: str) -> None:
    made = next((keys for key, keys in MAKES.items() if f'"{key}"' in body), ())
    call = attrs.evolve(REBOOT, makes=made)
    try:
        judge(call, 200, {}, body.encode())
    except AttemptFailed as fault:
        assert fault.kind is ENDINGS[meant]  # noqa: PT017 - both ends are in the table
    else:
        assert meant == "accepted"
