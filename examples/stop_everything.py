"""Stop every VM of every service, and say what became of each.

    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/stop_everything.py          lists what it would stop
    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… python examples/stop_everything.py --yes    stops it

A VM counts as stopped when the panel was read to say so. SEFLOW_BASE_URL names another panel than SeFlow's.

Exit code: 0 everything is stopped (or, without --yes, was listed); 1 something is not, or could not be
asked; 2 wrong arguments; 130 interrupted. Running it again is safe: what is stopped already gets nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence

from aioseflow import PowerState, Report, SeFlow, SeFlowError


async def stop_everything() -> bool:
    """Stop it all; whether all of it is stopped."""
    async with SeFlow.from_env() as seflow:
        run = seflow.fleet.stop()
        try:
            async with run:
                async for outcome in run:
                    vm = name(outcome.service_id, outcome.vm_id, outcome.vm_label)
                    print(vm, outcome.status, outcome.cause or "", flush=True)
        finally:
            # Also when it was interrupted: what was sent by then was sent.
            show(run.report)
    return run.report.ok


async def list_everything() -> bool:
    """Say what would be stopped, and stop nothing."""
    number = 0
    async with SeFlow.from_env() as seflow:
        async for service, vm in seflow.fleet.vms():
            if vm.power is not PowerState.STOPPED:
                number += 1
                print(name(service.id, vm.id, vm.label or ""), vm.power)
    print(f"{number} VMs would be stopped; --yes stops them")
    return True


def show(report: Report) -> None:
    """The counts, then why anything is not simply done."""
    if report.targets or report.ok:
        print(report)
    for cause, outcomes in report.causes.items():
        reasons = {plain(outcome.error) for outcome in outcomes if outcome.error is not None}
        print(f"  {len(outcomes)} {plain(cause)}", *sorted(reasons)[:1], sep=": ")
    for lost in report.undiscovered:
        if lost.service_id is not None:
            print(f"  service {plain(lost.service_id)} was not listed: {plain(lost.error or lost.cause)}")


def name(service_id: str, vm_id: str, label: str) -> str:
    """How a VM is called here."""
    return plain(f"{service_id}/{vm_id} {label}")


def plain(text: object) -> str:
    """Text from the panel on one line, without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(description="Stop every VM of every service.")
    parser.add_argument("--yes", action="store_true", help="stop them; without it they are only listed")
    sure = parser.parse_args(arguments).yes
    try:
        done = asyncio.run(stop_everything() if sure else list_everything())
    except (SeFlowError, ExceptionGroup, OSError) as error:
        print(f"stop_everything: {plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stop_everything: interrupted", file=sys.stderr)
        return 130
    return 0 if done else 1


if __name__ == "__main__":
    sys.exit(main())
