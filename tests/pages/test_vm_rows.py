from __future__ import annotations

import json
from typing import Any

from support.reports import HOSTILE, NOW, a_report, an_outcome, failed

from aioseflow import PowerState, RequestTimeout, Status, UntrustedHtml, UsageGraphs
from aioseflow.pages.fragments import Fragments
from aioseflow.pages.gather import Powers
from aioseflow.pages.vm_rows import VmRow, data_of, rows_of, worst_first


def graphs(*texts: str) -> UsageGraphs:
    cpu, net, disk = texts
    return UsageGraphs(
        cpu=UntrustedHtml("cpu", cpu), net=UntrustedHtml("net", net), disk=UntrustedHtml("disk", disk)
    )


def data(rows: list[VmRow], fragments: Fragments | None = None) -> Any:
    return json.loads(data_of(rows, fragments or Fragments(), started=NOW))


def test_rows_are_by_service_and_name_as_people_count() -> None:
    report = a_report(
        an_outcome(1, vm_label="web10"),
        an_outcome(2, vm_label="web2"),
        an_outcome(3, vm_label="a", service_id="10", service_name="Archive"),
    )
    assert [row.name for row in rows_of(report, {}, Fragments())] == ["a", "web2", "web10"]


def test_a_target_without_an_outcome_is_a_row() -> None:
    report = a_report(an_outcome(1), over=False, targets=(("main", "9", "1"), ("main", "9", "7")))
    first, second = sorted(rows_of(report, {}, Fragments()), key=lambda row: row.vm_id)
    assert (first.status, second.status) == ("changed", "pending")
    assert (second.name, second.service, second.seconds) == ("9/7", "Cloud", None)


def test_the_worst_outcomes_are_first() -> None:
    outcomes = [an_outcome(number, status) for number, status in enumerate(Status)]
    rows = worst_first(rows_of(a_report(*outcomes), {}, Fragments()))
    assert [row.status for row in rows] == ["failed", "unknown", "not_attempted", "changed", "unchanged"]


def test_graphs_are_numbers_of_fragments() -> None:
    fragments = Fragments()
    report = a_report(an_outcome(1, value=graphs("a", "b", "a")), an_outcome(2, value="something else"))
    first, second = rows_of(report, {}, fragments)
    assert (first.usage, second.usage) == ((0, 1, 0), ())


def test_a_power_state_is_that_of_the_vm() -> None:
    power: Powers = {("main", "9"): {"1": PowerState.STOPPED}, ("main", "8"): "could not be read: no answer"}
    report = a_report(an_outcome(1), an_outcome(2), an_outcome(3, service_id="8"))
    assert {row.vm_id: row.power for row in rows_of(report, power, Fragments())} == {
        "1": "stopped",
        "2": "",
        "3": "",
    }


def test_the_data_of_the_rows_is_all_that_the_table_shows() -> None:
    report = a_report(*failed([1], error=RequestTimeout("no answer")), an_outcome(2, took=2.5))
    found = data(rows_of(report, {}, Fragments()))
    assert found["label"] == ["web01", "web02"]
    assert [found["statuses"][number] for number in found["status"]] == ["failed", "changed"]
    assert [found["causes"][number] for number in found["cause"]] == ["vm_locked", ""]
    assert [found["errors"][number] for number in found["error"]] == ["no answer", ""]
    assert [found["places"][number] for number in found["place"]] == [["main", "9", "Cloud"]] * 2
    assert (found["seconds"], found["ended"]) == ([1.0, 2.5], [1.0, 2.5])


def test_lists_that_rows_share_are_in_the_order_in_which_they_are_sorted() -> None:
    report = a_report(
        *failed([1], cause="z"),
        *failed([2], cause="a"),
        an_outcome(3, service_id="20", service_name="VPS 20"),
        an_outcome(4, service_id="3", service_name="VPS 3"),
    )
    found = data(rows_of(report, {}, Fragments()))
    assert found["causes"] == ["", "a", "z"]
    assert [name for _, _, name in found["places"]] == ["Cloud", "VPS 3", "VPS 20"]


def test_nothing_in_the_data_can_end_its_element() -> None:
    hostile = "</script><!--<script>&\u2028\ud800]]>" + HOSTILE
    report = a_report(
        *failed([1], cause=hostile, vm_label=hostile, service_name=hostile, error=RequestTimeout(hostile))
    )
    text = data_of(rows_of(report, {}, Fragments()), Fragments(), started=NOW)
    assert text.isascii()
    assert not set("<>&\n\r") & set(text)
    assert json.loads(text)["label"][0].startswith("</script><!--<script>&")
