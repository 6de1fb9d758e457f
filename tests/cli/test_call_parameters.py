"""Words of a command line as arguments of the coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cli.terminals import Result

from aioseflow.cli import api
from aioseflow.cli.coroutines import COROUTINES, Coroutine

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("name", "words", "values", "options"),
    [
        ("account.details", [], [], {}),
        ("account.update", ["--city", "Rome", "--type=Private"], [], {"city": "Rome", "type": "Private"}),
        ("domains.is_available", ["example.com"], ["example.com"], {}),
        ("vms.list", ["33301"], ["33301"], {}),
        ("vms.resize", ["9", "4", "--memory", "4096"], ["9", "4"], {"memory": 4096}),
        ("vms.resize", ["--cpu-share", "50", "9", "4"], ["9", "4"], {"cpu_share": 50}),
        ("vms.resize", ["9/4", "--cpu-share", "50"], ["9", "4"], {"cpu_share": 50}),
        ("vms.resize", ["9", "4", "--note="], ["9", "4"], {"note": ""}),
        ("vms.resize", ["9", "4", "--note", "--x"], ["9", "4"], {"note": "--x"}),
        ("vms.usage", ["9", "4", "net"], ["9", "4", "net"], {}),
        ("vms.reboot", ["9", "4"], ["9", "4"], {}),
        (
            "vms.assign_ip",
            ["9", "4", "7", "--interface", "net0"],
            ["9", "4", "7"],
            {"interface_id": "net0"},
        ),
        ("vms.resize_disk", ["9", "4", "d", "--size", "50"], ["9", "4", "d"], {"size": 50}),
        (
            "services.set_rdns",
            ["9", "192.0.2.1=a.example", "2001:db8::1=b.example"],
            ["9", {"192.0.2.1": "a.example", "2001:db8::1": "b.example"}],
            {},
        ),
        (
            "services.estimate_upgrade",
            ["9", "--resources", "1557=9953", "--resources", "1:2=3", "--resources=1:4=5", "--cycle", "a"],
            ["9"],
            {"resources": {"1557": "9953", "1": {"2": 3, "4": 5}}, "cycle": "a"},
        ),
    ],
)
def test_words_become_what_the_signature_asks_for(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: list[str],
    values: list[Any],
    options: dict[str, Any],
) -> None:
    called: list[Any] = []

    async def call(coroutine: Coroutine, seflow: None, *given: Any) -> str:
        called.extend(given)
        return coroutine.name

    monkeypatch.setattr(Coroutine, "call", call)
    monkeypatch.setattr(api, "ask", lambda who, call: asyncio.run(call(None)))
    yes = ["--yes"] if COROUTINES[name].changes else []
    assert run("api", name, *words, *yes) == Result(0, f'"{name}"\n', "")
    assert called == [values, options]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["vms.list"], "SERVICE is missing; see aioseflow api vms.list --help"),
        (["vms.get"], "SERVICE/VM is missing; see aioseflow api vms.get --help"),
        (["vms.get", "vm-1"], "'vm-1' needs its service, as in 33301/4001; see aioseflow api vms.get --help"),
        (["vms.get", "9/"], "'9/' is not SERVICE/VM, as in 33301/4001; see aioseflow api vms.get --help"),
        (["vms.get", "9/4", "5\x1b"], "unexpected argument '5\\x1b'; see aioseflow api vms.get --help"),
        (
            ["vms.stop", "9/4", "9/5"],
            "stop takes one VM; for several: aioseflow fleet stop --vm 9/4 --vm 9/5",
        ),
        (["vms.list", "1", "2"], "unexpected argument '2'"),
        (["vms.list", "1", "--memory", "1"], "No such option: --memory"),
        (["vms.resize", "9", "4", "--memory"], "'--memory' requires an argument"),
        (["vms.resize", "9", "4", "--memory", "lots"], "Invalid value for '--memory': it is a whole number"),
        (["vms.resize", "9", "4", "--memory", "0"], "Invalid value for '--memory': it is 1 or more"),
        (["vms.usage", "9", "4", "heat"], "kind is one of cpu, net, disk, not 'heat'"),
        (["vms.resize_disk", "9", "4", "d"], "Missing option '--size'"),
        (["services.set_rdns", "9"], "IP=HOST ... is missing"),
        (["services.set_rdns", "9", "192.0.2.1"], "'192.0.2.1' is not IP=HOST, as in"),
        (["services.set_rdns", "9", "a=b", "a=c"], "a is given twice"),
        (
            ["services.request_upgrade", "9", "--resources", "1=2", "--resources", "1:2=3"],
            "1:2 is given twice",
        ),
        (["services.request_upgrade", "9", "--resources", "1:2=3", "--resources", "1=2"], "1 is given twice"),
        (
            ["services.request_upgrade", "9", "--resources", "1:2=3", "--resources", "1:2=4"],
            "1:2 is given twice",
        ),
        (["services.request_upgrade", "9", "--resources", "1:2=x"], "a quantity is a whole number, not 'x'"),
        (["services.request_upgrade", "9", "--resources", "1"], "'1' is not KEY=VALUE"),
        (["services.request_upgrade", "9"], "nothing to change; give --resources, --package, --cycle"),
        (["account.update"], "nothing to change; give --firstname, "),
    ],
)
def test_words_that_do_not_fit_are_refused_and_the_help_is_named(
    run: Run, words: list[str], sentence: str
) -> None:
    refused = run("api", *words)
    assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)
    assert sentence in refused.stderr
    assert "ee aioseflow " in refused.stderr or "takes one VM" in refused.stderr
