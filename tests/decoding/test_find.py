"""The decoder: PHP's shapes, paths of faults, and that nothing but a `SeFlowError` ever leaves it."""

from __future__ import annotations

import copy
import json
import pickle
import random
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aioseflow import models
from aioseflow.decoding import decode
from aioseflow.errors import DecodeError
from aioseflow.models import (
    Account,
    Balance,
    Invoice,
    Model,
    PowerState,
    RdnsEntry,
    Service,
    ServiceIp,
    ServiceResources,
    Template,
    Ticket,
    Vm,
    VmIp,
)
from aioseflow.plain import plain
from aioseflow.secret import Secret, redact

NAN, INF = float("nan"), float("inf")
RESPONSES = Path(__file__).parent.parent / "data" / "responses"
PUBLISHED = {path.name: orjson.loads(path.read_bytes()) for path in sorted(RESPONSES.rglob("*.json"))}


def name_of(value: object) -> str | None:
    """A parameter's name in the test's id: str() refuses integers this long."""
    return "huge" if isinstance(value, int) and value.bit_length() > 64 else None


def vms(value: Any) -> list[Vm]:
    return decode(list[Vm], {"vms": value}, key=("vms",), call="vms.list")


def vm(payload: Any, identity: str | None = "4021") -> Vm:
    return decode(Vm, payload, key=("vm", "vms"), call="vms.get", identity=identity)


def fault(returns: Any, payload: Any, **arguments: Any) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        decode(returns, payload, call="vms.list", **arguments)
    return caught.value


@pytest.mark.parametrize(
    "value",
    [
        [{"id": "5", "label": "a"}, {"id": 6}],
        {"5": {"label": "a"}, "6": {"id": None}},
        {"x": {"id": "5", "label": "a"}, "y": {"id": 6.0}},
    ],
)
def test_a_list_may_be_an_object_keyed_by_id(value: Any) -> None:
    assert vms(value) == [Vm("5", label="a"), Vm("6")]


def test_the_only_one_may_stand_there_without_its_list() -> None:
    assert vms({"id": "5", "label": "a"}) == [Vm("5", label="a")]


@pytest.mark.parametrize("value", [[], {}])
def test_an_empty_list_is_empty_either_way(value: Any) -> None:
    assert vms(value) == []


@pytest.mark.parametrize("value", [None, "", False, 0, "none", True])
def test_what_is_no_list_never_passes_for_an_empty_one(value: Any) -> None:
    assert fault(list[Vm], {"vms": value}, key=("vms",)).path == "$.vms"


@pytest.mark.parametrize("payload", [{}, [], {"vm": []}])
def test_a_missing_key_is_named(payload: Any) -> None:
    error = fault(list[Vm], payload, key=("vms",))
    assert error.path == "$.vms"
    assert "an object with 'vms'" in str(error)
    assert "found nothing" in str(error)


@pytest.mark.parametrize("payload", [None, 5, "text", True, [1], [{"id": 5}]])
def test_an_answer_that_is_no_object_is_refused(payload: Any) -> None:
    assert fault(list[Vm], payload, key=("vms",)).path == "$"


def test_the_first_spelling_of_the_key_wins() -> None:
    payload = {"vms": [{"id": 2}], "vm": {"id": 1}}
    assert vm(payload, None).id == "1"
    assert decode(Vm, {"vms": {"id": 2}}, key=("vm", "vms"), call="vms.get").id == "2"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (["4021"], "$.vms[0]"),
        ([{"id": 1}, 5], "$.vms[1]"),
        ([{"id": 1}, None], "$.vms[1]"),
        ([{"label": "a"}], "$.vms[0].id"),
        ([[]], "$.vms[0].id"),
        ([{"id": ""}], "$.vms[0].id"),
        ([{"id": True}], "$.vms[0].id"),
        ([{"id": 1.5}], "$.vms[0].id"),
        ([{"id": {}}], "$.vms[0].id"),
        ({"foo": 1}, "$.vms.foo"),
        ({"a b": {"id": ["x"]}}, '$.vms["a b"].id'),
        ({"18867": {"id": 0.5}}, "$.vms.18867.id"),
        ({"k" * 90: {"id": [1]}}, '$.vms["' + "k" * 40 + '\\u2026"].id'),
    ],
)
def test_the_path_leads_to_the_fault(value: Any, path: str) -> None:
    assert fault(list[Vm], {"vms": value}, key=("vms",)).path == path


