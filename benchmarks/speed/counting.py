"""Instructions and allocations of a call, of everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .instructions import TIMES, of_peers
from .peers import HOOKED, HTTPX, JOURNAL, ONCE, OURS, PEERS, PLAIN, TUNED, TYPED
from .setting import Setting, at_once, cells
from .table import Bound, Findings, Table, ratio

WORKS: Final = ("stop", "list", "get", "fleet")
_TITLES: Final = ("one stop", "a list of 50", "one get", "fleet, a VM")
# A fleet is not written for these; for ours with a difference that a fleet does not show, neither.
_NO_FLEET: Final = ("httpx", "requests, threads", "niquests", "asyncio.Protocol")
_FEW_WORKS: Final[Mapping[str, tuple[str, ...]]] = {
    JOURNAL: ("fleet",),
    ONCE: ("stop",),
    TYPED: ("list", "fleet"),
}
_QUICK: Final[Mapping[str, tuple[str, ...]]] = {
    TUNED: WORKS,
    OURS: WORKS,
    JOURNAL: ("fleet",),
    ONCE: ("stop",),
    PLAIN: ("stop",),
    HTTPX: ("stop",),
    HOOKED: ("stop",),
    TYPED: ("list",),
    "asyncio.Protocol": ("stop",),
    "requests, threads": ("stop",),
    "niquests": ("stop",),
}


def _in_two(names: list[str]) -> list[list[str]]:
    """Those that are made of aiohttp, and the others."""
    slow = [name for name in names if PEERS[name].slow]
    return [part for part in ([name for name in names if name not in slow], slow) if part]


def works_of(name: str, *, quick: bool) -> tuple[str, ...]:
    """What is counted of a peer."""
    if quick:
        return _QUICK.get(name, ())
    if name in _FEW_WORKS:
        return _FEW_WORKS[name]
    return WORKS[:3] if name in _NO_FLEET else WORKS


def instructions(setting: Setting) -> Findings:
    """How many instructions each takes."""
    if not setting.counts():
        return Findings([Table("instructions a call: valgrind is not installed", (), {})])
    calls = 150 if setting.quick else 1000
    there, absent = setting.runs(name for name in PEERS if works_of(name, quick=setting.quick))

    def wanted(name: str) -> dict[str, int]:
        each = (50 if setting.quick else 500) if PEERS[name].slow else calls
        # A list takes as many as half a dozen of the others.
        works = works_of(name, quick=setting.quick)
        return {work: each // 4 if work == "list" else each for work in works}

    def counted(names: list[str]) -> dict[str, dict[str, float]]:
        # A percent more or less is of no account where it is a matter of ten times.
        times = 1 if PEERS[names[0]].slow else 2 if setting.quick else TIMES
        return of_peers({name: wanted(name) for name in names}, setting.port, times=times)

    of = at_once(counted, _in_two(there))
    table = Table(
        "instructions a call in thousands (user space, 64 in flight, the same on every machine)",
        _TITLES,
        cells(of, absent, WORKS, 1e-3),
        base=TUNED,
        note=f"{TUNED} leaves a list as the parser gave it; {TYPED} makes objects of it by hand. httpx's "
        "pool goes over all its connections at every request, longest where many begin at once: of a short "
        "run its number is several times that of a long one.",
    )
    stop = {name: table.number(name) for name in table.rows}
    once = ratio(stop.get(OURS), stop.get(ONCE))
    fleet = {name: table.number(name, 3) for name in table.rows}
    bounds = [
        Bound(
            "one stop: instructions over tuned aiohttp with the same time-outs", table.ratio(OURS, 0), 1.10
        ),
        Bound(
            "one stop: instructions of plain aiohttp over ours",
            ratio(stop[PLAIN], stop[OURS]),
            1.4,
            at_most=False,
        ),
        Bound("one stop: instructions of httpx over ours", ratio(stop[HTTPX], stop[OURS]), 10, at_most=False),
        Bound(
            "one stop: instructions that repeating failed calls adds when none fails",
            None if once is None else 100 * (once - 1),
            1,
            "%",
        ),
        Bound("fleet, a VM: instructions over tuned aiohttp", ratio(fleet[OURS], fleet[TUNED]), 1.20),
    ]
    return Findings([table], bounds)


def allocations(setting: Setting) -> Findings:
    """How many blocks of memory each takes from the heap; not in a quick run, as valgrind is slow at that."""
    if setting.quick:
        return Findings()
    if not setting.counts():
        return Findings([Table("allocations a call: valgrind is not installed", (), {})])
    there, absent = setting.runs((TUNED, OURS, PLAIN, HTTPX, "requests, threads", "niquests"))
    works = ("stop", "list", "fleet")

    def counted(names: list[str]) -> dict[str, dict[str, float]]:
        each = {name: dict.fromkeys(works, 50 if PEERS[name].slow else 200) for name in names}
        for name in set(names).intersection(_NO_FLEET):
            del each[name]["fleet"]
        return of_peers(each, setting.port, times=1, allocations=True)

    of = at_once(counted, _in_two(there))
    titles = tuple(_TITLES[WORKS.index(work)] for work in works)
    title = "blocks taken from the heap a call (PYTHONMALLOC=malloc; all of them, however soon given back)"
    return Findings([Table(title, titles, cells(of, absent, works), base=TUNED, digits=0)])
