"""What each action refuses to be, when it is needless, and when it is seen to be done."""

from __future__ import annotations

import pydoc
from decimal import Decimal
from typing import Any

import attrs
import pytest

from aioseflow import (
    Action,
    DecodeError,
    Destroy,
    Effect,
    InvalidArgument,
    PowerState,
    Reboot,
    RebuildNetwork,
    Resize,
    ResizeDisk,
    Safety,
    Service,
    SetRdns,
    Skip,
    Start,
    Status,
    Stop,
    Usage,
    Vm,
)
from aioseflow.fleet.actions.action import ACTIONS, built_in
from aioseflow.fleet.actions.declaration import Declaration
from aioseflow.fleet.actions.power import Await
from aioseflow.fleet.model.vm_state import is_down

UP = Vm(id="4", label="web01", power=PowerState.RUNNING, power_word="online", memory=4096, cpus=2)
OFF = attrs.evolve(UP, power=PowerState.STOPPED, power_word="offline")
MOVING = attrs.evolve(UP, power=PowerState.TRANSITIONAL, power_word="stopping")
ODD = attrs.evolve(UP, power=PowerState.UNKNOWN, power_word="suspended")
SILENT = Vm(id="4")

EVERY: list[Action] = [
    Stop(),
    Start(),
    Reboot(),
    Resize(memory=4096),
    ResizeDisk(disk_id="virtio0", size=30),
    RebuildNetwork(),
    SetRdns("{label}.example.com"),
    Destroy(),
    Usage(),
]


def test_each_says_what_may_be_repeated_and_whether_a_reading_shows_it() -> None:
    assert {action.name: (action.safety, action.settles) for action in EVERY} == {
        "stop": (Safety.IDEMPOTENT, True),
        "start": (Safety.IDEMPOTENT, True),
        "reboot": (Safety.ONCE, False),
        "resize": (Safety.IDEMPOTENT, True),
        "resize_disk": (Safety.IDEMPOTENT, True),
        "rebuild_network": (Safety.ONCE, False),
        "set_rdns": (Safety.IDEMPOTENT, True),
        "destroy": (Safety.IDEMPOTENT, True),
        "usage": (Safety.READ, False),
    }
    assert {action.name: action.effect.value for action in EVERY if action.effect is not Effect.NONE} == {
        "stop": "down",
        "start": "up",
        "reboot": "bounce",
        "rebuild_network": "bounce",
        "destroy": "down",
    }
    assert {action.name for action in EVERY if action.takes_down} == {
        "stop",
        "reboot",
        "rebuild_network",
        "destroy",
    }
    assert {action.name for action in EVERY if action.ends_down} == {"stop", "destroy"}


class Bare(Action):
    """Declares no more than
    it must.

    Here is more of it.
    """

    name = "bare"

    async def perform(self, account: Any, service: Service, vm: Vm) -> None:
        raise AssertionError


class Seen(Bare):
    """Is done for every VM that is there."""

    undo = Bare

    def done(self, vm: Vm | None) -> bool:
        return vm is not None


class Unseen(Seen):
    settles = False


class Undecided(Unseen):
    def done(self, vm: Vm | None) -> bool:
        return False


@attrs.frozen
class SlottedSeen(Bare):
    """Is a class that attrs makes twice."""

    def done(self, vm: Vm | None) -> bool:
        return True


@attrs.frozen
class Field(Seen):
    """Leaves it to each object."""

    settles: bool = False


def test_what_is_not_declared_is_derived() -> None:
    bare = Bare()
    assert (bare.safety, bare.effect, bare.undo, bare.requests) == (Safety.ONCE, Effect.NONE, None, 1)
    assert (bare.settles, bare.takes_down, bare.ends_down, bare.needs_confirmation) == (False,) * 4
    assert (bare.skip(OFF), bare.done(OFF), bare.done(None)) == (None,) * 3
    assert repr(bare) == "<action bare>"
    assert [kind.settles for kind in (Bare, Seen, Unseen, Undecided, SlottedSeen, Field)] == [
        *(False, True, False, False, True),
        Field.settles,
    ]
    assert [Field().settles, Field(settles=True).settles] == [False, True]
    assert (bare.past, bare.already) == ("", "unchanged")
    assert [kind.help for kind in (Bare, Seen, Unseen)] == [
        "Declares no more than it must.",
        "Is done for every VM that is there.",
        "",
    ]


async def test_by_default_a_vm_that_a_list_does_not_decide_on_is_read_alone() -> None:
    asked: list[tuple[str, str]] = []

    class Account:
        @property
        def polls(self) -> Account:
            return self

        async def get(self, service_id: str, vm_id: str) -> Vm:
            asked.append((service_id, vm_id))
            return OFF

    service = Service(id="9")
    looks = [await action.look(Account(), service, SILENT) for action in (Stop(), Start(), Bare())]
    assert looks == [True, False, None]
    assert asked == [("9", "4")] * 3


