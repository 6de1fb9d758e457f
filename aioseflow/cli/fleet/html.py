"""The HTML page of a run: where it is written, and what is read for it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs

from ...text import escape
from ..exit_code import ExitCode, Refusal, unusable
from ..terminal import echo_err

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ... import Report
    from ...client import SeFlow

_PATH_MAX: Final = 300


@attrs.frozen
class HtmlPage:
    """A page to be written, at a place that was checked before anything was done."""

    path: Path

    @classmethod
    def at(cls, path: Path) -> HtmlPage:
        """Check the place. Raises `Refusal` where nothing can be written, or jinja2 is missing."""
        if find_spec("jinja2") is None:
            raise Refusal("the page needs jinja2", ExitCode.ERROR, fix="pip install 'aioseflow[report]'")
        where = escape(str(path), _PATH_MAX)
        if path.is_dir():
            raise Refusal(f"{where} is a directory", fix=f"name a file, such as {where}/usage.html")
        if not path.parent.is_dir():
            where = escape(str(path.parent), _PATH_MAX)
            raise Refusal(f"there is no directory {where}", fix="create it first")
        return cls(path)

    async def write(self, report: Report, clients: Sequence[SeFlow] = ()) -> None:
        """Write it; with ``clients``, read traffic and power first, a few calls for each service."""
        from ...pages import PageReadings, gather, write

        read = await gather(clients, report) if clients else PageReadings()
        where = escape(str(self.path), _PATH_MAX)
        try:
            size = write(report, self.path, bandwidth=read.bandwidth, power=read.power)
        except OSError as error:
            fix = f"the run is kept: aioseflow fleet report {report.run_id} FILE"
            raise unusable(f"the page {where} cannot be written", error, fix) from None
        echo_err(f"The page is in {where} ({size / 1e6:,.1f} MB).")
