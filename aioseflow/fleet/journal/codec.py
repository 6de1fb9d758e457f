"""The form of values in a journal: times, texts and errors, none of them with a secret."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from ... import errors
from ...errors import DecodeError, InvalidArgument, OutcomeUnknown, SeFlowError
from ..model.outcome import ActionRaised, PredicateRaised
from ..model.undiscovered import Undiscovered, WithoutVms
from .records import RunHeader, TargetRow

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_LONGEST_MESSAGE: Final = 4000

# Neither excerpt nor payload: they are pieces of answers, for the screen and not for a file that is kept.
_DETAILS: Final = ("call", "request", "status", "attempts", "retry_after", "may_have_acted")

_TYPES: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("class", "message", "call", "request", "path"), str),
    **dict.fromkeys(("status", "attempts", "sent_at"), int),
    "retry_after": int | float,
    "codes": list,
}

_CLASSES: Final[Mapping[str, type[SeFlowError]]] = {
    name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SeFlowError)
} | {"ActionRaised": ActionRaised, "PredicateRaised": PredicateRaised}


def to_micros(at: datetime) -> int:
    """Microseconds since the epoch. Raises `InvalidArgument` for a time without zone."""
    if at.tzinfo is None:
        raise InvalidArgument(f"{at} has no time zone; give an aware UTC time")
    return (at - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """The inverse of `to_micros`: an aware UTC time."""
    return _EPOCH + timedelta(microseconds=micros)


def to_micros_or_none(at: datetime | None) -> int | None:
    return None if at is None else to_micros(at)


def from_micros_or_none(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)


def text(value: str) -> str:
    """The text as a database can hold it: half a surrogate pair, which JSON can smuggle in, becomes ``?``."""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def to_json(value: Any, what: str) -> str:
    """JSON. Raises `InvalidArgument` for what JSON does not know."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidArgument(f"{what} cannot be kept in a journal, which takes JSON only: {error}") from None


def dump_error(error: SeFlowError | None) -> str | None:
    """The error as JSON, without the answer that it quotes."""
    if error is None:
        return None
    # An error of another module is kept as what it is one of, so that it is caught as such again.
    name = next(kind.__name__ for kind in type(error).__mro__ if _CLASSES.get(kind.__name__) is kind)
    document: dict[str, Any] = {"class": name, "message": str(error)[:_LONGEST_MESSAGE]}
    document |= {key: value for key in _DETAILS if (value := getattr(error, key)) is not None}
    if error.codes:
        document["codes"] = list(error.codes)
    if isinstance(error, OutcomeUnknown) and error.sent_at is not None:
        document["sent_at"] = to_micros(error.sent_at)
    if isinstance(error, DecodeError):
        document["path"] = error.path
    if isinstance(error, PredicateRaised):
        document["vm_ids"] = list(error.vm_ids)
    return json.dumps(document, separators=(",", ":"), default=str)


def load_error(document: str | None) -> SeFlowError | None:
    """The error again; a class that this version does not know becomes `SeFlowError`.

    Raises `TypeError` and `ValueError` for what `dump_error` never makes.
    """
    if document is None:
        return None
    stored: dict[str, Any] = json.loads(document)
    for key, value in stored.items():
        if not isinstance(value, _TYPES.get(key, object)):
            raise TypeError(f"{key} of its error is {value!r:.60}")
    kind = _CLASSES.get(stored.get("class", ""), SeFlowError)
    details: dict[str, Any] = {key: stored[key] for key in _DETAILS if key in stored}
    details["codes"] = tuple(stored.get("codes", ()))
    if issubclass(kind, OutcomeUnknown):
        details["sent_at"] = from_micros_or_none(stored.get("sent_at"))
    if issubclass(kind, DecodeError):
        details["path"] = stored.get("path", "$")
    if issubclass(kind, PredicateRaised):
        details["vm_ids"] = tuple(stored.get("vm_ids", ()))
    return kind(stored.get("message", ""), **details)


def run_values(header: RunHeader) -> tuple[Any, ...]:
    """A run as the change CREATE takes it. Raises `InvalidArgument` where its document is not JSON."""
    return (
        header.run_id,
        None if header.parent is None else text(header.parent),
        text(header.action),
        to_json([text(name) for name in header.accounts], "the accounts"),
        to_micros(header.created_at),
        to_json(header.document, "the document of a run"),
        text(header.note),
        text(header.requested_by),
        names_to_json(header.account_keys),
    )


def names_to_json(keys: Mapping[str, str]) -> str | None:
    """Keys of accounts by name as JSON, None where there are none."""
    return json.dumps({text(name): key for name, key in keys.items()}) if keys else None


def names_from_json(document: str | None) -> dict[str, str]:
    """The inverse of `names_to_json`. Raises `TypeError` and `ValueError` for what that never makes."""
    names = {} if document is None else json.loads(document)
    if not isinstance(names, dict) or not all(isinstance(key, str) for key in names.values()):
        raise TypeError(f"account_keys is {document:.60}")
    return names


def target_values(run: int, row: TargetRow) -> tuple[Any, ...]:
    """A target as the change SELECTED takes it."""
    return (
        run,
        row.number,
        text(row.account),
        text(row.service_id),
        text(row.service_name),
        text(row.vm_id),
        text(row.vm_label),
        str(row.power),
    )


def without_values(run: int, found: WithoutVms) -> tuple[Any, ...]:
    """A service without VMs as the changes WITHOUT_VMS and ENDED take it."""
    return (run, *map(text, (found.account, found.service_id, found.service_name, found.why)))


def loss_values(run: int, number: int, loss: Undiscovered) -> tuple[Any, ...]:
    """A loss as the change ENDED takes it."""
    return (
        run,
        number,
        text(loss.account),
        None if loss.service_id is None else text(loss.service_id),
        None if loss.service_name is None else text(loss.service_name),
        text(str(loss.cause)),
        dump_error(loss.error),
    )


def ended_values(
    run: int,
    finished_at: datetime,
    error: str | None,
    losses: Sequence[Undiscovered],
    without_vms: Sequence[WithoutVms] | None,
    timeline: Sequence[Any] | None,
    ended_by: str,
) -> tuple[Any, ...]:
    """The end of a run, as the change ENDED takes it."""
    return (
        run,
        to_micros(finished_at),
        None if error is None else text(error),
        [loss_values(run, number, loss) for number, loss in enumerate(losses)],
        None if without_vms is None else [without_values(run, found) for found in without_vms],
        None if timeline is None else to_json(timeline, "the timeline of a run"),
        text(ended_by),
    )
