"""A chat bot for the fleet: /fleet status, /fleet stop, /fleet start, /fleet reboot.

    SEFLOW_USERNAME=… SEFLOW_PASSWORD=… TELEGRAM_TOKEN=… TELEGRAM_CHATS=-100123,456 TELEGRAM_USERS=456 \
        python examples/chat_bot.py

It needs aiogram 3. TELEGRAM_CHATS and TELEGRAM_USERS are ids with commas between: it obeys these users in
these chats and is silent to all others. TELEGRAM_API_URL names another server of the platform's interface.
A change is asked back with two buttons, for two minutes, once, for the asker alone; then one message shows
how far it is, and in the end the counts and why anything is not done. One run at a time.

It ends by Ctrl-C or SIGTERM: what was sent is finished, for half a minute at most, and nothing more is begun.
Exit code: 0 it was ended like that; 1 a setting is wrong, or the panel or the platform refused at the start.
"""

from __future__ import annotations

import asyncio
import html
import logging
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from aiogram import Bot, Dispatcher, F
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.middlewares.base import NextRequestMiddlewareType
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import (
    AiogramError,
    ClientDecodeError,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.filters import Command, CommandObject
from aiogram.filters.callback_data import CallbackData
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message, TelegramObject
from aiogram.utils.token import TokenValidationError

from aioseflow import ConfigurationError, Outcome, PowerState, Report, Run, SeFlow, SeFlowError

HELP = "/fleet status, /fleet stop, /fleet start or /fleet reboot"
ANSWER_WITHIN = 120.0  # seconds in which a question may be answered
CLOSE_WITHIN = 30.0  # seconds to finish what is sent
EDIT_EVERY = 1.5  # seconds between two edits of a message
CAUSES, NAMES, LOST = 8, 4, 4  # how many are named: a message has 4,096 characters

log = logging.getLogger("chat_bot")


@dataclass(frozen=True)
class Settings:
    """Who may use the bot, and where the platform is."""

    token: str
    chats: frozenset[int]
    users: frozenset[int]
    api_url: str

    @classmethod
    def from_env(cls) -> Settings:
        """From the environment. Raises `ConfigurationError`."""
        token = os.environ.get("TELEGRAM_TOKEN", "")
        if not token:
            raise ConfigurationError("set TELEGRAM_TOKEN in the environment")
        api_url = os.environ.get("TELEGRAM_API_URL") or "https://api.telegram.org"
        if urlsplit(api_url).scheme not in {"http", "https"} or not urlsplit(api_url).hostname:
            raise ConfigurationError("TELEGRAM_API_URL must look like https://api.telegram.org")
        return cls(token, ids_of("TELEGRAM_CHATS"), ids_of("TELEGRAM_USERS"), api_url)


def ids_of(variable: str) -> frozenset[int]:
    """The numbers in a variable of the environment; none at all is an error, and never means everybody."""
    try:
        ids = frozenset(int(word) for word in os.environ.get(variable, "").split(",") if word.strip())
    except ValueError:
        ids = frozenset()
    if not ids:
        raise ConfigurationError(f"set {variable} to ids with commas between, such as -100123,456")
    return ids


class Press(CallbackData, prefix="fleet"):
    """What a button sends back."""

    token: str
    sure: bool


@dataclass(frozen=True)
class Question:
    """A change that waits for its asker's word."""

    action: str
    user: int
    expires: float


class Board:
    """One message, edited where its text has changed."""

    def __init__(self, bot: Bot, chat: int, message: int) -> None:
        self._bot, self._chat, self._message = bot, chat, message
        self._shown = ""

    async def show(self, text: str) -> bool:
        """Edit it; False if it is worth another try. A platform that takes no message must not end a run."""
        if text == self._shown:
            return True
        try:
            await self._bot.edit_message_text(text, chat_id=self._chat, message_id=self._message)
        except (TelegramNetworkError, TelegramServerError, TelegramRetryAfter, ClientDecodeError) as error:
            log.warning("could not edit: %s", plain(error))
            return False
        except AiogramError as error:
            if "message is not modified" not in str(error):
                log.warning("will not be edited: %s", plain(error))
        self._shown = text
        return True

    async def show_at_last(self, text: str) -> None:
        """Edit it for the last time, and try hard."""
        for pause in (0.0, 2.0, 10.0):
            await asyncio.sleep(pause)
            if await self.show(text):
                return


class FleetBot:
    """Asks back, runs, and tells."""

    def __init__(
        self,
        bot: Bot,
        seflow: SeFlow,
        *,
        clock: Callable[[], float] = time.monotonic,
        edit_every: float = EDIT_EVERY,
    ) -> None:
        self._bot = bot
        self._seflow = seflow
        self._clock = clock
        self._edit_every = edit_every
        self._questions: dict[str, Question] = {}
        self._run: Run | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    def dispatcher(self, settings: Settings) -> Dispatcher:
        """What calls the methods below, for those who may."""
        dispatcher = Dispatcher(disable_fsm=True)
        dispatcher.update.outer_middleware(self._keep_track)
        dispatcher.message.filter(F.chat.id.in_(settings.chats), F.from_user.id.in_(settings.users))
        dispatcher.message.register(self.on_command, Command("fleet"))
        dispatcher.callback_query.filter(
            F.message.chat.id.in_(settings.chats), F.from_user.id.in_(settings.users)
        )
        dispatcher.callback_query.register(self.on_press, Press.filter())
        return dispatcher

    async def on_command(self, message: Message, command: CommandObject) -> None:
        """``/fleet …``"""
        match (command.args or "").lower().split():
            case ["status"]:
                await message.answer((await self._facts())[1])
            case ["stop" | "start" | "reboot" as action] if message.from_user is not None:
                await self._ask(message, action, message.from_user.id)
            case _:
                await message.answer(HELP)

    async def on_press(self, press: CallbackQuery, callback_data: Press) -> None:
        """A button; between finding the question and taking it away nothing else can happen."""
        token, now = callback_data.token, self._clock()
        question = self._questions.get(token)
        if question is None or press.message is None:
            await self._answer(press, "This was answered already, or is too old.")
            return
        if press.from_user.id != question.user:
            await self._answer(press, "Only who asked may press this.")
            return
        late = now > question.expires
        if callback_data.sure and not late and self._run is not None:
            await self._answer(press, "Another run is under way; press again when it is over.")
            return
        del self._questions[token]
        board = Board(self._bot, press.message.chat.id, press.message.message_id)
        if late or not callback_data.sure:
            await self._answer(press, "")
            what = "too late, ask again" if late else "cancelled"
            await board.show_at_last(f"<b>{question.action}</b>: {what}; nothing was done")
            return
        fleet = self._seflow.fleet
        begin = {"stop": fleet.stop, "start": fleet.start, "reboot": fleet.reboot}[question.action]
        run = self._run = begin().start()
        try:
            async with run:
                await self._answer(press, "")
                await self._follow(run, board)
        finally:
            self._run = None
        log.info("%s", run.report)
        await board.show_at_last(text_of(run.report))

    async def close(self, patience: float = CLOSE_WITHIN) -> None:
        """Finish what was sent and tell about it; what takes too long is cancelled, and told likewise."""
        self._questions.clear()
        for end in (Run.drain, Run.cancel):
            if self._run is not None:
                end(self._run)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=patience / 2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _ask(self, message: Message, action: str, user: int) -> None:
        number, facts = await self._facts()
        if not number:
            await message.answer(facts)
            return
        now = self._clock()
        self._questions = {
            token: question for token, question in self._questions.items() if question.expires >= now
        }
        token = secrets.token_urlsafe(12)
        self._questions[token] = Question(action, user, now + ANSWER_WITHIN)
        buttons = [
            InlineKeyboardButton(text=text, callback_data=Press(token=token, sure=sure).pack())
            for text, sure in ((f"Yes, {action} all", True), ("No", False))
        ]
        await message.answer(
            f"<b>{action}</b> everything? {facts}",
            reply_markup=InlineKeyboardMarkup(inline_keyboard=[buttons]),
        )

    async def _facts(self) -> tuple[int, str]:
        """How many VMs there are, and a sentence about them."""
        powers: Counter[PowerState] = Counter()
        services: set[str] = set()
        lost = ""
        try:
            async for service, vm in self._seflow.fleet.vms():
                powers[vm.power] += 1
                services.add(service.id)
        except (SeFlowError, ExceptionGroup) as error:
            lost = f" Not everything could be listed: {shown(error, 200)}."
        counted = ", ".join(f"{number} {power}" for power, number in sorted(powers.items()))
        text = f"{powers.total()} VMs of {len(services)} services{': ' if counted else ''}{counted}."
        return powers.total(), text + lost

    async def _follow(self, run: Run, board: Board) -> None:
        """Show how far a run is until it is over."""
        over = asyncio.ensure_future(run.wait_closed())
        while not over.done():
            await board.show(text_of(run.report))
            await asyncio.wait([over], timeout=self._edit_every)

    async def _answer(self, press: CallbackQuery, text: str) -> None:
        """Tell who pressed; the platform wants an answer, and forgets those that it is late for."""
        try:
            await press.answer(text)
        except AiogramError as error:
            log.warning("could not answer: %s", plain(error))

    async def _keep_track(
        self,
        handler: Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]],
        event: TelegramObject,
        data: dict[str, Any],
    ) -> Any:
        """Know the tasks that handle updates, to wait for them in the end."""
        if (task := asyncio.current_task()) is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await handler(event, data)


