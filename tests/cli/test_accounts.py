"""Which accounts a command is for, and what it is told where that is not clear."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from aioseflow.cli.accounts import Accounts, Identity, accounts
from aioseflow.cli.exit_code import ExitCode, Refusal
from aioseflow.cli.journal_file import journal
from aioseflow.cli.profiles import passwords, profile_store
from aioseflow.cli.profiles.profile_store import Place, Profile, is_name
from aioseflow.config import DEFAULT_BASE_URL, Credentials
from aioseflow.errors import ConfigurationError
from aioseflow.sandbox import Sandbox
from aioseflow.secret import Secret

Panels = Callable[..., Sandbox]

URL = "https://panel.example/api"
PLAIN = "keyrings.alt.file.PlaintextKeyring"


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", PLAIN)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("AIOSEFLOW_CONFIG", str(tmp_path / "config"))
    monkeypatch.delenv("SEFLOW_PROFILE", raising=False)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account in the environment."""
    monkeypatch.setenv("SEFLOW_USERNAME", "env@example.com")
    monkeypatch.setenv("SEFLOW_PASSWORD", "of the environment")


def _made(
    name: str,
    username: str | None = None,
    url: str = URL,
    place: Place = Place.KEYRING,
    password: str | None = None,
) -> None:
    profile = Profile(name, username or f"{name}@example.com", url, place, f"entry of {name}")
    passwords.keep(profile, Secret(password or f"password of {name}"))
    profile_store.put(profile)


def _used(chosen: Accounts) -> list[tuple[str | None, str, str]]:
    return [
        (one.profile, one.credentials.username, one.credentials.password.reveal())
        for one in chosen.identities()
    ]


def _refusal(of: Callable[[], object], code: ExitCode = ExitCode.USAGE) -> str:
    with pytest.raises(Refusal) as caught:
        of()
    assert caught.value.exit_code is code
    return str(caught.value)


ENVIRONMENT = (None, "env@example.com", "of the environment")


def _of(name: str) -> tuple[str, str, str]:
    return (name, f"{name}@example.com", f"password of {name}")


def test_the_only_profile_is_used_where_nothing_is_named() -> None:
    _made("work", place=Place.FILE)
    assert _used(Accounts()) == [_of("work")]
    assert Accounts().one().base_url == URL


def test_the_profile_default_is_used_where_there_are_several() -> None:
    for name in ("a", "default", "b"):
        _made(name)
    assert _used(Accounts()) == [_of("default")]


def test_variables_win_over_profiles_that_nobody_named(variables: None) -> None:
    _made("default")
    assert _used(Accounts()) == [ENVIRONMENT]
    assert Accounts().labels() == ("env@example.com",)


def test_a_profile_that_was_named_wins_over_variables(variables: None) -> None:
    for name in ("a", "default", "b"):
        _made(name)
    assert _used(Accounts(("b", "a"))) == [_of("b"), _of("a")]
    assert _used(Accounts(everyone=True)) == [_of("a"), _of("default"), _of("b")]


def test_the_variable_for_profiles_wins_over_those_for_an_account(
    variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b", "c"):
        _made(name)
    monkeypatch.setenv("SEFLOW_PROFILE", "a, b")
    assert _used(Accounts()) == [_of("a"), _of("b")]
    assert _used(Accounts(("c",))) == [_of("c")]
    monkeypatch.setenv("SEFLOW_PROFILE", "")
    assert _used(Accounts()) == [ENVIRONMENT]


def test_the_panel_of_a_profile_is_its_own_when_it_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _made("default")
    monkeypatch.setenv("SEFLOW_BASE_URL", "https://other.example/api")
    assert Accounts(("default",)).one().base_url == URL


def test_a_panel_in_the_environment_is_not_silently_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    _made("default")
    monkeypatch.setenv("SEFLOW_BASE_URL", f"{URL}/")
    assert Accounts().one().base_url == URL
    monkeypatch.setenv("SEFLOW_BASE_URL", "https://other.example/api")
    said = _refusal(Accounts().labels)
    assert "SEFLOW_BASE_URL is https://other.example/api, and profile default is of" in said


@pytest.mark.parametrize("there", ["SEFLOW_USERNAME", "SEFLOW_PASSWORD"])
def test_half_an_account_in_the_environment_is_refused_and_no_profile_taken(
    monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    _made("default")
    monkeypatch.setenv(there, "x")
    assert f"{there} is set and SEFLOW_" in _refusal(Accounts().identities)


def test_where_there_is_no_account_both_ways_to_one_are_told() -> None:
    assert _refusal(Accounts().identities) == (
        "not logged in; run aioseflow login, or set SEFLOW_USERNAME and SEFLOW_PASSWORD"
    )
    assert _refusal(Accounts(everyone=True).labels) == "there is no profile; run aioseflow login"


def test_several_profiles_without_a_default_are_named() -> None:
    for name in "abcdefghij":
        _made(name)
    said = _refusal(Accounts().labels)
    assert said.endswith("name one with --profile or SEFLOW_PROFILE: a, b, c, d, e, f, g, h, …")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("custmoer", "did you mean customer?"),
        ("zzz", "there is customer"),
        ("\x1b[2J", r"there is no profile \x1b[2J;"),
    ],
)
def test_an_unknown_profile_is_told_the_nearest(name: str, hint: str) -> None:
    _made("customer")
    assert hint in _refusal(Accounts((name,)).labels)


