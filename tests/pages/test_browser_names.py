"""Not even the name of a host is looked up for what a panel writes into a report."""

from __future__ import annotations

from pathlib import Path

from pages.browser import browser
from pages.hostile import HARMLESS
from pages.opened import Page
from pages.runs import a_usage_run

_PREFETCH = '<link rel="dns-prefetch" href="//evil.test">'
_GRAPHS = (
    _PREFETCH,
    f'<div><template shadowrootmode="open">{_PREFETCH}</template></div>',
    f"<form><math><mtext></form><form><mglyph><style></math>{_PREFETCH}",
    f"<svg><desc>{_PREFETCH}</desc></svg>",
    '<meta http-equiv="x-dns-prefetch-control" content="on"><a href="http://evil.test/">more</a>',
)


def test_no_fragment_has_a_name_looked_up(tmp_path: Path) -> None:
    log = tmp_path / "net.json"
    with browser(tmp_path / "chromium", net_log=log) as own:
        own.screen(1440)
        # Served, because Chromium looks up no names ahead of time for pages that are files.
        page = Page.open(
            own, a_usage_run(HARMLESS + graph for graph in _GRAPHS), "http://report.test/report.html"
        )
        for row in page.rows:
            page.show(row)
        own.left(tmp_path)
        own.wire.served["http://bare.test/"] = _PREFETCH.replace("evil", "seen").encode()
        own.open("http://bare.test/")
        own.left(tmp_path)
    written = log.read_text(encoding="utf-8")
    assert '"http://seen.localhost' in written, "the log has the names that are looked up"
    assert '"http://evil.localhost' not in written
