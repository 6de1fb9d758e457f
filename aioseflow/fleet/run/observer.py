"""Observers of a run: the journal's recorder, the scheduler, the metrics, and what an application adds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final, TypeVar

from ...callables import is_async_callable, is_of_run, name_of, said, warn
from ...errors import ConfigurationError
from ..model.outcome import Outcome
from ..model.target import TargetState

_LOG: Final = logging.getLogger("aioseflow.fleet")
_METHODS: Final = ("begun", "settling", "requeued", "decided")
F = TypeVar("F", bound=Callable[..., None])


class RunObserver:
    """Base class of observers, whose methods are called with every step of every target of a run.

    A subclass overrides the methods that it needs. They are called in the loop of the run, after the run
    state has noted the step and before the next one begins. They must return at once, send nothing, and
    change nothing of a state. ``state.target`` is the VM, ``state.step`` the index of the action,
    ``state.stage`` how far that action has come.
    """

    def begun(self, state: TargetState) -> None:
        """Called when a worker begins to act on a target."""

    def settling(self, state: TargetState) -> None:
        """Called when a VM is read back from now on: its step was accepted, or the answer was lost."""

    def requeued(self, state: TargetState) -> None:
        """Called when a target waits again: for its next step, or because the panel was in trouble."""

    def decided(self, state: TargetState, outcome: Outcome) -> None:
        """Called when a target has got its outcome."""


class Observers:
    """The observers of one run, by method; a method that an observer does not override is never called."""

    def __init__(self) -> None:
        self.begun: tuple[Callable[[TargetState], None], ...] = ()
        self.settling: tuple[Callable[[TargetState], None], ...] = ()
        self.requeued: tuple[Callable[[TargetState], None], ...] = ()
        self.decided: tuple[Callable[[TargetState, Outcome], None], ...] = ()

    def add(self, observer: RunObserver, *, is_ours: bool = False) -> None:
        """Call an observer from now on. Unless it is one of the engine's, its first exception removes it.

        Raises `ConfigurationError` for what is no observer, and for a method that is an ``async def``.
        """
        if not isinstance(observer, RunObserver):
            raise ConfigurationError(
                f"{observer!r:.80} is no observer; give an object of a subclass of RunObserver"
            )
        for name in _METHODS:
            if is_async_callable(getattr(observer, name)):
                raise ConfigurationError(
                    f"{type(observer).__qualname__}.{name} is an async function, which nobody would await; "
                    "give a plain one"
                )
        for name in _METHODS:
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
            except BaseException as error:  # an error of an observer must not break the run
                if is_of_run(error):
                    raise
                is_dropped = True
                _LOG.exception("an observer of a run raised, and is not called any more: %r", method)
                warn(
                    f"observer {name_of(method)} raised {said(error)}, and is not called any more in this run"
                )

        return call
