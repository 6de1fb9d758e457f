from __future__ import annotations

import asyncio
import signal
from itertools import pairwise

import pytest
from examples.conftest import Bots, Panels, Spawn, ended, load
from examples.people import ASKER, CHAT, ask, read_to_the_end
from examples.stand_in import TOKEN, Platform, Refusal

from aioseflow.sandbox import Fault, Sandbox

STOP, REBOOT = "/service/@id/vms/@vmid/stop", "/service/@id/vms/@vmid/reboot"


@pytest.mark.usefixtures("bot")
async def test_one_message_follows_the_run_and_tells_the_causes_in_the_end(
    panel: Sandbox, platform: Platform
) -> None:
    panel.faults.add(
        Fault("latency", path=REBOOT, service="33302", seconds=0.3),
        Fault("error", path=REBOOT, vm="4001", codes=("vm_locked",)),
        Fault("reset", path=REBOOT, vm="4004", when="after"),
    )
    panel.services["33301"].vms["4003"].power = "stopped"
    await ask(platform, "reboot")
    await platform.press("Yes, reboot all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.splitlines() == [
        "reboot: 6 of 6 VMs, over: finished",
        "3 changed, 0 unchanged, 1 failed, 1 unknown, 1 not attempted",
        "lost_answer: 1 (vm-4004)",
        "not_running: 1 (vm-4003)",
        "vm_locked: 1 (vm-4001)",
    ]
    assert len(platform.posts) == 1
    edits = [sent.fields["text"] for sent in platform.calls("editMessageText")]
    assert len(edits) >= 3
    assert len(set(edits)) == len(edits)
    assert any("3 of 6 VMs\n" in edit for edit in edits)
    assert not panel.repeated("reboot")
    assert panel.count(method="POST", path=REBOOT) == 5


async def test_edits_keep_their_distance_and_the_last_one_always_comes(
    panels: Panels, platform: Platform, bots: Bots
) -> None:
    panel = await panels(services=4, vms_per_service=20, workers=1, queue=1000, service_time=0.005)
    await bots(edit_every=0.15)
    await ask(platform, "reboot")
    await platform.press("Yes, reboot all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.startswith("reboot: 80 of 80 VMs, done")
    times = [sent.time for sent in platform.calls("editMessageText")]
    assert len(times) >= 3
    assert all(later - earlier > 0.14 for earlier, later in pairwise(times[:-1]))
    assert panel.effect_count("reboot") == 80
    assert not panel.repeated("reboot")


@pytest.mark.usefixtures("bot")
async def test_the_platforms_own_pause_is_obeyed_and_the_run_goes_on_meanwhile(
    panel: Sandbox, platform: Platform
) -> None:
    await ask(platform, "stop")
    platform.refuse(Refusal("editMessageText", 429, "Too Many Requests: retry after 1", retry_after=1))
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.startswith("stop: 6 of 6 VMs, done")
    refused, again = platform.calls("editMessageText")[:2]
    assert (refused.status, again.status) == (429, 200)
    assert again.time - refused.time >= 1.0
    # The panel was sent it all before the platform would hear of it.
    assert panel.matching(method="POST")[-1].time < again.time
    assert not panel.repeated("stop")


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    "refusal",
    [
        Refusal("editMessageText", 400, "Bad Request: message is not modified: it is the same"),
        Refusal("editMessageText", 400, "Bad Request: message can't be edited"),
        Refusal("editMessageText", 502, "Bad Gateway"),
        Refusal("answerCallbackQuery", 400, "Bad Request: query is too old"),
    ],
    ids=lambda refusal: refusal.description,
)
async def test_an_edit_that_the_platform_refuses_ends_no_run(
    panel: Sandbox, platform: Platform, refusal: Refusal
) -> None:
    await ask(platform, "stop")
    platform.refuse(refusal)
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.startswith("stop: 6 of 6 VMs, done")
    assert panel.effect_count("stop") == 6
    assert not platform.refusals


