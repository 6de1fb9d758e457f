from __future__ import annotations

import json
from typing import Any

import pytest
from examples.conftest import Clock
from examples.people import ASKER, CHAT, COLLEAGUE, FOREIGN_CHAT, STRANGER, ask, read_to_the_end
from examples.stand_in import Platform

from aioseflow.sandbox import Fault, Sandbox

STOP, REBOOT = "/service/@id/vms/@vmid/stop", "/service/@id/vms/@vmid/reboot"


@pytest.mark.usefixtures("bot")
async def test_status_counts_and_changes_nothing(panel: Sandbox, platform: Platform) -> None:
    panel.services["33301"].vms["4001"].power = "stopped"
    await ask(platform, "status")
    assert platform.texts == ["6 VMs of 2 services: 5 running, 1 stopped."]
    assert panel.count(method="POST") == 0


@pytest.mark.usefixtures("bot")
async def test_what_it_does_not_know_is_answered_with_what_it_does(platform: Platform) -> None:
    for text in ("/fleet", "/fleet destroy", "/fleet stop now", "/fleet@stand_in_bot help"):
        await platform.say(text, user=ASKER, chat=ASKER)
    await platform.until(lambda: len(platform.posts) == 4)
    assert platform.texts == ["/fleet status, /fleet stop, /fleet start or /fleet reboot"] * 4


@pytest.mark.usefixtures("bot")
async def test_who_is_not_allowed_gets_no_word_and_nothing_is_asked_of_the_panel(
    panel: Sandbox, platform: Platform
) -> None:
    for user, chat in ((STRANGER, CHAT), (STRANGER, STRANGER), (ASKER, FOREIGN_CHAT)):
        await platform.say("/fleet stop", user=user, chat=chat)
    await platform.say("/fleet", user=COLLEAGUE, chat=CHAT)
    # The last one was read after the others.
    await platform.until(lambda: platform.posts)
    assert [post.chat for post in platform.posts.values()] == [CHAT]
    assert not panel.requests


@pytest.mark.usefixtures("bot")
async def test_nothing_happens_before_it_is_confirmed_and_then_every_vm_is_stopped_once(
    panel: Sandbox, platform: Platform
) -> None:
    await ask(platform, "stop")
    assert platform.texts == ["stop everything? 6 VMs of 2 services: 6 running."]
    [post] = platform.posts.values()
    assert list(post.buttons) == ["Yes, stop all", "No"]
    assert panel.count(method="POST") == 0
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text == ("stop: 6 of 6 VMs, done\n6 changed, 0 unchanged, 0 failed, 0 unknown, 0 not attempted")
    assert len(platform.posts) == 1
    assert not next(iter(platform.posts.values())).buttons
    assert panel.effect_count("stop") == 6
    assert not panel.repeated("stop")


@pytest.mark.usefixtures("bot")
async def test_a_start_of_what_runs_says_that_it_did_nothing(panel: Sandbox, platform: Platform) -> None:
    await ask(platform, "start")
    await platform.press("Yes, start all", user=ASKER)
    text = await read_to_the_end(platform)
    assert "0 changed, 6 unchanged" in text
    assert "already_running: 6 (vm-4001, vm-4002, vm-4003, vm-4004, …)" in text
    assert panel.count(method="POST") == 0


@pytest.mark.usefixtures("bot")
async def test_a_cancelled_question_does_nothing_and_cannot_be_confirmed_any_more(
    panel: Sandbox, platform: Platform
) -> None:
    await ask(platform, "stop")
    [post] = platform.posts.values()
    yes = post.buttons["Yes, stop all"]
    await platform.press("No", user=ASKER)
    await platform.until(lambda: platform.texts == ["stop: cancelled; nothing was done"])
    await platform.press("", user=ASKER, data=yes, post=next(iter(platform.posts)))
    await platform.until(lambda: len(platform.answers) == 2)
    assert platform.answers == ["", "This was answered already, or is too old."]
    assert panel.count(method="POST") == 0


