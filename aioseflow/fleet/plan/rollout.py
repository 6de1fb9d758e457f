"""`Rollout`: in which order and how many at once a run acts on its targets, and when it stops.

Pure data and arithmetic. Percentages are exact fractions, never floats: 7 % of 100 is 7.
"""

from __future__ import annotations

import difflib
import heapq
import math
import re
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from ...errors import InvalidArgument
from ...models import Service, Vm

K = TypeVar("K")
T = TypeVar("T")
HealthCheck: TypeAlias = Callable[[Service, Vm], Awaitable[bool]]
"""Returns whether a VM is healthy; a check that raises or never answers has not seen it healthy."""

Size: TypeAlias = int | str
"""A number of VMs (``3``) or an exact share of them (``"10%"``, ``"12.5%"``)."""

_PERCENTAGE: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?) ?%", re.ASCII)


@attrs.frozen
class Share:
    """A checked `Size`: one of ``count`` (VMs) and ``fraction`` (of 1) is set."""

    count: int | None = None
    fraction: Fraction | None = None

    @classmethod
    def parse(cls, value: object, name: str, *, least: int = 1) -> Share:
        """Return the share of a size. ``least`` is the smallest count; with 1, ``"0%"`` is refused, too.

        Raises:
            InvalidArgument: the value is no size; ``name`` is the argument.
        """
        wrong = partial(_wrong, name, value)
        if isinstance(value, str):
            match = _PERCENTAGE.fullmatch(value.strip())
            fraction = None if match is None else Fraction(match[1]) / 100
            if fraction is None:
                raise wrong("takes a number of VMs (3) or a percentage (12.5%)")
            if fraction > 1:
                raise wrong("takes at most 100%")
            if least > 0 and not fraction:
                raise wrong("takes more than 0%")
            return cls(fraction=fraction)
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong("takes a number of VMs (3) or a percentage (12.5%)")
        if value < least:
            raise wrong(f"takes at least {least}")
        return cls(count=value)

    def to_size(self) -> Size:
        """Return the inverse of `parse`: a number, or a text such as ``"10%"``."""
        if self.fraction is None:
            return self.count or 0
        percent = Decimal(self.fraction.numerator) * 100 / self.fraction.denominator
        return f"{percent:f}%"

    def limit(self, total: int) -> Fraction | int:
        """Return the exact number of VMs of ``total``, which need not be whole."""
        return total * self.fraction if self.fraction is not None else self.count or 0

    def of(self, total: int, *, least: int = 0) -> int:
        """Return the number of VMs of ``total``: rounded down, but at least ``least``."""
        return max(least, math.floor(self.limit(total)))


def _wrong(argument: str, value: object, takes: str) -> InvalidArgument:
    return InvalidArgument(f"{argument} {takes}, not {value!r:.60}", argument=argument)


