"""What fleet commands print, where no class says it: the documents of reports, plans and runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from ...fleet import Finding, Plan, PlannedLoss, PlannedVm, Status, UsageGraphs, WithoutVms
from .classes import of_class
from .kinds import (
    ANYTHING,
    COUNT,
    FIGURE,
    FLAG,
    MOMENT,
    TEXT,
    WHOLE,
    Schema,
    array,
    fixed,
    kind,
    or_nothing,
    refer,
)

Defined: TypeAlias = dict[str, Any]

WORDS: Final[Mapping[str, str]] = {
    "account": "Whose it is, as the run calls the account.",
    "service_id": "The service's id.",
    "service_name": "The service's name.",
    "vm_id": "The VM's id; unique within its service.",
    "vm_label": "The VM's name, empty where it has none.",
    "action": "What was asked for: start, stop, reboot and so on; several are joined by +.",
    "step": "Which of several actions it ended in.",
    "locked": "Whether a task of the panel held the VM; null where the panel does not say.",
    "verdict": "Whether what was sent was done, as far as a reading can tell.",
    "evidence": "What was read, and when.",
    "why": "The verdict in a sentence.",
    "basis": "What the expected calls and seconds rest on.",
}
"""What names mean wherever they stand."""

_ID: Final = or_nothing(TEXT)


def report(defined: Defined) -> Schema:
    """`Report.to_document`."""
    defined |= {"outcome": outcome, "error": error, "counts": counts}
    defined |= {"undiscovered": undiscovered, "without_vms": without_vms}
    return fixed(
        {
            "version": _said("Grows if a name must change or go.", {"const": 1}),
            "run_id": _said("The run's id.", TEXT),
            "parent": _said("The run that this one retries or restores.", _ID),
            "action": _said(WORDS["action"], TEXT),
            "note": _said("What whoever asked for it noted.", TEXT),
            "requested_by": _said("Who asked for it.", TEXT),
            "ok": _said("Whether it is over, every VM was listed, and every VM is as asked.", FLAG),
            "matched_nothing": _said("Whether the selection matched no VM, though all were listed.", FLAG),
            "started_at": _said("When it began.", MOMENT),
            "finished_at": _said("When it ended; null while it runs.", or_nothing(MOMENT)),
            "resumed": _said("How often it was taken up again.", COUNT),
            "missing_values": _said(
                "VMs for which a condition met a value that the panel did not give.", COUNT
            ),
            "error": _said("What ended the run before its time.", or_nothing(refer("error"))),
            "targets": _said("How many VMs were selected.", COUNT),
            "counts": _said("How many VMs ended in each status.", refer("counts")),
            "causes": _said("Outcomes that have a cause, the most frequent first.", array(_cause())),
            "services": _said("A summary of each service.", array(_service())),
            "downtimes": _said(
                "Who was down for how long because of the run, the longest first.", array(_downtime())
            ),
            "undiscovered": _said(
                "Whose VMs could not be listed, so that they are in no count.", array(refer("undiscovered"))
            ),
            "without_vms": _said(
                "Selected services that have no VMs, so that they are in no count.",
                array(refer("without_vms")),
            ),
            "pending": _said("Selected VMs that have no outcome yet.", array(_place())),
            "outcomes": _said("What became of each VM.", array(refer("outcome"))),
        },
        said="What a run did: every selected VM once.",
    )


def outcome(defined: Defined) -> Schema:
    """`outcome_document`."""
    defined["error"] = error
    usage = {
        "if": _having("action", {"const": "usage"}),
        "then": _having("value", or_nothing(kind(UsageGraphs, defined))),
    }
    return usage | fixed(
        {
            **_names("account", "service_id", "service_name", "vm_id", "vm_label", "action"),
            "step": _said(WORDS["step"], or_nothing(TEXT)),
            "status": _said(
                "The one word that is true of the VM when the run is over.",
                {"enum": [status.value for status in Status]},
            ),
            "verified": _said("Whether it was read back, and is so.", FLAG),
            "cause": _said("A stable word for why it is not simply done.", or_nothing(TEXT)),
            "error": _said("The error that it ended with.", or_nothing(refer("error"))),
            "attempts": _said("How many requests were sent for it.", COUNT),
            "started_at": _said("When it began.", MOMENT),
            "finished_at": _said("When it ended.", MOMENT),
            "value": _said("What was read; null where nothing was, absent where it has no JSON.", ANYTHING),
        },
        optional=("value",),
        said="What became of one VM.",
    )


def error(defined: Defined) -> Schema:
    """The facts of an error."""
    return fixed(
        {
            "type": _said("The class of the exception, such as ServerError.", TEXT),
            "message": _said("What happened, in a sentence.", TEXT),
            "status": _said("The status of the HTTP answer.", or_nothing(WHOLE)),
            "codes": _said("The panel's own codes.", array(TEXT)),
            "call": _said("Which call it was, such as vms.stop.", or_nothing(TEXT)),
            "request": _said("Method and path of the request.", or_nothing(TEXT)),
            "attempts": _said("How many requests were sent.", COUNT),
            "retry_after": _said("The seconds for which the panel asked to wait.", or_nothing(FIGURE)),
        },
        said="An error without the answer that it came from.",
    )


def counts(defined: Defined) -> Schema:
    """The five, all of them always there."""
    words = {
        Status.CHANGED: "The provider took it; of an outcome, verified says whether it was also read back.",
        Status.UNCHANGED: "It was so already, or it was only read.",
        Status.FAILED: "It was refused, or accepted and then read as not done.",
        Status.UNKNOWN: "It was sent, and what became of it could not be learned.",
        Status.NOT_ATTEMPTED: "Nothing was sent, or only what the provider turned away for now.",
    }
    return fixed(
        {status.value: _said(words[status], COUNT) for status in Status}, said="How many VMs ended so."
    )


def undiscovered(defined: Defined) -> Schema:
    """A service or a whole account."""
    defined["error"] = error
    return fixed(
        {
            **_names("account"),
            "service_id": _said("The service's id; null for a whole account.", _ID),
            "service_name": _said("The service's name.", _ID),
            "cause": _said("A stable word for why.", TEXT),
            "error": _said("What the listing ended with.", or_nothing(refer("error"))),
        },
        said="A service, or an account, whose VMs could not be listed.",
    )


def without_vms(defined: Defined) -> Schema:
    """A service of which the panel says so."""
    return of_class(WithoutVms, defined, in_words=WORDS)


def run(defined: Defined) -> Schema:
    """A run as a list of runs shows it."""
    defined["counts"] = counts
    lost = {**_names("account"), "service_id": _said("The service's id; null for a whole account.", _ID)}
    return fixed(
        {
            "run_id": _said("The run's id.", TEXT),
            "parent": _said("The run that this one retries or restores.", _ID),
            "accounts": _said("Whose VMs it is about.", array(TEXT)),
            **_names("action"),
            "state": _said(
                "Interrupted is one that has not ended and that no living process has.",
                {"enum": ["running", "ended", "interrupted"]},
            ),
            "created_at": _said("When it was asked for.", MOMENT),
            "started_at": _said("When it first began.", or_nothing(MOMENT)),
            "finished_at": _said("When it last ended.", or_nothing(MOMENT)),
            "targets": _said("How many VMs were selected.", COUNT),
            "counts": _said("How many VMs have ended in each status.", refer("counts")),
            "undiscovered": _said(
                "Whose VMs could not be listed.",
                array(fixed({**lost, "cause": _said("A stable word for why.", TEXT)})),
            ),
            "error": _said("What ended it before its time, in a sentence.", or_nothing(TEXT)),
            "note": _said("What whoever asked for it noted.", TEXT),
            "requested_by": _said("Who asked for it.", TEXT),
        },
        said="A run in the journal.",
    )


def plan(defined: Defined) -> Schema:
    """`Plan.to_json`."""
    defined |= {"planned_vm": planned_vm, "planned_loss": planned_loss, "without_vms": without_vms}
    body = of_class(Plan, {}, in_words=WORDS)
    properties = {
        "format": _said("What this is.", {"const": "aioseflow plan"}),
        "version": _said("Grows if a name must change or go.", {"const": 2}),
        "digest": _said(
            "SHA-256 of all that decides what is done.", {"type": "string", "pattern": "^[0-9a-f]{64}$"}
        ),
        **body["properties"],
    }
    properties["accounts"] = _said("Whose VMs it is about.", array(TEXT))
    properties["undiscovered"] = _said("A line for each entry of lost, for people.", array(TEXT))
    return fixed(properties, said=body["description"])


def planned_vm(defined: Defined) -> Schema:
    """One VM of a plan."""
    return of_class(PlannedVm, defined, in_words=WORDS)


def planned_loss(defined: Defined) -> Schema:
    """What could not be listed when a plan was made."""
    return of_class(PlannedLoss, defined, in_words=WORDS)


def finding(defined: Defined) -> Schema:
    """What `fleet reconcile` finds."""
    return of_class(Finding, defined, in_words=WORDS)


def difference(defined: Defined) -> Schema:
    """A row of `fleet diff`."""
    word = or_nothing({"enum": [status.value for status in Status]})
    return fixed(
        {
            **_names("account", "service_id", "vm_id", "vm_label"),
            "what": _said(
                "What is different.", {"enum": ["fixed", "broken", "still_bad", "only_after", "only_before"]}
            ),
            "before": _said("The status in the first run.", word),
            "after": _said("The status in the second run.", word),
            "cause": _said("A stable word for why it is not simply done.", or_nothing(TEXT)),
        },
        said="A VM of which two runs say different things.",
    )


DOCUMENTS: Final[Mapping[str, tuple[Callable[[Defined], Schema], str]]] = {
    "report": (report, "fleet VERB, fleet status"),
    "outcome": (outcome, "fleet VERB --output jsonl, fleet failures"),
    "plan": (plan, "fleet plan, fleet VERB --dry-run"),
    "planned_vm": (planned_vm, "fleet plan --output jsonl"),
    "run": (run, "fleet runs"),
    "finding": (finding, "fleet reconcile"),
    "difference": (difference, "fleet diff"),
}
"""By name: what makes the schema, and which commands print it."""


def saved_graph(defined: Defined) -> Schema:
    """A row of `service graphs --save`."""
    return fixed(
        {
            "file": _said("Where it was written.", TEXT),
            "switch": _said("The switch, as the panel calls it.", or_nothing(TEXT)),
            "port": _said("Its port.", or_nothing(TEXT)),
            "name": _said("The graph's name.", or_nothing(TEXT)),
            "period": _said("Which of the three graphs.", {"enum": ["daily", "weekly", "monthly"]}),
            "bytes": _said("The file's size.", COUNT),
        },
        said="A traffic graph that was written into a file.",
    )


def usage_size(defined: Defined) -> Schema:
    """A row of `vm usage`."""
    return fixed(
        {
            "kind": _said("Which of the three graphs.", {"enum": ["cpu", "net", "disk"]}),
            "characters": _said("The length of its HTML.", COUNT),
            "file": _said("Where it was written; null where it was not.", or_nothing(TEXT)),
        },
        said="How much HTML the panel sent for a graph.",
    )


FILES: Final[Mapping[str, tuple[Callable[[Defined], Schema], str]]] = {
    "saved_graph": (saved_graph, "service graphs --save"),
    "usage_size": (usage_size, "vm usage"),
}
"""The same of what writes the panel's answers into files."""