@pytest.mark.usefixtures("bot")
async def test_a_double_press_starts_one_run(panel: Sandbox, platform: Platform) -> None:
    panel.faults.add(Fault("latency", path=REBOOT, seconds=0.1))
    await ask(platform, "reboot")
    [number] = platform.posts
    yes = platform.posts[number].buttons["Yes, reboot all"]
    for _ in range(5):
        await platform.press("", user=ASKER, data=yes, post=number)
    await read_to_the_end(platform)
    await platform.until(lambda: len(platform.answers) == 5)
    await platform.press("", user=ASKER, data=yes, post=number)
    await platform.until(lambda: len(platform.answers) == 6)
    assert sorted(platform.answers) == ["", *["This was answered already, or is too old."] * 5]
    assert panel.effect_count("reboot") == 6
    assert not panel.repeated("reboot")
    assert panel.count(method="POST", path=REBOOT) == 6


@pytest.mark.usefixtures("bot")
async def test_only_the_asker_may_press(panel: Sandbox, platform: Platform) -> None:
    await ask(platform, "stop")
    await platform.press("Yes, stop all", user=STRANGER)
    await platform.press("Yes, stop all", user=COLLEAGUE)
    await platform.press("No", user=COLLEAGUE)
    await platform.until(lambda: len(platform.answers) == 2)
    assert platform.answers == ["Only who asked may press this."] * 2
    assert panel.count(method="POST") == 0
    await platform.press("Yes, stop all", user=ASKER)
    await read_to_the_end(platform)
    assert panel.effect_count("stop") == 6


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("asked_again", [False, True])
async def test_a_question_expires(
    panel: Sandbox, platform: Platform, clock: Clock, asked_again: bool
) -> None:
    await ask(platform, "stop")
    [old] = platform.posts
    yes = platform.posts[old].buttons["Yes, stop all"]
    clock.now += 120.5
    if asked_again:
        await ask(platform, "reboot")
    await platform.press("", user=ASKER, data=yes, post=old)
    await platform.until(lambda: platform.answers)
    if asked_again:
        assert platform.answers == ["This was answered already, or is too old."]
    else:
        await platform.until(lambda: platform.texts == ["stop: too late, ask again; nothing was done"])
    assert panel.count(method="POST") == 0


@pytest.mark.usefixtures("bot")
async def test_a_question_lives_for_two_minutes(panel: Sandbox, platform: Platform, clock: Clock) -> None:
    await ask(platform, "stop")
    clock.now += 119.5
    await platform.press("Yes, stop all", user=ASKER)
    await read_to_the_end(platform)
    assert panel.effect_count("stop") == 6


@pytest.mark.usefixtures("bot")
async def test_a_made_up_button_starts_nothing(panel: Sandbox, platform: Platform) -> None:
    await ask(platform, "stop")
    for data in ("fleet:unknown:1", "fleet:x", "fleet::1", "other:1", "fleet:a:b:c"):
        await platform.press("", user=ASKER, data=data)
    await platform.press("No", user=ASKER)
    await platform.until(lambda: platform.texts == ["stop: cancelled; nothing was done"])
    assert panel.count(method="POST") == 0


async def test_a_second_run_has_to_wait_and_closing_does_not_wait_for_ever(
    panel: Sandbox, platform: Platform, bot: Any
) -> None:
    panel.faults.add(Fault("hang", path=STOP, vm="4002"))
    await ask(platform, "stop")
    first = max(platform.posts)
    await platform.press("Yes, stop all", user=ASKER)
    await platform.until(lambda: platform.posts[first].text.startswith("stop: 5 of 6 VMs\n"))
    await ask(platform, "reboot")
    second = max(platform.posts)
    await platform.press("Yes, reboot all", user=ASKER)
    await platform.until(lambda: "Another run is under way; press again when it is over." in platform.answers)
    assert panel.count(path=REBOOT) == 0
    assert platform.posts[second].buttons
    await bot.close(patience=0.2)
    assert platform.posts[first].text.splitlines() == [
        "stop: 6 of 6 VMs, over: cancelled",
        "5 changed, 0 unchanged, 0 failed, 1 unknown, 0 not attempted",
        "cancelled: 1 (vm-4002)",
    ]


async def test_no_token_of_a_question_is_given_twice(platform: Platform, bot: Any) -> None:
    await ask(platform, "stop")
    await ask(platform, "stop")
    markups = [json.loads(sent.fields["reply_markup"]) for sent in platform.calls("sendMessage")]
    data = [button["callback_data"] for markup in markups for button in markup["inline_keyboard"][0]]
    assert len(set(data)) == 4
    assert all(len(text.encode()) <= 64 for text in data)
