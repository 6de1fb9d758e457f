"""Calls that change something: confirmed with the facts, sent, and then the command that shows the result."""

from __future__ import annotations

import asyncio

from ...errors import SeFlowError
from ...text import escape
from ..exit_code import ExitCode, Refusal, of_error
from ..output import OutputFormat
from ..terminal import confirm, confirm_word, echo_err, require_answerable
from .change_facts import by_whom, facts
from .invocation import Invocation
from .read_call import ask


def change(asked: Invocation, *, yes: bool) -> int:
    """Make a change, confirmed by ``yes`` or after the facts were shown; the exit code. Raises `Refusal`."""
    require_answerable(asked.title, yes=yes)
    if not yes:
        # Outside of a loop: a loop that waits for the keyboard would not see Ctrl-C.
        _confirm(asked, ask(asked.who, lambda seflow: facts(asked, seflow)))
    return asyncio.run(_send(asked))


def _confirm(asked: Invocation, lines: list[str]) -> None:
    about = "\n".join([*lines, f"  {by_whom(asked.who.one())}"])
    if asked.coroutine.name == "vms.destroy":
        vm_id = asked.values[1]
        about += "\nThis destroys the VM and its disks for good."
        confirm_word(about, f"Type {escape(vm_id, 60)} to confirm:", vm_id)
    elif asked.coroutine.name == "services.request_upgrade":
        confirm(about, "This spends money. Order it?")
    else:
        confirm(about)


async def _send(asked: Invocation) -> int:
    async with asked.who.client() as seflow:
        try:
            accepted = await asked.coroutine.call(seflow, asked.values, asked.options, look=asked.look)
        except SeFlowError as error:
            if not error.may_have_acted:
                raise
            raise Refusal(str(error).rstrip("."), of_error(error), fix=f"check with: {asked.look}") from error
    if asked.out.form is not OutputFormat.TABLE or asked.out.columns or accepted.info or accepted.extra:
        asked.out.single(accepted)
    echo_err(f"Accepted, not finished yet. Check with: {asked.look}")
    return ExitCode.OK
