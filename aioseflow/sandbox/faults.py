"""Faults of the panel: which requests they hit, how often, and when."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, TypeAlias
from urllib.parse import unquote

import attrs
import orjson

from .chance import Duration, Seed, draw, is_fixed, seconds
from .wire import Json

Kind: TypeAlias = Literal[
    "latency", "reset", "close", "hang", "truncate", "broken_chunk", "html", "status", "throttle",
    "wronglogin", "ipnotallowed", "drop", "drip", "garbage", "empty", "error", "redirect", "stale",
    "answer", "unasked", "odd", "pages", "noise", "charset", "header",
]  # fmt: skip
When: TypeAlias = Literal["before", "after"]

_BEFORE: tuple[When, ...] = ("before",)
_AFTER: tuple[When, ...] = ("after",)
_VM_ROWS = re.compile(r"\A/service/[^/]+/vms(?:/[^/]+)?\Z")


@attrs.frozen(kw_only=True)
class _KindRules:
    """The rules of a kind: when it may happen, and the defaults of its fields.

    `scope` is what it changes: the whole answer, the connection (so that there is no answer), the time, the
    form of any answer, the rows of the right answer, or the list of VMs after a change.
    """

    scope: Literal["answer", "connection", "time", "form", "rows", "list"] = "answer"
    when: tuple[When, ...] = ("before", "after")
    seconds: Duration | None = None
    status: int = 200
    path: str | re.Pattern[str] | None = None
    payload: Json = None
    fields: Mapping[str, Json] | None = None
    size: int | None = None


_KINDS: dict[str, _KindRules] = {
    "latency": _KindRules(scope="time", when=_BEFORE, seconds=0.1),
    "reset": _KindRules(scope="connection"),
    "close": _KindRules(scope="connection"),
    "hang": _KindRules(scope="connection"),
    "garbage": _KindRules(scope="connection"),
    "truncate": _KindRules(when=_AFTER),
    "broken_chunk": _KindRules(when=_AFTER),
    "drop": _KindRules(when=_AFTER),
    "drip": _KindRules(when=_AFTER, seconds=0.2),
    "answer": _KindRules(payload={"success": False, "message": "VM is locked"}),
    "unasked": _KindRules(when=_AFTER, seconds=0.0, payload={"status": True}),
    "throttle": _KindRules(when=_BEFORE, seconds=24),
    "wronglogin": _KindRules(when=_BEFORE),
    "ipnotallowed": _KindRules(when=_BEFORE),
    "html": _KindRules(),
    "status": _KindRules(status=503),
    "empty": _KindRules(),
    "error": _KindRules(),
    "redirect": _KindRules(status=302),
    "stale": _KindRules(scope="list", when=_BEFORE, seconds=1.0),
    "odd": _KindRules(
        scope="rows", when=_AFTER, path=_VM_ROWS, fields={"memory": "512 MB", "locked": "backup"}
    ),
    "pages": _KindRules(scope="rows", when=_AFTER, path="/service/@id/vms", size=1),
    "noise": _KindRules(scope="form", when=_AFTER),
    "charset": _KindRules(scope="form", when=_AFTER),
    "header": _KindRules(scope="form", when=_AFTER, size=9000),
}


def _default(field: str) -> Any:
    """Return the default of a field of `Fault`, which depends on the fault's kind."""
    # The validator of `kind`, which runs later, refuses an unknown kind.
    return attrs.Factory(lambda fault: getattr(_KINDS.get(fault.kind, _KindRules()), field), takes_self=True)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _has_field(fault: Fault, field: attrs.Attribute[Any], value: object) -> None:
    kinds = [kind for kind, rules in _KINDS.items() if getattr(rules, field.name) is not None]
    if value is not None and fault.kind not in kinds:
        raise ValueError(f"a fault of kind {fault.kind!r} has no {field.name}, only {' or '.join(kinds)}")


def _is_json(_fault: Fault, field: attrs.Attribute[Any], value: object) -> None:
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"{field.name} cannot be written as JSON: {error}") from None


