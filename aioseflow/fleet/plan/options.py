"""The options of `Fleet`'s methods, and the run spec that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypedDict

from ...errors import InvalidArgument
from ...identifiers import Id
from ...policy import SettlePolicy
from ..actions.action_like import Actions
from ..actions.given_steps import as_steps
from ..actions.steps import Steps, ends_down, name_of
from ..select.selection import Everything, Exclude, Missing, Where, select
from .rollout import Rollout, Share, Size
from .spec import RunSpec


class SelectOptions(TypedDict, total=False):
    """Which VMs, in addition to ``where``: see `Fleet`."""

    services: Iterable[Id] | Everything
    vms: Iterable[Id] | Everything
    exclude: Exclude
    missing: Missing


class RunOptions(SelectOptions, total=False):
    """How a run goes: see `Fleet`."""

    rollout: Rollout | None
    strict: bool
    max_targets: Size | None
    settle: SettlePolicy | None
    run_id: str | None
    note: str
    requested_by: str


class WaitOptions(RunOptions, total=False):
    """How a run goes whose VMs need not be read back: see `Fleet`."""

    wait: bool


_OF_SPEC: Final = frozenset({"rollout", "strict", "note", "requested_by"})
"""Options that are fields of the spec."""


def spec_of_options(what: Actions, where: Where, options: Mapping[str, Any]) -> tuple[RunSpec, str | None]:
    """Return the spec of a run and the ``run_id`` that was given for it, None where none was.

    Raises:
        InvalidArgument: an action, the selection or an option is wrong; nothing has been sent then.
    """
    given = dict(options)
    selecting = {name: given.pop(name) for name in SelectOptions.__annotations__ if name in given}
    selection = select(where, **selecting)
    wait, settle = given.pop("wait", True), given.pop("settle", None)
    run_id, most = given.pop("run_id", None), given.pop("max_targets", None)
    steps = as_steps(what)
    _check_down_limit(steps, given.get("rollout"))
    if unknown := given.keys() - _OF_SPEC:
        name = min(unknown)
        raise InvalidArgument(f"a run has no option {name!r:.40}; see Fleet for those it has", argument=name)
    spec = RunSpec(
        steps=steps,
        selection=selection,
        policy=(settle or SettlePolicy()) if wait else None,
        max_targets=None if most is None else Share.parse(most, "max_targets"),
        **given,
    )
    return spec, run_id


def _check_down_limit(steps: Steps, rollout: object) -> None:
    """Raise `InvalidArgument` for a limit that a run could meet only by leaving VMs out."""
    if isinstance(rollout, Rollout) and rollout.max_down_per_service is not None and ends_down(steps):
        raise InvalidArgument(
            f"max_down_per_service={rollout.max_down_per_service} is for actions that bring their VMs back, "
            f"and {name_of(steps)} leaves them down: leave it out, or select fewer VMs",
            argument="max_down_per_service",
        )
