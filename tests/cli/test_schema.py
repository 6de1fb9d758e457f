"""The schemas, against what is really printed: published answers of panels and those of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import orjson
import pytest
import typer
from cli.conftest import Panels
from cli.terminals import Result
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from typer.testing import CliRunner

from aioseflow import SeFlow, Vm
from aioseflow.cli.app import app as whole
from aioseflow.cli.coroutines import COROUTINES
from aioseflow.cli.output.formats import dumps
from aioseflow.cli.schema.catalogue import catalogue
from aioseflow.cli.schema.json_schema import name_of
from aioseflow.decoding import decode
from aioseflow.endpoints import CALLS

_RESPONSES = Path(__file__).parents[1] / "data" / "responses"
_BY_NAME = {call.name: call for call in CALLS}
_PUBLISHED = {
    "seflow/GET_balance": "billing.balance",
    "seflow/GET_details": "account.details",
    "seflow/GET_domain": "domains.list",
    "seflow/GET_domain-id": "domains.get",
    "seflow/GET_invoice": "billing.invoices",
    "seflow/GET_invoice-id": "billing.invoice",
    "seflow/GET_service": "services.list",
    "seflow/GET_service-id": "services.get",
    "seflow/GET_service-id-bandwidth": "services.bandwidth",
    "seflow/GET_service-id-bandwidth-graphs": "services.bandwidth_graphs",
    "seflow/GET_service-id-ip": "services.ips",
    "seflow/GET_service-id-rdns": "services.rdns",
    "seflow/GET_tickets": "support.tickets",
    "seflow/GET_tickets-number": "support.ticket",
    "seflow/POST_service-id-rdns": "services.set_rdns",
    "other-installations/details_sparse": "account.details",
    "other-installations/upgrade_options": "services.upgrade_options",
    "other-installations/vm_start": "vms.start",
    "other-installations/vm_stop": "vms.stop",
    "other-installations/vms_list_by_id": "vms.list",
}
# Of what no example stands among the answers.
_NOT_MODELS = {
    "seflow/POST_domainorder-status",
    "other-installations/service_methods",
    "other-installations/error_401_wronglogin",
    "other-installations/error_401_throttled",
}


def valid(name: str, document: Any, *, array: bool = False) -> bool:
    schema = catalogue()[name].schema(array=array)
    return bool(Draft202012Validator(schema).is_valid(document))


def assert_exact(name: str, document: Mapping[str, Any]) -> None:
    """It is as the schema says, and with any name more, less or otherwise it is not."""
    validator = Draft202012Validator(catalogue()[name].schema())
    assert not [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]
    assert not validator.is_valid({**document, "unheard_of": 1})
    needed = catalogue()[name].schema()["required"]
    for key in needed:
        less = {other: value for other, value in document.items() if other != key}
        assert not validator.is_valid(less), key
        assert not validator.is_valid({**less, f"{key}_": document[key]}), key


def printed(answer: Any) -> Any:
    return orjson.loads(dumps(answer))


def test_every_published_answer_is_looked_at() -> None:
    found = {str(path.relative_to(_RESPONSES).with_suffix("")) for path in _RESPONSES.rglob("*.json")}
    assert found == {*_PUBLISHED, *_NOT_MODELS}


@pytest.mark.parametrize(("file", "name"), _PUBLISHED.items())
def test_a_published_answer_is_as_its_schema_says_and_not_otherwise(file: str, name: str) -> None:
    call = _BY_NAME[name]
    payload = orjson.loads((_RESPONSES / f"{file}.json").read_bytes())
    answer = decode(call.returns, payload, key=call.key, call=name)
    documents = printed(answer)
    model = name_of((*get_args(call.returns), call.returns)[0])
    for document in documents if isinstance(documents, list) else [documents]:
        assert_exact(model, document)
    if isinstance(documents, list):
        assert valid(model, documents, array=True)


async def test_whatever_the_sandbox_answers_is_as_its_schema_says(panels: Panels) -> None:
    panel = panels()
    looked_at = set()
    async with SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
        interface = (await seflow.vms.interfaces("33301", "4001"))[0].id
        invoice = (await seflow.billing.invoices())[0].id
        ticket = (await seflow.support.tickets())[0].ticket_number
        domain = (await seflow.domains.list())[0].id
        values = {"iface": interface, "kind": "cpu", "number": ticket, "name": "example.com"}
        ids = {"billing.invoice": invoice, "domains.get": domain}
        for name, coroutine in COROUTINES.items():
            if coroutine.changes or name == "services.estimate_upgrade":
                continue
            known = {"id": ids.get(name, "33301"), "service_id": "33301", "vm_id": "4001", **values}
            group, _, method = name.partition(".")
            answer = await getattr(getattr(seflow, group), method)(
                *(known[one] for one in coroutine.positional)
            )
            for one in answer if isinstance(answer, list) else [answer]:
                if not isinstance(one, bool):
                    assert_exact(name_of(type(one)), printed(one))
                    looked_at.add(name_of(type(one)))
    assert {"account", "balance", "bandwidth", "domain", "invoice", "service", "ticket"} <= looked_at
    assert {"vm", "disk", "interface", "vm_ip", "available_ip", "untrusted_html", "template"} <= looked_at


def test_a_list_of_several_accounts_has_an_account_first() -> None:
    [document] = printed(decode(_BY_NAME["services.list"].returns, [{"id": "9"}], call="services.list"))
    assert valid("service", {"account": "main", **document})
    assert not valid("service", {"account": None, **document})
    assert not valid("service", {"service_id": "9", **document})


@pytest.mark.parametrize("name", catalogue())
def test_every_schema_is_one_of_the_draft_and_refers_to_nothing_else(name: str) -> None:
    schema = catalogue()[name].schema()
    Draft202012Validator.check_schema(schema)
    assert {ref.removeprefix("#/$defs/") for ref in _all(schema, "$ref")} == schema["$defs"].keys()


def test_what_could_not_be_read_is_named_in_each_object() -> None:
    odd = {"id": 1, "memory": "512 MB", "ip": 5, "usage": {"disk": "much"}, "locked": "backup"}
    [document] = printed(decode(list[Vm], [odd], call="vms.list"))
    assert document["unread"] == ["memory", "ip"]
    assert document["usage"]["unread"] == ["disk"]
    assert_exact("vm", document)


def test_without_a_name_the_names_are_listed_with_the_commands() -> None:
    done = _run()
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines)
    assert list(told) == list(catalogue())
    assert told["vm"] == "vm list, vm show, api vms.list, api vms.get"
    assert told["vm_ip"] == "ip list, api vms.ips"
    assert told["usage_size"] == "vm usage"
    listed = json.loads(_run("--output", "json", "--sort=-name").stdout)
    assert {row["name"]: row["printed_by"] for row in listed} == told
    assert listed[0]["name"] == "vm_ip"


def test_with_a_name_the_schema_is_printed_as_json_or_yaml() -> None:
    done = _run("vm")
    assert json.loads(done.stdout) == catalogue()["vm"].schema()
    assert done.stderr == ""
    assert _run("vm", "--output", "yaml").stdout.startswith("$schema: https://json-schema.org/")
    assert json.loads(_run("vm", "--array").stdout)["items"] == {"$ref": "#/$defs/vm"}


def test_an_unknown_name_is_told_the_nearest() -> None:
    done = _run("vmm")
    assert done.stderr == "aioseflow: no schema vmm (did you mean vm?); list them: aioseflow schema\n"
    assert done.exit_code == 2


def test_the_commands_that_are_named_exist() -> None:
    group = typer.main.get_command(whole)
    for entry in catalogue().values():
        for command in entry.printed_by.split(", "):
            words = [
                word for word in command.split() if not word.startswith("-") and word not in ("jsonl", "VERB")
            ]
            found: Any = group
            for word in words:
                if word in COROUTINES:
                    break
                found = found.get_command(None, word)
                assert found is not None, command


def _run(*words: str) -> Result:
    done = CliRunner().invoke(whole, ["schema", *words], catch_exceptions=False)
    return Result(done.exit_code, done.stdout, done.stderr)


def _all(schema: Any, key: str) -> Iterator[Any]:
    """What stands under a key, at any depth."""
    if isinstance(schema, list):
        for item in schema:
            yield from _all(item, key)
    if isinstance(schema, dict):
        for name, item in schema.items():
            if name == key and (name == "properties" or not isinstance(item, dict | bool)):
                yield item
            yield from _all(item, key)