@pytest.mark.parametrize(
    "payload",
    [
        {"vm": {"id": "4021", "memory": 512}},
        {"vm": {"memory": 512}},
        {"vm": [{"id": 4021, "memory": 512}]},
        {"vm": [{"memory": 512}]},
        {"vm": {"4021": {"memory": "512"}}},
        {"vms": {"4021": {"memory": "512"}}},
        {"vms": {"4021": {"id": "4021", "memory": "512"}, "4022": {"id": "4022"}}},
        {"vms": {"0": {"id": "4022"}, "1": {"id": 4021, "memory": 512}}},
        {"vms": [{"id": "4022"}, {"id": "4021", "memory": 512}]},
        {"vms": {"id": 4021, "memory": 512}},
        {"vms": {"memory": 512}},
        {"vms": {"memory": 512, "usage": {}}},
    ],
)
def test_the_vm_that_was_asked_for_is_found_in_every_shape(payload: Any) -> None:
    assert vm(payload) == Vm("4021", memory=512)


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"vm": {"id": "5"}}, "$.vm.id"),
        ({"vm": [{"id": "5"}]}, "$.vm[0].id"),
        ({"vms": {"5": {"memory": 512}}}, "$.vms.5.id"),
        ({"vms": {"5": {}, "6": {}}}, "$.vms"),
        ({"vms": [{"id": "5"}, {"id": "6"}]}, "$.vms"),
        ({"vm": [1, 2]}, "$.vm"),
        ({"vm": {"id": [4021]}}, "$.vm.id"),
    ],
)
def test_another_vm_than_the_one_asked_for_is_refused(payload: Any, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        vm(payload)
    assert caught.value.path == path
    assert "the object with the id '4021'" in str(caught.value)


@pytest.mark.parametrize("nothing", [[], {}, None, False, ""])
def test_an_empty_row_under_an_id_is_an_object_of_which_nothing_is_known(nothing: Any) -> None:
    assert vms({"91": {"id": "91", "label": "a"}, "92": nothing}) == [Vm("91", label="a"), Vm("92")]
    assert vms({"92": nothing}) == [Vm("92")]
    for rows in (
        {"4021": nothing},
        {"4020": nothing, "4021": nothing},
        {"4020": {"memory": 1}, "4021": nothing},
    ):
        assert vm({"vms": rows}) == Vm("4021")
    assert vm({"vms": {"4020": nothing, "4021": {"memory": 1}}}) == Vm("4021", memory=1)
    error = fault(Vm, {"vms": {"4020": nothing}}, key=("vms",), identity="4021")
    assert error.path == "$.vms.4020.id"


@pytest.mark.parametrize("row", [None, False, ""])
def test_what_says_nothing_under_a_word_is_no_object(row: Any) -> None:
    assert fault(list[Vm], {"vms": {"91": {}, "error": row}}, key=("vms",)).path == "$.vms.error"
    assert vms({"web": []}) == [Vm("web")]


def test_empty_rows_of_what_may_be_a_bare_text() -> None:
    names = decode(list[RdnsEntry], {"10.0.0.1": "", "10.0.0.2": None, "10.0.0.3": []}, call="x")
    assert names == [RdnsEntry("10.0.0.1", ptrcontent=""), RdnsEntry("10.0.0.2"), RdnsEntry("10.0.0.3")]
    assert decode(list[Template], {"5": None, "6": ""}, call="x") == [Template("5"), Template("6", name="")]
    assert decode(list[ServiceIp], {"10.0.0.1": []}, call="x") == [ServiceIp("10.0.0.1")]
    nothings: list[Any] = [None, "", []]
    for address in nothings:
        assert fault(list[VmIp], {"7": address}).path == "$.7.ipaddress"


@pytest.mark.parametrize("odd", ["91\ufffd", "\ufffd", "9\ud8001"])
def test_an_id_of_which_a_character_was_lost_is_none(odd: str) -> None:
    error = fault(list[Vm], {"vms": [{"id": 1}, {"id": odd}]}, key=("vms",))
    assert error.path == "$.vms[1].id"
    assert "expected an id" in str(error)
    assert fault(list[Vm], {odd: {"label": "a"}}).path.endswith(".id")
    assert fault(list[VmIp], [odd]).path == "$[0].ipaddress"
    assert vms([{"id": 1, "label": odd}])[0].label == odd


@pytest.mark.parametrize("odd", [NAN, INF, -INF, 10**5000, -(10**5000)], ids=name_of)
def test_a_number_that_is_none_costs_its_field(odd: Any) -> None:
    (found,) = vms(
        [{"id": 1, "memory": odd, "disk": odd, "label": odd, "pae": odd, "usage": {"disk": {"free": odd}}}]
    )
    assert found.unread == ("label", "memory", "disk", "pae")
    assert found.extra["memory"] is odd
    assert found.usage is not None
    assert found.usage.disk is not None
    assert found.usage.disk.unread == ("free",)
    plain(found)


@pytest.mark.parametrize("payload", [{"vm": []}, {"vm": {}}])
def test_an_empty_object_has_at_least_the_id_that_was_asked_for(payload: Any) -> None:
    assert vm(payload) == Vm("4021", power=PowerState.UNKNOWN)


@pytest.mark.parametrize("value", [[], {}])
def test_an_empty_object_without_an_id_is_none(value: Any) -> None:
    assert fault(Service, {"service": value}, key=("service",)).path == "$.service.id"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (None, "$.service"),
        ("x", "$.service"),
        ([5], "$.service[0]"),
        ([{"id": 1}, {"id": 2}], "$.service"),
        ({"1": {"id": 1}, "2": {"id": 2}}, "$.service"),
        ({"data": {"x": 1}}, "$.service.data.id"),
        ({"foo": 1}, "$.service.id"),
    ],
)
def test_a_foreign_shape_is_not_taken_for_an_object(value: Any, path: str) -> None:
    assert fault(Service, {"service": value}, key=("service",)).path == path


