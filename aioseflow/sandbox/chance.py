"""Random draws, each a function of the seed and of its purpose alone.

A shared generator would give its numbers in the order in which requests arrive. A draw with a purpose ("the
second POST of this path", "the third stop of this VM") does not depend on that order.
"""

from __future__ import annotations

from hashlib import blake2b
from math import exp, log
from statistics import NormalDist

import attrs

Seed = int | str

_NORMAL = NormalDist()
_RESOLUTION = 1 << 53


@attrs.frozen
class Lognormal:
    """Duration with a long tail: the arithmetic `mean` in seconds, and the `sigma` of the logarithm."""

    mean: float = attrs.field(validator=attrs.validators.gt(0))
    sigma: float = attrs.field(default=0.5, validator=attrs.validators.ge(0))


Duration = float | tuple[float, float] | Lognormal
"""Seconds: one number, `(low, high)` drawn evenly between, or a `Lognormal`."""


def draw(seed: Seed, *purpose: object) -> float:
    """Return a number in [0, 1) that depends on the seed and the purpose alone."""
    text = "\x1f".join(map(str, (seed, *purpose)))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / _RESOLUTION


def is_fixed(duration: Duration) -> bool:
    """Return whether a duration is a number, which needs no draw."""
    return isinstance(duration, (int, float))


def seconds(duration: Duration, drawn: float) -> float:
    """Return a duration in seconds, from a number in [0, 1) that was drawn for it."""
    match duration:
        case Lognormal(mean, sigma):
            if not sigma:
                return mean
            # inv_cdf is defined on the open interval only.
            deviate = _NORMAL.inv_cdf(max(drawn, 1 / _RESOLUTION))
            return exp(log(mean) - sigma * sigma / 2 + sigma * deviate)
        case (low, high):
            return low + (high - low) * drawn
        case _:
            return float(duration)
