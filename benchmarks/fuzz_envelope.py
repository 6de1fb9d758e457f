"""What leaves the envelope function, and the decoder behind it, for many hostile answers.

``python -m benchmarks.fuzz_envelope --inputs 200000 --seed 1`` prints how each input ended and how long the
slowest took (of the processor's time); it exits with 1 if anything but an answer or a `SeFlowError` left.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from support import hostile  # noqa: E402 - where the tests have it from

from aioseflow.decoding import decode  # noqa: E402
from aioseflow.endpoints import CALLS  # noqa: E402
from aioseflow.errors import DecodeError, SeFlowError  # noqa: E402
from aioseflow.session.call import Call  # noqa: E402
from aioseflow.session.judge import judge  # noqa: E402
from aioseflow.session.retry import AttemptFailed  # noqa: E402

_SHOWN_FAULTS = 5


def published() -> list[Any]:
    """The answers that were published, parsed."""
    return [json.loads(path.read_bytes()) for path in sorted((ROOT / "tests/data/responses").rglob("*.json"))]


def random_json(rng: random.Random, depth: int = 4) -> Any:
    """Any JSON at all, with the keys that mean something among the others."""
    kind = rng.randrange(7 if depth else 5)
    if kind == 5:
        return [random_json(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 6:
        keys = ("error", "status", "usage", "vms", "vm", "id", "ip", "details", "password", "x")
        return {rng.choice(keys): random_json(rng, depth - 1) for _ in range(rng.randrange(5))}
    return rng.choice(
        (None, True, False, "", "1", 1, -1.5, rng.getrandbits(64), "wronglogin", str(rng.random()))
    )


def body(rng: random.Random, answers: list[Any]) -> bytes:
    """One answer's bytes: every eighth at random, every fourth any JSON, the others mutated."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    document = random_json(rng) if kind < 3 else rng.choice(answers)
    for _ in range(rng.randrange(4)):
        document = hostile.changed(document, rng)
    made = hostile.to_bytes(document)
    for _ in range(rng.randrange(3)):
        made = hostile.spoilt(made, rng)
    return hostile.flipped(made, rng) if rng.random() < 0.25 else made


def end(call: Call[Any], status: int, headers: dict[str, str], sent: bytes) -> tuple[str, SeFlowError | None]:
    """The row of the table that an input ends in, and its error."""
    identity = None if call.identity is None else hostile.IDENTITY
    try:
        payload = judge(call, status, headers, sent)
    except AttemptFailed as fault:
        return fault.failure.name, fault.error
    if not call.markup:
        try:
            decode(call.returns, payload, key=call.key, call=call.name, identity=identity)
        except DecodeError as error:
            return "UNREADABLE", error
    return "an answer", None


def main() -> int:
    """Run it, print the table, and say whether anything else left."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    answers = published()
    ends: Counter[tuple[str, str]] = Counter()
    faults = 0
    slowest, slow_input, total, size = 0.0, "", 0.0, 0
    for number in range(options.inputs):
        call, status = rng.choice(CALLS), rng.choice((*[200] * 10, *hostile.STATUSES))
        headers, sent = hostile.some_headers(rng), body(rng, answers)
        began = time.thread_time()
        try:
            row, error = end(call, status, headers, sent)
        except Exception as unexpected:  # noqa: BLE001 - what is looked for
            row, error = f"LEFT: {type(unexpected).__name__}", None
            faults += 1
            if faults <= _SHOWN_FAULTS:
                print(f"input {number}: {call} {status} {sent[:200]!r}")
                traceback.print_exc(limit=-3, file=sys.stdout)
        took = time.thread_time() - began
        total, size = total + took, size + len(sent)
        if took > slowest:
            slowest, slow_input = took, f"input {number}, {call}, HTTP {status}, {len(sent):,} bytes"
        ends[row, type(error).__name__ if error else ""] += 1
    print(f"{options.inputs:,} inputs (seed {options.seed}), {size / 2**20:,.0f} MiB")
    for (row, kind), count in sorted(ends.items()):
        print(f"  {row:<12}{kind:<22}{count:>9,}  {count / options.inputs:6.2%}")
    print(f"mean {total / options.inputs * 1e6:.0f} µs; slowest {slowest * 1e3:.1f} ms ({slow_input})")
    print(f"anything but an answer or a SeFlowError: {faults}")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
