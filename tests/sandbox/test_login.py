from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from aioseflow.sandbox import Sandbox

WRONG = {"error": ["wronglogin", "unauthorized"]}


def basic(text: str) -> str:
    return "Basic " + b64encode(text.encode("latin-1")).decode()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer abc",
        "Basic",
        "Basic !!!",
        basic("nocolon"),
        basic("demo@example.com:s\xe4ndbox"),
        basic("demo@example.com:wrong"),
        basic("other@example.com:sandbox"),
    ],
)
async def test_a_wrong_or_missing_login_is_refused(caller: Any, header: str) -> None:
    async with Sandbox(services=0) as panel:
        answer = await caller(panel)("POST", "/details", {"city": "X"}, headers={"Authorization": header})
        assert (answer.status, answer.json) == (401, WRONG)
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert panel.account.fields["city"] == "City"


async def test_a_password_may_have_colons_and_any_letter(caller: Any) -> None:
    async with Sandbox(services=0, username="ann@example.com", password="p:ä:ß€") as panel:
        assert (await caller(panel)("GET", "/details")).status == 200
        assert panel.requests[0].account == "ann@example.com"
        panel.password = "new"
        assert (await caller(panel)("GET", "/details")).status == 200


async def test_after_so_many_bad_logins_the_right_one_is_refused_too(caller: Any) -> None:
    async with Sandbox(services=0, lockout_after=3) as panel:
        call = caller(panel)
        bad = (panel.username, "wrong")
        for _ in range(2):
            await call("GET", "/details", login=bad)
        assert (await call("GET", "/details")).status == 200
        assert panel.bad_logins == 0
        for _ in range(3):
            await call("GET", "/details", login=bad)
        answer = await call("GET", "/details")
        assert (answer.status, answer.json, panel.requests[-1].fault) == (401, WRONG, "lockout")
        panel.unlock()
        assert (await call("GET", "/details")).status == 200


async def test_a_missing_login_does_not_count_towards_the_lock_out(caller: Any) -> None:
    async with Sandbox(services=0, lockout_after=1) as panel:
        await caller(panel)("GET", "/details", headers={"Authorization": ""})
        assert (panel.bad_logins, panel.requests[0].account) == (0, None)
        assert (await caller(panel)("GET", "/details")).status == 200


async def test_outside_of_the_api_there_are_only_a_login_page_and_nothing(caller: Any) -> None:
    async with Sandbox(services=0) as panel:
        login = await caller(panel)("GET", "/login", prefix="", headers={"Authorization": ""})
        assert (login.status, b"<form" in login.body) == (200, True)
        for path in ("/", "/api", "/apis/details", "/login/x"):
            lost = await caller(panel)("GET", path, prefix="")
            assert (lost.status, lost.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (await caller(panel)("GET", "/login")).status == 404
