"""Observers of a run: the journal's recorder, the scheduler, the metrics, and what an application adds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ..model.outcome import Outcome
from ..model.target import TargetState

_LOG: Final = logging.getLogger("aioseflow.fleet")
F = TypeVar("F", bound=Callable[..., None])


class RunObserver:
    """Hears of every step of every target of a run; a subclass overrides the methods that it needs.

    The methods are called in the loop of the run, after the step was noted and before the next one begins.
    They must return at once, send nothing and change nothing of a state. ``state.target`` is the VM,
    ``state.step`` the index of the action, ``state.stage`` how far it has come.
    """

    def begun(self, state: TargetState) -> None:
        """A worker acts on the target now."""

    def settling(self, state: TargetState) -> None:
        """The panel accepted the step, or its answer was lost; the VM is read back from now on."""

    def requeued(self, state: TargetState) -> None:
        """The target waits again: its next step has come, or the panel was in trouble."""

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """The target has its outcome."""


class Observers:
    """The observers of one run; a method that an observer does not override costs nothing."""

    def __init__(self) -> None:
        self.begun: tuple[Callable[[TargetState], None], ...] = ()
        self.settling: tuple[Callable[[TargetState], None], ...] = ()
        self.requeued: tuple[Callable[[TargetState], None], ...] = ()
        self.decided: tuple[Callable[[TargetState, Outcome], None], ...] = ()

    def add(self, observer: RunObserver, *, is_ours: bool = False) -> None:
        """Call an observer from now on; one of an application's is dropped at its first exception."""
        for name in ("begun", "settling", "requeued", "decided"):
            if getattr(type(observer), name) is not getattr(RunObserver, name):
                method = getattr(observer, name)
                setattr(self, name, (*getattr(self, name), method if is_ours else self._guarded(method)))

    def _guarded(self, method: F) -> Callable[..., None]:
        is_dropped = False

        def call(*arguments: Any) -> None:
            nonlocal is_dropped
            if is_dropped:
                return
            try:
                method(*arguments)
            except Exception:  # noqa: BLE001 - whatever an application raises
                # A face that breaks must not break the run that it shows.
                is_dropped = True
                _LOG.exception("an observer of a run raised, and is not called any more: %r", method)

        return call
