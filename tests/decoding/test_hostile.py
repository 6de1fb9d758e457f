"""Every call against answers that no sane panel sends: a model as promised, or one clear error."""

from __future__ import annotations

import pickle
import random
import traceback
import typing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import hostile

from aioseflow.decoding import decode
from aioseflow.endpoints import CALLS
from aioseflow.errors import DecodeError, SeFlowError
from aioseflow.models import BandwidthGraph, Domain, InvoiceItem, Model, RdnsEntry, Template, Vm
from aioseflow.secret import Secret
from aioseflow.session.call import Call
from aioseflow.session.judge import judge
from aioseflow.session.retry import AttemptFailed

NAMES = [f"{call.name}:{call.method}:{call.path_template.rsplit('/', 1)[-1]}" for call in CALLS]
every_call = pytest.mark.parametrize("call", CALLS, ids=NAMES)


def answer(call: Call[Any], status: int, headers: dict[str, str], body: bytes) -> Any:
    """Return the session's answer, or the error that it raises."""
    identity = None if call.identity is None else hostile.IDENTITY
    try:
        payload = judge(call, status, headers, body)
        if call.markup:
            return payload
        return decode(call.returns, payload, key=call.key, call=call.name, identity=identity)
    except AttemptFailed as fault:
        return fault.error
    except DecodeError as error:
        return error


def size(value: Any, depth: int = 0) -> int:
    """How many values there are; more than 9 levels are a fault of their own."""
    assert depth <= 9
    if isinstance(value, dict):
        return 1 + sum(size(item, depth + 1) for item in value.values())
    return 1 + sum(size(item, depth + 1) for item in value) if isinstance(value, list) else 1


def check_error(error: SeFlowError, *, has_plain_secret: bool = False) -> None:
    """Check that an error is bounded, can be pickled and shows no secret."""
    assert len(str(error)) < 4096
    assert len(error.excerpt) <= 300
    assert not any(control in error.message + error.excerpt for control in "\0\r\x1b\x7f")
    assert error.retry_after is None or 0 <= error.retry_after < float("inf")
    payload = getattr(error, "payload", None)
    assert size(payload) <= 1100
    twin = pickle.loads(pickle.dumps(error))
    assert (str(twin), twin.codes, twin.excerpt) == (str(error), error.codes, error.excerpt)
    shown = "".join(
        [
            str(error),
            repr(error),
            error.excerpt,
            repr(payload),
            repr(vars(error)),
            *traceback.format_exception(error),
        ]
    )
    assert has_plain_secret or hostile.PLANTED not in shown


def check_model(found: Any, *, has_plain_secret: bool = False) -> None:
    """Check that a model can be shown, compared, hashed and pickled, and shows no secret."""
    shown = f"{found!r}{found}"
    assert has_plain_secret or hostile.PLANTED not in shown
    assert pickle.loads(pickle.dumps(found)) == found
    for item in found if isinstance(found, list) else [found]:
        assert isinstance(hash(item), int)
        for name in dir(item):
            if not name.startswith("_") and not callable(getattr(item, name)):
                getattr(item, name)
        if isinstance(item, Model):
            assert has_plain_secret or hostile.PLANTED not in repr(item.extra)
        if isinstance(item, BandwidthGraph):
            with pytest.raises(DecodeError):
                item.png()


def check(call: Call[Any], found: Any, *, has_plain_secret: bool = False) -> None:
    """Check that an answer is the model of the call, or a good error."""
    if isinstance(found, SeFlowError):
        check_error(found, has_plain_secret=has_plain_secret or call.markup)
        return
    many = typing.get_origin(call.returns) is list
    promised: Any = typing.get_args(call.returns)[0] if many else call.returns
    assert isinstance(found, list) is many
    assert all(isinstance(item, promised) for item in (found if many else [found]))
    if not call.markup:
        check_model(found, has_plain_secret=has_plain_secret)


@every_call
@settings(max_examples=12)
@given(data=st.data())
def test_a_panel_that_is_merely_odd_gives_the_model_or_one_clear_error(
    call: Call[Any], data: st.DataObject
) -> None:
    document = data.draw(hostile.documents(call))
    check(call, answer(call, 200, {}, hostile.to_bytes(document)))


