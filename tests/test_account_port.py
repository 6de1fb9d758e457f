"""The port of a client to the fleet: complete, and hidden from users."""

from __future__ import annotations

import inspect

from support.clients import client

from aioseflow import Fleet, SeFlow
from aioseflow.account_port import AccountPort
from aioseflow.fleet.model.fleet_account import FleetAccount

PRIVATE = (
    *("adopt", "release", "attach", "detach", "remember", "remembered", "limit_state", "restore_limit"),
    *("require_open", "polls", "held", "throttled_for", "flow", "key", "concurrency", "has_vm_functions"),
)


def test_a_client_shows_users_only_what_is_theirs() -> None:
    seflow = client("http://127.0.0.1:9/api")
    assert [name for name in PRIVATE if hasattr(seflow, name)] == []
    public = {name for name in dir(seflow) if not name.startswith("_")}
    groups = {"account", "billing", "support", "domains", "services", "vms", "fleet"}
    others = {"name", "protected", "capture", "close", "from_env", "reset", "service_methods", "stats"}
    assert public == groups | others | {"with_options"}


def test_the_port_has_everything_that_the_protocol_asks_for() -> None:
    wanted = {name for name, _ in inspect.getmembers(FleetAccount) if not name.startswith("_")}
    port: AccountPort = client("http://127.0.0.1:9/api")._fleet_account
    account: FleetAccount = port
    assert wanted <= {name for name in dir(account) if not name.startswith("_")}
    assert account.name == "main"


def test_the_key_of_an_account_depends_on_address_and_user_alone() -> None:
    def key(user: str = "a@example.com", url: str = "http://127.0.0.1:9/api", name: str = "main") -> str:
        port: AccountPort = SeFlow(user, "secret", base_url=url, name=name)._fleet_account
        return port.key

    assert key() == key(name="another")
    assert len({key(), key("b@example.com"), key(url="http://127.0.0.1:10/api")}) == 3
    assert "example" not in key()


def test_an_action_of_the_users_own_finds_every_call_of_its_client() -> None:
    seflow = client("http://127.0.0.1:9/api")
    (account,) = Fleet([seflow])._accounts
    for name in ("services", "vms", "billing", "support", "domains", "service_methods"):
        assert getattr(account, name) == getattr(seflow, name)
