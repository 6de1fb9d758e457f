"""A plan as text for people, in a given width; nothing in it steers a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

from ...text import cells, cut, duration, escape, quantity, wrap
from ..report.headline import split
from ..report.report_text import no_vms
from ..report.vm_names import fold
from .plan import Plan
from .planned_vm import PlannedLoss

OptionName: TypeAlias = Callable[[str], str]

_WIDTH: Final = 100
_NARROWEST: Final = 60
_SERVICES: Final = 30
"""Services, those with most to do first, that get a row of their own."""
_LABEL: Final = 30
"""Characters of a service's name that reasons may not take for their columns."""
_LINES: Final = 20
_NAMES: Final = 40
_FOLDED: Final = 5
"""Lines of one sentence or list of names."""


def page(plan: Plan, width: int = _WIDTH, *, option: OptionName = str) -> str:
    """Return the text of ``str(plan)``, in at most so many columns (at least 60).

    Args:
        option: how an option is called, by the name of the argument (``"max_failures"``).
    """
    width = max(_NARROWEST, width)
    lines = [_title(plan)]
    if plan.vms:
        lines += ["", *_table(plan, width)]
    lines += ["", *_expected(plan, width, option)]
    skipped = [*_skipped(plan, width)]
    if skipped:
        lines += ["", f"Skipped: {quantity(len(plan.vms) - len(plan.targets), 'VM')}", *skipped]
    for text in plan.document.get("idle_exclusions", ()):
        lines += ["", *_wrapped(f"{option('exclude')} leaves no VM alone: {text} is true of none.", width)]
    if plan.without_vms:
        lines += ["", *_wrapped(_sentence(no_vms(plan.without_vms)), width)]
    whole, partly = split(plan.lost)
    if whole:
        lines += ["", "Not included (could not be listed):", *_lost(whole, width)]
    if partly:
        lines += ["", "Listed in part; others of their VMs are not included:", *_lost(partly, width)]
    lines += ["", f"Made {plan.created_at:%Y-%m-%d %H:%M:%S} UTC, digest {plan.digest[:12]}"]
    if plan.confirmed is not None:
        lines.append(f"Confirmed for {quantity(plan.confirmed, 'VM')}")
    return "\n".join(cut(escape(line, 2 * width), width) for line in lines)


def _lost(lost: Sequence[PlannedLoss], width: int) -> Iterator[str]:
    for loss in lost[:_LINES]:
        yield from _wrapped(f"  {loss}", width, indent=4)
    if len(lost) > _LINES:
        yield f"  and {len(lost) - _LINES:,} more"


