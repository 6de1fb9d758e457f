"""All models: open enums, accepted changes, completeness."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import models
from aioseflow.decoding import decode
from aioseflow.decoding.php import says
from aioseflow.errors import DecodeError
from aioseflow.models import Accepted, InvoiceStatus, Model, OpenEnum, Service, ServiceStatus

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
OPEN_ENUMS = [
    cls for cls in vars(models).values() if isinstance(cls, type) and issubclass(cls, OpenEnum) and len(cls)
]
MODELS = [cls for cls in vars(models).values() if isinstance(cls, type) and issubclass(cls, Model)]


def smallest(cls: type[Model]) -> Model:
    """A model of its required fields alone."""
    required: dict[str, Any] = {f.alias: "1" for f in attrs.fields(cls) if f.default is attrs.NOTHING}
    return cls(**required)


@pytest.mark.parametrize("cls", OPEN_ENUMS)
@given(word=st.text())
def test_an_open_enum_keeps_every_word(cls: type[OpenEnum], word: str) -> None:
    state = cls(word)
    assert isinstance(state, cls)
    assert state == word
    assert str(state) == f"{state}" == state.value == state.name == word or state.is_known
    assert hash(state) == hash(word)
    assert pickle.loads(pickle.dumps(state)) == state
    assert copy.deepcopy(state) == state
    assert repr(state)
    assert cls(word) == state


def test_a_known_word_is_its_member_and_an_unknown_one_enters_no_enum() -> None:
    assert ServiceStatus("Active") is ServiceStatus.ACTIVE
    assert ServiceStatus.ACTIVE.is_known
    frozen = ServiceStatus("Frozen")
    assert not frozen.is_known
    assert frozen == ServiceStatus("Frozen") != ServiceStatus.ACTIVE
    assert "Frozen" not in ServiceStatus._value2member_map_
    assert len(ServiceStatus) == 6


@pytest.mark.parametrize("value", [None, 5, [], b"Active"])
def test_what_is_no_text_is_no_state(value: Any) -> None:
    with pytest.raises(ValueError, match="not a valid InvoiceStatus"):
        InvoiceStatus(value)


def test_an_unknown_state_of_a_service_never_raises() -> None:
    service = decode(Service, {"id": 1, "status": "Frozen"}, call="services.get")
    assert service.status == "Frozen"
    assert isinstance(service.status, ServiceStatus)
    assert decode(Service, {"id": 1, "status": ""}, call="services.get").status is None


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"status": True}, Accepted(status=True)),
        ({"status": "1"}, Accepted(status=True)),
        ({"info": ["revdnsupdated"]}, Accepted(info=("revdnsupdated",))),
        ({"info": "done"}, Accepted(info=("done",))),
        ({"status": "Success"}, Accepted(status=True)),
        ({"status": 200}, Accepted(status=True)),
        ({"status": "not_ok"}, Accepted(status=False)),
        ({"status": ""}, Accepted(status=False)),
        ({"status": None, "info": None}, Accepted()),
        ({"info": [["a", 1]]}, Accepted(extra={"info": [["a", 1]]}, unread=("info",))),
        ({"status": "queued"}, Accepted(extra={"status": "queued"}, unread=("status",))),
        ({"status": []}, Accepted(extra={"status": []}, unread=("status",))),
        (
            {"status": {"a": 1}, "info": True, "task": 5},
            Accepted(extra={"status": {"a": 1}, "info": True, "task": 5}, unread=("status", "info")),
        ),
        ([], Accepted()),
        ({}, Accepted()),
    ],
)
def test_an_accepted_change_is_read_from_every_shape(payload: Any, expected: Accepted) -> None:
    accepted = decode(Accepted, payload, call="vms.stop")
    assert accepted == expected
    assert accepted.extra == expected.extra


@given(st.dictionaries(st.sampled_from(["status", "info", "x"]), JSON))
def test_no_object_is_too_odd_for_an_accepted_change(payload: dict[str, Any]) -> None:
    accepted = decode(Accepted, payload, call="vms.stop")
    assert accepted.status is says(payload.get("status"))


@pytest.mark.parametrize("payload", [None, True, 5, "ok", "", ["ok"], [1]])
def test_a_bare_value_accepts_nothing(payload: Any) -> None:
    with pytest.raises(DecodeError):
        decode(Accepted, payload, call="vms.stop")


@pytest.mark.parametrize("cls", MODELS)
def test_every_model_is_frozen_slotted_and_says_where_it_comes_from(cls: type[Model]) -> None:
    made = smallest(cls)
    assert not hasattr(made, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.extra = {}  # type: ignore[misc]
    assert hash(made) == hash(pickle.loads(pickle.dumps(made)))
    if cls is not Model:
        doc = cls.__doc__ or ""
        assert any(word in doc for word in ("*documented*", "*seen on another installation*", "nferred*"))


# Every object of a published answer, and the model that has an attribute for each of its keys.
DOCUMENTED = [
    ("seflow/GET_details.json", ("client",), models.Account),
    ("seflow/GET_balance.json", ("details",), models.Balance),
    ("seflow/GET_invoice.json", ("invoices", 0), models.Invoice),
    ("seflow/GET_invoice-id.json", ("invoice",), models.Invoice),
    ("seflow/GET_invoice-id.json", ("invoice", "items", 0), models.InvoiceItem),
    ("seflow/GET_tickets.json", ("tickets", 0), models.Ticket),
    ("seflow/GET_tickets-number.json", ("tickets",), models.Ticket),
    ("seflow/GET_tickets-number.json", ("replies", 0), models.TicketReply),
    ("seflow/GET_domain.json", ("domains", 0), models.Domain),
    ("seflow/GET_domain-id.json", ("details",), models.Domain),
    ("seflow/POST_domainorder-status.json", ("details",), models.Availability),
    ("seflow/GET_service.json", ("services", 0), models.Service),
    ("seflow/GET_service-id.json", ("service",), models.Service),
    ("seflow/GET_service-id-bandwidth-graphs.json", ("graphs", 0), models.BandwidthGraph),
    ("seflow/GET_service-id-bandwidth.json", ("bandwidth",), models.Bandwidth),
    ("seflow/GET_service-id-bandwidth.json", ("bandwidth", "formatted"), models.BandwidthFormatted),
    ("seflow/GET_service-id-ip.json", ("ips", 0), models.ServiceIp),
    ("seflow/GET_service-id-rdns.json", ("ips", 0), models.RdnsEntry),
    ("seflow/POST_service-id-rdns.json", (), models.Accepted),
    ("other-installations/vm_start.json", (), models.Accepted),
    ("other-installations/upgrade_options.json", (), models.UpgradeOptions),
    ("other-installations/upgrade_options.json", ("resources", 0), models.UpgradeResource),
    ("other-installations/upgrade_options.json", ("resources", 0, "items", 0), models.UpgradeItem),
    ("other-installations/vms_list_by_id.json", ("vms", "18867", "usage"), models.VmUsage),
    ("other-installations/vms_list_by_id.json", ("vms", "18867", "usage", "disk"), models.Quota),
]


@pytest.mark.parametrize(("name", "place", "cls"), DOCUMENTED)
def test_every_published_key_is_an_attribute(
    published: Callable[[str], Any], name: str, place: tuple[str | int, ...], cls: type[Model]
) -> None:
    found = published(name)
    for step in place:
        found = found[step]
    made = smallest(cls)
    assert [key for key in found if not hasattr(made, key)] == []