def test_an_object_may_stand_in_a_list_of_one_or_under_its_id() -> None:
    for value in ({"id": 5}, [{"id": 5}], {"5": {"id": 5}}):
        assert decode(Service, {"service": value}, key=("service",), call="services.get") == Service("5")
    assert decode(Balance, {"details": []}, key=("details",), call="billing.balance") == Balance()


def test_an_error_says_what_was_expected_and_holds_no_secret() -> None:
    item = {
        "id": 1.5,
        "memory": "abc",
        "password": "hunter2",
        "x": {"api_key": "k3y"},
        "rootpassword": ["hunter3"],
    }
    error = fault(list[Vm], {"vms": [item]}, key=("vms",))
    assert str(error) == (
        "the panel's answer cannot be read at $.vms[0].id: expected an id, found 1.5"
        "; the error's payload is the answer without its secrets"
    )
    assert error.call == "vms.list"
    assert error.payload == {
        "vms": [
            {"id": 1.5, "memory": "abc", "password": "***", "x": {"api_key": "***"}, "rootpassword": ["***"]}
        ]
    }
    twin = pickle.loads(pickle.dumps(error))
    assert (twin.path, twin.payload, str(twin)) == (error.path, error.payload, str(error))
    assert error.__context__ is None
    texts = [str(error), repr(error), str(pickle.dumps(error)), "".join(traceback.format_exception(error))]
    assert not any(secret in text for text in texts for secret in ("hunter2", "hunter3", "k3y"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        ("x" * 100, "'" + "x" * 39 + "…"),
        (10**5000, "a number"),
    ],
    ids=name_of,
)
def test_an_error_describes_what_it_found_in_a_few_words(value: Any, found: str) -> None:
    assert f"found {found};" in str(fault(list[Vm], {"vms": value}, key=("vms",)))


