"""Names, units and words that people write in an expression, and what the language has for them."""

from __future__ import annotations

import ipaddress
import re
from decimal import Decimal
from typing import Final, NamedTuple

from ...models import Service, Vm
from ...models.services import ServiceStatus
from ...models.vms import POWER_WORDS, PowerState
from .fields import BOOLEAN, DATE, NUMBER, TEXT, TEXTS, fields
from .term import quoted

_ALIASES: Final = {
    "label": "name hostname host vm_name vmname vm_label title server server_name servername fqdn",
    "power": "state status power_state powerstate power_status vm_state vm_status running_state",
    "memory": "ram mem memory_mb ram_mb mem_mb",
    "cpus": "cores core cpu vcpu vcpus cpu_count cpu_cores cores_count ncpu",
    "disk": "storage hdd ssd disk_size disksize disk_gb size",
    "ip": "ips ip_address ipaddress ip_addr address addresses addr ipv4",
    "id": "vm vm_id vmid server_id machine machine_id uuid",
    "template": "os image distro distribution operating_system template_name",
    "note": "notes comment comments description",
    "locked": "lock is_locked busy",
    "account": "account_name profile login",
    "service.id": "service service_id serviceid",
    "service.name": "service_name servicename plan product",
    "service.status": "service_status service_state service.state",
    "service.label": "service_label",
    "service.total": "price cost",
    "service.next_due": "due next_due due_date expires",
    "service.date_created": "created created_at date_created",
    "service.domain": "domain",
}
_FIELD_OF: Final = {alias: field for field, aliases in _ALIASES.items() for alias in aliases.split()}
_OF_SERVICE: Final = {"service.title": "service.name", "service.hostname": "service.name"}

_ATTRIBUTE: Final = re.compile(r"(\.(?:as_lower|as_upper|length|to_int)$|\[-?[0-9]+\]$|$)")
_BINARY: Final = 1024
_SIZES: Final = {"k": -1, "m": 0, "g": 1, "t": 2}
"""Powers of 1024 of a megabyte."""
_SECONDS: Final = {
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 3600),
    **dict.fromkeys(("d", "day", "days"), 86400),
    **dict.fromkeys(("w", "week", "weeks"), 604800),
    **dict.fromkeys(("y", "yr", "year", "years"), 31536000),
}
_COUNTS: Final = frozenset({"core", "cores", "cpu", "cpus", "vcpu", "vcpus"})
_NUMBER: Final = re.compile(r"(-?[0-9]{1,15}(?:\.[0-9]{1,6})?|[0-9]{1,3}(?:[,_ '][0-9]{3})+)\s*([A-Za-z%]*)")
_YES: Final = frozenset({"true", "yes", "y", "on", "1"})
_NO: Final = frozenset({"false", "no", "n", "off", "0"})


class NamedField(NamedTuple):
    """A field as the language writes it, and its type."""

    shown: str
    kind: str


def alias_of(name: str) -> str | None:
    """Return the field that people mean by a name of another program; None for a name that is none."""
    lower = name.lower().replace("-", "_").removeprefix("vm.")
    return _OF_SERVICE.get(lower) or _FIELD_OF.get(lower)


def field_of(name: str) -> NamedField | None:
    """Return the field that a name means: the name itself, with other capitals, or an alias of it."""
    base, attribute, _ = re.split(
        r"(\.(?:as_lower|as_upper|length|to_int)$|\[-?[0-9]+\]$|$)", name, maxsplit=1
    )
    for candidate in (base, base.lower(), alias_of(base)):
        kind = None if candidate is None else _kind_of(candidate)
        if kind is not None and candidate is not None:
            if attribute:
                kind = NUMBER if attribute in (".length", ".to_int") else TEXT
            return NamedField(candidate + attribute, kind)
    return None


def _kind_of(name: str) -> str | None:
    if name == "account":
        return TEXT
    owner, _, rest = name.partition(".")
    found = fields(Service).get(rest) if owner == "service" else fields(Vm).get(name.removeprefix("vm."))
    return None if found is None else found.kind


def unit_of(field: str) -> str:
    """Return the unit of a number field, for a message; empty where it has none, or the panel's own."""
    name = field.removeprefix("vm.")
    if name.endswith("percent") or name == "cpu_share":
        return "percent"
    return {"memory": "MB", "burstmem": "MB", "disk": "GB", "uptime": "seconds"}.get(name, "")


