"""What reached the server of each: that everybody did the same."""

from __future__ import annotations

import json
from typing import Any, Final
from urllib.request import ProxyHandler, build_opener

from .clock import working
from .peers import HOOKED, JOURNAL, ONCE, PEERS, TUNED, TYPED
from .server import RECORD
from .setting import Setting
from .table import CANNOT, Cell, Findings, Table

STOPS: Final = 320
GETS: Final = 160
# What says what is asked, by whom and in which form; the others are told by name.
# They send what those send that they are made of.
_ALIKE: Final = (HOOKED, JOURNAL, ONCE, TYPED)
_COMPARED: Final = ("authorization", "accept", "content-type", "content-length")


def _asked(port: int) -> dict[str, Any]:
    opener = build_opener(ProxyHandler({}))
    with opener.open(f"http://127.0.0.1:{port}{RECORD}") as answer:
        said: dict[str, Any] = json.load(answer)
    return said


def _headers(heads: dict[str, int], method: str) -> dict[str, str]:
    """Of all requests of a method, names in lower case; a header that is not always the same is told."""
    found: dict[str, str] = {}
    for head in heads:
        line, *lines = head.split("\r\n")
        if line != method:
            continue
        for name, _, value in (each.partition(":") for each in lines):
            known = found.setdefault(name.lower(), value.strip())
            if known != value.strip():
                found[name.lower()] = "(changes)"
    return found


def record(setting: Setting) -> Findings:
    """So many stops and gets of each, as the server saw them."""
    there, absent = setting.runs(name for name in PEERS if name not in _ALIKE)
    seen: dict[str, tuple[dict[str, Any], str]] = {}
    for name in there:
        _asked(setting.port)
        with working(name, setting.port, 50) as worker:
            worker.does(work="stop", calls=STOPS)
            timeouts = worker.does(work="get", calls=GETS)["timeouts"]
        seen[name] = _asked(setting.port), timeouts
    base = seen[TUNED][0]
    counted: dict[str, tuple[Cell, ...]] = {}
    named: dict[str, tuple[Cell, ...]] = {}
    for name in PEERS:
        if name in absent:
            counted[name] = named[name] = (absent[name], *[CANNOT] * 3)
        elif name in seen:
            said, timeouts = seen[name]
            body = sum(len(body) * number for body, number in said["bodies"].items())
            counted[name] = (float(said["requests"]), float(said["connections"]), float(body), timeouts)
            named[name] = told(base, said)
    for name in absent:
        named[name] = (absent[name], CANNOT, CANNOT)
    return Findings(
        [
            Table(
                f"what reached the server of {STOPS} stops and {GETS} gets, and the time-outs in seconds",
                ("requests", "connections", "body bytes", "time-outs"),
                counted,
                digits=0,
            ),
            Table(
                f"their headers: whether {', '.join(_COMPARED)} are those of {TUNED}, and which others come",
                ("of a stop", "of a get", "others"),
                named,
            ),
        ]
    )


def told(base: dict[str, Any], said: dict[str, Any]) -> tuple[str, str, str]:
    """Which headers of its stops and of its gets are unlike the base's, and which others it sends."""
    unlike: list[str] = []
    others: set[str] = set()
    for method in ("POST", "GET"):
        right, mine = _headers(base["heads"], method), _headers(said["heads"], method)
        different = [name for name in _COMPARED if right.get(name) != mine.get(name)]
        unlike.append(f"not {', '.join(different)}" if different else "equal")
        others.update(name for name in mine if name not in (*_COMPARED, "host"))
    return unlike[0], unlike[1], ", ".join(sorted(others))
