"""The value of an option that takes one id: what to write in place of several, a range or a name."""

from __future__ import annotations

import json
import re
from typing import Final

from ..exit_code import Refusal

_NUMBERS: Final = re.compile(r"(?:[0-9]+/)?[0-9]+(?:[,;\s]+(?:[0-9]+/)?[0-9]+)+")
_RANGE: Final = re.compile(r"([0-9]+)(?:-|:|\.\.+)([0-9]+)")


def check_one_id(option: str, given: str) -> None:
    """Raise `Refusal` for several ids in one, a range, a pattern or a name, and say what selects those."""
    prefix = "service." if option == "--service" else ""
    if _NUMBERS.fullmatch(given):
        service, _, _ = given.rpartition("/") if given.count("/") == 1 else ("", "", "")
        ids = [
            each if not service or "/" in each else f"{service}/{each}"
            for each in re.split(r"[,;\s]+", given)
        ]
        raise Refusal(
            f"{option} takes one id, not {given:.40}",
            fix="write " + " ".join(f"{option} {each}" for each in ids),
        )
    if given.strip().lower() in ("*", "all"):
        raise Refusal(f"{option} takes one id, not {given}", fix="write --all for every VM")
    name = "service.name" if prefix else "label"
    if found := _RANGE.fullmatch(given):
        number, (first, last) = f"{prefix}id.to_int", found.groups()
        where = f"{number} >= {first} and {number} <= {last}"
    elif "*" in given:
        pattern = ".*".join(re.sub(r"[^\w -]", r"\\\g<0>", part) for part in given.split("*"))
        where = f'{name} =~ "{pattern}"'
    elif "," in given:
        where = f"{name} in [{', '.join(_text(each.strip()) for each in given.split(','))}]"
    elif re.search(r"\s", given.strip()):
        where = f"{name} == {_text(given)}"
    else:
        return
    raise Refusal(f"{option} takes one id, not {given!r:.40}", fix=f"write --where '{where}'")


def _text(text: str) -> str:
    """Return a text as a condition has it."""
    return json.dumps(text, ensure_ascii=False)