@pytest.mark.parametrize(("value", "found"), [({"a": 1}, "an object of 1 keys"), ([1, 2], "a list of 2")])
def test_an_error_does_not_spell_out_an_object(value: Any, found: str) -> None:
    assert f"found {found};" in str(fault(Vm, {"id": value}))


@pytest.mark.parametrize(
    ("value", "kept"),
    [([{"x": "hunter2"}], [{"x": Secret("hunter2")}]), (["hunter2"], [Secret("hunter2")]), (True, True)],
)
def test_a_broken_password_is_kept_and_never_shown(value: Any, kept: Any) -> None:
    found = vm({"vm": {"id": 4021, "password": value}})
    assert (found.password, found.unread, found.extra) == (None, ("password",), {"password": kept})
    assert "hunter2" not in f"{found!r}{found.extra}"


def test_unknown_keys_are_kept_without_their_secrets() -> None:
    (found,) = vms(
        [{"id": 1, "node": {"name": "n1", "vnc": {"pass": "pw"}}, "console_token": "t", "tags": ["a"]}]
    )
    assert found.extra == {
        "node": {"name": "n1", "vnc": {"pass": Secret("pw")}},
        "console_token": Secret("t"),
        "tags": ["a"],
    }
    assert "pw" not in repr(found.extra)
    assert "n1" not in repr(found)


def test_the_payload_is_never_changed() -> None:
    for name, payload in PUBLISHED.items():
        before = copy.deepcopy(payload)
        for cls in MODELS:
            _try(cls, payload)
            _try(list[cls], payload, key=tuple(payload))  # type: ignore[valid-type]
        assert payload == before, name


def test_an_account_without_the_documents_keys_is_still_one() -> None:
    assert decode(Account, {"client": {"id": 7}}, key=("client",), call="account.details") == Account("7")


@pytest.mark.parametrize("opening", ['{"a":', "["])
def test_what_is_nested_too_deep_is_cut_and_costs_nothing_else(opening: str) -> None:
    nested: Any = 1
    for _ in range(5_000):
        nested = {"a": nested} if opening != "[" else [nested]
    odd, other = vms([{"id": 1, "deep": nested, "ip": nested, "node_token": nested, "x": 1}, {"id": 2}])
    assert (odd.id, other, odd.unread, odd.extra["x"]) == ("1", Vm("2"), ("ip",), 1)
    account = decode(Account, {"id": 1, "privileges": nested}, call="x")
    invoice = decode(Invoice, {"id": 1, "client": {"x": nested}}, call="x")
    resources = decode(ServiceResources, [nested], call="x")
    for cut in (odd.extra, account.privileges, invoice.client, resources.extra):
        assert "…" in orjson.dumps(plain(cut)).decode()
        assert repr(cut).count("[") + repr(cut).count("{") <= 4 * 70
        assert pickle.loads(pickle.dumps(cut)) == copy.deepcopy(cut) == cut
    assert "…" not in repr(odd.extra["node_token"])
    error = fault(list[Vm], {"vms": [{"id": nested}]}, key=("vms",))
    assert error.path == "$.vms[0].id"
    json.dumps(error.payload)


def test_all_levels_that_may_be_nested_are_kept() -> None:
    for levels, kept in ((64, 1), (65, "…")):
        nested: Any = 1
        for _ in range(levels):
            nested = [nested]
        value = vms([{"id": 1, "deep": nested}])[0].extra["deep"]
        for _ in range(64):
            assert isinstance(value, list)
            (value,) = value
        assert value == kept


