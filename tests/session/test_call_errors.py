"""The errors that leave a call: a message says what happened and what to do, a note says in which call."""

from __future__ import annotations

import pickle
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.clients import client
from support.wire import Play, Wire, http

from aioseflow import (
    ApiError,
    GatewayError,
    NotFound,
    OutcomeUnknown,
    SeFlowError,
    ServerError,
    TransportError,
)


async def test_a_message_has_no_call_name_in_front_and_a_traceback_shows_the_request() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http('{"error": ["vm_locked"]}')
        with pytest.raises(ApiError) as caught:
            await seflow.vms.stop(9, 4)
    error = caught.value
    assert str(error) == error.message == "The panel refused: vm_locked"
    assert error.__notes__ == ["vms.stop: POST /service/9/vms/4/stop"]
    assert (error.call, error.request) == ("vms.stop", "POST /service/9/vms/4/stop")
    assert pickle.loads(pickle.dumps(error)).__notes__ == error.__notes__


async def test_repeated_attempts_are_one_more_sentence() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http("", 500)
        with pytest.raises(ServerError) as caught:
            await seflow.services.list()
    assert str(caught.value) == "The panel failed (HTTP 500). Tried 3 times."


async def test_an_unknown_outcome_says_when_it_was_sent_and_what_happened_last() -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = Play(then="close")
        with pytest.raises(OutcomeUnknown) as caught:
            await seflow.vms.reboot(9, 4)
    error = caught.value
    assert error.sent_at is not None
    assert str(error) == (
        f"Sent once at {error.sent_at:%H:%M:%S} UTC, not sent again. "
        "The connection was closed before the answer. The change may or may not have taken effect. "
        "Read the object back before repeating it."
    )
    assert str(error.__cause__) == "The connection was closed before the answer."
    assert error.__notes__ == ["vms.reboot: POST /service/9/vms/4/reboot"]


@pytest.mark.parametrize(("body", "kind"), [("{}", NotFound), ("<html>Not Found</html>", GatewayError)])
async def test_a_404_to_a_path_without_ids_is_about_the_base_url(body: str, kind: type[SeFlowError]) -> None:
    async with Wire() as wire:
        wire.answer = http(body, 404)
        root = wire.url.removesuffix("/api")
        async with client(root) as seflow:
            with pytest.raises(kind) as caught:
                await seflow.services.list()
        assert str(caught.value) == (f"{root} answered 404. The address usually ends in /api: try {root}/api")
        async with client(wire.url) as seflow:
            with pytest.raises(kind, match=r"404.* base URL"):
                await seflow.services.list()


@pytest.mark.parametrize("body", ["{}", '{"error": ["vm_notfound"]}'])
async def test_a_404_to_a_path_with_ids_is_about_the_ids(body: str) -> None:
    async with Wire() as wire, client(wire.url) as seflow:
        wire.answer = http(body, 404)
        with pytest.raises(NotFound, match=r"found no such object \(.*\)\. Check the ids\."):
            await seflow.vms.get(9, 4)


async def test_a_code_of_the_panel_s_own_is_about_no_base_url() -> None:
    async with Wire() as wire, client(wire.url.removesuffix("/api")) as seflow:
        wire.answer = http('{"error": ["nothing_ordered"]}', 404)
        with pytest.raises(NotFound, match="nothing_ordered"):
            await seflow.services.list()


@contextmanager
def in_the_clear() -> Iterator[str]:
    """The https:// URL of a port that answers plain HTTP to everything."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(4096)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"https://127.0.0.1:{server.getsockname()[1]}/api"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


async def test_a_port_without_tls_is_named_so_and_gets_nothing() -> None:
    with in_the_clear() as url:
        async with client(url, retry=None) as seflow:
            with pytest.raises(TransportError) as caught:
                await seflow.vms.reboot(9, 4)
    assert str(caught.value) == (
        "The port does not speak TLS. Check the port and the scheme of the base URL."
    )
    assert not caught.value.may_have_acted
