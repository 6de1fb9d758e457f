"""Every field of every model against 36 shapes: what it costs when a value cannot be read.

The expectations are written down here by type, and the fields that may fail an answer by name, so that a new
model or field is tested as tolerant before anybody has thought of it.
"""

from __future__ import annotations

import copy
import datetime as dt
import enum
import re
import types
import typing
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aioseflow import models
from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import Model, PowerState, Vm
from aioseflow.plain import plain
from aioseflow.secret import Secret, conceal, is_secret_key

SHAPES: Final[dict[str, Any]] = {
    "null": None,
    "empty text": "",
    "text": "text",
    "padded number": " 5 ",
    "unit": "512 MB",
    "fraction text": "2.5",
    "fraction": 2.5,
    "negative": -1,
    "1e30": 1e30,
    "23 digits": 12345678901234567890123,
    "separator": "1,024",
    "separators": "1.024,50",
    "unlimited": "unlimited",
    "N/A": "N/A",
    "dash": "-",
    "infinity sign": "∞",
    "true": True,
    "false": False,
    "empty list": [],
    "empty object": {},
    "list of a number": [5],
    "list of a text": ["a"],
    "list of an empty text": [""],
    "list of null": [None],
    "value and unit": {"value": 1, "unit": "GB"},
    "keyed address": {"1": "10.0.0.1"},
    "families": {"ipv4": ["10.0.0.1"], "ipv6": []},
    "list of lists": [["10.0.0.1"]],
    "list of objects": [{"ip_address": "10.0.0.1"}],
    "whole": 7,
    "yesterday": "yesterday",
    "maybe": "maybe",
    "two": 2,
    "two as text": "2",
    "percent": "10%",
    "long list": [1, 2, 3],
}

TEXTS: Final = {name for name, shape in SHAPES.items() if isinstance(shape, str) and shape}
NOTHING: Final = {"null", "empty text", "false", "empty list", "empty object"}
OBJECTS: Final = {"value and unit", "keyed address", "families"}
WHOLE: Final = {"padded number", "negative", "whole", "two", "two as text"}
NUMBERS: Final = WHOLE | {"fraction text", "fraction", "1e30", "23 digits"}
TEXT: Final = NOTHING | TEXTS | NUMBERS
LOCKS: Final = {"text", "unlimited", "yesterday", "maybe"} | NUMBERS

# By type: the shapes that mean something, PHP's nothing among them.
READ: Final[dict[Any, set[str]]] = {
    str: TEXT,
    Secret: TEXT,
    int: NOTHING | WHOLE,
    Decimal: NOTHING | NUMBERS,
    bool: NOTHING | {"true"},
    dt.date: NOTHING,
    dt.datetime: NOTHING,
    "int or text": TEXT,
    "texts": NOTHING
    | TEXTS
    | {"list of a number", "list of a text", "list of an empty text"}
    | {"list of null", "value and unit", "keyed address", "long list"},
    "object": NOTHING | OBJECTS,
    "anything": set(SHAPES),
}
# Fields that are read otherwise than their type says.
OTHERWISE: Final[dict[tuple[str, str], set[str]]] = {
    ("Accepted", "status"): {"null", "true", "false", "empty text", "negative"},
    ("Vm", "locked"): READ[bool] | LOCKS,
    ("Vm", "ip"): NOTHING
    | TEXTS
    | {"list of a text", "list of an empty text", "list of null", "keyed address"},
    ("VmIp", "id"): (NOTHING | TEXTS | WHOLE) | {"23 digits"},
    ("AvailableIp", "id"): (NOTHING | TEXTS | WHOLE) | {"23 digits"},
    ("BandwidthUsage", "from_"): NOTHING | WHOLE | {"fraction text", "fraction"},
    ("BandwidthUsage", "to"): NOTHING | WHOLE | {"fraction text", "fraction"},
}
# The fields that may fail an answer: ids, the figure of the call, money that is ordered by or owed.
STRICT: Final = {
    "UpgradeItem": "price setup_price selected",
    "UpgradeResource": "items",
    "UpgradeOptions": "resources package",
    "Balance": "acc_balance acc_credit",
    "Invoice": "total subtotal credit tax taxrate tax2 taxrate2 rate rate2 rate3 items",
    "InvoiceItem": "amount qty linetotal",
    "Bandwidth": "charge overage over usage used limit cost overage_unit projected_charge",
    "BandwidthUsage": "from_ to total total_in total_out average_t max_in percentile_95 max_out average",
    "Availability": "status",
}
# From several keys, of which every value means something or nothing.
NEVER_ODD: Final = {("Vm", "power"), ("Vm", "power_word")}

