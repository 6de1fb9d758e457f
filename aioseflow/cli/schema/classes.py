"""The schema of an attrs class: its names as users know them, its types, and what its docstring says."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final, get_type_hints

import attrs

from ...models import Model
from ...secret import Secret
from .kinds import Schema, fixed, kind

_ENTRY: Final = re.compile(r"([a-z_0-9]+(?:, [a-z_0-9]+)*): (.*)", re.DOTALL)
_INNER: Final = re.compile(r"(?<=\.) ([a-z_0-9]+): ")
_SECTION: Final = re.compile(r"\n\nAttributes:\n((?:    .*\n?)+)")
# Where a docstring speaks of the Python object.
_SAID: Final = {
    ("Vm", "power"): "What its power is, whatever the panel calls it.",
    ("Vm", "ip"): "Its addresses, as the panel spells them.",
    ("Vm", "ipv6subnets"): "Its networks, as the panel spells them.",
    ("UsageGraphs", "cpu"): "The graph of its processors.",
    ("UsageGraphs", "net"): "The graph of its network.",
    ("UsageGraphs", "disk"): "The graph of its disks.",
    ("BandwidthGraph", "daily"): "A PNG as base64 text.",
    ("BandwidthGraph", "weekly"): "A PNG as base64 text.",
    ("BandwidthGraph", "monthly"): "A PNG as base64 text.",
}
_ABOUT_THE_OTHERS: Final = {
    "unread": "Names of what came in a form that cannot be read: null or empty here, as it came in extra.",
    "extra": "What came under other names or cannot be read, as parsed JSON; secrets are hidden.",
}
_HIDDEN: Final = "Hidden; null where the panel sent none."
_NONE: Final = re.compile(r"\bNone\b")
_MARKUP: Final = re.compile(r"``([^`]*)``|`([^`]*)`|\*([^*]*)\*")


def of_class(
    made: type,
    defined: dict[str, Any],
    *,
    in_words: Mapping[str, str] | None = None,
    also: Mapping[str, Schema] | None = None,
) -> Schema:
    """An object with all its names, each described in a line.

    Args:
        made: the class.
        defined: gets the classes that it refers to.
        in_words: descriptions of what the docstring says nothing of; a name that is in neither is the
            panel's own.
        also: names that a list may have besides.
    """
    hints = get_type_hints(made)
    told = told_of(made)
    properties = {}
    for field in attrs.fields(made):
        name = field.alias or field.name
        said = _SAID.get((made.__name__, name)) or told.get(field.name, (in_words or {}).get(name, ""))
        if hints[field.name] == Secret | None:
            said = _HIDDEN
        if name != field.name:
            # What is said behind it is about the Python object.
            said = said.partition(";")[0]
        properties[name] = {"description": sentence(said or f"The panel's own {name}.")} | kind(
            hints[field.name], defined
        )
    for name, said in _ABOUT_THE_OTHERS.items():
        if name in properties:
            properties[name] = properties.pop(name) | {"description": said}
    properties |= also or {}
    summary = (inspect.getdoc(made) or "").partition("\n\n")[0]
    return fixed(properties, optional=tuple(also or ()), said=sentence(summary))


def told_of(made: type) -> dict[str, str]:
    """What the "Attributes" of a docstring say of each."""
    told = told_of(Model) if made is not Model and issubclass(made, Model) else {}
    section = _SECTION.search(inspect.getdoc(made) or "")
    if section is None:
        return told
    entries: list[str] = []
    for line in section[1].splitlines():
        if line.startswith("     "):
            entries[-1] += f" {line.strip()}"
        else:
            entries.append(line.strip())
    for entry in entries:
        told |= _entry(entry)
    return told


def sentence(text: str) -> str:
    """On one line, without markup, with a full stop."""
    plain = _MARKUP.sub(lambda found: found[1] or found[2] or found[3] or "", " ".join(text.split()))
    plain = _NONE.sub("null", plain)
    return f"{plain[:1].upper()}{plain[1:]}" + ("" if plain.endswith((".", "?", "!")) else ".")


def _entry(entry: str) -> dict[str, str]:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return {}
    names, text = found.groups()
    # "cpus: cores. cpu_share: percent." is two.
    first, *others = _INNER.split(text)
    told = dict.fromkeys(names.split(", "), first)
    return told | dict(zip(others[::2], others[1::2], strict=True))
