"""The JSON file of a plan: version 2 is written, versions 1 and 2 are read.

The classes `Plan`, `PlannedVm`, `PlannedLoss` and `WithoutVms` declare the format: an object of the file has
all fields of its class and no others, each of its type. Texts that are derived of other fields (``observed``
of a VM, ``undiscovered`` of the plan) are written for people, and ignored when a file is read.
"""

from __future__ import annotations

import hashlib
import json
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from types import GenericAlias
from typing import Any, Final, TypeAlias

import attrs
import cattrs
from cattrs.gen import make_dict_structure_fn

from ...errors import InvalidArgument
from ...plain import fields_of
from .plan import Plan
from .plan_version_1 import digested_by_version_1, from_version_1

Hook: TypeAlias = Callable[..., Any]

_FORMAT: Final = "aioseflow plan"
_VERSION: Final = 2
_DERIVED: Final = "undiscovered"  # the only key of a plan that is no field
_NOT_DIGESTED: Final = frozenset({"created_at", "confirmed", "calls", "seconds", "basis", _DERIVED})
_IN_WORDS: Final[Mapping[type, str]] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


def text_of(plan: Plan) -> str:
    """Return a plan as JSON text, for `plan_from`."""
    head = {"format": _FORMAT, "version": _VERSION, "digest": plan.digest}
    return json.dumps(head | _document_of(plan), allow_nan=False)


def digest_of(plan: Plan) -> str:
    """Return the SHA-256, in hexadecimal, of everything that decides what is done.

    Times, predictions, derived texts, and messages of errors (they may have a time in them) do not count.
    """
    document = {name: value for name, value in _document_of(plan).items() if name not in _NOT_DIGESTED}
    document["vms"] = [{**vm, "observed": None} for vm in document["vms"]]
    document["lost"] = [{**loss, "message": None} for loss in document["lost"]]
    return _digest_of_json(document)


def _digest_of_json(document: object) -> str:
    """Return the SHA-256, in hexadecimal, of a JSON value; the order of its keys does not count."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _document_of(plan: Plan) -> dict[str, Any]:
    document = fields_of(plan) | {_DERIVED: plan.undiscovered}
    document["created_at"] = plan.created_at.astimezone(UTC).isoformat()
    for name in ("vms", "lost", "without_vms"):
        document[name] = [fields_of(entry) for entry in document[name]]
    return document


def plan_from(text: str) -> Plan:
    """Return the plan that `text_of` wrote, in this version or in version 1.

    Raises:
        InvalidArgument: the text is no plan, is of an unknown version, or was changed since it was written.
    """
    try:
        document = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise _no_plan(f"it is not JSON ({error})") from None
    if not isinstance(document, dict) or document.pop("format", None) != _FORMAT:
        raise _no_plan('its "format" is not "aioseflow plan"')
    version, digest = document.pop("version", None), document.pop("digest", None)
    if type(version) is not int or version not in _READERS:
        raise _no_plan(f"it is of version {version!r:.40}, and only versions 1 and {_VERSION} can be read")
    try:
        plan, digest_of_content = _READERS[version](document)
    except (ValueError, OverflowError) as error:
        raise _no_plan(str(error)) from None
    if digest != digest_of_content:
        raise _no_plan("its digest is not that of its content, so that it was changed since")
    return plan


def _read_version_1(document: dict[str, Any]) -> tuple[Plan, str]:
    # Its digest was made of what it says, not of what version 2 makes of that.
    return _structured(from_version_1(document)), _digest_of_json(digested_by_version_1(document))


def _read_version_2(document: dict[str, Any]) -> tuple[Plan, str]:
    plan = _structured(document)
    return plan, plan.digest


_READERS: Final[Mapping[int, Callable[[dict[str, Any]], tuple[Plan, str]]]] = {
    1: _read_version_1,
    _VERSION: _read_version_2,
}


def _no_plan(why: str) -> InvalidArgument:
    return InvalidArgument(
        f"this cannot be used as a plan: {why}; make it anew with fleet.plan()", argument="text"
    )


def _structured(document: dict[str, Any]) -> Plan:
    """Return the plan of a document. Raises `ValueError`, which names the first wrong value and its place."""
    try:
        return _converter().structure(document, Plan)
    except cattrs.BaseValidationError as error:
        first, *_ = cattrs.transform_error(error, format_exception=lambda cause, _: str(cause))
        raise ValueError(first) from None


@cache
def _converter() -> cattrs.Converter:
    """Return a converter that takes no value of another type than declared, and no other keys."""
    converter = cattrs.Converter()
    for kind in (str, int, bool):
        converter.register_structure_hook(kind, _exactly(kind))
    converter.register_structure_hook(float, _exactly(int, float))
    text = _exactly(str)
    converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(text(value)))
    for origin, of_json in ((tuple, list), (Mapping, dict)):
        converter.register_structure_hook_factory(
            partial(_is_made_of, origin), partial(_hook_of_collection, converter, origin, of_json)
        )
    converter.register_structure_hook_factory(attrs.has, partial(_hook_of_class, converter))
    return converter


def _is_made_of(origin: type, kind: Any) -> bool:
    return typing.get_origin(kind) is origin


def _exactly(*kinds: type) -> Hook:
    """Return a hook that takes values of these types as they are; a boolean is no number."""

    def hook(value: Any, _: object = None) -> Any:
        if type(value) not in kinds:
            raise ValueError(f"{value!r:.40} is not {_IN_WORDS[kinds[-1]]}")
        return value

    return hook


def _hook_of_collection(converter: cattrs.Converter, origin: type, of_json: type, kind: Any) -> Hook:
    """Return the hook of ``tuple[X, ...]`` or ``Mapping[str, X]``, which are a list and an object in JSON."""
    parsed = GenericAlias(of_json, tuple(each for each in typing.get_args(kind) if each is not ...))
    check, structure = _exactly(of_json), converter.get_structure_hook(parsed)
    make = tuple if origin is tuple else dict
    return lambda value, _: make(structure(check(value), parsed))


def _hook_of_class(converter: cattrs.Converter, kind: type[Any]) -> Hook:
    check, structure = _exactly(dict), make_dict_structure_fn(kind, converter)
    names = {field.name for field in attrs.fields(kind)} | ({_DERIVED} if kind is Plan else set())

    def hook(value: Any, _: object) -> Any:
        if differing := names ^ check(value).keys():
            raise ValueError(f"{kind.__name__} lacks, or does not have, {', '.join(sorted(differing)):.80}")
        return structure(value, kind)

    return hook
