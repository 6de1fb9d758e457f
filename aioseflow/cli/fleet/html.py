"""The page of a run for a browser: where it goes, and what is read for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from ...text import escape
from ..exit_code import ExitCode, Refusal
from ..terminal import echo_err

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...client import SeFlow
    from ...fleet import Report

_LONGEST_PATH = 300


@attrs.frozen
class HtmlPage:
    """A page that is to be written, at a place that was looked at before anything was done."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> HtmlPage:
        """Raises `Refusal` where it could not be written, or what writes it is missing."""
        if find_spec("jinja2") is None:
            raise Refusal("the page needs jinja2: pip install 'aioseflow[report]'", ExitCode.ERROR)
        where = escape(str(path), _LONGEST_PATH)
        if path.is_dir():
            raise Refusal(f"{where} is a directory; name a file, such as {where}/usage.html")
        if not path.parent.is_dir():
            raise Refusal(f"there is no directory {escape(str(path.parent), _LONGEST_PATH)}; make it first")
        return cls(path)

    async def write(self, report: Report, clients: Sequence[SeFlow] = ()) -> None:
        """Write it; with ``clients`` traffic and power are read first, a few calls for each service."""
        from ...pages import PageReadings, gather, write

        facts = await gather(clients, report) if clients else PageReadings()
        try:
            size = write(report, self.path, bandwidth=facts.bandwidth, power=facts.power)
        except OSError as error:
            raise Refusal(
                f"the page {escape(str(self.path), _LONGEST_PATH)} cannot be written "
                f"({error.strerror or error}); the run is kept: aioseflow fleet report {report.run_id} FILE",
                ExitCode.ERROR,
            ) from None
        echo_err(f"The page is in {escape(str(self.path), _LONGEST_PATH)} ({size / 1e6:,.1f} MB).")
