from __future__ import annotations

import builtins
import json
import re
import stat
from base64 import b64encode
from decimal import Decimal
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from support.reports import HOSTILE, LOST, a_report, an_outcome, failed

from aioseflow import (
    AuthenticationError,
    Bandwidth,
    ConfigurationError,
    PowerState,
    Report,
    RequestTimeout,
    Secret,
    UntrustedHtml,
    UsageGraphs,
    Vm,
)
from aioseflow.fleet.model.timeline import Moment
from aioseflow.pages import render, write
from aioseflow.pages.render import _template

MARKUP = "</script></style></textarea></title><!--<script>]]><img src=http://evil.test/ onerror=x>{{ 7*7 }}"


class Read(HTMLParser):
    """The elements of a page, and its texts outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.text += "" if tag == "wbr" else " "
        self._inside = tag if tag in ("script", "style") else ""
        if tag == "script":
            self.scripts.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = attributes, text + data
        elif not self._inside:
            self.text += data


def everything(text: str) -> Report:
    """A report that has ``text`` wherever others can write."""
    graphs = UsageGraphs(
        cpu=UntrustedHtml("cpu", text), net=UntrustedHtml("net", text), disk=UntrustedHtml("disk", text)
    )
    facts: dict[str, Any] = {"vm_label": text, "service_name": text, "service_id": text, "account": text}
    return a_report(
        *failed([1, 2], cause=text, error=RequestTimeout(text), step=text, **facts),
        an_outcome(3, value=graphs, **{**facts, "vm_id": text}),
        an_outcome(4, **{**facts, "account": "another"}),
        action=text,
        run_id=text,
        note=text,
        requested_by=text,
        parent=text,
        undiscovered=(LOST,),
        error=RequestTimeout(text),
    )


ENDINGS = {
    "empty": a_report(),
    "done": a_report(an_outcome(1), an_outcome(2)),
    "failed": a_report(*failed(range(300))),
    "unlisted": a_report(undiscovered=(LOST,)),
    "running": a_report(an_outcome(1), over=False, targets=(("main", "9", "1"), ("main", "9", "2"))),
    "begun": a_report(over=False),
    "refused": a_report(error=AuthenticationError("refused")),
    "hostile": everything(MARKUP),
}


@pytest.mark.parametrize("report", ENDINGS.values(), ids=ENDINGS)
def test_every_ending_is_a_page_whose_elements_are_our_own(report: Report) -> None:
    read = Read(render(report))
    tags = {tag for tag, _ in read.elements}
    assert not tags & {"img", "iframe", "form", "object", "embed", "base"}
    for _, attributes in read.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert str(attributes.get("href", "#")).startswith(("#", "data:,"))
        assert "src" not in attributes


@pytest.mark.parametrize("report", ENDINGS.values(), ids=ENDINGS)
def test_only_the_two_scripts_of_the_page_may_run(report: Report) -> None:
    page = render(report)
    read = Read(page)
    running = [text for attributes, text in read.scripts if "type" not in attributes]
    policy = next(
        str(attributes["content"])
        for tag, attributes in read.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in running]
    assert re.findall(r"'sha256-([^']+)'", policy) == hashes
    assert len(hashes) == 2
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert {rules[name] for name in ("default-src", "frame-src", "base-uri", "form-action")} == {"'none'"}
    assert "unsafe" not in rules["script-src"]
    assert policy.index("default-src") < page.index("<script>")


def test_the_policy_comes_before_everything_that_it_is_for() -> None:
    page = render(a_report(an_outcome(1)))
    assert page.index("Content-Security-Policy") < min(page.index("<script"), page.index("<style"))


@pytest.mark.parametrize(
    "text", [MARKUP, HOSTILE, "\u2028\u2029", "\x00", "\ud800", "x" * 10_000, "\u202ertl"]
)
def test_whatever_others_wrote_is_text(text: str) -> None:
    report = everything(text)
    page = render(report)
    page.encode("utf-8")
    assert not set("\u2028\u2029\x00\x1b\u202e\r") & set(page)
    read = Read(page)
    assert len(read.scripts) == 2 + 1 + 1  # our two, the data, one chunk of fragments
    data = next(text for attributes, text in read.scripts if attributes.get("id") == "data")
    assert len(json.loads(data)["id"]) == 4


def test_labels_are_read_as_they_are_written() -> None:
    label = "<b>a & b</b> {{ 7 * 7 }}"
    assert label in Read(render(a_report(an_outcome(1, vm_label=label)))).text


def test_nothing_secret_is_in_the_file() -> None:
    vm = Vm(id="1", password=Secret("hunter2-vm"))
    error = RequestTimeout("no answer", excerpt="hunter2-excerpt")
    page = render(a_report(an_outcome(1, value=vm), *failed([2], error=error)))
    assert "hunter2" not in page


def test_a_failed_run_says_first_what_failed_and_why() -> None:
    text = Read(render(a_report(an_outcome(9), *failed([1, 2])))).text
    order = ["Stopped 1 of 3 VMs. 2 failed.", "vm_locked", "web[01-02]", "Overview", "All VMs"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_what_was_gathered_is_shown_in_one_unit() -> None:
    report = a_report(an_outcome(1), an_outcome(2))
    found = Bandwidth(used=Decimal(450_000_000), limit=Decimal(900), overage_unit="Mbit")
    page = render(
        report,
        bandwidth={("main", "9"): found},
        power={("main", "9"): {"1": PowerState.STOPPED, "2": PowerState.RUNNING}},
    )
    text = " ".join(Read(page).text.split())
    assert "Bandwidth against limit Mbit/s" in text
    assert "50 % 450 900" in text
    assert "running 1 stopped 1" in text


def test_each_plot_has_a_title_and_words_for_those_who_do_not_see_it() -> None:
    moments = tuple(
        Moment(
            seconds=second, changed=0, unchanged=0, failed=0, unknown=0, not_attempted=0, in_flight=1,
            settling=0, limit=8, refused=second,
        )
        for second in range(3)
    )  # fmt: skip
    read = Read(render(a_report(an_outcome(1), *failed([2]), timeline=moments)))
    ids = {attributes["id"] for _, attributes in read.elements if "id" in attributes}
    drawings = [attributes for tag, attributes in read.elements if tag == "svg"]
    for attributes in drawings:
        named = str(attributes.get("aria-labelledby", "")).split()
        nested = attributes.get("viewbox") == "0 0 1000 1000"
        assert nested or attributes.get("aria-hidden") == "true" or (named and set(named) <= ids)
    assert "1 changed, 1 failed" in " ".join(read.text.split())


def test_ids_are_there_once() -> None:
    read = Read(render(everything("a")))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_writing_gives_the_size_of_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an earlier one", encoding="utf-8")
    path.chmod(0o644)
    size = write(a_report(an_outcome(1)), path)
    assert size == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text(encoding="utf-8") == render(a_report(an_outcome(1)))
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_report_that_cannot_be_written_leaves_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("an earlier one", encoding="utf-8")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(a_report(an_outcome(1)), path)
    assert path.read_text(encoding="utf-8") == "an earlier one"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_without_jinja2_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "jinja2":
            raise ImportError(name)
        return real(name, *args)

    _template.cache_clear()
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigurationError, match=r"aioseflow\[report\]"):
        render(a_report())