@attrs.frozen(eq=False, kw_only=True)
class Fault:
    """A fault, and the requests that it hits.

    The effect, by `kind` (those marked * happen `when="before"` the request takes effect, the default, or
    "after"):

    - `latency`: wait `seconds` first; several add up.
    - `reset`*: the connection is reset (RST). `close`*: it is closed (FIN) without an answer.
    - `hang`*: no answer, for `seconds` if given and then a close, else until the client closes.
    - `truncate`: half a body under a longer Content-Length, then a close. `broken_chunk`: a chunk that breaks
      off.
    - `html`*: a page of a machine in front of the panel: of maintenance with `status` 200 or 5xx, nginx's
      with 403, 404 or another 4xx, or `body`. `status`*: any `status`, with `retry_after` or without.
    - `throttle`: 401 `wait_x_between_action` with whole `seconds`. `wronglogin`, `ipnotallowed`: 401.
    - `drop`: a right answer, then the keep-alive connection is closed; `announced` by `Connection: close`
      or not.
    - `drip`: a right answer whose body takes `seconds` to arrive. `garbage`*: bytes that are not HTTP.
    - `empty`*: 200 and zero bytes. `error`*: an `{"error": codes}` with `status` 200 or another.
    - `answer`*: `payload`, which is any JSON, with `status` 200 or another. By default it means no in other
      words, `{"success": false, "message": "VM is locked"}`; a mere `{"message": "..."}` means neither.
    - `unasked`: a right answer, and `seconds` later (0: immediately) a second one on the same connection:
      `payload` with `status` 200, nothing with a status from 400 on (408), or the bytes of `body`. The
      connection stays open, or with `announced` that answer says `Connection: close` and the connection is
      closed. A request that comes over it within the `seconds` prevents it.
    - `redirect`*: `status` 302 or 307 to `location`, where a login page answers 200.
    - `stale`: match the `GET` of a VM list; for `seconds` after a change in that service the list is the
      old one.
    - `odd`: match the `GET` of a VM list or of one VM; in the row of `vm`, or in all, `fields` replace the
      right values, and `fields=None` makes a row `[]`. `path` may name another list: in `/service` the row
      is that of `service`.
    - `pages`: match the `GET` of a VM list, or of the list at `path`; it is the first page of several, of
      `size` rows, with page numbers in `meta`.
    - `noise`: a PHP warning after the answer, or the bytes of `body`. `charset`: the answer in ISO-8859-1,
      `announced` by its Content-Type or not. `header`: the answer with a header of `size` bytes.

    `latency`, `noise`, `charset` and `header` combine with each other and with any fault that sends an
    answer, `odd` and `pages` with any that sends the right one. Of all others the first decides.

    The requests that it matches: `method`; `path`, relative to the API, where `*` is anything and `@name` one
    segment (or a compiled pattern, searched for); `service` and `vm` ids. Of the matching requests the first
    `after` are spared, at most `times` are hit, each with a `probability` that depends on the seed, the
    method, the path and how often that same request has come, not on time or on other requests.
    """

    kind: Kind = attrs.field(validator=attrs.validators.in_(_KINDS), kw_only=False)
    method: str | None = None
    path: str | re.Pattern[str] | None = attrs.field(default=_default("path"))
    service: str | None = attrs.field(default=None, converter=_text)
    vm: str | None = attrs.field(default=None, converter=_text)
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    when: When = attrs.field()
    name: str = attrs.field(default=attrs.Factory(lambda fault: fault.kind, takes_self=True))
    seconds: Duration | None = attrs.field(default=_default("seconds"))
    status: int = attrs.field(default=_default("status"))
    retry_after: float | str | None = None
    codes: tuple[str | list[str | int], ...] = ("unavailable",)
    body: bytes | None = None
    location: str = "/login"
    announced: bool = False
    payload: Json = attrs.field(default=_default("payload"), validator=[_has_field, _is_json])
    fields: Mapping[str, Json] | None = attrs.field(
        default=_default("fields"), validator=[_has_field, _is_json]
    )
    size: int | None = attrs.field(default=_default("size"), validator=_has_field)

    @when.default
    def _first_possible(self) -> When:
        return _KINDS.get(self.kind, _KindRules()).when[0]

    @when.validator
    def _is_possible(self, _field: object, when: When) -> None:
        possible = self.rules.when
        if when not in possible:
            raise ValueError(f"a {self.kind} fault cannot happen {when!r}, only {' or '.join(possible)}")

    @size.validator
    def _is_large_enough(self, _field: object, size: int | None) -> None:
        if self.rules.size is not None and (size is None or size < 1):
            raise ValueError(f"the size of a {self.kind} fault is at least 1, not {size}")

    @property
    def rules(self) -> _KindRules:
        """The rules of the fault's kind."""
        return _KINDS[self.kind]


@attrs.frozen
class RequestFaults:
    """The faults of one request: a delay, at most one that decides the answer, and those of its form."""

    names: tuple[str, ...]
    delay: float
    fault: Fault | None
    seconds: float | None
    of_form: tuple[Fault, ...] = ()