@pytest.mark.usefixtures("bot")
async def test_labels_and_errors_of_the_panel_are_text_and_not_markup(
    panel: Sandbox, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    label = "<a href='http://evil'>&amp;</a>\u202e\n@everyone" + "x" * 5000
    monkeypatch.setattr("aioseflow.sandbox.machines.Vm.label", property(lambda vm: label))
    panel.faults.add(Fault("error", path="/service/33302/vms", codes=("<b>&broken\n" * 50,), after=1))
    panel.faults.add(Fault("error", path=STOP, codes=("<i>no</i>",)))
    await ask(platform, "stop")
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    lines = text.splitlines()
    name = "<a href='http://evil'>&amp;</a>??@everyonexxxxx"[:40]
    assert lines[2] == f"refused: 3 ({name}, {name}, {name})"
    assert lines[3].startswith("not listed: service 33302 The panel refused: <b>&broken?<b>&broken?")
    assert len(text) < 1000
    assert not platform.calls("editMessageText", status=400)


async def test_the_longest_report_is_a_message_that_the_platform_takes(
    panels: Panels, platform: Platform, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioseflow.sandbox.machines.Vm.label", property(lambda vm: "&" * 500))
    panel = await panels(services=12, vms_per_service=6)
    await bots()
    for number in range(12):
        codes = (f"code_{number}_".ljust(64, "x"),)
        panel.faults.add(Fault("error", path=REBOOT, service=str(33301 + number), codes=codes))
    await ask(platform, "reboot")
    for number in range(12, 4, -1):
        panel.faults.add(Fault("error", path=f"/service/{33300 + number}/vms", codes=("&" * 200,) * 10))
    await platform.press("Yes, reboot all", user=ASKER)
    text = await read_to_the_end(platform)
    assert len(text.splitlines()) == 2 + 4 + 4
    assert not platform.calls("editMessageText", status=400)


@pytest.mark.usefixtures("bot")
async def test_a_panel_that_refuses_the_password_is_told_and_not_asked_about(
    panel: Sandbox, platform: Platform
) -> None:
    panel.password = "changed"
    await ask(platform, "stop")
    assert platform.texts[0].startswith(
        "0 VMs of 0 services. Not everything could be listed: Wrong e-mail or password"
    )
    assert not next(iter(platform.posts.values())).buttons
    assert panel.bad_logins == 1


@pytest.mark.usefixtures("bot")
async def test_a_panel_that_refuses_after_the_question_is_told_in_the_end(
    panel: Sandbox, platform: Platform
) -> None:
    await ask(platform, "stop")
    panel.password = "changed"
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.startswith("stop: 0 of 0 VMs, over: failed\n")
    assert "not listed: Wrong e-mail or password" in text
    assert panel.count(method="POST") == 0


async def test_closing_finishes_what_was_sent_and_tells_about_it(
    panels: Panels, platform: Platform, bots: Bots
) -> None:
    panel = await panels(services=1, vms_per_service=200)
    panel.faults.add(Fault("latency", path=REBOOT, seconds=0.2))
    bot = await bots()
    await ask(platform, "reboot")
    await platform.press("Yes, reboot all", user=ASKER)
    await platform.until(
        lambda: platform.texts[0].startswith(tuple(f"reboot: {digit}" for digit in "123456789"))
    )
    await bot.close()
    text = platform.texts[-1]
    assert text.startswith("reboot: 200 of 200 VMs, over: drained\n")
    changed = panel.effect_count("reboot")
    assert 0 < changed < 200
    assert f"{changed} changed, 0 unchanged, 0 failed, 0 unknown, {200 - changed} not attempted" in text
    assert not panel.repeated("reboot")


async def test_it_works_as_a_program_of_its_own_and_ends_with_a_signal(
    panel: Sandbox, platform: Platform, spawn: Spawn
) -> None:
    await platform.say("/fleet stop", user=ASKER, chat=CHAT)
    process = await spawn("chat_bot")
    await platform.until(lambda: platform.calls("deleteWebhook"))
    panel.faults.add(Fault("latency", path=REBOOT, seconds=0.1))
    await ask(platform, "reboot")
    # What was written before it listened is not answered.
    assert platform.texts == ["reboot everything? 6 VMs of 2 services: 6 running."]
    await platform.press("Yes, reboot all", user=ASKER)
    async with asyncio.timeout(60):
        while not panel.effect_count("reboot"):  # noqa: ASYNC110 - another process acts, without an event
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    result = await ended(process)
    assert (result.code, result.stdout) == (0, "")
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr
    assert TOKEN not in result.stderr
    assert platform.texts[-1].startswith("reboot: ")
    assert f"{panel.effect_count('reboot')} changed, 0 unchanged, 0 failed, 0 unknown" in platform.texts[-1]
    assert not panel.repeated("reboot")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SEFLOW_PASSWORD", "wrong", "Wrong e-mail or password"),
        ("SEFLOW_USERNAME", "", "set SEFLOW_USERNAME in the environment"),
        ("TELEGRAM_TOKEN", "", "set TELEGRAM_TOKEN in the environment"),
        ("TELEGRAM_TOKEN", "no token", "Token is invalid!"),
        ("TELEGRAM_TOKEN", "1:other", "Telegram server says - Unauthorized"),
        ("TELEGRAM_CHATS", "", "set TELEGRAM_CHATS to ids with commas between"),
        ("TELEGRAM_USERS", "me", "set TELEGRAM_USERS to ids with commas between"),
        ("TELEGRAM_API_URL", "api.telegram.org", "TELEGRAM_API_URL must look like"),
    ],
)
@pytest.mark.usefixtures("panel", "platform")
async def test_a_setting_that_cannot_work_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    variable: str,
    value: str,
    sentence: str,
) -> None:
    monkeypatch.setenv(variable, value)
    chat_bot = load("chat_bot")
    monkeypatch.setattr(chat_bot.logging, "basicConfig", lambda **_: None)
    assert await asyncio.to_thread(chat_bot.main) == 1
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"chat_bot: {sentence}")
    assert complaint.count("\n") == 1
