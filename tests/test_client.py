"""The endpoint groups and the fleet of a client: documented on the class, replaceable, shared by views."""

from __future__ import annotations

import inspect
import pydoc
from unittest import mock

import pytest

from aioseflow import ALL, Fleet, InvalidArgument, SeFlow
from aioseflow.endpoints.account import AccountEndpoints
from aioseflow.endpoints.billing import BillingEndpoints
from aioseflow.endpoints.domains import DomainsEndpoints
from aioseflow.endpoints.services import ServicesEndpoints
from aioseflow.endpoints.support import SupportEndpoints
from aioseflow.endpoints.vms import VmsEndpoints
from aioseflow.sandbox import Sandbox

KINDS = {
    "account": AccountEndpoints,
    "billing": BillingEndpoints,
    "support": SupportEndpoints,
    "domains": DomainsEndpoints,
    "services": ServicesEndpoints,
    "vms": VmsEndpoints,
    "fleet": Fleet,
}


@pytest.mark.parametrize(("name", "kind"), KINDS.items())
def test_a_client_makes_each_part_once(name: str, kind: type) -> None:
    seflow = SeFlow("a", "b")
    assert type(getattr(seflow, name)) is kind
    assert getattr(seflow, name) is getattr(seflow, name)
    assert getattr(SeFlow("a", "b"), name) is not getattr(seflow, name)


@pytest.mark.parametrize("name", KINDS)
def test_help_and_the_class_document_each_part(name: str) -> None:
    documented = inspect.getattr_static(SeFlow, name).__doc__
    assert documented
    shown = pydoc.plain(pydoc.render_doc(SeFlow))
    listed = shown.partition("Readonly properties")[2].partition("-----")[0]
    assert f"{name}\n" in listed
    assert documented.partition("\n")[0] in listed


async def test_a_mock_made_from_the_class_has_the_calls_with_their_signatures() -> None:
    seflow = mock.create_autospec(SeFlow, instance=True)
    seflow.services.list.return_value = ["one"]
    assert await seflow.services.list() == ["one"]
    await seflow.vms.stop(9, vm_id=4)
    seflow.vms.stop.assert_awaited_once_with(9, vm_id=4)
    with pytest.raises(TypeError):
        seflow.vms.stop(9)
    with pytest.raises(AttributeError):
        seflow.vms.explode  # noqa: B018
    seflow.fleet.stop(ALL, wait=False)
    with pytest.raises(TypeError):
        seflow.fleet.wait(ALL)
    with pytest.raises(AttributeError):
        seflow.fleet.explode  # noqa: B018
    assert isinstance(seflow.vms, VmsEndpoints)


def test_a_test_may_replace_a_part_and_put_it_back(monkeypatch: pytest.MonkeyPatch) -> None:
    seflow = SeFlow("a", "b")
    vms = seflow.vms
    with monkeypatch.context() as patched:
        patched.setattr(seflow, "vms", "stand-in")
        assert seflow.vms == "stand-in"  # type: ignore[comparison-overlap]
    assert seflow.vms is vms
    with mock.patch.object(seflow, "support", "stand-in"):
        assert seflow.support == "stand-in"  # type: ignore[comparison-overlap]
    assert isinstance(seflow.support, SupportEndpoints)
    del seflow.support
    assert isinstance(seflow.support, SupportEndpoints)


async def test_a_view_knows_the_runs_of_its_client_whichever_fleet_is_used_first() -> None:
    async with Sandbox() as panel, SeFlow(panel.username, panel.password, base_url=panel.url) as seflow:
        view = seflow.with_options(timeout=30).with_options(deadline=60)
        run = view.fleet.usage(ALL)
        await run
        assert view.fleet is not seflow.fleet
        assert [known.header.run_id for known in await seflow.fleet.runs()] == [run.id]
        mine = seflow.fleet.usage(ALL)
        await mine
        assert (await view.fleet.report(mine.id)).run_id == mine.id


@pytest.mark.parametrize("protected", ["power ==", 5, [("9",)], "pwoer == 'running'"])
def test_protected_is_checked_when_the_client_is_made(protected: object) -> None:
    with pytest.raises(InvalidArgument, match="protected"):
        SeFlow("a", "b", protected=protected)  # type: ignore[arg-type]
