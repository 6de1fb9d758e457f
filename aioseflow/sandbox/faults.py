"""What goes wrong, where and how often: scripted, seeded, by route."""

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

_EITHER: tuple[When, ...] = ("before", "after")
_WHEN: dict[str, tuple[When, ...]] = {
    "latency": ("before",),
    "reset": _EITHER,
    "close": _EITHER,
    "hang": _EITHER,
    "truncate": ("after",),
    "broken_chunk": ("after",),
    "html": _EITHER,
    "status": _EITHER,
    "throttle": ("before",),
    "wronglogin": ("before",),
    "ipnotallowed": ("before",),
    "drop": ("after",),
    "drip": ("after",),
    "garbage": _EITHER,
    "empty": _EITHER,
    "error": _EITHER,
    "redirect": _EITHER,
    "stale": ("before",),
    "answer": _EITHER,
    "unasked": ("after",),
    "odd": ("after",),
    "pages": ("after",),
    "noise": ("after",),
    "charset": ("after",),
    "header": ("after",),
}
_OF_ROWS = frozenset({"odd", "pages"})
_OF_FORM = frozenset({"noise", "charset", "header"})
_NO_ANSWER = frozenset({"reset", "close", "hang", "garbage"})
_LATER = _OF_ROWS | _OF_FORM | {"stale"}
_DEFAULT_SECONDS: dict[str, Duration] = {
    "latency": 0.1,
    "throttle": 24,
    "drip": 0.2,
    "stale": 1.0,
    "unasked": 0.0,
}
_DEFAULT_STATUS = {"html": 200, "status": 503, "redirect": 302, "error": 200}
_DEFAULT_SIZE = {"pages": 1, "header": 9000}
_DEFAULT_PATH: dict[str, str | re.Pattern[str]] = {
    "odd": re.compile(r"\A/service/[^/]+/vms(?:/[^/]+)?\Z"),
    "pages": "/service/@id/vms",
}
_TAKEN_BY = {"payload": ("answer", "unasked"), "fields": ("odd",), "size": ("pages", "header")}


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _is_taken(fault: Fault, field: attrs.Attribute[Any], value: object) -> None:
    kinds = _TAKEN_BY[field.name]
    if value is not None and fault.kind not in kinds:
        raise ValueError(f"a fault of kind {fault.kind!r} has no {field.name}, only {' or '.join(kinds)}")


def _is_json(_fault: Fault, field: attrs.Attribute[Any], value: object) -> None:
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"{field.name} cannot be written as JSON: {error}") from None


