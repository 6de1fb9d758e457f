"""`python -m aioseflow.sandbox`: a panel in its own process, which prints its URL and login as JSON."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

import orjson

from .panel import Sandbox, serve
from .wire import Dialect

_REQUESTS_KEPT = 10_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until interrupted or terminated."""
    parser = argparse.ArgumentParser(
        prog="python -m aioseflow.sandbox", description="The provider on loopback."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 for any free port")
    parser.add_argument("--services", type=int, default=5)
    parser.add_argument("--vms", type=int, default=40, help="VMs of each service")
    parser.add_argument("--hosting", type=int, default=0, help="services without VM functions")
    parser.add_argument("--seed", default="1")
    parser.add_argument(
        "--dialect", choices=[dialect.value for dialect in Dialect], default=Dialect.SEFLOW.value
    )
    parser.add_argument("--settle", type=float, default=0.2, help="seconds that a change of power takes")
    given = parser.parse_args(arguments)
    panel = Sandbox(
        services=given.services,
        vms_per_service=given.vms,
        services_without_vms=given.hosting,
        seed=given.seed,
        dialect=given.dialect,
        host=given.host,
        port=given.port,
        stop_time=given.settle,
        start_time=given.settle,
        reboot_time=given.settle,
        keep_requests=_REQUESTS_KEPT,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(panel))


async def _run(panel: Sandbox) -> None:
    await panel.start()
    serving = asyncio.ensure_future(serve(panel))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    line = orjson.dumps({"url": panel.url, "username": panel.username, "password": panel.password})
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    main()
