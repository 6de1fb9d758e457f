"""The command `aioseflow sandbox`: the provider on loopback, until it is stopped."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import signal
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from .exit_code import ExitCode, Refusal
from .terminal import echo, echo_err

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_REQUESTS_KEPT = 10_000


Dialect: TypeAlias = Literal["seflow", "by_id", "list", "mixed"]
"""The dialects of the sandbox, which is imported only when it is started."""


def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="Port; 0 for any free one.")
    ] = 8443,
    services: Annotated[int, typer.Option(min=0, metavar="N", help="Services with VMs.")] = 5,
    vms: Annotated[int, typer.Option(min=0, metavar="N", help="VMs of each service.")] = 40,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed makes the same panel.")] = 1,
    dialect: Annotated[Dialect, typer.Option(help="Dialect of the answers.")] = "seflow",
) -> int:
    """Run a panel on this machine for trials; Ctrl-C ends it.

    Prints the variables that make aioseflow in another shell use it.

    \b
    Examples:
      aioseflow sandbox
      aioseflow sandbox --port 0 --services 50 --vms 100 > panel.env
    """
    from ..sandbox import Sandbox

    panel = Sandbox(
        services=services,
        vms_per_service=vms,
        seed=seed,
        dialect=dialect,
        port=port,
        stop_time=(1.0, 4.0),
        start_time=(1.0, 4.0),
        reboot_time=(1.0, 4.0),
        keep_requests=_REQUESTS_KEPT,
    )
    asyncio.run(_run(panel))
    return ExitCode.OK


async def _run(panel: Sandbox) -> None:
    from ..sandbox import serve

    try:
        await panel.start()
    except OSError as error:
        raise Refusal(
            f"cannot listen on port {panel.port} ({os.strerror(error.errno or 0)}); "
            "choose another --port, 0 for any",
            ExitCode.ERROR,
        ) from None
    serving = asyncio.ensure_future(serve(panel))
    loop = asyncio.get_running_loop()
    # A server ends by being stopped, which is no error.
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    settings = {
        "SEFLOW_BASE_URL": panel.url,
        "SEFLOW_USERNAME": panel.username,
        "SEFLOW_PASSWORD": panel.password,
    }
    echo("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))
    echo_err("A panel is running; copy the lines above into another shell. Ctrl-C ends it.")
    with contextlib.suppress(asyncio.CancelledError):
        await serving