def text_of(report: Report) -> str:
    """A report as a message: the counts, and why anything is not simply done."""
    over = "" if report.finished_at is None else ", done" if report.ok else f", over: {report.ending}"
    lines = [f"<b>{report.action}</b>: {len(report.outcomes)} of {len(report.targets)} VMs{over}"]
    lines.append(", ".join(f"{number} {word.replace('_', ' ')}" for word, number in report.counts.items()))
    for cause, outcomes in list(report.causes.items())[:CAUSES]:
        names = ", ".join(name_of(outcome) for outcome in outcomes[:NAMES])
        more = ", …" if len(outcomes) > NAMES else ""
        lines.append(f"{shown(cause)}: {len(outcomes)} ({names}{more})")
    for lost in report.undiscovered[:LOST]:
        where = "" if lost.service_id is None else f" service {shown(lost.service_id)}"
        lines.append(f"not listed:{where} {shown(lost.error or lost.cause, 200)}")
    return "\n".join(lines)


def name_of(outcome: Outcome) -> str:
    """How a VM is called; as code, or the platform would make links and mentions of it."""
    return f"<code>{shown(outcome.vm_label or outcome.vm_id)}</code>"


def shown(text: object, longest: int = 40) -> str:
    """Text from the panel, cut, and safe within HTML."""
    return html.escape(plain(text)[:longest])


