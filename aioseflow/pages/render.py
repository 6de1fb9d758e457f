"""Render the page: one file of HTML that holds its style, its script and its data."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from .. import Report
from ..errors import ConfigurationError
from ..private_file import replace_file
from ..text import quantity
from .contents import contents_of
from .gather import Bandwidths, Powers
from .wording import words

_BREAKABLE_AFTER: Final = re.compile(r"(?<=[.,_-])")
_EARLY: Final = "document.documentElement.classList.add('scripted')"


def render(
    report: Report,
    *,
    bandwidth: Bandwidths | None = None,
    power: Powers | None = None,
    title: str | None = None,
) -> str:
    """Return the report as one HTML document that sends no request.

    Args:
        bandwidth, power: the readings of `gather`; without them the page has no plot of them.
        title: the heading, in place of ``Stop of 300 VMs``.

    Raises:
        ConfigurationError: the package jinja2 is not installed.
    """
    contents = contents_of(report, bandwidth=bandwidth or {}, power=power or {}, title=title)
    script = _read("report.js")
    text: str = _template().render(
        page=contents,
        style=_read("report.css"),
        early=_EARLY,
        script=script,
        policy=_policy(_EARLY, script),
    )
    return text


def write(
    report: Report,
    path: str | os.PathLike[str],
    *,
    bandwidth: Bandwidths | None = None,
    power: Powers | None = None,
    title: str | None = None,
) -> int:
    """Write `render` to a file that only its owner may read, and return its size in bytes.

    The file replaces an earlier one as a whole, once it is written.

    Raises:
        ConfigurationError: the package jinja2 is not installed.
        OSError: the file cannot be written.
    """
    data = render(report, bandwidth=bandwidth, power=power, title=title).encode("utf-8")
    replace_file(Path(path), data)
    return len(data)


def _policy(*scripts: str) -> str:
    # Frames with srcdoc inherit this policy: fragments need inline styles, and frame-src 'none' keeps their
    # links from loading anything.
    hashes = " ".join(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "frame-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _read(name: str) -> str:
    return files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _template() -> Any:
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
        from markupsafe import Markup
    except ImportError as error:
        raise ConfigurationError(
            "a report as a page needs the package jinja2: pip install 'aioseflow[report]'"
        ) from error
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def breakable(name: str) -> Any:
        return Markup("<wbr>").join(_BREAKABLE_AFTER.split(name))

    environment.filters.update(words=words, quantity=quantity, breakable=breakable)
    return environment.get_template("report.html.j2")
