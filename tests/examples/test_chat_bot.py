from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import pairwise
from typing import Any, TypeAlias

import pytest
from examples.conftest import Panels, Spawn, ended, load
from examples.stand_in import TOKEN, Platform, Refusal
from support.clients import QUICK_RETRY

from aioseflow import SeFlow
from aioseflow.sandbox import Fault, Sandbox

ASKER, COLLEAGUE, STRANGER = 11, 12, 99
CHAT, FOREIGN_CHAT = -1001, -1002
STOP, REBOOT = "/service/@id/vms/@vmid/stop", "/service/@id/vms/@vmid/reboot"

Bots: TypeAlias = Callable[..., Awaitable[Any]]


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def platform(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    async with Platform() as platform:
        monkeypatch.setenv("TELEGRAM_TOKEN", TOKEN)
        monkeypatch.setenv("TELEGRAM_CHATS", f"{CHAT}, {ASKER}")
        monkeypatch.setenv("TELEGRAM_USERS", f"{ASKER},{COLLEAGUE}")
        monkeypatch.setenv("TELEGRAM_API_URL", platform.url)
        yield platform


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def bots(platform: Platform, clock: Clock) -> AsyncIterator[Bots]:
    """Starts the bot, listening, in front of the panel that the environment names."""
    chat_bot = load("chat_bot")
    async with AsyncExitStack() as stack:

        async def start(edit_every: float = 0.02) -> Any:
            settings = chat_bot.Settings.from_env()
            seflow = await stack.enter_async_context(SeFlow.from_env(retry=QUICK_RETRY))
            bot = await stack.enter_async_context(chat_bot.open_bot(settings))
            fleet_bot = chat_bot.FleetBot(bot, seflow, clock=clock, edit_every=edit_every)
            dispatcher = fleet_bot.dispatcher(settings)
            polling = asyncio.create_task(
                dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False)
            )

            async def stop() -> None:
                await dispatcher.stop_polling()
                await polling
                await fleet_bot.close()

            # aiogram lets TLS say goodbye for a quarter of a second; there is none here.
            stack.push_async_callback((await bot.session.create_session()).close)
            stack.push_async_callback(stop)
            await platform.until(lambda: platform.calls("getMe"))
            return fleet_bot

        yield start


@pytest.fixture
async def bot(panel: Sandbox, bots: Bots) -> Any:
    """A bot in front of two services of three running VMs."""
    return await bots()


async def ask(platform: Platform, action: str) -> None:
    """The asker asks, and the question is there."""
    before = len(platform.posts)
    await platform.say(f"/fleet {action}", user=ASKER, chat=CHAT)
    await platform.until(lambda: len(platform.posts) > before)


async def read_to_the_end(platform: Platform) -> str:
    """The message of a run that is over."""
    await platform.until(lambda: ", over" in platform.texts[-1] or "all as asked" in platform.texts[-1])
    return platform.texts[-1]


@pytest.mark.usefixtures("bot")
async def test_status_counts_and_changes_nothing(panel: Sandbox, platform: Platform) -> None:
    panel.services["33301"].vms["4001"].power = "stopped"
    await ask(platform, "status")
    assert platform.texts == ["6 VMs of 2 services: 5 running, 1 stopped."]
    assert panel.count(method="POST") == 0


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("text", ["/fleet", "/fleet destroy", "/fleet stop now", "/fleet@stand_in_bot help"])
async def test_what_it_does_not_know_is_answered_with_what_it_does(platform: Platform, text: str) -> None:
    await platform.say(text, user=ASKER, chat=ASKER)
    await platform.until(lambda: platform.posts)
    assert platform.texts == ["/fleet status, /fleet stop, /fleet start or /fleet reboot"]


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    ("user", "chat"), [(STRANGER, CHAT), (STRANGER, STRANGER), (ASKER, FOREIGN_CHAT)], ids=str
)
async def test_who_is_not_allowed_gets_no_word_and_nothing_is_asked_of_the_panel(
    panel: Sandbox, platform: Platform, user: int, chat: int
) -> None:
    await platform.say("/fleet stop", user=user, chat=chat)
    await platform.say("/fleet", user=COLLEAGUE, chat=CHAT)
    # The second was read after the first.
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
    assert text == (
        "stop: 6 of 6 VMs, all as asked\n6 changed, 0 unchanged, 0 failed, 0 unknown, 0 not attempted"
    )
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
async def test_a_double_press_starts_one_run(panels: Panels, panel: Sandbox, platform: Platform) -> None:
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
@pytest.mark.parametrize("data", ["fleet:unknown:1", "fleet:x", "fleet::1", "other:1", "fleet:a:b:c"])
async def test_a_made_up_button_starts_nothing(panel: Sandbox, platform: Platform, data: str) -> None:
    await ask(platform, "stop")
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
        "stop: 6 of 6 VMs, over",
        "5 changed, 0 unchanged, 0 failed, 1 unknown, 0 not attempted",
        "cancelled: 1 (vm-4002)",
    ]


