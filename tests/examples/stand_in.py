"""The chat platform's HTTP interface on loopback: what a bot needs of it, and a record of all it was sent."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from typing import Any, Self

import attrs
from aiohttp import web

TOKEN = "12345:stand-in"
_LONGEST_MESSAGE = 4096
_TAGS = frozenset({"b", "i", "code", "pre"})


@attrs.frozen
class Sent:
    """One call of the bot; ``time`` is the loop's, ``status`` what it was answered with."""

    method: str
    fields: dict[str, str]
    time: float
    status: int


@attrs.frozen
class Refusal:
    """An answer that is given instead of the right one."""

    method: str
    status: int
    description: str
    retry_after: int | None = None


@attrs.define
class Post:
    """A message of the bot as its readers see it: without tags, with its buttons by text."""

    chat: int
    text: str
    buttons: dict[str, str]


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""
        self.foreign: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS or attrs:
            self.foreign.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


class Platform:
    """``async with Platform() as platform:``; people `say` and `press`, and `until` waits for the bot."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.posts: dict[int, Post] = {}
        self.refusals: deque[Refusal] = deque()
        self.url = ""
        self._updates: list[dict[str, Any]] = []
        self._numbers = 0
        self._change = asyncio.Condition()
        self._runner = web.AppRunner(self._application(), handler_cancellation=True, shutdown_timeout=1.0)

    def _application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/bot{token}/{method}", self._answer)
        return application

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def say(self, text: str, *, user: int, chat: int) -> None:
        """A person writes a message."""
        length = len(text.split()[0])
        message = {
            **self._message(chat),
            "from": _person(user),
            "text": text,
            "entities": [{"type": "bot_command", "offset": 0, "length": length}],
        }
        await self._feed({"message": message})

    async def press(self, text: str, *, user: int, data: str | None = None, post: int | None = None) -> None:
        """A person presses the button of a message, the last one with buttons unless told."""
        number = post if post is not None else max(key for key, value in self.posts.items() if value.buttons)
        shown = self.posts[number]
        message = {**self._message(shown.chat), "message_id": number, "text": shown.text}
        query = {
            "id": str(self._number()),
            "from": _person(user),
            "chat_instance": "1",
            "message": message,
            "data": data if data is not None else shown.buttons[text],
        }
        await self._feed({"callback_query": query})

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait until the record makes this true."""
        async with asyncio.timeout(seconds), self._change:
            await self._change.wait_for(lambda: bool(condition()))

    def calls(self, method: str, *, status: int | None = None) -> list[Sent]:
        """What the bot sent of one kind."""
        return [sent for sent in self.sent if sent.method == method and status in (None, sent.status)]

    @property
    def texts(self) -> list[str]:
        """The bot's messages as they read now, oldest first."""
        return [post.text for _, post in sorted(self.posts.items())]

    @property
    def answers(self) -> list[str]:
        """What those who pressed a button were told."""
        return [sent.fields.get("text", "") for sent in self.calls("answerCallbackQuery", status=200)]

    def refuse(self, *refusals: Refusal) -> None:
        """Refuse the next calls of these methods, in this order."""
        self.refusals.extend(refusals)

    async def _feed(self, update: dict[str, Any]) -> None:
        async with self._change:
            self._updates.append({"update_id": self._number(), **update})
            self._change.notify_all()

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        fields = {name: str(value) for name, value in (await request.post()).items()}
        if request.match_info["token"] != TOKEN:
            return await self._record(method, fields, 401, description="Unauthorized")
        refusal = next((waiting for waiting in self.refusals if waiting.method == method), None)
        if refusal is not None:
            self.refusals.remove(refusal)
            more = {} if refusal.retry_after is None else {"retry_after": refusal.retry_after}
            return await self._record(
                method, fields, refusal.status, description=refusal.description, parameters=more
            )
        if method == "getUpdates":
            return await self._record(method, fields, 200, result=await self._wait_for_updates(fields))
        if method in {"sendMessage", "editMessageText"}:
            return await self._post(method, fields)
        results: dict[str, Any] = {
            "getMe": {**_person(12345), "is_bot": True, "username": "stand_in_bot"},
            "deleteWebhook": True,
            "answerCallbackQuery": True,
        }
        if method == "deleteWebhook" and fields.get("drop_pending_updates") == "true":
            self._updates.clear()
        if method not in results:
            return await self._record(method, fields, 404, description="Not Found")
        return await self._record(method, fields, 200, result=results[method])

    async def _record(
        self, method: str, fields: dict[str, str], status: int, **answer: object
    ) -> web.Response:
        async with self._change:
            self.sent.append(Sent(method, fields, asyncio.get_running_loop().time(), status))
            self._change.notify_all()
        ok = status == 200
        return web.json_response(
            {"ok": ok, **({} if ok else {"error_code": status}), **answer}, status=status
        )

    async def _wait_for_updates(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        offset = int(fields.get("offset", 0))
        try:
            async with asyncio.timeout(int(fields.get("timeout", 0))), self._change:
                await self._change.wait_for(lambda: self._after(offset))
        except TimeoutError:
            pass
        self._updates = self._after(offset)
        return self._updates

    def _after(self, offset: int) -> list[dict[str, Any]]:
        return [update for update in self._updates if update["update_id"] >= offset]

    async def _post(self, method: str, fields: dict[str, str]) -> web.Response:
        reader = _Reader()
        reader.feed(fields.get("text", ""))
        reader.close()
        if reader.foreign or not 0 < len(reader.text) <= _LONGEST_MESSAGE:
            problem = f"can't parse entities: {reader.foreign}" if reader.foreign else "message is too long"
            return await self._record(method, fields, 400, description=f"Bad Request: {problem}")
        chat = int(fields["chat_id"])
        post = Post(chat, reader.text, dict(_buttons(fields.get("reply_markup"))))
        number = self._number() if method == "sendMessage" else int(fields["message_id"])
        if method == "editMessageText" and self.posts.get(number) == post:
            return await self._record(method, fields, 400, description="Bad Request: message is not modified")
        self.posts[number] = post
        message = {**self._message(chat), "message_id": number, "text": reader.text}
        return await self._record(method, fields, 200, result=message)

    def _message(self, chat: int) -> dict[str, Any]:
        kind = {"type": "private"} if chat > 0 else {"type": "supergroup", "title": "Operators"}
        return {"message_id": self._number(), "date": 1_700_000_000, "chat": {"id": chat, **kind}}

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers


def _person(number: int) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": f"Person {number}"}


def _buttons(markup: str | None) -> Iterable[tuple[str, str]]:
    rows = json.loads(markup)["inline_keyboard"] if markup else []
    return [(button["text"], button["callback_data"]) for row in rows for button in row]