@attrs.define(eq=False)
class _ActiveFault:
    """A fault in force: how many requests matched it, and how many it has hit."""

    fault: Fault
    key: str
    pattern: re.Pattern[str] | None
    matched: int = 0
    hit: int = 0
    repeats: Counter[tuple[str, str]] = attrs.field(factory=Counter)

    def matches(self, method: str, path: str, service: str | None, vm: str | None) -> bool:
        fault = self.fault
        return (
            (fault.times is None or self.hit < fault.times)
            and (fault.method is None or fault.method == method)
            and (fault.service is None or fault.service == service)
            and (fault.vm is None or fault.vm == vm)
            and (self.pattern is None or self.pattern.search(path) is not None)
        )

    def draw_hit(self, seed: Seed, method: str, path: str) -> float | None:
        """Decide whether a matching request is hit; return the draw for the fault's duration, or None."""
        fault = self.fault
        self.matched += 1
        if self.matched <= fault.after:
            return None
        drawn = 0.0
        if fault.probability < 1 or not (fault.seconds is None or is_fixed(fault.seconds)):
            turn = self.repeats[method, path] = self.repeats[method, path] + 1
            if draw(seed, "fault", self.key, method, path, turn) >= fault.probability:
                return None
            drawn = draw(seed, "seconds", self.key, method, path, turn)
        self.hit += 1
        return drawn


class Faults:
    """The faults in force, in order: the first that hits a request and decides its answer is the only one."""

    def __init__(self, seed: Seed, *faults: Fault) -> None:
        self._seed = seed
        self._active: list[_ActiveFault] = []
        self._added = 0
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Add faults after those in force."""
        for fault in faults:
            pattern = path_pattern(fault.path) if isinstance(fault.path, str) else fault.path
            self._active.append(_ActiveFault(fault, f"{self._added}:{fault.name}", pattern))
            self._added += 1

    def remove(self, fault: Fault) -> None:
        """Remove a fault. Raises `ValueError` for one that is not in force."""
        for active in self._active:
            if active.fault is fault:
                self._active.remove(active)
                return
        raise ValueError(f"not in force: {fault!r}")

    def clear(self) -> None:
        """Remove all faults."""
        self._active.clear()

    def hits(self, fault: Fault) -> int:
        """Return how many requests a fault in force has hit."""
        return sum(active.hit for active in self._active if active.fault is fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter([active.fault for active in self._active])

    def __len__(self) -> int:
        return len(self._active)

    def of_request(self, method: str, path: str) -> RequestFaults | None:
        """Return the faults that hit a request, None for none."""
        service, vm = _ids(path)
        names: list[str] = []
        delay, decisive, time = 0.0, None, None
        for active in self._active:
            fault = active.fault
            scope = fault.rules.scope
            if scope not in ("time", "answer", "connection") or (decisive and scope != "time"):
                continue
            if not active.matches(method, path, service, vm):
                continue
            drawn = active.draw_hit(self._seed, method, path)
            if drawn is None:
                continue
            names.append(fault.name)
            length = None if fault.seconds is None else seconds(fault.seconds, drawn)
            if scope == "time":
                delay += length or 0.0
            else:
                decisive, time = fault, length
        of_form: tuple[Fault, ...] = ()
        if decisive is None or decisive.rules.scope != "connection":
            of_form = tuple(
                active.fault
                for active in self._active
                if active.fault.rules.scope == "form"
                and active.matches(method, path, service, vm)
                and active.draw_hit(self._seed, method, path) is not None
            )
            names += (fault.name for fault in of_form)
        return RequestFaults(tuple(names), delay, decisive, time, of_form) if names else None

    def of_rows(self, path: str, ids: Collection[str]) -> list[tuple[Fault, frozenset[str]]]:
        """Return the faults that hit rows of the right answer to a GET, each with the ids of its rows.

        A row's id is that of the service or the VM that the path does not name.
        """
        service, vm = _ids(path)
        found = []
        for active in self._active:
            fault = active.fault
            if fault.rules.scope != "rows" or (fault.kind == "pages" and len(ids) <= (fault.size or 0)):
                continue
            hit = frozenset(row for row in ids if active.matches("GET", path, service or row, vm or row))
            if hit and active.draw_hit(self._seed, "GET", path) is not None:
                found.append((fault, hit))
        return found

    def stale_seconds(self, service: str) -> float:
        """Return for how many seconds the VM list of a service stays as it was before the next change."""
        path = f"/service/{service}/vms"
        for active in self._active:
            if active.fault.kind == "stale" and active.matches("GET", path, service, None):
                drawn = active.draw_hit(self._seed, "GET", path)
                if drawn is not None and active.fault.seconds is not None:
                    return seconds(active.fault.seconds, drawn)
        return 0.0


def _ids(path: str) -> tuple[str | None, str | None]:
    parts = path.split("/", 5)
    if len(parts) < 3 or parts[1] != "service":
        return None, None
    vm = unquote(parts[4]) if len(parts) > 4 and parts[3] == "vms" else None
    return unquote(parts[2]), vm


def path_pattern(path: str) -> re.Pattern[str]:
    """Return the pattern of a path in which `*` is anything and `@name` one segment."""
    parts = re.split(r"(\*|@\w+)", path)
    ways = (".*" if part == "*" else "[^/]+" if part.startswith("@") else re.escape(part) for part in parts)
    return re.compile(r"\A" + "".join(ways) + r"\Z")
