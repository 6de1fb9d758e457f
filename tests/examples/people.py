"""Who talks to the bot, and what they do."""

from __future__ import annotations

from examples.stand_in import Platform

ASKER, COLLEAGUE, STRANGER = 11, 12, 99
CHAT, FOREIGN_CHAT = -1001, -1002


async def ask(platform: Platform, action: str) -> None:
    """The asker asks, and the question is there."""
    before = len(platform.posts)
    await platform.say(f"/fleet {action}", user=ASKER, chat=CHAT)
    await platform.until(lambda: len(platform.posts) > before)


async def read_to_the_end(platform: Platform) -> str:
    """The message of a run that is over."""
    await platform.until(lambda: ", over" in platform.texts[-1] or "done" in platform.texts[-1])
    return platform.texts[-1]
