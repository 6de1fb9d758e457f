"""A change: asked for with the facts, sent, and then where to look."""

from __future__ import annotations

import asyncio
from typing import Final

from ...errors import SeFlowError
from ...models import Accepted
from ...text import escape
from ..exit_code import ExitCode, Refusal, of_error
from ..output import OutputFormat
from ..terminal import confirm, confirm_word, echo_err, require_answerable
from .change_facts import by_whom, facts
from .invocation import Invocation

_LONGEST_ID: Final = 60


def change(asked: Invocation, *, yes: bool) -> int:
    """Make it, after a look at the facts unless it is meant already (``yes``). Raises `Refusal`."""
    require_answerable(asked.title, yes=yes)
    if not yes:
        # Outside of a loop: one that waits for the keyboard would not see Ctrl-C.
        _confirm(asked, asyncio.run(_facts(asked)))
    return asyncio.run(_send(asked))


async def _facts(asked: Invocation) -> list[str]:
    async with asked.who.client() as seflow:
        return await facts(asked, seflow)


def _confirm(asked: Invocation, lines: list[str]) -> None:
    about = "\n".join([*lines, f"  {by_whom(asked.who.one())}"])
    match asked.coroutine.name:
        case "vms.destroy":
            word = asked.values[1]
            question = (
                f"It is gone for good then, and its disks with it. Type its id, {escape(word, _LONGEST_ID)}:"
            )
            confirm_word(about, question, word)
        case "services.request_upgrade":
            confirm(about, "This spends money. Order it?")
        case _:
            confirm(about, "Send it?")


async def _send(asked: Invocation) -> int:
    async with asked.who.client() as seflow:
        try:
            accepted = await asked.coroutine.call(seflow, asked.values, asked.options, look=asked.look)
        except SeFlowError as error:
            if not error.may_have_acted:
                raise
            told = str(error).rstrip(".")
            raise Refusal(f"{told}; {asked.look} shows what became of it", of_error(error)) from error
    _tell(asked, accepted)
    return ExitCode.OK


def _tell(asked: Invocation, accepted: Accepted) -> None:
    if asked.out.form is not OutputFormat.TABLE or asked.out.columns or accepted.info or accepted.extra:
        asked.out.single(accepted)
    echo_err(f"Accepted; {asked.look} shows when it is done.")
