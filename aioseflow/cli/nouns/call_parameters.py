"""The parameters of a coroutine as typer declares them, and a command line with their values."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args, get_origin

import attrs
import typer

from ...text import escape, listed
from ..accounts import Accounts
from ..completion.candidates import complete_service, complete_vm
from ..exit_code import Refusal
from ..output import OutputOptions
from .noun_table import Verb

if TYPE_CHECKING:
    from ..coroutines import Coroutine

_VM: Final = "The VM as SERVICE/VM, or as two words."
_SERVICE: Final = "The id of the service; see service list."
# Metavar, help, and an example.
_IDS: Final = {
    "billing": ("INVOICE", "The id of the invoice; see invoice list.", "239780"),
    "domains": ("DOMAIN", "The id of the domain; see domain list.", "548"),
    "services": ("SERVICE", _SERVICE, "33301"),
}
_ARGUMENTS: Final = {
    "service_id": ("SERVICE", _SERVICE, "33301"),
    "number": ("TICKET", "The number of the ticket; see ticket list.", "437928"),
    "names": ("IP=HOST ...", "Addresses and their new names.", "10.16.0.2=mail.example.com"),
    "name": ("NAME", "The domain name.", "example.com"),
    "kind": ("cpu|net|disk", "The graph.", "cpu"),
    "iface": ("INTERFACE", "The id of the interface; see vm interfaces.", "net0"),
    "ip_id": ("IP", "The id of the address; see ip list or ip available.", "5000"),
    "disk_id": ("DISK", "The id of the disk; see disk list.", "virtio0"),
}
_OPTIONS: Final = {
    "memory": ("--memory", "MB", "Memory in MB."),
    "cpu": ("--cpu", "CORES", "Number of cores."),
    "cpu_share": ("--cpu-share", "PERCENT", "Share of a CPU in percent."),
    "note": ("--note", "TEXT", "Note; '' clears it."),
    "iso": ("--iso", "IMAGE", "Boot from this image."),
    "size": ("--size", "GB", "Size in GB."),
    "interface_id": ("--interface", "INTERFACE", "Id of the interface; see vm interfaces."),
    "resources": (
        "--resources",
        "RESOURCE=ITEM",
        "One of upgrade-options; RESOURCE=N or RESOURCE:ITEM=N for quantities; may be repeated.",
    ),
    "package": ("--package", "ID", "Id of a package."),
    "cycle": ("--cycle", "CYCLE", "Billing cycle, in the panel's words."),
}
_COMPLETED: Final[dict[str, Callable[..., Any]]] = {"SERVICE": complete_service, "SERVICE/VM": complete_vm}
_NEED_AN_OPTION: Final = {
    "account.update",
    "services.estimate_upgrade",
    "services.request_upgrade",
    "vms.resize",
}
_OPTIONS_NAMED: Final = 5
FLEET_VERBS: Final = ("start", "stop", "reboot", "resize", "destroy")
# A second word for the VM, which help leaves out: everything else writes SERVICE/VM.
_SECOND_WORD: Final = "second_word"


@attrs.frozen
class Invocation:
    """A command (``title``: noun and verb), its call with values and options, accounts and output."""

    title: str
    verb: Verb
    coroutine: Coroutine
    values: list[Any]
    options: dict[str, Any]
    who: Accounts
    out: OutputOptions

    @property
    def vm(self) -> str:
        """The VM as SERVICE/VM, empty if the call is not about a VM."""
        return "/".join(self.values[:2]) if is_of_vm(self.coroutine) else ""

    @property
    def look(self) -> str:
        """The command that shows the result of a change, quoted for a shell."""
        service = _word(self.values[0]) if self.values else ""
        profile = "".join(f" --profile {_word(name)}" for name in self.who.names)
        return f"aioseflow {self.verb.look.format(vm=_word(self.vm), service=service)}{profile}"


def _word(text: str) -> str:
    return shlex.quote(escape(text, 100))


def is_of_vm(coroutine: Coroutine) -> bool:
    """Whether a coroutine begins with the ids of a service and a VM."""
    return [*coroutine.positional][:2] == ["service_id", "vm_id"]


def parameters_of(coroutine: Coroutine) -> list[inspect.Parameter]:
    """Return the arguments and options of a coroutine, and ``--yes`` if it changes something."""
    parameters = []
    for name, metavar, text, _ in _arguments(coroutine):
        kind = list[str] if _is_mapping(coroutine.positional.get(name)) else str
        # None of them is required by typer: which one is missing is known after the VM's words are counted.
        argument = typer.Argument(
            None, metavar=metavar, help=text, hidden=not text, autocompletion=_COMPLETED.get(metavar)
        )
        parameters.append(parameter(name, kind | None, argument))
    for name, hint in coroutine.options.items():
        flag, metavar, what = _option(name)
        default = ... if coroutine.is_needed(name) else None
        is_number = not _is_mapping(hint) and not _is_text(hint)
        option = typer.Option(default, flag, metavar=metavar, help=what, min=1 if is_number else None)
        type_: Any = list[str] if _is_mapping(hint) else int if is_number else str
        parameters.append(parameter(name, type_ | None, option))
    if coroutine.changes:
        parameters.append(parameter("yes", bool, typer.Option(False, "--yes", "-y", help="Do not ask.")))
    return parameters


def parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    """Return a parameter as typer reads it."""
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def values_of(coroutine: Coroutine, given: dict[str, Any], title: str) -> tuple[list[Any], dict[str, Any]]:
    """Return what a coroutine takes in order and by name, out of what typer read for a command.

    Raises `Refusal`, which names the help of the command.
    """
    try:
        return _positional(coroutine, given), _named(coroutine, given)
    except Refusal as error:
        raise Refusal(error.found, fix=error.fix or f"see aioseflow {title} --help") from None


def _positional(coroutine: Coroutine, given: dict[str, Any]) -> list[Any]:
    arguments = _arguments(coroutine)
    words: list[str] = []
    for name, *_ in arguments:
        word = given.get(name)
        words += word if isinstance(word, list) else [] if word is None else [word]
    if is_of_vm(coroutine):
        words = split(words)
        if len(words) == 1:
            raise Refusal(f"'{escape(words[0])}' needs its service, as in 33301/4001")
    values: list[Any] = []
    for name, hint in coroutine.positional.items():
        if not words:
            missing = next((metavar for argument, metavar, *_ in arguments if argument == name), "SERVICE/VM")
            raise Refusal(f"{missing} is missing")
        if _is_mapping(hint):
            values.append(_mapping(name, words))
            words = []
        else:
            values.append(_checked(name, hint, words.pop(0)))
    if words:
        raise _one_word_too_many(coroutine, "/".join(values[:2]), words[0])
    return values


def _one_word_too_many(coroutine: Coroutine, vm: str, word: str) -> Refusal:
    verb = coroutine.name.partition(".")[2]
    if is_of_vm(coroutine) and verb in FLEET_VERBS:
        both = f"--vm {escape(vm)} --vm {escape(word)}"
        return Refusal(f"{verb} takes one VM", fix=f"for several: aioseflow fleet {verb} {both}")
    return Refusal(f"unexpected argument '{escape(word)}'")


def _named(coroutine: Coroutine, given: dict[str, Any]) -> dict[str, Any]:
    taken = {}
    for name, hint in coroutine.options.items():
        value = given.get(name)
        # typer gives [] for a list that is not given.
        if value is not None and value != []:
            taken[name] = _mapping(name, value) if _is_mapping(hint) else value
    if not taken and coroutine.name in _NEED_AN_OPTION:
        flags = [_option(name)[0] for name in coroutine.options]
        raise Refusal(f"nothing to change; give {listed(flags, _OPTIONS_NAMED)}")
    return taken


def split(words: Sequence[str]) -> list[str]:
    """Return the words with SERVICE/VM, if the first is that, as two. Raises `Refusal`."""
    if not words:
        return []
    service, slash, vm = words[0].partition("/")
    if not slash:
        return [*words]
    if not service or not vm or "/" in vm:
        raise Refusal(f"'{escape(words[0])}' is not SERVICE/VM, as in 33301/4001")
    return [service, vm, *words[1:]]


def example_of(coroutine: Coroutine) -> str:
    """Return the arguments of a coroutine as an example."""
    return " ".join(example for *_, example in _arguments(coroutine)).strip()


def _arguments(coroutine: Coroutine) -> list[tuple[str, str, str, str]]:
    """Return name, metavar, help and example of each argument; one without help is hidden."""
    chapter = coroutine.name.partition(".")[0]
    found = [
        (name, *(_IDS[chapter] if name == "id" else _ARGUMENTS[name]))
        for name in coroutine.positional
        if name != "vm_id"
    ]
    if not is_of_vm(coroutine):
        return found
    return [("vm_id", "SERVICE/VM", _VM, "33301/4001"), *found[1:], (_SECOND_WORD, "VM", "", "")]


def _option(name: str) -> tuple[str, str, str | None]:
    return _OPTIONS.get(name, (f"--{name}", "TEXT", None))


def _mapping(name: str, words: Sequence[str]) -> dict[str, Any]:
    """Return ``KEY=VALUE`` as a dictionary, and of ``resources`` ``KEY:ITEM=QUANTITY`` as one in it."""
    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            form = "IP=HOST, as in 10.16.0.2=mail.example.com" if name == "names" else "KEY=VALUE"
            raise Refusal(f"'{escape(word)}' is not {form}")
        resource, colon, item = key.partition(":")
        inner = found.setdefault(resource, {}) if name == "resources" and colon else found
        if inner is not found:
            key = item
        if not isinstance(inner, dict) or key in inner:
            raise Refusal(f"{escape(word.partition('=')[0])} is given twice")
        inner[key] = value if inner is found else _quantity(value)
    return found


def _quantity(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise Refusal(f"a quantity is a whole number, not '{escape(word)}'") from None


def _checked(name: str, hint: Any, word: str) -> str:
    if get_origin(hint) is Literal and word not in get_args(hint):
        raise Refusal(f"{name} is one of {', '.join(get_args(hint))}, not '{escape(word)}'")
    return word


def _is_mapping(hint: Any) -> bool:
    """Whether a type is a mapping, or one of several that are possible."""
    hints = get_args(hint) if get_origin(hint) is not Mapping else (hint,)
    return any(get_origin(one) is Mapping for one in hints)


def _is_text(hint: Any) -> bool:
    """Whether a value travels as text: ids are text or a number, and sent as they are written."""
    return hint is str or str in get_args(hint)
