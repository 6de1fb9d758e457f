"""The schemas by name, with the commands that print what they describe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypedDict, get_args, get_type_hints

import attrs

from ... import Finding, Outcome, Plan, PlannedVm
from ...fleet.report.report_json import ReportDocument
from ...models import UntrustedHtml, Vm
from ..coroutines import COROUTINES
from ..doctor.check import Check
from ..fleet.print_diff import DifferenceDocument
from ..fleet.print_runs import RunDocument
from ..nouns.noun_table import NOUNS
from ..nouns.save_commands import SavedGraphDocument, UsageSizeDocument
from ..profiles.profiles_command import ListedProfile
from .json_schema import Schema, name_of, schema_of


class PlanFileDocument(TypedDict):
    """The fields of a plan's file besides those of `Plan`."""

    format: Literal["aioseflow plan"]
    version: Literal[2]
    digest: str
    undiscovered: list[str]


class SchemaEntry(NamedTuple):
    """A schema: its name, the commands that print such objects, the classes that have their fields.

    ``in_lists`` are fields that only lists have: of several accounts, of VMs.
    """

    name: str
    printed_by: str
    parts: tuple[type, ...]
    in_lists: Mapping[str, Any] = {}

    def schema(self, *, array: bool = False) -> Schema:
        """Return the schema of one object, or of an array of them."""
        return schema_of(self.name, self.parts, self.in_lists, array=array)


_IN_LISTS: Final = {"account": str}
_IN_VM_LISTS: Final = {**_IN_LISTS, "service_id": str, "service_name": str | None}
_ENTRIES: Final = (
    SchemaEntry("report", "fleet VERB, fleet status", (ReportDocument,)),
    SchemaEntry("outcome", "fleet VERB --output jsonl, fleet failures", (Outcome,)),
    SchemaEntry("plan", "fleet plan, fleet VERB --dry-run", (PlanFileDocument, Plan)),
    SchemaEntry("planned_vm", "fleet plan --output jsonl", (PlannedVm,)),
    SchemaEntry("run", "fleet runs", (RunDocument,)),
    SchemaEntry("finding", "fleet reconcile", (Finding,)),
    SchemaEntry("difference", "fleet diff", (DifferenceDocument,)),
    SchemaEntry("check", "doctor", (Check,)),
    SchemaEntry("profile", "profiles", (ListedProfile,)),
    SchemaEntry("saved_graph", "service graphs --save", (SavedGraphDocument,)),
    SchemaEntry("usage_size", "vm usage", (UsageSizeDocument,)),
)


def catalogue() -> Mapping[str, SchemaEntry]:
    """Return the schemas by name: of fleet commands, of this machine, and of the panel's answers."""
    models: dict[str, Any] = {}
    for name, coroutine in COROUTINES.items():
        hint = get_type_hints(coroutine.function)["return"]
        models[name] = (*get_args(hint), hint)[0]
    commands: defaultdict[type, list[str]] = defaultdict(list)
    for noun in NOUNS.values():
        for verb in noun.verbs:
            for call in (verb.call, *verb.also):
                # Of a graph's HTML `vm usage` prints the size only.
                if models[call] is not UntrustedHtml:
                    commands[models[call]].append(f"{noun.name} {verb.name}")
    for name, model in models.items():
        commands[model].append(f"api {name}")
    answers = (
        SchemaEntry(name_of(model), ", ".join(names), (model,), _IN_VM_LISTS if model is Vm else _IN_LISTS)
        for model, names in commands.items()
        if attrs.has(model)
    )
    return {entry.name: entry for entry in (*_ENTRIES, *answers)}