MODELS: Final[list[type[Model]]] = [
    cls
    for cls in (getattr(models, name) for name in models.__all__)
    if isinstance(cls, type) and issubclass(cls, Model) and cls is not Model
]


def key_of(field: Any) -> str:
    """The first key of a field in an answer."""
    return typing.cast("str", field.metadata.get("wire", (field.name,))[0])


def kind_of(hint: Any) -> Any:
    """How a type is read, a key of `READ`."""
    inner = set(typing.get_args(hint)) - {types.NoneType} if isinstance(hint, types.UnionType) else {hint}
    if len(inner) > 1:
        assert inner == {int, str}
        return "int or text"
    (one,) = inner
    origin = typing.get_origin(one)
    if origin is tuple:
        of = typing.get_args(one)[0]
        return "texts" if of is str else of
    if origin in (Mapping, dict) or (isinstance(one, type) and issubclass(one, Mapping)):
        return "object"
    if one is Any:
        return "anything"
    if isinstance(one, type) and issubclass(one, enum.Enum):
        return str
    if isinstance(one, type) and issubclass(one, Model):
        return "object"
    return one


def good(kind: Any) -> Any:
    """A value that is read."""
    match kind:
        case "texts":
            return ["a", "b"]
        case "object" | "anything":
            return {}
        case dt.date | dt.datetime:
            return "2020-02-03"
        case _ if kind is bool:
            return True
        case _ if isinstance(kind, type) and issubclass(kind, Model):
            return []
        case _:
            return "3"


def fields_of(cls: type[Model]) -> Iterator[tuple[Any, Any]]:
    hints = typing.get_type_hints(cls)
    for field in attrs.fields(cls):
        if field.name not in ("extra", "unread"):
            yield field, kind_of(hints[field.name])


def good_row(cls: type[Model]) -> dict[str, Any]:
    row = {key_of(field): good(kind) for field, kind in fields_of(cls) if field.name != "power_word"}
    return row | ({"from": 3, "to": 4} if cls.__name__ == "BandwidthUsage" else {})


def decoded(cls: type[Model], odd: dict[str, Any]) -> tuple[Any, Any, Any]:
    """The row between two good ones of a list, which stay what they are; and one alone."""
    row, returns = good_row(cls), typing.cast("Any", list)[cls]
    rows = [row, odd, row]
    before = copy.deepcopy(rows)
    first, found, last = decode(returns, {"rows": rows}, key=("rows",), call="x")
    assert rows == before
    assert first == last
    assert (first.unread, first.extra) == ((), {})
    return first, found, decode(cls, {"row": odd}, key=("row",), call="x")


def is_read(cls: type[Model], field: Any, kind: Any, shape: str) -> bool:
    """Whether a shape means something for a field that is a text, figure, date, list of texts or object."""
    otherwise = OTHERWISE.get((cls.__name__, field.alias))
    return shape in (otherwise if otherwise is not None else READ[kind])


def is_list_read(of: type[Model], shape: str) -> bool:
    """Whether a list of models is: of objects that all have their id, or keyed by it."""
    if shape in NOTHING:
        return True
    if shape in ("value and unit", "families"):
        return False  # what stands under these keys is no object
    return shape == "keyed address" and of.__name__ in ("RdnsEntry", "Template")


@pytest.mark.parametrize("cls", MODELS)
def test_what_cannot_be_read_costs_its_own_field_and_stays_visible(cls: type[Model]) -> None:
    strict = STRICT.get(cls.__name__, "").split()
    for field, kind in fields_of(cls):
        if (cls.__name__, field.alias) in NEVER_ODD:
            continue
        is_list = isinstance(kind, type) and issubclass(kind, Model)
        for name, shape in SHAPES.items():
            where = f"{cls.__name__}.{field.alias}: {name}"
            is_required = field.default is attrs.NOTHING
            readable = is_list_read(kind, name) if is_list else is_read(cls, field, kind, name)
            if is_required:
                readable = name in (TEXTS | WHOLE | {"23 digits"})
            odd = good_row(cls) | {key_of(field): copy.deepcopy(shape)}
            if not readable and (is_required or field.alias in strict):
                with pytest.raises(DecodeError) as caught:
                    decoded(cls, odd)
                assert caught.value.path.startswith(f"$.rows[1].{key_of(field)}"), where
                assert caught.value.call == "x", where
                continue
            try:
                like, found, alone = decoded(cls, odd)
            except DecodeError as error:
                pytest.fail(f"{where}: {error}")
            check(field, name, shape, readable, like, found, where)
            assert alone == found, where
            assert alone.extra == found.extra, where