@attrs.frozen(eq=False, kw_only=True)
class Fault:
    """One thing that goes wrong with the requests it matches.

    What it does, by `kind` (those marked * happen `when="before"` the request takes effect, the default, or
    "after"):

    - `latency`: wait `seconds` first; several add up.
    - `reset`*: the connection is reset (RST). `close`*: it is closed (FIN) without an answer.
    - `hang`*: no answer, for `seconds` if given and then a close, else until the client goes.
    - `truncate`: half a body under a longer Content-Length, then a close. `broken_chunk`: a chunk that breaks
      off.
    - `html`*: a page of a machine in front: of maintenance with `status` 200 or 5xx, nginx's own with 403,
      404 or another 4xx, or `body`. `status`*: any `status`, with `retry_after` or without.
    - `throttle`: 401 `wait_x_between_action` with whole `seconds`. `wronglogin`, `ipnotallowed`: 401.
    - `drop`: a right answer, then the keep-alive connection is closed; `announced` by `Connection: close`
      or not.
    - `drip`: a right answer whose body takes `seconds` to arrive. `garbage`*: bytes that are not HTTP.
    - `empty`*: 200 and zero bytes. `error`*: an `{"error": codes}` with `status` 200 or another.
    - `answer`*: `payload`, which is any JSON, with `status` 200 or another. By default it is a "no" in other
      words, `{"success": false, "message": "VM is locked"}`; a mere `{"message": "..."}` says neither.
    - `unasked`: a right answer, and `seconds` later (0: right behind it) one too many on the same connection:
      `payload` with `status` 200, nothing with one from 400 on (408), or the bytes of `body`. The connection
      stays open, or with `announced` that answer says `Connection: close` and it is closed. A request that
      comes over it within the `seconds` prevents it.
    - `redirect`*: `status` 302 or 307 to `location`, where a login page answers 200.
    - `stale`: match the `GET` of a VM list; for `seconds` after a change in that service the list is the
      old one.
    - `odd`: match the `GET` of a VM list or of one VM; in the row of `vm`, or in all, `fields` replace what
      is right, and `fields=None` makes a row `[]`. `path` may name another list: in `/service` the row is
      that of `service`.
    - `pages`: match the `GET` of a VM list, or of the list at `path`; it is the first page of several, of
      `size` rows, and says so in `meta`.
    - `noise`: a PHP warning behind the answer, or the bytes of `body`. `charset`: the answer in ISO-8859-1,
      `announced` by its Content-Type or not. `header`: the answer with a header of `size` bytes.

    `latency`, `noise`, `charset` and `header` go together with each other and with any fault that sends an
    answer, `odd` and `pages` with any that sends the right one. Of all others the first decides.

    When it applies: `method`; `path`, relative to the API, where `*` is anything and `@name` one segment
    (or a compiled pattern, searched for); `service` and `vm` ids. Of the matching requests the first
    `after` are spared, at most `times` are hit, each with a `probability` that depends on the seed, the
    method, the path and how often that same request has come, not on time or on other requests.
    """

    kind: Kind = attrs.field(validator=attrs.validators.in_(_WHEN), kw_only=False)
    method: str | None = None
    path: str | re.Pattern[str] | None = attrs.field()
    service: str | None = attrs.field(default=None, converter=_text)
    vm: str | None = attrs.field(default=None, converter=_text)
    times: int | None = None
    after: int = 0
    probability: float = 1.0
    when: When = attrs.field()
    name: str = attrs.field()
    seconds: Duration | None = attrs.field()
    status: int = attrs.field()
    retry_after: float | str | None = None
    codes: tuple[str | list[str | int], ...] = ("unavailable",)
    body: bytes | None = None
    location: str = "/login"
    announced: bool = False
    payload: Json = attrs.field(validator=[_is_taken, _is_json])
    fields: Mapping[str, Json] | None = attrs.field(validator=[_is_taken, _is_json])
    size: int | None = attrs.field(validator=_is_taken)

    @when.default
    def _first_possible(self) -> When:
        # An unknown kind is told by its validator, which runs later.
        return _WHEN.get(self.kind, _EITHER)[0]

    @when.validator
    def _is_possible(self, _field: object, when: When) -> None:
        if when not in _WHEN[self.kind]:
            raise ValueError(
                f"a {self.kind} fault cannot happen {when!r}, only {' or '.join(_WHEN[self.kind])}"
            )

    @name.default
    def _its_kind(self) -> str:
        return self.kind

    @seconds.default
    def _usual_seconds(self) -> Duration | None:
        return _DEFAULT_SECONDS.get(self.kind)

    @status.default
    def _usual_status(self) -> int:
        return _DEFAULT_STATUS.get(self.kind, 200)

    @path.default
    def _usual_path(self) -> str | re.Pattern[str] | None:
        return _DEFAULT_PATH.get(self.kind)

    @payload.default
    def _usual_payload(self) -> Json:
        if self.kind == "unasked":
            return {"status": True}
        return {"success": False, "message": "VM is locked"} if self.kind == "answer" else None

    @fields.default
    def _usual_fields(self) -> Mapping[str, Json] | None:
        return {"memory": "512 MB", "locked": "backup"} if self.kind == "odd" else None

    @size.default
    def _usual_size(self) -> int | None:
        return _DEFAULT_SIZE.get(self.kind)

    @size.validator
    def _is_large_enough(self, _field: object, size: int | None) -> None:
        if self.kind in _DEFAULT_SIZE and (size is None or size < 1):
            raise ValueError(f"the size of a {self.kind} fault is at least 1, not {size}")


@attrs.frozen
class RequestFaults:
    """What goes wrong with one request: a delay, at most one fault that decides the answer, and its form."""

    names: tuple[str, ...]
    delay: float
    fault: Fault | None
    seconds: float | None
    of_form: tuple[Fault, ...] = ()


