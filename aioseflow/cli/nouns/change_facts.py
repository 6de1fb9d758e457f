"""What a change is about, for whoever is asked whether to make it: what is so now, and what will be."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ...errors import AddressNotAllowed, AuthenticationError, InvalidArgument, NotFound, SeFlowError
from ...text import escape

if TYPE_CHECKING:
    from ...client import SeFlow
    from ...models import Vm
    from ..accounts import Identity
    from .invocation import Invocation

_SENTENCE: Final = 200
_PANEL: Final = 80
_NAME: Final = 60
_LINES: Final = 40
_RESIZABLE: Final = {
    "memory": ("memory", " MB"),
    "cpu": ("cpus", " cores"),
    "cpu_share": ("cpu_share", " %"),
    "note": ("note", ""),
}


def by_whom(identity: Identity) -> str:
    """As whom something is sent, and where to."""
    from ...config import DEFAULT_BASE_URL

    panel = escape(identity.base_url or DEFAULT_BASE_URL, _PANEL)
    return f"as {escape(identity.credentials.username, _NAME)} at {panel}"


async def facts(asked: Invocation, seflow: SeFlow) -> list[str]:
    """Lines of what is read now; a line that says so where it cannot be.

    Raises what the change itself would raise, and whatever makes the price of an order unknown.
    """
    if asked.coroutine.name == "services.request_upgrade":
        return await _of_an_upgrade(asked, seflow)
    try:
        return await _BY_CALL.get(asked.coroutine.name, _plain)(asked, seflow)
    except (NotFound, InvalidArgument, AuthenticationError, AddressNotAllowed):
        raise
    except SeFlowError as error:
        return [
            *await _plain(asked, seflow),
            f"  what is so now could not be read: {escape(str(error), _SENTENCE)}",
        ]


def _asked(asked: Invocation) -> str:
    subject = escape(asked.vm, _NAME) if asked.vm else ""
    rest = asked.values[2:] if asked.vm else asked.values
    words = [subject, *(escape(str(value), _NAME) for value in rest if not isinstance(value, dict))]
    return " ".join([asked.title, *(word for word in words if word)])


async def _plain(asked: Invocation, _: SeFlow) -> list[str]:
    return [
        _asked(asked),
        *(f"  {escape(name)}: {escape(str(value), _NAME)}" for name, value in asked.options.items()),
    ]


async def _of_a_vm(asked: Invocation, seflow: SeFlow) -> list[str]:
    vm = await seflow.vms.get(*asked.values[:2])
    lines = [f"{_asked(asked)}: {_called(vm)}, {_state(vm)}"]
    for name, value in asked.options.items():
        attribute, unit = _RESIZABLE.get(name, ("", ""))
        if asked.coroutine.name == "vms.resize" and attribute:
            lines.append(f"  {name}: {_told(getattr(vm, attribute))} -> {_told(value)}{unit}")
        else:
            lines.append(f"  {name.removesuffix('_id')}: {_told(value)}")
    return lines


def _called(vm: Vm) -> str:
    return f"'{escape(vm.label, _NAME)}'" if vm.label else "without a label"


def _state(vm: Vm) -> str:
    word = f" ({escape(vm.power_word)})" if vm.power_word and vm.power_word != vm.power.value else ""
    return f"{vm.power.value}{word} now{', locked by a task of the panel' if vm.locked else ''}"


async def _of_a_disk(asked: Invocation, seflow: SeFlow) -> list[str]:
    first, *rest = await _of_a_vm(asked, seflow)
    disks = await seflow.vms.disks(*asked.values[:2])
    size = next((disk.size for disk in disks if disk.id == asked.values[2]), None)
    return [first, f"  size: {_told(size)} -> {asked.options['size']} GB", *rest[1:]]


async def _of_names(asked: Invocation, seflow: SeFlow) -> list[str]:
    from ...endpoints.arguments import hostnames

    service, names = asked.values
    wanted = hostnames(names)
    present = {str(entry.ipaddress): entry.ptrcontent for entry in await seflow.services.rdns(service)}
    lines = [f"  {ip}: {_told(present.get(ip))} -> {_told(name)}" for ip, name in wanted.items()]
    return [_asked(asked), *lines]


async def _of_the_account(asked: Invocation, seflow: SeFlow) -> list[str]:
    details = await seflow.account.details()
    lines = []
    for name, value in asked.options.items():
        present = getattr(details, name, None)
        lines.append(f"  {name}: {_told(present)} -> {_told(value)}")
    if "email" in asked.options:
        lines.append("  The e-mail address is the login: log in with the new one afterwards.")
    return [_asked(asked), *lines]


async def _of_an_upgrade(asked: Invocation, seflow: SeFlow) -> list[str]:
    from ...plain import plain

    service = asked.values[0]
    quote = await seflow.services.estimate_upgrade(service, **asked.options)
    present = await seflow.services.get(service)
    name = f"'{escape(present.name, _NAME)}'" if present.name else "without a name"
    total = (
        ""
        if present.total is None
        else f", {present.total} {escape(present.billingcycle or '')} now".rstrip()
    )
    return [f"{_asked(asked)}: {name}{total}", *islice(_quoted(plain(quote.extra)), _LINES)]


def _quoted(value: Any, indent: str = "  ") -> Iterator[str]:
    """Every figure of a quote, whose shape is not documented."""
    from ..output.cell import cell

    for name, part in value.items():
        if isinstance(part, dict):
            yield f"{indent}{cell(name)}:"
            yield from _quoted(part, indent + "  ")
        elif isinstance(part, list) and any(isinstance(one, dict) for one in part):
            yield f"{indent}{cell(name)}:"
            yield from (f"{indent}  {cell(one)}" for one in part)
        else:
            yield f"{indent}{cell(name)}: {cell(part)}"


def _told(value: Any) -> str:
    if value is None:
        return "-"
    return escape(str(value), _NAME) or "''"


_BY_CALL: Final[dict[str, Callable[[Invocation, SeFlow], Coroutine[Any, Any, list[str]]]]] = {
    **dict.fromkeys(
        [
            *("vms.start", "vms.stop", "vms.reboot", "vms.resize", "vms.destroy"),
            *("vms.rebuild_network", "vms.assign_ip", "vms.remove_ip"),
        ],
        _of_a_vm,
    ),
    "vms.resize_disk": _of_a_disk,
    "services.set_rdns": _of_names,
    "account.update": _of_the_account,
}