@every_call
@settings(max_examples=24)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_whatever_becomes_of_the_answer_gives_the_model_or_one_clear_error(
    call: Call[Any], data: st.DataObject, seed: int
) -> None:
    rng = random.Random(seed)
    document = data.draw(hostile.documents(call))
    for _ in range(rng.randrange(4)):
        document = hostile.changed(document, rng)
    body = hostile.to_bytes(document)
    for _ in range(rng.randrange(3)):
        body = hostile.spoilt(body, rng)
    is_flipped = rng.random() < 0.2
    if is_flipped:
        body = hostile.flipped(body, rng)
    status = rng.choice((200, 200, *hostile.STATUSES))
    check(call, answer(call, status, data.draw(hostile.headers()), body), has_plain_secret=is_flipped)


def test_the_documents_are_answers_often_enough_to_prove_something() -> None:
    ends = {"model": 0, "error": 0}

    @settings(max_examples=100, database=None)
    @given(call=st.sampled_from(CALLS), data=st.data())
    def read(call: Call[Any], data: st.DataObject) -> None:
        found = answer(call, 200, {}, hostile.to_bytes(data.draw(hostile.documents(call))))
        ends["error" if isinstance(found, SeFlowError) else "model"] += 1

    read()
    assert min(ends.values()) >= 20, ends


def vm_with(**fields: Any) -> Vm:
    return decode(Vm, {"id": 1, **fields}, call="vms.get")


def test_a_password_among_the_addresses_is_none_of_them() -> None:
    found = vm_with(ip={"1": "10.10.101.2", "rootpassword": "hunter2"})
    assert found.ip_texts == ("10.10.101.2",)
    assert "hunter2" not in repr(found) + repr(found.extra)


def test_a_password_among_the_texts_is_none_of_them() -> None:
    domain = decode(Domain, {"id": 1, "nameservers": {"1": "ns1", "password": "hunter2"}}, call="domains.get")
    assert domain.nameservers == ("ns1",)


@pytest.mark.parametrize("cls", [RdnsEntry, Template])
def test_a_password_among_names_that_stand_under_their_ids_is_no_name(cls: type[Model]) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(list[cls], {"1": "a", "password": "hunter2"}, call="x")  # type: ignore[valid-type]
    assert "hunter2" not in f"{caught.value}{caught.value.payload}"


def test_what_is_unknown_under_a_key_of_a_secret_is_secret_though_objects_stand_under_keys() -> None:
    payload = {"password": {"x": "hunter2", "deep": [{"y": "hunter2"}], "name": "eth0"}}
    for returns in (list[BandwidthGraph], BandwidthGraph):
        found: Any = decode(returns, payload, call="x")
        graph = found[0] if isinstance(found, list) else found
        assert "hunter2" not in repr(graph.extra)
    (server,) = decode(list[Vm], {"keyserver": {"id": 1, "label": "k", "ip": "::1"}}, call="vms.list")
    assert (server.label, server.ip_texts) == ("k", ("::1",))
    deep: Any = "x"
    for _ in range(70):
        deep = [deep]
    (server,) = decode(list[Vm], {"keyserver": {"id": 1, "deep": deep, "note": "n"}}, call="vms.list")
    innermost = server.extra["deep"]
    while isinstance(innermost, list):
        (innermost,) = innermost
    assert innermost == Secret("…")
    assert server.note == "n"


def test_what_cannot_be_read_under_a_key_of_a_secret_is_secret() -> None:
    odd = {"id": 1, "memory": "hunter2", "note": ["hunter2"], "ip": [{"x": "hunter2"}], "label": "shown"}
    odd |= {"usage": {"disk": {"free": "hunter2", "total": 5}, "x": "hunter2"}, "cpu": "hunter2"}
    (found,) = decode(list[Vm], {"keyserver": odd}, call="vms.list")
    assert (found.label, found.extra["memory"], found.extra["cpu"]) == (
        "shown",
        Secret("hunter2"),
        Secret("hunter2"),
    )
    assert set(found.unread) == {"memory", "cpus", "note", "ip"}
    assert "hunter2" not in f"{found!r}{found.extra}{found.usage and (found.usage, found.usage.extra)}"
    assert found.usage is not None
    assert found.usage.disk is not None
    assert "hunter2" not in f"{found.usage.disk.extra}"
    (locked,) = decode(list[Vm], {"keyserver": {"id": 1, "locked": "backup"}}, call="vms.list")
    assert locked.locked is True


def test_a_strict_figure_under_a_key_of_a_secret_is_not_in_its_error() -> None:
    with pytest.raises(DecodeError) as caught:
        decode(list[InvoiceItem], {"password": {"id": 1, "amount": "hunter2"}}, call="x")
    assert caught.value.path == "$.password.amount"
    assert "hunter2" not in f"{caught.value}{caught.value.payload}"
