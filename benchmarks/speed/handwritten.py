"""Reading VMs by hand, by somebody who does not trust PHP: what `decode` is measured beside.

The same conversions as `aioseflow.Vm` does for the ten fields that the server sends, unknown keys kept, to a
plain slotted class. A value that is none of what it should be is a ValueError, without a word on where.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from aioseflow import PowerState

_POWER: Final = {
    **dict.fromkeys(["running", "online", "active", "started", "on", "up", "true", "1"], PowerState.RUNNING),
    **dict.fromkeys(["stopped", "offline", "off", "down", "halted", "false", "0"], PowerState.STOPPED),
}
_FLAGS: Final = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False}
_KNOWN: Final = frozenset(
    ["id", "label", "status", "locked", "memory", "cpus", "disk", "template_label", "ip", "uptime"]
)


class HandVm:
    """A virtual machine."""

    __slots__ = (
        "cpus", "disk", "extra", "id", "ip_texts", "label", "locked", "memory", "power", "power_word",
        "template_label", "uptime",
    )  # fmt: skip

    def __init__(
        self,
        id: str,  # noqa: A002
        label: str | None,
        power: PowerState,
        power_word: str | None,
        locked: bool | None,
        memory: int | None,
        cpus: int | None,
        disk: Decimal | None,
        template_label: str | None,
        uptime: int | str | None,
        ip_texts: tuple[str, ...],
        extra: dict[str, Any],
    ) -> None:
        self.id = id
        self.label = label
        self.power = power
        self.power_word = power_word
        self.locked = locked
        self.memory = memory
        self.cpus = cpus
        self.disk = disk
        self.template_label = template_label
        self.uptime = uptime
        self.ip_texts = ip_texts
        self.extra = extra


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _whole(value: Any) -> int | None:
    return None if value is None or value == "" else int(value)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None or value == "" else Decimal(str(value))


def _flag(value: Any) -> bool | None:
    if value is True or value is False:
        return value
    return _FLAGS.get(str(value).lower())


def _uptime(value: Any) -> int | str | None:
    try:
        return _whole(value)
    except ValueError:
        return str(value)


def read(said: dict[str, Any]) -> HandVm:
    """One VM of its parsed JSON."""
    identity = str(said["id"])
    if not identity:
        raise ValueError("a VM without an id")
    word = said.get("status")
    return HandVm(
        identity,
        _text(said.get("label")),
        PowerState.UNKNOWN if word is None else _POWER.get(str(word).lower(), PowerState.UNKNOWN),
        _text(word),
        _flag(said.get("locked")),
        _whole(said.get("memory")),
        _whole(said.get("cpus")),
        _decimal(said.get("disk")),
        _text(said.get("template_label")),
        _uptime(said.get("uptime")),
        tuple([text.strip() for text in said.get("ip") or ()]),
        {key: value for key, value in said.items() if key not in _KNOWN},
    )


def read_list(payload: dict[str, Any]) -> list[HandVm]:
    """An answer of ``GET …/vms``."""
    return [read(said) for said in payload["vms"]]
