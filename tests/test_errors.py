"""The tree of errors: every error can be pickled and is complete."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

import aioseflow
from aioseflow import (
    DecodeError,
    InvalidArgument,
    JournalError,
    LeaseLost,
    OutcomeUnknown,
    RequestTimeout,
    RunRefused,
    SeFlowError,
    TransportError,
)

KINDS = [
    kind
    for kind in (getattr(aioseflow, name) for name in aioseflow.__all__)
    if isinstance(kind, type) and issubclass(kind, SeFlowError) and kind is not SeFlowError
]


def test_the_tree_is_the_documented_one() -> None:
    assert {kind.__name__ for kind in KINDS} == {
        "AddressNotAllowed",
        "ApiError",
        "AuthenticationError",
        "ConfigurationError",
        "DecodeError",
        "GatewayError",
        "InvalidArgument",
        "JournalError",
        "LeaseLost",
        "NotFound",
        "OutcomeUnknown",
        "PermissionDenied",
        "RequestTimeout",
        "RunIsActive",
        "RunNotFound",
        "RunRefused",
        "ServerError",
        "StalePlan",
        "Throttled",
        "TransportError",
    }
    assert issubclass(InvalidArgument, ValueError)
    assert issubclass(RequestTimeout, TransportError)
    assert issubclass(RequestTimeout, TimeoutError)
    assert issubclass(LeaseLost, JournalError)


@pytest.mark.parametrize("kind", [SeFlowError, *KINDS])
def test_every_error_survives_pickling(kind: type[SeFlowError]) -> None:
    error = kind(
        "it broke; fix it",
        call="vms.stop",
        request="POST /service/9/vms/4/stop",
        status=503,
        attempts=3,
        excerpt="…",
        codes=("a", "b"),
        retry_after=2.5,
        may_have_acted=True,
    )
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert vars(again) == vars(error)
    assert str(again) == str(error) == "it broke; fix it"


def test_what_only_some_errors_carry_survives_too() -> None:
    moment = datetime.now(UTC)
    unknown = pickle.loads(pickle.dumps(OutcomeUnknown("x", sent_at=moment)))
    assert (unknown.sent_at, unknown.may_have_acted) == (moment, True)
    decode = pickle.loads(pickle.dumps(DecodeError("x", path="$.vms", payload={"a": [1]})))
    assert (decode.path, decode.payload) == ("$.vms", {"a": [1]})
    invalid = pickle.loads(pickle.dumps(InvalidArgument("x", argument="max_failures", call="vms.stop")))
    assert (invalid.argument, invalid.call) == ("max_failures", "vms.stop")


def test_an_error_about_no_single_argument_names_none() -> None:
    assert InvalidArgument("give one of the two").argument is None
    assert RunRefused("too many VMs", reason="max_targets", argument="max_targets").argument == "max_targets"