MODELS: list[type[Model]] = [
    cls
    for cls in (getattr(models, name) for name in models.__all__)
    if isinstance(cls, type) and issubclass(cls, Model) and cls is not Model
]
REQUIRED = {"id": "1", "ipaddress": "::1", "ticket_number": "1", "status": "ok"}
KEYS = sorted({"vms", "vm", "details", "x", *(key for payload in PUBLISHED.values() for key in payload)})
WORDS = st.sampled_from(
    [
        "",
        " ",
        "0",
        "1",
        "true",
        "1e999999",
        "-1e400",
        "NaN",
        "0000-00-00",
        "2015-02-30",
        "9999-12-31 23:59:59",
        "::1",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
FIELDS = st.sampled_from(
    sorted({"id", "x", *(a for cls in MODELS for a in dir(cls) if not a.startswith("_"))})
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(FIELDS | st.text(max_size=3), inner, max_size=5)
    ),
    max_leaves=12,
)


def _try(returns: Any, payload: Any, key: tuple[str, ...] = (), identity: str | None = None) -> Any:
    try:
        return decode(returns, payload, key=key, call="fuzz", identity=identity)
    except DecodeError as error:
        caught = error
    assert caught.path.startswith("$")
    assert len(str(caught)) < 1000
    assert pickle.loads(pickle.dumps(caught)).path == caught.path
    return None


@settings(max_examples=400, deadline=None)
@given(
    cls=st.sampled_from(MODELS), many=st.booleans(), payload=JSON, wrapped=st.booleans(), named=st.booleans()
)
def test_nothing_but_a_decode_error_leaves_for_any_json(
    cls: type[Model], many: bool, payload: Any, wrapped: bool, named: bool
) -> None:
    returns: Any = list[cls] if many else cls  # type: ignore[valid-type]
    answer = _try(
        returns, {"a": payload} if wrapped else payload, ("a",) if wrapped else (), "1" if named else None
    )
    if answer is not None:
        repr(answer)
        pickle.dumps(answer)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    steps = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    for step, item in steps:
        yield value, step
        if isinstance(item, dict | list):
            yield from _places(item)


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(sorted(PUBLISHED)),
    cls=st.sampled_from(MODELS),
    many=st.booleans(),
    seed=st.integers(0, 2**32),
    changes=st.lists(SCALARS | st.sampled_from([[], {}, [{}], {"1": {}}, {"1": "a"}, ["a"]]), max_size=4),
)
def test_nothing_but_a_decode_error_leaves_for_mutated_answers(
    name: str, cls: type[Model], many: bool, seed: int, changes: list[Any]
) -> None:
    rng = random.Random(seed)
    payload = copy.deepcopy(PUBLISHED[name])
    for change in changes:
        holder, step = rng.choice([({}, "x"), *_places(payload)])
        if rng.random() < 0.2 and step != "x":
            del holder[step]
        else:
            holder[step] = copy.deepcopy(change)
    returns: Any = list[cls] if many else cls  # type: ignore[valid-type]
    for key in ((), tuple(PUBLISHED[name]), tuple(payload)):
        _try(returns, payload, key, rng.choice([None, "18867"]))


@pytest.mark.parametrize("cls", MODELS)
def test_what_was_read_is_frozen_and_of_its_class(cls: type[Model]) -> None:
    returns: Any = list[cls]  # type: ignore[valid-type]
    read, twin = decode(returns, {"a": [REQUIRED, REQUIRED]}, key=("a",), call="x")
    assert type(read) is cls
    assert read == twin == pickle.loads(pickle.dumps(read)) == copy.deepcopy(read)
    assert attrs.evolve(read) == read
    assert read.extra is not twin.extra
    for field in attrs.fields(cls):
        getattr(read, field.name)  # none was left out
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(read, field.name, None)


def test_redact_is_offered_beside_decode() -> None:
    assert redact({"password": "x"}) == {"password": "***"}


def test_a_ticket_knows_its_keys_whatever_the_call_says() -> None:
    assert decode(list[Ticket], {"tickets": [{"ticket_number": 1}]}, call="x")[0].ticket_number == "1"
