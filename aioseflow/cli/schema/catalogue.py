"""Which schemas there are, and which commands print what they describe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, get_args, get_type_hints

import attrs

from ...models import UntrustedHtml, Vm
from ..coroutines import COROUTINES
from ..doctor.check import Check
from ..nouns import NOUNS
from ..profiles.profiles_command import ListedProfile
from .classes import of_class
from .kinds import TEXT, Schema, array, name_of, or_nothing, refer
from .runs import DOCUMENTS, FILES

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAMED: Final = 6
_IN_LISTS: Final[Mapping[str, Schema]] = {
    "account": {"description": "Whose it is, in a list of several accounts."} | TEXT
}
_OF_VMS: Final[Mapping[str, Schema]] = {
    "service_id": {"description": "The id of its service, in a list of VMs."} | TEXT,
    "service_name": {"description": "The name of its service, in a list of VMs."} | or_nothing(TEXT),
}


@attrs.frozen
class Entry:
    """A schema: its name, the commands, and what makes it; of an array what its ``items`` are called."""

    name: str
    printed_by: str
    make: Callable[[dict[str, Any]], Schema]
    items: str = ""


def catalogue() -> Mapping[str, Entry]:
    """All of them by name: what fleet commands print, then this machine's, then what calls answer."""
    entries = []
    for name, (make, printed_by) in DOCUMENTS.items():
        entries.append(Entry(name, printed_by, make))
        if name == "run":
            entries.append(Entry("runs", printed_by, make, items="run"))
    entries += [
        Entry("check", "doctor", _of(Check, {"verdict": "How it ended."})),
        Entry("profile", "profiles", _of(ListedProfile)),
    ]
    entries += [Entry(name, printed_by, make) for name, (make, printed_by) in FILES.items()]
    for model, commands in _answers().items():
        entries.append(Entry(name_of(model), _briefly(commands), _of_model(model)))
    return {entry.name: entry for entry in entries}


def schema_of(entry: Entry, *, array_of: bool = False) -> Schema:
    """The whole schema, with all that it refers to."""
    waiting: dict[str, Any] = {}
    body = entry.make(waiting)
    defined: dict[str, Schema] = {}
    while left := waiting.keys() - defined.keys():
        name = min(left)
        made = waiting[name]
        defined[name] = of_class(made, waiting) if isinstance(made, type) else made(waiting)
    head: Schema = {"$schema": _DRAFT, "title": entry.name}
    if array_of or entry.items:
        name = entry.items or entry.name
        defined[name] = body
        body = array(refer(name))
    return head | body | ({"$defs": dict(sorted(defined.items()))} if defined else {})


def _answers() -> dict[type, list[str]]:
    """The models that calls answer, each with the commands that print it, nouns first."""
    of_calls = {name: _answer(coroutine.function) for name, coroutine in COROUTINES.items()}
    found: defaultdict[type, list[str]] = defaultdict(list)
    for noun in NOUNS.values():
        for verb in noun.verbs:
            for call in (verb.call, *verb.also):
                model = of_calls[call]
                # Of the HTML only the size is printed, and of what is asked for on the way nothing.
                beside = call != verb.call and not verb.place.startswith("listing:ips")
                if model is not None and model is not UntrustedHtml and not beside:
                    found[model].append(f"{noun.name} {verb.name}")
    for name, model in of_calls.items():
        if model is not None:
            found[model].append(f"api {name}")
    return dict(found)


def _answer(function: Callable[..., Any]) -> type | None:
    """The class of what a coroutine returns, or of each in a list of it; None where it is no object."""
    hint = get_type_hints(function)["return"]
    model = (*get_args(hint), hint)[0]
    return model if attrs.has(model) else None


def _of_model(model: type) -> Callable[[dict[str, Any]], Schema]:
    also = {**_IN_LISTS, **(_OF_VMS if model is Vm else {})}
    return lambda defined: of_class(model, defined, also=also)


def _of(made: type, in_words: Mapping[str, str] | None = None) -> Callable[[dict[str, Any]], Schema]:
    return lambda defined: of_class(made, defined, in_words=in_words)


def _briefly(commands: Sequence[str]) -> str:
    return ", ".join(commands[:_NAMED]) + (f" and {len(commands) - _NAMED} more" if commands[_NAMED:] else "")
