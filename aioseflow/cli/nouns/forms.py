"""How answers are written: lists can be sorted, one thing cannot."""

from __future__ import annotations

import inspect
from typing import Any

from ..output import OutputOptions, output_options

__all__ = ["output_options", "single"]


def single(**options: Any) -> OutputOptions:
    """What the options ask for, of one thing: the same ones without ``--sort``."""
    return output_options(**options)


_PARAMETERS = inspect.signature(output_options, eval_str=True).parameters
single.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by inspect
    [one for name, one in _PARAMETERS.items() if name != "sort"]
)
single.__annotations__ = {name: one.annotation for name, one in _PARAMETERS.items() if name != "sort"}
