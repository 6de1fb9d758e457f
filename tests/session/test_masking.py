"""Only what came from outside is masked: in a sentence of ours, the hole would show the password."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import Final

import pytest
from support.clients import USERNAME
from support.wire import Answer, Play, Wire, http

from aioseflow import RetryPolicy, SeFlow, SeFlowError

RETRY: Final = RetryPolicy(first_wait=0.001, longest_wait=0.002)
WORDS: Final = ("panel", "since", "answer", "refused", "HTTP", "e", "vms.list", "tried", "object", "proxy")
ANSWERS: Final[dict[str, Answer]] = {
    "wrong login": http('{"error": ["wronglogin"]}', 401),
    "address": http('{"error": ["ipnotallowed"]}', 401),
    "not found": http('{"error": []}', 404),
    "403 page": http("<p>", 403),
    "redirect": http("", 302),
    "500": http("", 500),
    "page": http("<html>"),
    "not JSON": http("oops"),
    "wrong shape": http('{"vms": [{"id": []}]}'),
    "no list": http('{"x": 1}'),
    "neither": http("[1]"),
    "429": http("", 429, headers={"Retry-After": "999"}),
    "408": http("", 408),
    "407": http("", 407),
    "closed": Play(then="close"),
    "not HTTP": Play(b"oops\r\n\r\n", then="close"),
    "long header": http("{}", headers={"X-Long": "x" * 70_000}),
}


async def said(answer: Answer, password: str) -> list[str]:
    """What a read and a reboot say."""
    messages = []
    async with Wire() as wire:
        wire.answer = answer
        for name in ("list", "reboot"):
            async with SeFlow(USERNAME, password, base_url=wire.url, retry=RETRY) as seflow:
                calling = seflow.vms.list(9) if name == "list" else seflow.vms.reboot(9, 4)
                with pytest.raises(SeFlowError) as caught:
                    await calling
                messages.append(str(caught.value).split(" UTC", 1)[-1])
    return messages


@pytest.mark.parametrize("answer", ANSWERS)
async def test_our_own_sentences_are_the_same_whatever_the_password_is(answer: str) -> None:
    right = await said(ANSWERS[answer], "N0-word!of-ours")
    for word in WORDS:
        assert await said(ANSWERS[answer], word) == right


async def test_what_this_machine_says_is_not_masked() -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        for word in ("c", "onnect", "failed", "127"):
            async with SeFlow(USERNAME, word, base_url=url, retry=None) as seflow:
                with pytest.raises(SeFlowError) as caught:
                    await seflow.vms.list(9)
            assert "***" not in str(caught.value)


async def test_what_the_panel_says_is_masked_within_our_sentence() -> None:
    async with Wire() as wire:
        for payload in (
            {"error": ["no such panel-7"]},
            {"success": False, "message": "no such panel-7"},
            {"message": "no such panel-7"},
            {"vms": [{"id": {"panel-7": 1}, "x": 1}], "errors": {"panel-7": "x"}},
        ):
            wire.answer = http(json.dumps(payload))
            async with SeFlow(USERNAME, "panel-7", base_url=wire.url, retry=None) as seflow:
                with pytest.raises(SeFlowError) as caught:
                    await seflow.vms.list(9)
            assert "panel-7" not in str(caught.value)
            assert "***" in str(caught.value)
            assert "panel " in str(caught.value)
            assert "panel-7" not in repr((caught.value.codes, caught.value.excerpt))