def plain(text: object) -> str:
    """Text from outside on one line, without what could steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in str(text))


async def obey_retry_after(
    make_request: NextRequestMiddlewareType[TelegramType], bot: Bot, method: TelegramMethod[TelegramType]
) -> Response[TelegramType]:
    """When the platform says "not now, but in n seconds", wait for so long and send it again."""
    for _ in range(5):
        try:
            return await make_request(bot, method)
        except TelegramRetryAfter as refusal:
            log.warning("the platform wants %d s of silence", refusal.retry_after)
            await asyncio.sleep(refusal.retry_after)
    return await make_request(bot, method)


def open_bot(settings: Settings) -> Bot:
    """The platform's client. Raises `TokenValidationError`."""
    session = AiohttpSession(api=TelegramAPIServer.from_base(settings.api_url))
    session.middleware(obey_retry_after)
    defaults = DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
    return Bot(settings.token, session=session, default=defaults)


async def serve(settings: Settings) -> None:
    """Obey until a signal comes."""
    async with SeFlow.from_env() as seflow, open_bot(settings) as bot:
        # A wrong password or token is better known now than when somebody needs the bot.
        await seflow.services.list()
        # What was written while nobody listened is not meant for now.
        await bot.delete_webhook(drop_pending_updates=True)
        fleet_bot = FleetBot(bot, seflow)
        try:
            await fleet_bot.dispatcher(settings).start_polling(bot, close_bot_session=False)
        finally:
            await fleet_bot.close()


def main() -> int:
    """Run the program; returns its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    try:
        asyncio.run(serve(Settings.from_env()))
    except (SeFlowError, AiogramError, TokenValidationError) as error:
        print(f"chat_bot: {plain(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
