"""Calls that change something: confirmed with the facts, sent, and then the command that shows the result.

The facts are the new values, and the present ones where these can be read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ...errors import AddressNotAllowed, AuthenticationError, InvalidArgument, NotFound, SeFlowError
from ...text import escape
from ..exit_code import ExitCode, Refusal, of_error
from ..output import OutputFormat
from ..output.cell import cell
from ..terminal import confirm, confirm_word, echo_err, require_answerable
from .call_parameters import Invocation
from .read_call import ask

if TYPE_CHECKING:
    from ...client import SeFlow
    from ..accounts import Identity

_TEXT_MAX: Final = 60
_QUOTE_LINES_MAX: Final = 40
_ATTRIBUTES: Final = {"cpu": "cpus"}
_UNITS: Final = {"memory": " MB", "cpu": " cores", "cpu_share": " %", "size": " GB"}


def change(asked: Invocation, *, yes: bool) -> int:
    """Make a change, confirmed by ``yes`` or after the facts were shown; the exit code. Raises `Refusal`."""
    require_answerable(asked.title, yes=yes)
    if not yes:
        # Outside of a loop: a loop that waits for the keyboard would not see Ctrl-C.
        _confirm(asked, ask(asked.who, lambda seflow: _facts(asked, seflow)))
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


def by_whom(identity: Identity) -> str:
    """Return the user and the panel of an account: ``as me@example.com at https://…``."""
    return f"as {escape(identity.credentials.username, _TEXT_MAX)} at {escape(identity.panel, 80)}"


async def _facts(asked: Invocation, seflow: SeFlow) -> list[str]:
    """Return the change and its values in lines, with the present values if these can be read.

    Raises what the change itself would raise, and whatever keeps the price of an order unknown.
    """
    if asked.coroutine.name == "services.request_upgrade":
        return await _of_upgrade(asked, seflow)
    try:
        match asked.coroutine.name:
            case "services.set_rdns":
                return await _of_rdns(asked, seflow)
            case "account.update":
                return await _of_account(asked, seflow)
            case _ if asked.vm:
                return await _of_vm(asked, seflow)
    except (NotFound, InvalidArgument, AuthenticationError, AddressNotAllowed):
        raise
    except SeFlowError as error:
        new = [f"  {name}: {_text(value)}" for name, value in asked.options.items()]
        return [_title(asked), *new, f"  the present values could not be read: {escape(str(error))}"]
    return [_title(asked), *_changes({}, asked.options)]


def _title(asked: Invocation) -> str:
    rest = asked.values[2:] if asked.vm else asked.values
    words = [asked.vm, *(str(value) for value in rest if not isinstance(value, dict))]
    return " ".join([asked.title, *(escape(word, _TEXT_MAX) for word in words if word)])


def _changes(present: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a line for each new value, with the present one where there is one of that name."""
    return [
        f"  {name.removesuffix('_id')}: {f'{_text(present[name])} -> ' if name in present else ''}"
        f"{_text(value)}{_UNITS.get(name, '')}"
        for name, value in new.items()
    ]


async def _of_vm(asked: Invocation, seflow: SeFlow) -> list[str]:
    vm = await seflow.vms.get(*asked.values[:2])
    present: dict[str, Any] = {}
    if asked.coroutine.name == "vms.resize":
        present = {name: getattr(vm, _ATTRIBUTES.get(name, name), None) for name in asked.options}
    elif asked.coroutine.name == "vms.resize_disk":
        disks = await seflow.vms.disks(*asked.values[:2])
        present = {"size": next((disk.size for disk in disks if disk.id == asked.values[2]), None)}
    label = f"'{escape(vm.label, _TEXT_MAX)}'" if vm.label else "without a label"
    power = f"{vm.power.value} now"
    if vm.power_word and vm.power_word != vm.power.value:
        power = f"{vm.power.value} ({escape(vm.power_word, _TEXT_MAX)}) now"
    locked = ", locked by a task of the panel" if vm.locked else ""
    return [f"{_title(asked)}: {label}, {power}{locked}", *_changes(present, asked.options)]


async def _of_rdns(asked: Invocation, seflow: SeFlow) -> list[str]:
    from ...endpoints.arguments import hostnames

    service, names = asked.values
    new = hostnames(names)
    entries = {str(entry.ipaddress): entry.ptrcontent for entry in await seflow.services.rdns(service)}
    return [_title(asked), *_changes({ip: entries.get(ip) for ip in new}, new)]


async def _of_account(asked: Invocation, seflow: SeFlow) -> list[str]:
    details = await seflow.account.details()
    present = {name: getattr(details, name, None) for name in asked.options}
    login = ["  The e-mail address is the login: log in with the new one afterwards."]
    return [_title(asked), *_changes(present, asked.options), *(login if "email" in asked.options else [])]


async def _of_upgrade(asked: Invocation, seflow: SeFlow) -> list[str]:
    from ...plain import plain

    service = asked.values[0]
    quote = await seflow.services.estimate_upgrade(service, **asked.options)
    present = await seflow.services.get(service)
    name = f"'{escape(present.name, _TEXT_MAX)}'" if present.name else "without a name"
    cycle = escape(present.billingcycle or "", _TEXT_MAX)
    total = "" if present.total is None else f", {present.total} {cycle} now"
    return [f"{_title(asked)}: {name}{total}", *islice(_quoted(plain(quote.extra)), _QUOTE_LINES_MAX)]


def _quoted(value: Any, indent: str = "  ") -> Iterator[str]:
    """Yield every figure of a quote, whose shape is not documented."""
    for name, part in value.items():
        if isinstance(part, dict):
            yield f"{indent}{cell(name)}:"
            yield from _quoted(part, indent + "  ")
        elif isinstance(part, list) and any(isinstance(one, dict) for one in part):
            yield f"{indent}{cell(name)}:"
            yield from (f"{indent}  {cell(one)}" for one in part)
        else:
            yield f"{indent}{cell(name)}: {cell(part)}"


def _text(value: Any) -> str:
    return "-" if value is None else escape(str(value), _TEXT_MAX) or "''"