def _size(least: int) -> Callable[[Any, attrs.Attribute[Any], object], None]:
    def check(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is not None:
            Share.parse(value, attribute.name, least=least)

    return check


def _whole(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(attribute.name, value, "takes a whole number, or None for no limit")
    if value < 1:
        raise _wrong(attribute.name, value, "takes at least 1")


def _seconds(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise _wrong(attribute.name, value, "takes more than 0 seconds")


def _pause(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise _wrong(attribute.name, value, "takes 0 or more seconds")


def _tuple(value: Any) -> Any:
    """Return a sequence as a tuple, and anything else as it is, for the validator to refuse."""
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray)
    return tuple(value) if is_sequence else value


def _batches(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if not isinstance(value, tuple):
        raise _wrong("batches", value, 'takes a list of sizes (["10%", "50%"])')
    if not value:
        raise _wrong("batches", value, "takes at least one size, or None for one batch of all VMs")
    for size in value:
        Share.parse(size, "batches")


def _callable(instance: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise _wrong("healthy", value, "takes an async function (service, vm) -> bool")


@attrs.frozen(kw_only=True)
class Rollout:
    """How many targets a run acts on at once, and when it stops. Raises `InvalidArgument` for wrong values.

    A size is a number of VMs, or a percentage of the VMs that something is done to.

    Attributes:
        canary: the first batch; a percentage is rounded down, at least 1 VM.
        batches: the batches after it, as Ansible's ``serial``: each is the size of one batch (a percentage is
            one of *all* targets, rounded down, at least 1 VM); the last repeats until no target is left.
        window: VMs that may be begun and not yet finished (settled and healthy) at once; None is no limit,
            but with ``max_failures`` or ``healthy`` it is four times the accounts' requests in flight.
        max_failures: failures of the run and of each batch that are allowed: nothing new starts once they
            *exceed* it; 0 means that the first failure stops the run. ``failed`` and ``unknown`` count. A
            percentage is not rounded.
        max_unavailable: VMs of the run's services that may be down at once, including those that are down for
            other reasons; a percentage is one of all selected VMs, rounded down, at least 1.
        max_down_per_service: VMs of each service that the run may have taken down at once; one that is not
            seen running again keeps its place. Only for actions that bring their VMs back.
        per_service: requests in flight for each service, which says nothing of how many VMs are down.
        same_cause: how many of the last outcomes of a service may be refusals for one cause (quota, locked,
            not permitted) before the rest of that service is not attempted: with 5, five of the last six,
            with 8, eight of the last ten. None switches it off.
        pause_between: seconds between batches.
        deadline: seconds for the run; nothing new starts after it.
        progress_deadline: seconds without any VM finishing; nothing new starts after it.
        healthy: whether a VM that has settled serves again; a batch is done when all of it is healthy.
    """

    canary: Size | None = attrs.field(default=None, validator=_size(1))
    batches: Sequence[Size] | None = attrs.field(default=None, converter=_tuple, validator=_batches)
    window: int | None = attrs.field(default=None, validator=_whole)
    max_failures: Size | None = attrs.field(default=None, validator=_size(0))
    max_unavailable: Size | None = attrs.field(default=None, validator=_size(1))
    max_down_per_service: int | None = attrs.field(default=None, validator=_whole)
    per_service: int | None = attrs.field(default=None, validator=_whole)
    same_cause: int | None = attrs.field(default=5, validator=_whole)
    pause_between: float = attrs.field(default=0.0, validator=_pause)
    deadline: float | None = attrs.field(default=None, validator=_seconds)
    progress_deadline: float | None = attrs.field(default=None, validator=_seconds)
    healthy: Callable[[Service, Vm], Awaitable[bool]] | None = attrs.field(default=None, validator=_callable)

    @cached_property
    def _failures(self) -> Share | None:
        return None if self.max_failures is None else Share.parse(self.max_failures, "max_failures", least=0)

    @cached_property
    def _unavailable(self) -> Share | None:
        return None if self.max_unavailable is None else Share.parse(self.max_unavailable, "max_unavailable")

    @property
    def has_batches(self) -> bool:
        """Whether targets are acted on batch by batch."""
        return self.canary is not None or self.batches is not None

    def needs_everything(self) -> bool:
        """Whether all targets must be known before the first is acted on."""
        return self.has_batches or self.max_unavailable is not None or isinstance(self.max_failures, str)

    @property
    def paces(self) -> bool:
        """Whether its rules, and not the panel, decide how many VMs a second a run acts on."""
        named = (self.window, self.max_unavailable, self.max_down_per_service, self.per_service)
        return self.has_batches or any(each is not None for each in named)

    @property
    def waits_for_return(self) -> bool:
        """Whether a VM that was down for a while is finished only when it serves again."""
        named = (self.window, self.healthy, self.max_failures, self.max_down_per_service)
        return self.needs_everything() or any(each is not None for each in named)

    def sizes(self, total: int) -> tuple[int, ...]:
        """Return the sizes of the batches of ``total`` targets, canary first; each is at least 1."""
        sizes: list[int] = []
        left = total
        if self.canary is not None:
            sizes.append(min(left, Share.parse(self.canary, "canary").of(total, least=1)))
            left -= sizes[-1]
        steps = [Share.parse(size, "batches").of(total, least=1) for size in self.batches or (left or 1,)]
        for step in steps:
            sizes.append(min(left, step))
            left -= sizes[-1]
        if left > 0:
            whole, rest = divmod(left, steps[-1])
            sizes += [steps[-1]] * whole
            sizes.append(rest)
        return tuple(size for size in sizes if size > 0)

    def is_too_many(self, failures: int, of: int) -> bool:
        """Whether these failures of ``of`` VMs (of the run or of a batch) exceed ``max_failures``."""
        return self._failures is not None and failures > self._failures.limit(of)

    def failures_allowed(self, total: int) -> int | None:
        """Return how many of ``total`` VMs may fail without stopping the run; None is no limit."""
        return None if self._failures is None else self._failures.of(total)

    def unavailable_allowed(self, total: int) -> int | None:
        """Return how many VMs may be down at once in a run of ``total`` targets; None is no limit."""
        return None if self._unavailable is None else self._unavailable.of(total, least=1)

    def to_document(self) -> dict[str, Any]:
        """Return all fields but ``healthy`` as JSON values, for `from_document`."""
        document = {name: getattr(self, name) for name in _STORED}
        if self.batches is not None:
            document["batches"] = list(self.batches)
        return document

    @classmethod
    def from_document(cls, document: object) -> Rollout:
        """Return the rollout that `to_document` described, without ``healthy``. Raises `InvalidArgument`."""
        if not isinstance(document, Mapping):
            raise InvalidArgument(
                f"a stored rollout is an object of its fields, not {document!r:.60}", argument="document"
            )
        for name in document:
            if name not in _STORED:
                near = difflib.get_close_matches(str(name), _STORED, n=1)
                hint = f"did you mean {near[0]!r}" if near else f"there are {', '.join(_STORED)}"
                raise InvalidArgument(f"a rollout has no field {name!r:.60}; {hint}", argument="document")
        return cls(**document)


_STORED: Final = tuple(field.name for field in attrs.fields(Rollout) if field.name != "healthy")


NO_ROLLOUT: Final = Rollout(same_cause=None)
"""The rules of a run that was given no rollout: none."""


def check_limit(limit: object) -> None:
    """Raise `InvalidArgument` unless it is a whole number of at least 1, or None."""
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise _wrong("limit", limit, "takes a whole number of at least 1, or None for no limit")


def interleave(remaining: Mapping[K, int]) -> Iterator[K]:
    """Yield the key of the service to take each next target from: always one with the most targets left.

    Of equals, the one whose turn was longest ago comes first, then the one named first. Each key comes as
    often as its count; a step costs O(log services).
    """
    heap = [(-left, -1, place, key) for place, (key, left) in enumerate(remaining.items()) if left > 0]
    heapq.heapify(heap)
    turn = 0
    while heap:
        left, _, place, key = heap[0]
        # No two entries share a place, so that keys are never compared.
        if left < -1:
            heapq.heapreplace(heap, (left + 1, turn, place, key))
        else:
            heapq.heappop(heap)
        turn += 1
        yield key


def in_order(items: Iterable[T], place_of: Callable[[T], tuple[str, str]]) -> Iterator[T]:
    """Yield items in the order in which they are begun: always of a service with the most items left."""
    queues: dict[tuple[str, str], deque[T]] = {}
    for item in items:
        queues.setdefault(place_of(item), deque()).append(item)
    return (queues[key].popleft() for key in interleave({key: len(queue) for key, queue in queues.items()}))


def worst_down(
    shares: Sequence[int],
    *,
    down: int,
    stays_down: bool,
    seen: bool = True,
    window: int | None = None,
    failures: int | None = None,
    max_unavailable: int | None = None,
    of_service: int | None = None,
) -> int:
    """Return the most VMs of one service that can be down at the same moment because of the run.

    Limits of requests (``per_service``, the account's concurrency) limit nothing here: a VM stays down after
    its call was answered. A VM whose step failed may stay down, and still counts.

    Args:
        shares: of each batch in turn, how many VMs of the service are up and will be taken down.
        down: how many VMs of the service are down already.
        stays_down: whether the VM is off at the end (stop, destroy) or comes back (reboot, stop and start).
        seen: whether a VM that comes back counts as finished only when it is seen up (settled, or healthy);
            a reboot without a health check does not, and then neither window nor batches hold it up.
        window: VMs begun and not finished at once, None without a limit.
        failures: how many may fail without the run being stopped, None without a limit.
        max_unavailable: how many VMs of the run's services may be down for a further one to be taken down.
        of_service: how many VMs of the service the run may have taken down at once.
    """
    targets = sum(shares)
    worst = targets
    if not stays_down and seen and failures is not None:
        worst = before = 0
        for share in shares:
            before += share
            begun = share if window is None else min(share, window)
            # Of all begun so far: those that failed, and those still on their way.
            worst = max(worst, min(before, failures + begun))
    worst = down + (worst if of_service is None else min(worst, of_service))
    return worst if max_unavailable is None else min(worst, max(down, max_unavailable))
