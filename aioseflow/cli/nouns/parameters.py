"""How what a coroutine takes is written on a command line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import typer

from ...text import escape
from ..completion.candidates import complete_service, complete_vm
from ..exit_code import Refusal

if TYPE_CHECKING:
    from ..coroutines import Coroutine

_VM: Final = "The VM, as vm list shows it; as two words it does as well."
_SERVICE: Final = "Its id, as service list shows it."
_IDS: Final = {
    "billing": ("INVOICE", "Its id, as invoice list shows it."),
    "domains": ("DOMAIN", "Its id, as domain list shows it."),
    "services": ("SERVICE", _SERVICE),
}
_ARGUMENTS: Final = {
    "service_id": ("SERVICE", _SERVICE),
    "number": ("TICKET", "Its number, as ticket list shows it."),
    "names": ("IP=HOST ...", "Addresses and the names that they are to have."),
    "iface": ("INTERFACE", "Its id, as vm interfaces shows it."),
    "ip_id": ("IP", "Its id, as ip list or ip available shows it."),
    "disk_id": ("DISK", "Its id, as disk list shows it."),
}
_OPTIONS: Final = {
    "memory": ("--memory", "MB", "Memory in MB."),
    "cpu": ("--cpu", "CORES", "Cores."),
    "cpu_share": ("--cpu-share", "PERCENT", "Share of a CPU in percent."),
    "note": ("--note", "TEXT", "A note; '' clears it."),
    "iso": ("--iso", "IMAGE", "Boot from this image."),
    "size": ("--size", "GB", "Size in GB."),
    "interface_id": ("--interface", "INTERFACE", "Its id, as vm interfaces shows it."),
    "resources": (
        "--resources",
        "RESOURCE=ITEM",
        "One of upgrade-options; RESOURCE=N or RESOURCE:ITEM=N for quantities; may be repeated.",
    ),
    "package": ("--package", "ID", "A package's id."),
    "cycle": ("--cycle", "CYCLE", "A billing cycle, in the panel's words."),
}
_COMPLETED: Final[dict[str, Callable[..., Any]]] = {"SERVICE": complete_service, "SERVICE/VM": complete_vm}
_NEED_ONE: Final = {
    "account.update",
    "services.estimate_upgrade",
    "services.request_upgrade",
    "vms.resize",
}
_NAMED: Final = 5
# A second word for the VM, which help leaves out: SERVICE/VM is how everything else writes it.
SECOND: Final = "second_word"


def is_of_a_vm(coroutine: Coroutine) -> bool:
    """Whether it begins with the ids of a service and a VM."""
    return [*coroutine.positional][:2] == ["service_id", "vm_id"]


def arguments(coroutine: Coroutine) -> list[inspect.Parameter]:
    """What it needs, as parameters for typer; `values` makes of them what it takes."""
    from ..coroutines import is_mapping

    names = [*coroutine.positional]
    parameters = []
    if is_of_a_vm(coroutine):
        parameters.append(_argument("vm_id", "SERVICE/VM", _VM))
        names = names[2:]
    for name in names:
        metavar, text = _IDS[coroutine.name.partition(".")[0]] if name == "id" else _ARGUMENTS[name]
        several = is_mapping(coroutine.positional[name])
        parameters.append(_argument(name, metavar, text, list[str] if several else str))
    if is_of_a_vm(coroutine):
        parameters.append(_argument(SECOND, "VM", "", hidden=True))
    return parameters


def _argument(
    name: str, metavar: str, text: str, kind: Any = str, *, hidden: bool = False
) -> inspect.Parameter:
    # None of them is required for typer: which is missing is known only once the VM's words are counted.
    argument = typer.Argument(
        None, metavar=metavar, help=text, hidden=hidden, autocompletion=_COMPLETED.get(metavar)
    )
    return parameter(name, kind | None, argument)


def options(coroutine: Coroutine) -> list[inspect.Parameter]:
    """What it takes by name, as parameters for typer."""
    from ..coroutines import is_mapping, is_text

    parameters = []
    for name, kind in coroutine.options.items():
        flag, metavar, text = _OPTIONS.get(name, (f"--{name}", "TEXT", None))
        default = ... if coroutine.is_needed(name) else None
        if is_mapping(kind):
            option = typer.Option(default, flag, metavar=metavar, help=text)
            parameters.append(parameter(name, list[str] | None, option))
        elif is_text(kind):
            option = typer.Option(default, flag, metavar=metavar, help=text)
            parameters.append(parameter(name, str | None, option))
        else:
            option = typer.Option(default, flag, metavar=metavar, help=text, min=1)
            parameters.append(parameter(name, int | None, option))
    return parameters


def parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    """A parameter as typer reads it."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def values(coroutine: Coroutine, given: dict[str, Any]) -> list[Any]:
    """What it needs, taken out of what typer read. Raises `Refusal`."""
    words: list[str] = []
    for parameter in arguments(coroutine):
        word = given.pop(parameter.name)
        words += word if isinstance(word, list) else [] if word is None else [word]
    if is_of_a_vm(coroutine):
        words = split(words)
    names = [one.default.metavar for one in arguments(coroutine) if not one.default.hidden]
    written = len(words) - is_of_a_vm(coroutine)
    if is_of_a_vm(coroutine) and len(words) == 1:
        raise Refusal(f"the VM of service {escape(words[0])} is missing; a VM is written SERVICE/VM")
    if written < len(names):
        raise Refusal(f"{names[max(written, 0)]} is missing")
    return coroutine.values(words)


def split(words: Sequence[str]) -> list[str]:
    """The same words with SERVICE/VM, if the first is that, as two. Raises `Refusal`."""
    if not words:
        return []
    service, slash, vm = words[0].partition("/")
    if not slash:
        return [*words]
    if not service or not vm or "/" in vm:
        raise Refusal(f"a VM is written SERVICE/VM, not '{escape(words[0])}'")
    return [service, vm, *words[1:]]


def chosen(coroutine: Coroutine, given: dict[str, Any]) -> dict[str, Any]:
    """What it takes by name, taken out of what typer read; what was not given is left out."""
    from ..coroutines import is_mapping, mapping

    taken = {}
    for name, kind in coroutine.options.items():
        value = given.pop(name)
        # typer gives [] for a list that nobody gave.
        if value is not None and value != []:
            taken[name] = mapping(name, value) if is_mapping(kind) else value
    if not taken and coroutine.name in _NEED_ONE:
        flags = [_OPTIONS[name][0] if name in _OPTIONS else f"--{name}" for name in coroutine.options]
        raise Refusal(
            f"say what to change: {', '.join(flags[:_NAMED])}{', …' if len(flags) > _NAMED else ''}"
        )
    return taken