def test_an_unknown_profile_where_there_is_none_is_told_how_to_make_it() -> None:
    assert "run aioseflow login --profile work" in _refusal(Accounts(("work",)).labels)


@pytest.mark.parametrize("chosen", [Accounts(everyone=True), Accounts(("a", "b"))])
def test_one_account_through_two_profiles_is_refused_naming_both(chosen: Accounts) -> None:
    _made("a", "me@example.com")
    _made("b", "me@example.com", f"{URL}/")
    said = _refusal(chosen.identities)
    assert (
        said == "profiles a and b are the same account, me@example.com at panel.example:443; name one of them"
    )


def test_one_user_of_two_panels_is_two_accounts() -> None:
    _made("a", "me@example.com")
    _made("b", "me@example.com", DEFAULT_BASE_URL)
    assert Accounts(everyone=True).labels() == ("me@example.com at panel.example:443", "me@example.com")


def test_labels_are_told_without_a_look_at_any_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("default", "b"):
        _made(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no_such_package.Keyring")
    assert Accounts().labels() == ("default@example.com at panel.example:443",)
    assert len(Accounts(everyone=True).labels()) == 2
    _refusal(Accounts().identities, ExitCode.ERROR)


def test_a_label_is_the_same_with_its_password_and_without() -> None:
    for name, url in (("a", URL), ("b", DEFAULT_BASE_URL), ("c", "https://panel.example:8443/x/api")):
        _made(name, url=url)
    chosen = Accounts(everyone=True)
    assert tuple(one.label for one in chosen.identities()) == chosen.labels()


def test_the_label_of_the_environment_has_its_panel(variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEFLOW_BASE_URL", URL)
    assert Accounts().labels() == ("env@example.com at panel.example:443",)
    assert Accounts().one() == Identity(Credentials.check("env@example.com", "of the environment"), URL)


def test_what_is_for_one_account_refuses_several_before_a_keyring_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("a", "b"):
        _made(name)
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no_such_package.Keyring")
    chosen = Accounts(("a", "b"))
    for of in (chosen.one, chosen.client):
        assert _refusal(of) == "this is for one account, and these are 2: a, b; name one with --profile"


def test_a_panel_that_was_edited_wrongly_is_refused_by_its_profile() -> None:
    _made("a", url="http://panel.example/api")
    assert _refusal(Accounts().labels).startswith("profile a: http:// would send the password")


def test_names_of_the_options_are_taken_once_in_their_order() -> None:
    assert accounts(["b, a", "c", "a"]) == Accounts(("b", "a", "c"))
    assert accounts(None, all_profiles=True) == Accounts(everyone=True)
    assert accounts() == Accounts()


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_a_profile_option_without_a_name_is_never_the_usual_account(text: str, variables: None) -> None:
    assert "--profile names no profile" in _refusal(lambda: accounts([text]))


def test_all_profiles_and_some_of_them_is_refused() -> None:
    _made("a")
    assert "give one of the two" in _refusal(accounts(["a"], all_profiles=True).labels)


def test_a_password_is_in_no_repr_of_an_identity() -> None:
    _made("a", password="hunter2-planted")
    assert "hunter2" not in repr(Accounts().identities())


def test_a_control_character_in_a_stored_user_is_refused() -> None:
    _made("a", "me\x1b@example.com")
    with pytest.raises(ConfigurationError, match="control character"):
        Accounts().identities()


@pytest.mark.parametrize("name", ["a", "A.b-c_d@e9", "x" * 64, ".", "@"])
def test_names_that_a_profile_may_have(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a b", "a,b", "a/b", "ä", "x" * 65, "a\n", "\x1b"])
def test_names_that_no_profile_may_have(name: str) -> None:
    assert not is_name(name)


async def test_two_profiles_are_one_fleet_of_two_panels() -> None:
    async with (
        Sandbox(services=1, vms_per_service=2, username="one@example.com", password="p1") as one,
        Sandbox(services=1, vms_per_service=3, username="two@example.com", password="p2") as two,
    ):
        _made("first", one.username, one.url, password=one.password)
        _made("second", two.username, two.url, Place.FILE, two.password)
        chosen = Accounts(("first", "second"))
        async with chosen.fleet(journal()) as fleet:
            report = await fleet.stop(wait=False)
        assert report.ok
        assert {outcome.account for outcome in report.outcomes} == set(chosen.names_in_runs())
        assert [panel.effect_count("stop") for panel in (one, two)] == [2, 3]


async def test_the_fleet_of_one_profile_is_its_clients_own() -> None:
    async with Sandbox(services=1, vms_per_service=2) as panel:
        _made("default", panel.username, panel.url, password=panel.password)
        async with Accounts().fleet(journal()) as fleet:
            report = await fleet.stop(wait=False)
        assert (report.ok, panel.effect_count("stop")) == (True, 2)


async def test_the_client_of_a_profile_logs_in_with_its_password() -> None:
    async with Sandbox(password="of its own") as panel:
        _made("work", panel.username, panel.url, password="of its own")
        async with Accounts(("work",)).client() as seflow:
            assert (await seflow.account.details()).email == panel.username
            assert seflow.name == Accounts().labels()[0]