def _title(plan: Plan) -> str:
    services = len(plan.counts_per_service)
    accounts = ", ".join(plan.accounts[:3]) + (", …" if len(plan.accounts) > 3 else "")
    return (
        f"{_sentence(cut(plan.action, 40))} {len(plan.targets):,} of {quantity(len(plan.vms), 'VM')}"
        f" in {quantity(services, 'service')} of {accounts}"
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _table(plan: Plan, width: int) -> Iterator[str]:
    counts = plan.counts_per_service
    totals: Counter[str] = Counter()
    for service in counts.values():
        totals.update(service)
    words = [word for word, _ in totals.most_common() if word != "do"]
    room = width - _LABEL - 4 * 2 - sum(map(len, ("other", "max down"))) - 2 * len(f"{len(plan.vms):,}")
    shown: list[str] = []
    for word in words:
        room -= 2 + max(len(_column(word)), len(f"{totals[word]:,}"))
        if room < 0:
            break
        shown.append(word)
    titles = {
        f"{vm.account}/{vm.service_id}": (vm.account, vm.service_id, vm.service_name) for vm in plan.vms
    }
    order = sorted(counts, key=lambda key: -counts[key].get("do", 0))
    has_worst = any(plan.worst_down.values())

    def row_of(label: str, service: Counter[str], worst: str) -> list[str]:
        figures = [service.total(), service["do"], *(service[word] for word in shown)]
        if shown != words:
            figures.append(sum(service[word] for word in words if word not in shown))
        return [label, *(f"{figure:,}" for figure in figures), *([worst] if has_worst else [])]

    header = ["service", "VMs", _column(plan.action), *map(_column, shown)]
    header += [*(["other"] if shown != words else []), *(["max down"] if has_worst else [])]
    rows = [header]
    for key in order[:_SERVICES]:
        account, service_id, name = titles[key]
        label = f"{service_id} {name}" + (f" ({account})" if len(plan.accounts) > 1 else "")
        rows.append(row_of(escape(label, width), Counter(counts[key]), f"{plan.worst_down.get(key, 0):,}"))
    if len(order) > _SERVICES:
        others: Counter[str] = Counter()
        for key in order[_SERVICES:]:
            others.update(counts[key])
        worst = max(plan.worst_down.get(key, 0) for key in order[_SERVICES:])
        rows.append(row_of(f"and {len(order) - _SERVICES:,} more services", others, f"<= {worst:,}"))
    if len(order) > 1:
        rows.append(row_of("all", totals, ""))
    yield from _aligned(rows, width)
    if has_worst:
        yield from _wrapped("max down = most VMs of the service that can be down at the same time", width)


def _column(word: str) -> str:
    return cut(word.replace("_", " "), 16)


def _aligned(rows: Sequence[Sequence[str]], most: int) -> Iterator[str]:
    widths = [max(map(cells, column)) for column in zip(*rows, strict=True)]
    widths[0] = min(widths[0], most - sum(widths[1:]) - 2 * (len(widths) - 1))
    for label, *figures in rows:
        name = cut(label, widths[0])
        columns = [f"{figure:>{width}}" for figure, width in zip(figures, widths[1:], strict=True)]
        yield "  ".join([name + " " * (widths[0] - cells(name)), *columns]).rstrip()


def _expected(plan: Plan, width: int, option: OptionName) -> Iterator[str]:
    if plan.batches:
        groups = ((size, sum(1 for _ in group)) for size, group in groupby(plan.batches))
        sizes = ", ".join(f"{size:,}" if times == 1 else f"{times:,} x {size:,}" for size, times in groups)
        number = len(plan.batches)
        yield from _wrapped(f"{number:,} batch{'' if number == 1 else 'es'}: {sizes}", width)
    yield from _wrapped(_failure_limit(plan, option), width)
    calls = f"About {quantity(plan.calls, 'API call')}"
    if plan.seconds is None:
        where = "this account" if len(plan.accounts) == 1 else "one of these accounts"
        yield from _wrapped(f"{calls}. No estimate yet: first {plan.action} on {where}.", width)
    else:
        basis = f" ({plan.basis})" if plan.basis else ""
        yield from _wrapped(f"{calls}, about {duration(round(plan.seconds))}{basis}.", width)
    if plan.missing_values:
        yield from _wrapped(
            f"The panel gave no value for a field of the condition at {quantity(plan.missing_values, 'VM')}; "
            "a comparison with no value is false.",
            width,
        )


def _failure_limit(plan: Plan, option: OptionName) -> str:
    if plan.worst_failures is None:
        return f"Failure limit: none (set one with {option('max_failures')})."
    rollout = plan.document.get("rollout")
    given: Mapping[str, object] = rollout if isinstance(rollout, Mapping) else {}
    most = min(plan.worst_failures, len(plan.targets))
    limit = given.get("max_failures", most)
    text = f"Failure limit: {limit}."
    if limit != most:
        text += f" Up to {quantity(most, 'VM')} can fail before nothing new starts"
        text += "." if given.get("window") else f"; {option('window')} bounds that."
    return text


def _skipped(plan: Plan, width: int) -> Iterator[str]:
    groups: dict[str, list[str]] = {}
    for vm in plan.vms:
        if vm.why_not is not None:
            groups.setdefault(vm.why_not, []).append(vm.vm_label or vm.vm_id)
    for word, labels in sorted(groups.items(), key=lambda item: -len(item[1])):
        names = fold(labels, most=_NAMES)
        yield from _wrapped(f"  {len(labels):,} {word.replace('_', ' ')}: {names}", width, indent=4)


def _wrapped(text: str, width: int, indent: int = 2) -> list[str]:
    """At most five lines of a text; the last one ends with an ellipsis where more is left out."""
    lines = wrap(escape(text, 8 * width), width, indent, "")
    if len(lines) > _FOLDED:
        lines[_FOLDED - 1 :] = [cut(f"{lines[_FOLDED - 1]} …", width)]
    return lines