def check(field: Any, name: str, shape: Any, readable: bool, like: Any, found: Any, where: str) -> None:
    """Check that one field of a model has the value of the shape, and the others those of a good row."""
    key, value = key_of(field), getattr(found, field.name)
    assert type(found) is type(like), where
    assert found.unread == (() if readable else (field.alias,)), where
    default = field.default.factory() if isinstance(field.default, attrs.Factory) else field.default  # type: ignore[arg-type]
    if readable:
        kept = {key} if key in found.extra else set()
        is_partly_read = (type(found).__name__, field.name) == ("Vm", "locked") and name in LOCKS
        is_more = (type(found).__name__, field.alias) == ("Vm", "ip") and isinstance(shape, dict) and shape
        assert bool(kept) is bool(is_partly_read or is_more), where
        if name not in NOTHING and name not in ("list of null", "list of an empty text"):
            assert value is not None, where
            assert value != (), where
    else:
        kept = {key}
        assert value == default, where
        assert type(value) is type(default), where
        assert found.extra[key] == conceal(shape, secret=is_secret_key(key)), where
        assert not is_secret_key(key) or not re.search("10.0|GB|'a'", repr(found.extra[key])), where
    assert set(found.extra) == kept, where
    for other in attrs.fields(type(found)):
        if other.name not in (field.name, "extra", "unread"):
            assert getattr(found, other.name) == getattr(like, other.name), f"{where}, and {other.alias}"
    # It is an object like any other.
    assert attrs.evolve(found) == found, where
    assert isinstance(hash(found), int), where
    shown = plain(found)
    assert shown["unread"] == list(found.unread), where
    assert list(shown)[-2:] == ["unread", "extra"], where


def test_every_name_that_is_written_down_is_one_of_a_field() -> None:
    names = {(cls.__name__, field.alias) for cls in MODELS for field, _ in fields_of(cls)}
    written = {(cls, alias) for cls, aliases in STRICT.items() for alias in aliases.split()}
    assert written | set(OTHERWISE) | NEVER_ODD <= names
    assert len(SHAPES) == 36


def test_every_shape_of_a_power_is_read() -> None:
    for key in ("state", "status", "power"):
        for name, shape in SHAPES.items():
            found = decode(Vm, {"id": 1, key: shape}, call="x")
            assert found.unread == (), name
            assert isinstance(found.power, PowerState), name
            is_kept = isinstance(shape, list | dict) or shape in (None, "")
            assert key in found.extra or not is_kept or not shape or key == "power", name


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from([10**4000, "\ufffd", "\ud800", "2015-02-30", "1e999999", *SHAPES.values()]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["1", "ip", "id", "password", "free", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
OPTIONAL: Final = sorted(
    {key for field in attrs.fields(Vm) for key in field.metadata.get("wire", (field.name,))} - {"id"}
    | {"ipv4", "ipv6", "template_name", "state", "status", "odd", "odd_token"}
)


@settings(max_examples=400, deadline=None)
@given(fields=st.dictionaries(st.sampled_from(OPTIONAL), JSON, max_size=4), is_keyed=st.booleans())
@example(fields={"memory": 10**4000, "disk": float("nan"), "cpus": float("-inf")}, is_keyed=False)
def test_nothing_in_an_optional_field_costs_another_vm(fields: dict[str, Any], is_keyed: bool) -> None:
    rows: dict[str, dict[str, Any]] = {
        "91": {"id": "91", "label": "a", "state": "online"},
        "92": {"id": "92", **fields},
        "93": {"id": "93", "label": "c", "memory": 512},
    }
    payload = rows if is_keyed else list(rows.values())
    first, odd, last = decode(list[Vm], {"vms": payload}, key=("vms",), call="vms.list")
    assert first == Vm("91", label="a", power=PowerState.RUNNING, power_word="online")
    assert last == Vm("93", label="c", memory=512)
    assert odd.id == "92"
    for alias in odd.unread:
        field = next(field for field in attrs.fields(Vm) if field.alias == alias)
        assert getattr(odd, field.name) == field.default
    # Every value that was sent is read or kept.
    sent = {key for key, value in fields.items() if value or value == 0}
    keys = {key for field in attrs.fields(Vm) for key in field.metadata.get("wire", (field.name,))}
    assert sent - keys - {"ipv4", "ipv6", "template_name", "state", "status"} <= set(odd.extra)
    assert len(odd.unread) <= len(odd.extra)
    plain(odd)