def plain_number(text: str, field: str) -> str | None:
    """Return a number with a unit (``4GB``, ``30d``, ``80%``, ``4,096``) as the number that a field has.

    None for a text that is no such number, and for a unit that the field cannot have.
    """
    matched = _NUMBER.fullmatch(text.strip())
    if matched is None:
        return None
    number, unit = Decimal(re.sub(r"[,_ ']", "", matched[1])), matched[2].lower()
    own, size = unit_of(field), re.fullmatch(r"([kmgt])(?:i?b)?", unit)
    if not unit:
        pass
    elif own in ("MB", "GB") and size is not None:
        number *= Decimal(_BINARY) ** (_SIZES[size[1]] - (own == "GB"))
    elif own == "seconds" and unit in _SECONDS:
        number *= _SECONDS[unit]
    elif not (
        (own == "percent" and unit in ("%", "percent")) or (field.endswith("cpus") and unit in _COUNTS)
    ):
        return None
    return f"{number.normalize():f}"


def literal_for(text: str, field: NamedField, *, is_pattern: bool = False) -> str | None:
    """Return a value without quotes as a literal of the type of a field; None where it cannot be one."""
    text = text.strip()
    lower = text.lower()
    if field.shown.removeprefix("vm.") == "power" and not is_pattern:
        state = PowerState.read(text)
        return None if state is PowerState.UNKNOWN and lower != "unknown" else quoted(state.value)
    if field.shown == "service.status" and not is_pattern:
        known = {str(word).lower(): str(word) for word in ServiceStatus}
        return quoted(known.get(lower, text))
    if field.kind == NUMBER:
        return plain_number(text, field.shown)
    if field.kind == BOOLEAN:
        return "true" if lower in _YES else "false" if lower in _NO else None
    if field.kind == DATE:
        dated = re.fullmatch(r'd?"?([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})"?', text)
        return None if dated is None else f'd"{dated[1]}-{int(dated[2]):02}-{int(dated[3]):02}"'
    return quoted(text) if field.kind in (TEXT, TEXTS) and text else None


def condition_of(word: str) -> str | None:
    """Return the condition that a word alone means: a power state, an id, an address, a label."""
    lower = word.lower().replace("_", " ").replace("-", " ")
    if lower in POWER_WORDS and not lower.isdigit():
        return f"power == {quoted(POWER_WORDS[lower].value)}"
    status = next((str(one) for one in ServiceStatus if str(one).lower() == lower), None)
    if status is not None:
        return f"service.status == {quoted(status)}"
    if lower in ("unlocked", "free"):
        return "not locked"
    if word.isascii() and word.isdigit():
        return f"id == {quoted(word)}"
    try:
        return f"{quoted(str(ipaddress.ip_address(word)))} in ip"
    except ValueError:
        return f"label == {quoted(word)}" if re.fullmatch(r"[\w.-]*[-0-9][\w.-]*", word) else None


def pattern_of_glob(text: str) -> tuple[str, str] | None:
    """Return operator and pattern for ``web-*`` of a shell, or ``%db`` of SQL; None for another text."""
    has_percent = re.search(r"^%.|.%$", text) and not re.search(r"\s|[0-9]%", text)
    body = text.replace("%", "*") if has_percent else text
    if "*" not in body and ("?" not in body or re.search(r"\s", body)):
        return None
    if re.search(r"\.[*+]|\\|\^|\$$", body):
        return "=~", body  # a regular expression already
    starts, ends = body.endswith("*"), body.startswith("*")
    pattern = escaped(body.strip("*")).replace(r"\*", ".*").replace(r"\?", ".")
    if starts and ends:
        return "=~~", pattern
    return "=~", (".*" if ends else "") + pattern + (".*" if starts else "$")


def glob_for_pattern(text: str) -> str | None:
    """Return the pattern that is meant by one in which ``*`` repeats a letter (``web-*``), or nothing.

    At the end of such a pattern ``*`` changes nothing, because a match need not go to the end of the text.
    """
    if re.fullmatch(r"[\w -]+\*", text):
        return f"{text[:-1]}.*"
    return f".{text}" if re.fullmatch(r"\*[\w -]+", text) else None


def escaped(text: str) -> str:
    """Return a pattern that matches this text, as people would write it."""
    return re.sub(r"\\([- ])", r"\1", re.escape(text))


def pattern_literal(text: str) -> str:
    """Return a pattern as a literal."""
    return f'r"{text}"' if "\\" in text and '"' not in text else quoted(text)
