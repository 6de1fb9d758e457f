"""Waiting for reverse names costs O(services): one rdns list of a service per round, for all its VMs."""

from __future__ import annotations

from support.steering import small_world, statuses
from support.virtual import VIRTUAL

from aioseflow import SetRdns

pytestmark = VIRTUAL


async def test_reverse_names_are_read_back_once_a_round_for_all_vms_of_a_service() -> None:
    vms = 60
    async with small_world((vms,)) as (panel, seflow):
        report = await seflow.fleet.run(SetRdns("{label}.example.com"))
    assert statuses(report) == {"changed": vms}
    before_sending = vms  # a look by each before it sends
    rounds = panel.count(method="GET", path="/service/@id/vms")
    assert panel.count(method="GET", path="/service/@id/rdns") <= before_sending + rounds
