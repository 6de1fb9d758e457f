"""The four actions of the demonstration, each with what the panel knows at its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable

from ... import Run
from ...client import SeFlow
from ...sandbox import Sandbox
from ..run_control import RunControl
from .demo_panel import SETTLE
from .proof import DemoStage


async def stages_of(seflow: SeFlow, panel: Sandbox, control: RunControl) -> AsyncIterator[DemoStage]:
    """Run usage, stop, start, reboot; begin none after an interruption."""
    fleet = seflow.fleet
    makers: dict[str, Callable[[], Run]] = {
        "usage": fleet.usage,
        "stop": lambda: fleet.stop(settle=SETTLE),
        "start": lambda: fleet.start(settle=SETTLE),
        "reboot": fleet.reboot,
    }
    for action, make in makers.items():
        if control.interrupted:
            return
        run = make()
        before = _effects(panel, action)
        seen = len(panel.requests)
        report = await control.drive(action, run)
        # Read at once, in the same turn of the loop: nothing can have happened in between.
        yield DemoStage(
            action=action,
            report=report,
            power={
                (service.id, vm.id): vm.power
                for service in panel.services.values()
                for vm in service.vms.values()
            },
            effects=_effects(panel, action) - before,
            sent=sum(request.path.endswith(f"/{action}") for request in panel.requests[seen:]),
        )


def _effects(panel: Sandbox, action: str) -> Counter[tuple[str, str]]:
    return Counter({key: counter[action] for key, counter in panel.effects.items()})
