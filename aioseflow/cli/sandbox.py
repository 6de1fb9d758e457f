"""`aioseflow sandbox`: the provider on loopback, until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import enum
import os
import shlex
import signal
from typing import TYPE_CHECKING, Annotated

import typer

from .command import command
from .exit_code import ExitCode, Refusal
from .terminal import echo, echo_err

if TYPE_CHECKING:
    from ..sandbox import Sandbox

_REQUESTS_KEPT = 10_000


class Dialect(enum.StrEnum):
    """The dialects of the sandbox, which is imported only when it is started."""

    SEFLOW = "seflow"
    BY_ID = "by_id"
    LIST = "list"
    MIXED = "mixed"


app = typer.Typer(rich_markup_mode=None)


@command(app)
def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8443,
    services: Annotated[int, typer.Option(min=0, help="Services with VMs.")] = 5,
    vms: Annotated[int, typer.Option(min=0, help="VMs of each service.")] = 40,
    seed: Annotated[int, typer.Option(help="The same seed makes the same panel.")] = 1,
    dialect: Annotated[Dialect, typer.Option(help="How its answers are written.")] = Dialect.SEFLOW,
) -> int:
    """Run a panel on this machine, to try against; Ctrl-C ends it.

    Prints the lines that point another shell's aioseflow at it.

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
        dialect=dialect.value,
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
    # Being stopped is how a server ends: no error, and no code that says so.
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
