"""`Target`, a VM that a run acts on, and `TargetState`, what is known of it until it has an outcome."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import attrs

from ...errors import SeFlowError
from ...models import Service, Vm

if TYPE_CHECKING:
    from .outcome import TargetKey
    from .progress import ServiceProgress


class Stage(enum.IntEnum):
    """How far the present step of a target has come. A journal stores the number."""

    QUEUED = 0
    """The step has not begun, or the panel certainly did not act."""
    SENT = 1
    """The request may have left, and there is no answer."""
    ACCEPTED = 2
    """The panel accepted the step, and the VM is being read back."""
    DONE = 3
    """The target has its outcome."""


class Remains(NamedTuple):
    """How far a target had come when it got an outcome that a resumed run may replace.

    The fields are those of `TargetState`.
    """

    step: int
    stage: Stage
    answer_lost: bool
    sent_panel_at: datetime | None
    changed_before: bool


@attrs.define(eq=False)  # not frozen, which would take 5,000 instructions more for each VM
class Target:
    """A VM to act on, as it was read last. Never changed."""

    account: str
    service: Service
    vm: Vm

    @property
    def key(self) -> TargetKey:
        """Account, service id and VM id."""
        return self.account, self.service.id, self.vm.id


@attrs.define(eq=False)
class TargetState:
    """State of one target between its selection and its outcome; `RunState` changes it.

    Attributes:
        number: place of the target in its run, counted from 0.
        progress: the counters of its service.
        step: index of the present step; ``stage`` says how far it has come.
        batch: index of the batch that it belongs to, None without batches.
        changed_before: whether an earlier step of the sequence changed the VM.
        verified: whether every step so far was seen to be done by a reading.
        requests: number of requests of all steps that may have reached the panel.
        answer_lost: whether the panel may have carried out a request of the present step without an answer.
        sent_panel_at: the panel's time when the present step was about to be sent, None if not known.
        error: the last error of the present step.
        unread: the error of an earlier reading that could not decide on the accepted step, None without one.
        postponed: how often the present step went back to the queue because the panel was in trouble.
        in_flight: whether a worker acts on it; ``settling`` whether it is being read back.
        is_doubted: whether to read the VM by itself before anything is sent, because its list may be old.
        begun: whether it takes a place of the rollout's window.
        idle: whether neither a worker nor the settle poller has it.
    """

    target: Target
    number: int
    key: TargetKey
    progress: ServiceProgress
    step: int = 0
    batch: int | None = None
    started_at: datetime | None = None
    stage: Stage = Stage.QUEUED
    changed_before: bool = False
    verified: bool = True
    requests: int = 0
    answer_lost: bool = False
    sent_panel_at: datetime | None = None
    error: SeFlowError | None = None
    unread: SeFlowError | None = None
    postponed: int = 0
    in_flight: bool = False
    settling: bool = False
    is_doubted: bool = False
    begun: bool = False
    idle: bool = True


def service_name(service: Service) -> str:
    """Return the name of a service, or its domain where it has no name."""
    return service.name or service.domain or ""