def _said(description: str, schema: Schema) -> Schema:
    return {"description": description} | schema


def _having(name: str, schema: Schema) -> Schema:
    return {"properties": {name: schema}}


def _names(*names: str) -> dict[str, Schema]:
    return {name: _said(WORDS[name], TEXT) for name in names}


def _place() -> Schema:
    return fixed(_names("account", "service_id", "vm_id"))


def _cause() -> Schema:
    return fixed(
        {
            "cause": _said("A stable word for why.", TEXT),
            "status": _said("The status of these VMs.", {"enum": [status.value for status in Status]}),
            "count": _said("How many VMs.", COUNT),
            "names": _said("The VMs' names on one line, folded and cut.", TEXT),
            "example": _said("The message of one VM's error; empty where none has one.", TEXT),
        }
    )


def _service() -> Schema:
    return fixed(
        {
            **_names("account", "service_id", "service_name"),
            "counts": _said("How many VMs ended in each status.", refer("counts")),
            "seconds": _said("From the first begin to the last end.", FIGURE),
        }
    )


def _downtime() -> Schema:
    return fixed(
        {
            **_names("account", "service_id", "vm_id"),
            "label": _said("The VM's name.", TEXT),
            "seconds": _said("How long it was down within the run.", FIGURE),
            "open_ended": _said("Whether the run left it down.", FLAG),
            "certain": _said("Whether it is known to have gone down.", FLAG),
        }
    )