def test_a_class_without_perform_is_no_action() -> None:
    class Idle(Action):
        name = "idle"

    with pytest.raises(TypeError, match="perform"):
        Idle()  # type: ignore[abstract]


@pytest.mark.parametrize(("effect", "down"), [("none", "  "), ("down", "me"), ("up", "  "), ("bounce", "m ")])
def test_an_effect_says_whether_the_vm_can_be_used_meanwhile_and_at_the_end(effect: str, down: str) -> None:
    found = Effect(effect)
    assert ("m" if found.takes_down else " ") + ("e" if found.ends_down else " ") == down


def test_the_registry_has_each_built_in_action_once_with_all_that_people_read_of_it() -> None:
    assert [kind.name for kind in ACTIONS.values()] == list(ACTIONS)
    assert {type(action) for action in EVERY} | {Await} == set(ACTIONS.values())
    for name, kind in ACTIONS.items():
        assert kind.help.endswith("."), name
        assert len(kind.help) < 70, name
        assert kind.past[0].isupper(), name
        assert kind.already.endswith("already") is (kind.safety is not Safety.READ), name
        assert kind.undo is None or Declaration.of(kind).undo in ACTIONS, name
    assert {name: kind.requests for name, kind in ACTIONS.items() if kind.requests != 1} == {
        "wait": 0,
        "resize_disk": 2,
        "usage": 3,
    }
    assert {name: Declaration.of(kind).undo for name, kind in ACTIONS.items() if kind.undo} == {
        "stop": "start"
    }
    assert [name for name, kind in ACTIONS.items() if kind.needs_confirmation] == ["destroy"]


def test_two_built_in_actions_cannot_have_one_name() -> None:
    with pytest.raises(ValueError, match="stop"):
        built_in(type("Halt", (Stop,), {}))
    assert ACTIONS["stop"] is Stop


@pytest.mark.parametrize("action", EVERY, ids=lambda action: action.name)
def test_each_is_a_plain_value(action: Action) -> None:
    assert isinstance(action, Action)
    assert attrs.evolve(action) == action  # type: ignore[misc]  # they are attrs classes
    with pytest.raises((attrs.exceptions.FrozenInstanceError, AttributeError)):
        action.name = "x"  # type: ignore[misc]


UNCHANGED, NOT_ATTEMPTED = Status.UNCHANGED, Status.NOT_ATTEMPTED


@pytest.mark.parametrize(
    ("action", "vm", "skip"),
    [
        (Stop(), UP, None),
        (Stop(), OFF, Skip(UNCHANGED, "already_stopped")),
        (Stop(), MOVING, None),
        (Stop(), ODD, None),
        (Stop(), SILENT, None),
        (Start(), UP, Skip(UNCHANGED, "already_running")),
        (Start(), OFF, None),
        (Start(), ODD, None),
        (Reboot(), UP, None),
        (Reboot(), OFF, Skip(NOT_ATTEMPTED, "not_running")),
        (Reboot(), ODD, None),
        (Reboot(), SILENT, None),
        (Resize(memory=4096), UP, Skip(UNCHANGED, "already_so")),
        (Resize(memory=4096, cpu=2), OFF, Skip(UNCHANGED, "already_so")),
        (Resize(memory=4096, cpu=4), UP, None),
        (Resize(memory=8192), UP, None),
        # What is not known may differ.
        (Resize(memory=4096), SILENT, None),
        (Resize(memory=4096, cpu_share=100), UP, None),
        (
            Resize(cpu_share=100),
            attrs.evolve(UP, cpu_share=Decimal("100.00")),
            Skip(UNCHANGED, "already_so"),
        ),
        (ResizeDisk(disk_id="virtio0", size=30), UP, None),
        (RebuildNetwork(), OFF, None),
        (SetRdns("{label}.example.com"), SILENT, Skip(NOT_ATTEMPTED, "no_address")),
        (SetRdns("{label}.example.com"), attrs.evolve(UP, ip=("192.0.2.4",)), None),
        (Destroy(), OFF, None),
        (Usage(), OFF, None),
    ],
    ids=repr,
)
def test_nothing_is_sent_where_it_is_needless(action: Action, vm: Vm, skip: Skip | None) -> None:
    assert action.skip(vm) == skip


@pytest.mark.parametrize(
    ("action", "vm", "done"),
    [
        (Stop(), OFF, True),
        (Stop(), UP, False),
        (Stop(), MOVING, False),
        (Stop(), ODD, False),
        (Stop(), SILENT, None),
        (Stop(), None, False),
        (Start(), UP, True),
        (Start(), OFF, False),
        (Start(), None, False),
        (Reboot(), UP, None),
        (Reboot(), OFF, None),
        (Resize(memory=4096), UP, True),
        (Resize(memory=8192), UP, False),
        (Resize(memory=8192, cpu_share=50), UP, False),
        (Resize(memory=4096, cpu_share=50), UP, None),
        (Resize(memory=4096), SILENT, None),
        (Resize(memory=4096), None, False),
        (ResizeDisk(disk_id="virtio0", size=30), UP, None),
        (RebuildNetwork(), UP, None),
        (SetRdns("{id}.example.com"), UP, None),
        (Destroy(), None, True),
        (Destroy(), OFF, False),
    ],
    ids=repr,
)
def test_a_list_shows_what_is_done_or_cannot_tell(action: Action, vm: Vm | None, done: bool | None) -> None:
    assert action.done(vm) is done