@pytest.mark.usefixtures("bot")
async def test_one_message_follows_the_run_and_tells_the_causes_in_the_end(
    panel: Sandbox, platform: Platform
) -> None:
    panel.faults.add(
        Fault("latency", path=REBOOT, service="33302", seconds=0.15),
        Fault("error", path=REBOOT, vm="4001", codes=("vm_locked",)),
        Fault("reset", path=REBOOT, vm="4004", when="after"),
    )
    panel.services["33301"].vms["4003"].power = "stopped"
    await ask(platform, "reboot")
    await platform.press("Yes, reboot all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.splitlines() == [
        "reboot: 6 of 6 VMs, over",
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
    assert text.startswith("reboot: 80 of 80 VMs, all as asked")
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
    flood = Refusal("editMessageText", 429, "Too Many Requests: retry after 1", retry_after=1)
    platform.refuse(flood, Refusal("answerCallbackQuery", 429, "Too Many Requests", retry_after=1))
    await platform.press("Yes, stop all", user=ASKER)
    text = await read_to_the_end(platform)
    assert text.startswith("stop: 6 of 6 VMs, all as asked")
    for method in ("editMessageText", "answerCallbackQuery"):
        refused, again = platform.calls(method)[:2]
        assert (refused.status, again.status) == (429, 200)
        assert again.time - refused.time >= 1.0
    # The panel had done it all before the platform would hear of it.
    assert panel.requests[-1].time < platform.calls("editMessageText", status=200)[0].time
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
    assert text.startswith("stop: 6 of 6 VMs, all as asked")
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
    assert lines[3].startswith(
        "not listed: service 33302 vms.list: the panel refused: <b>&broken?<b>&broken?"
    )
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
        "0 VMs of 0 services. Not everything could be listed: services.list: "
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
    assert text.startswith("stop: 0 of 0 VMs, over\n")
    assert "not listed: services.list: e-mail or password were refused" in text
    assert panel.count(method="POST") == 0


async def test_closing_finishes_what_was_sent_and_tells_about_it(
    panels: Panels, platform: Platform, bots: Bots
) -> None:
    panel = await panels(services=1, vms_per_service=200)
    panel.faults.add(Fault("latency", path=REBOOT, seconds=0.2))
    bot = await bots()
    await ask(platform, "reboot")
    await platform.press("Yes, reboot all", user=ASKER)
    await platform.until(lambda: len(platform.calls("editMessageText")) >= 2)
    await bot.close()
    text = platform.texts[-1]
    assert text.startswith("reboot: 200 of 200 VMs, over\n")
    changed = panel.effect_count("reboot")
    assert 0 < changed < 200
    assert f"{changed} changed, 0 unchanged, 0 failed, 0 unknown, {200 - changed} not attempted" in text
    assert not panel.repeated("reboot")


async def test_it_works_as_a_program_of_its_own_and_ends_with_a_signal(
    panel: Sandbox, platform: Platform, spawn: Spawn
) -> None:
    await platform.say("/fleet stop", user=ASKER, chat=CHAT)
    process = await spawn("chat_bot")
    await platform.until(lambda: platform.calls("deleteWebhook"), 20)
    panel.faults.add(Fault("latency", path=REBOOT, seconds=0.1))
    await ask(platform, "reboot")
    # What was written before it listened is not answered.
    assert platform.texts == ["reboot everything? 6 VMs of 2 services: 6 running."]
    await platform.press("Yes, reboot all", user=ASKER)
    await platform.until(lambda: panel.effect_count("reboot"))
    process.send_signal(signal.SIGTERM)
    result = await ended(process)
    assert (result.code, result.stdout) == (0, "")
    assert "Traceback" not in result.stderr
    assert "Warning" not in result.stderr
    assert TOKEN not in result.stderr
    assert platform.texts[-1].startswith("reboot: 6 of 6 VMs")
    assert panel.effect_count("reboot") == 6
    assert not panel.repeated("reboot")


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("SEFLOW_PASSWORD", "wrong", "services.list: e-mail or password were refused"),
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


async def test_no_token_of_a_question_is_given_twice(platform: Platform, bot: Any) -> None:
    await ask(platform, "stop")
    await ask(platform, "stop")
    markups = [json.loads(sent.fields["reply_markup"]) for sent in platform.calls("sendMessage")]
    data = [button["callback_data"] for markup in markups for button in markup["inline_keyboard"][0]]
    assert len(set(data)) == 4
    assert all(len(text.encode()) <= 64 for text in data)
