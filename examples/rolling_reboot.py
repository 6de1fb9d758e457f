"""Reboot the running VMs service by service: the next one only when all of the last run again.

    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/rolling_reboot.py          says what it would reboot
    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/rolling_reboot.py --yes    reboots it

It stops at the first service in which a reboot failed or is unknown (sent, and the answer was lost), or in
which a VM does not run again in time. No VM is sent a reboot twice, so an unknown one is yours to look at.

Exit code: 0 everything that ran was rebooted and runs again (or, without --yes, was listed); 1 something was
not; 2 wrong arguments; 130 interrupted. Running it again reboots everything again, from the first service on.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import sys
from collections.abc import Sequence

from aioseflow import PowerState, SeFlow, SeFlowError, Service, Status, Vm


def is_running(service: Service, vm: Vm) -> bool:
    """Which VMs are rebooted."""
    return vm.power is PowerState.RUNNING


async def rolling_reboot(*, sure: bool, patience: float, pause: float) -> bool:
    """Take one service after the other; whether all of them were done and well."""
    async with SeFlow.from_env() as seflow:
        waiting: dict[str, set[str]] = {}
        # Raises if a service cannot be listed: nothing is begun whose extent is not known.
        async for service, vm in seflow.fleet.vms():
            if is_running(service, vm):
                waiting.setdefault(service.id, set()).add(vm.id)
            else:
                print(f"{plain(service.id)}/{plain(vm.id)} is {vm.power}, so it is left alone")
        if not sure:
            for service_id, vm_ids in sorted(waiting.items()):
                print(f"service {plain(service_id)}: {len(vm_ids)} VMs would be rebooted; --yes reboots them")
            return True
        well = True
        try:
            while well and waiting:
                service_id = min(waiting)
                planned = waiting.pop(service_id)
                well = await reboot_service(seflow, service_id, planned, patience, pause)
        finally:
            for service_id, vm_ids in sorted(waiting.items()):
                print(f"service {plain(service_id)}: {len(vm_ids)} VMs not touched")
        return well


async def reboot_service(
    seflow: SeFlow, service_id: str, planned: set[str], patience: float, pause: float
) -> bool:
    """Reboot what runs in one service, each VM once, and wait until it runs again; whether all went well."""
    run = seflow.fleet.reboot(where=is_running, services=[service_id])
    try:
        async with run:
            async for outcome in run:
                vm = f"{plain(service_id)}/{plain(outcome.vm_id)}"
                print(vm, outcome.status, outcome.cause or "", flush=True)
    finally:
        # Also when it was interrupted: what was sent by then was sent.
        report = run.report
        print(f"service {plain(service_id)}: {report}")
        rebooted = {outcome.vm_id for outcome in report.outcomes if outcome.status is Status.CHANGED}
        for vm_id in sorted(planned - {outcome.vm_id for outcome in report.outcomes}):
            print(f"{plain(service_id)}/{plain(vm_id)} was not rebooted")
    down = await wait_until_running(seflow, service_id, rebooted, patience, pause)
    for vm_id in sorted(down):
        print(f"{plain(service_id)}/{plain(vm_id)} was rebooted and does not run after {patience:g} s")
    return report.ok and not down


async def wait_until_running(
    seflow: SeFlow, service_id: str, vm_ids: set[str], patience: float, pause: float
) -> set[str]:
    """Wait for these VMs; returns those that did not run again in time.

    One reading is not enough, since a list may be old just after a change: two in a row must say "running".
    """
    down = set(vm_ids)
    before: set[str] = set()
    try:
        async with asyncio.timeout(patience) as limit:
            while down:
                await asyncio.sleep(pause)
                vms = await seflow.vms.list(service_id)
                running = {vm.id for vm in vms if vm.power is PowerState.RUNNING}
                down -= before & running
                before = running
    except TimeoutError:
        # A request that timed out by itself is an error like any other.
        if not limit.expired():
            raise
    return down


def plain(text: object) -> str:
    """Text from the panel on one line, without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def seconds(text: str) -> float:
    """A positive number of seconds."""
    number = float(text)
    if not 0 < number < math.inf:
        raise ValueError(text)
    return number


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(description="Reboot the running VMs service by service.")
    parser.add_argument("--yes", action="store_true", help="reboot them; without it they are only counted")
    parser.add_argument("--patience", type=seconds, default=300.0, metavar="SECONDS", help="for a service")
    parser.add_argument("--pause", type=seconds, default=5.0, metavar="SECONDS", help="between two readings")
    options = parser.parse_args(arguments)
    try:
        well = asyncio.run(rolling_reboot(sure=options.yes, patience=options.patience, pause=options.pause))
    except (SeFlowError, ExceptionGroup, OSError) as error:
        print(f"rolling_reboot: {plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("rolling_reboot: interrupted", file=sys.stderr)
        return 130
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