@attrs.define(eq=False)
class _ActiveFault:
    fault: Fault
    key: str
    pattern: re.Pattern[str] | None
    seen: int = 0
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
        """The duration's draw if this matching request is hit, else None."""
        fault = self.fault
        self.seen += 1
        if self.seen <= fault.after:
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
    """The faults in force, in order: of those that decide an answer the first that draw_hit does."""

    def __init__(self, seed: Seed, *faults: Fault) -> None:
        self._seed = seed
        self._armed: list[_ActiveFault] = []
        self._added = 0
        self.add(*faults)

    def add(self, *faults: Fault) -> None:
        """Put faults in force, after those that are."""
        for fault in faults:
            pattern = path_pattern(fault.path) if isinstance(fault.path, str) else fault.path
            self._armed.append(_ActiveFault(fault, f"{self._added}:{fault.name}", pattern))
            self._added += 1

    def remove(self, fault: Fault) -> None:
        """Take a fault out of force; one that is not in force is a ValueError."""
        for armed in self._armed:
            if armed.fault is fault:
                self._armed.remove(armed)
                return
        raise ValueError(f"not in force: {fault!r}")

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self._armed.clear()

    def hits(self, fault: Fault) -> int:
        """How many requests a fault in force has hit."""
        return sum(armed.hit for armed in self._armed if armed.fault is fault)

    def __iter__(self) -> Iterator[Fault]:
        return iter([armed.fault for armed in self._armed])

    def __len__(self) -> int:
        return len(self._armed)

    def of_request(self, method: str, path: str) -> RequestFaults | None:
        """What goes wrong with this request; None for nothing."""
        service, vm = _ids(path)
        names: list[str] = []
        delay, decisive, time = 0.0, None, None
        for armed in self._armed:
            fault = armed.fault
            if fault.kind in _LATER or (decisive and fault.kind != "latency"):
                continue
            if not armed.matches(method, path, service, vm):
                continue
            drawn = armed.draw_hit(self._seed, method, path)
            if drawn is None:
                continue
            names.append(fault.name)
            length = None if fault.seconds is None else seconds(fault.seconds, drawn)
            if fault.kind == "latency":
                delay += length or 0.0
            else:
                decisive, time = fault, length
        of_form: tuple[Fault, ...] = ()
        if decisive is None or decisive.kind not in _NO_ANSWER:
            of_form = tuple(
                armed.fault
                for armed in self._armed
                if armed.fault.kind in _OF_FORM
                and armed.matches(method, path, service, vm)
                and armed.draw_hit(self._seed, method, path) is not None
            )
            names += (fault.name for fault in of_form)
        return RequestFaults(tuple(names), delay, decisive, time, of_form) if names else None

    def of_rows(self, path: str, ids: Collection[str]) -> list[tuple[Fault, frozenset[str]]]:
        """What goes wrong with the rows of a right answer to a GET: the faults, and the ids of their rows.

        A row's id stands for the service or the VM that the path does not name.
        """
        service, vm = _ids(path)
        struck = []
        for armed in self._armed:
            fault = armed.fault
            if fault.kind not in _OF_ROWS or (fault.kind == "pages" and len(ids) <= (fault.size or 0)):
                continue
            hit = frozenset(row for row in ids if armed.matches("GET", path, service or row, vm or row))
            if hit and armed.draw_hit(self._seed, "GET", path) is not None:
                struck.append((fault, hit))
        return struck

    def stale_seconds(self, service: str) -> float:
        """How long the VM list of a service stays as it was before the change that comes now; mostly 0."""
        path = f"/service/{service}/vms"
        for armed in self._armed:
            if armed.fault.kind == "stale" and armed.matches("GET", path, service, None):
                drawn = armed.draw_hit(self._seed, "GET", path)
                if drawn is not None and armed.fault.seconds is not None:
                    return seconds(armed.fault.seconds, drawn)
        return 0.0


def _ids(path: str) -> tuple[str | None, str | None]:
    parts = path.split("/", 5)
    if len(parts) < 3 or parts[1] != "service":
        return None, None
    vm = unquote(parts[4]) if len(parts) > 4 and parts[3] == "vms" else None
    return unquote(parts[2]), vm


def path_pattern(path: str) -> re.Pattern[str]:
    """A path with `*` for anything and `@name` for one segment, as a pattern."""
    parts = re.split(r"(\*|@\w+)", path)
    ways = (".*" if part == "*" else "[^/]+" if part.startswith("@") else re.escape(part) for part in parts)
    return re.compile(r"\A" + "".join(ways) + r"\Z")
