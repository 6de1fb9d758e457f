"""The panel of the demonstration, its faults, and the four actions on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Final

from ... import Run
from ...client import SeFlow
from ...policy import RetryPolicy, SettlePolicy
from ...sandbox import Fault, Lognormal, Sandbox
from ..run_control import RunControl
from .proof import DemoStage

# A person watches: what takes a provider seconds takes tenths here, and patience is as much shorter.
RETRY: Final = RetryPolicy(first_wait=0.1, longest_wait=0.5)
SETTLE: Final = SettlePolicy(first_poll=0.2, longest_poll=0.5, patience=2.0)

_VM = "/service/@id/vms/@vmid"


def troubled_panel(services: int, vms: int, seed: int) -> Sandbox:
    """Return a panel of services with VMs and one without, with faults on every kind of request."""
    panel = Sandbox(
        services=services,
        vms_per_service=vms,
        services_without_vms=1,
        stopped_share=0.12,
        seed=seed,
        stop_time=(0.3, 0.9),
        start_time=(0.3, 0.9),
        reboot_time=(0.2, 0.6),
    )
    names = list(panel.services)
    running = {
        name: [vm for vm in service.vms.values() if vm.power == "running"]
        for name, service in panel.services.items()
    }
    running[names[0]][3].stuck = True
    running[names[1]][7].power = "transitional"
    refusing, deaf = running[names[2]][5], running[names[3]][9]
    panel.faults.add(
        Fault("latency", seconds=Lognormal(0.03, 0.8)),
        # Listed in the end, after the first action has gone by without it.
        Fault("status", path=f"/service/{names[3]}/vms", status=503, times=3),
        Fault("html", path="/service/@id/vms/@vmid/usage/net", vm=refusing.id, service=refusing.service.id),
        Fault(
            "error",
            method="POST",
            path=_VM + "/stop",
            service=refusing.service.id,
            vm=refusing.id,
            codes=("backup_running",),
        ),
        Fault("reset", method="POST", path=_VM + "/stop", service=deaf.service.id, vm=deaf.id),
        Fault("throttle", method="POST", path=_VM + "/start", seconds=1, times=3, after=40),
        Fault("status", method="POST", path=_VM + "/stop", status=429, times=12, after=60),
        Fault("status", method="POST", path=_VM + "/reboot", status=429, times=12, after=60),
        Fault("reset", method="POST", path=_VM + "/reboot", when="after", probability=0.03),
        Fault("reset", method="POST", path=_VM + "/reboot", probability=0.015),
        Fault("reset", method="POST", path=_VM + "/stop", when="after", probability=0.05),
        Fault("reset", method="POST", path=_VM + "/start", probability=0.05),
        Fault("status", method="POST", path=_VM + "/start", status=503, when="after", probability=0.03),
        Fault("status", method="GET", status=503, probability=0.03),
        Fault("truncate", method="GET", path=_VM + "/usage/cpu", probability=0.03),
        Fault("drop", method="GET", path=_VM + "/usage/disk", probability=0.05),
    )
    return panel


def described(panel: Sandbox) -> str:
    """Return two lines about the panel at the beginning."""
    vms = [vm for service in panel.services.values() for vm in service.vms.values()]
    stopped = sum(vm.power == "stopped" for vm in vms)
    able = sum(service.has_vms for service in panel.services.values())
    return (
        f"A panel at {panel.url}, faults on: {able} services, {len(vms)} VMs\n"
        f"({stopped} of them off), and {len(panel.services) - able} service without VM functions."
    )


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