@pytest.mark.parametrize(
    ("kind", "arguments", "told"),
    [
        (Resize, {}, "at least one of memory"),
        (Resize, {"memory": 0}, "memory takes a whole number"),
        (Resize, {"memory": -1}, "memory"),
        (Resize, {"memory": True}, "memory"),
        (Resize, {"memory": 4096.0}, "memory"),
        (Resize, {"memory": "4096"}, "'4096'"),
        (Resize, {"cpu": 0}, "cpu takes"),
        (Resize, {"cpu_share": 1.5}, "cpu_share takes"),
        (ResizeDisk, {"disk_id": "virtio0", "size": 0}, "size takes"),
        (ResizeDisk, {"disk_id": "virtio0", "size": "30"}, "size"),
        (ResizeDisk, {"disk_id": "", "size": 30}, "disk_id"),
        (ResizeDisk, {"disk_id": "../1", "size": 30}, "disk_id"),
        (ResizeDisk, {"disk_id": None, "size": 30}, "disk_id"),
        (SetRdns, {"hostname": ""}, "is empty"),
        (SetRdns, {"hostname": None}, "hostname=None"),
        (SetRdns, {"hostname": b"x"}, "hostname"),
        (SetRdns, {"hostname": "{label"}, "no template"),
        (SetRdns, {"hostname": "{name}.example.com"}, "more than {label}"),
        (SetRdns, {"hostname": "{}.example.com"}, "more than"),
        (SetRdns, {"hostname": "{label.password}"}, "more than"),
        # These would fail, or fill the memory, in the middle of a run.
        (SetRdns, {"hostname": "{label:d}"}, "more than"),
        (SetRdns, {"hostname": "{label:>99999999999}"}, "more than"),
        (SetRdns, {"hostname": "{label!r}"}, "more than"),
    ],
)
def test_an_action_that_cannot_be_meant_is_refused(kind: Any, arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        kind(**arguments)
    assert told in str(caught.value)


def unread(vm: Vm, *names: str) -> Vm:
    """The VM, of which these fields could not be read."""
    empty: dict[str, Any] = {name: () if name == "ip" else None for name in names}
    return attrs.evolve(vm, **empty, unread=names)


ADDRESSED = attrs.evolve(UP, ip=("192.0.2.4",))


@pytest.mark.parametrize(
    ("hostname", "vm", "told"),
    [
        ("{id}.example.com", unread(UP, "ip"), "its address"),
        ("{id}.example.com", unread(UP, "label", "ip"), "its address"),
        ("{label}.example.com", unread(ADDRESSED, "label"), "its label"),
        ("{id}.example.com", unread(ADDRESSED, "label", "memory"), None),
        ("{label}.example.com", unread(ADDRESSED, "memory"), None),
        ("{label}.example.com", attrs.evolve(ADDRESSED, label=None), None),
    ],
)
def test_a_reverse_name_is_not_set_where_a_value_that_it_needs_was_not_read(
    hostname: str, vm: Vm, told: str | None
) -> None:
    skip = SetRdns(hostname).skip(vm)
    if told is None:
        assert skip is None
    else:
        assert skip is not None
        assert (skip.status, skip.cause) == (NOT_ATTEMPTED, "undecodable")
        assert isinstance(skip.error, DecodeError)
        assert f"VM 4: {told} cannot be read" in str(skip.error)


@pytest.mark.parametrize(
    ("vm", "down"),
    [(UP, False), (OFF, True), (ODD, True), (SILENT, False), (unread(SILENT, "power"), True)],
    ids=["up", "off", "odd", "silent", "unread"],
)
def test_a_vm_whose_power_cannot_be_read_counts_as_down(vm: Vm, *, down: bool) -> None:
    assert is_down(vm) is down


@pytest.mark.parametrize("kind", [Resize, ResizeDisk, SetRdns], ids=lambda kind: kind.__name__)
def test_a_misspelt_argument_is_no_silent_default(kind: Any) -> None:
    with pytest.raises(TypeError, match="ram"):
        kind(ram=4096)


def test_the_base_class_shows_its_defaults_to_a_reader_of_its_documentation() -> None:
    shown = (Action.effect, Action.settles, Action.takes_down, Action.ends_down)
    assert shown == (Effect.NONE, False, False, False)
    assert "Action" in pydoc.render_doc(Action)
