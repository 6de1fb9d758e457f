"""`aioseflow login`: an account gets a name here, once the panel has let it in."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer
from typer.core import TyperCommand

from ...errors import PermissionDenied, SeFlowError
from ...secret import Secret
from ...text import escape
from ..exit_code import ExitCode, Refusal
from ..terminal import can_ask, echo_err
from . import password_file, passwords, profile_choice, profile_store, prompts, system_keyring
from .profile import DEFAULT, Place, Profile, check_name
from .system_keyring import KeyringUnusable

if TYPE_CHECKING:
    from ...config import Credentials

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_LONGEST = 300


class _WithoutPassword(TyperCommand):
    """Says why there is no ``--password``, however it was written."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if any(word.partition("=")[0] == "--password" for word in args):
            raise Refusal(
                "a password is never an argument: every user of this machine can read those in the list of "
                "processes, and the shell keeps them in its history; leave it out, and you are asked for it"
            )
        return super().parse_args(ctx, args)


@app.command(cls=_WithoutPassword)
def login(
    profile: Annotated[str, typer.Option("--profile", metavar="NAME", help="What to call it.")] = DEFAULT,
    base_url: Annotated[
        str | None,
        typer.Option(
            "--base-url", metavar="URL", help="The panel's API; SeFlow's if nothing says otherwise."
        ),
    ] = None,
    username: Annotated[
        str | None, typer.Option("--username", metavar="EMAIL", help="Asked for if left out.")
    ] = None,
) -> int:
    """Log in to a client area, and keep its password in the system's keyring.

    E-mail and password are tried with one call. Where there is no keyring, a file that only you can read is
    offered. Without --base-url, the panel is that of SEFLOW_BASE_URL, of the profile, or SeFlow's.

    \b
    aioseflow login
    aioseflow login --profile customer --base-url https://panel.example/api
    """
    check_name(profile)
    if not can_ask():
        raise Refusal(
            "login asks for a password, which takes a terminal; without one, set SEFLOW_USERNAME, "
            "SEFLOW_PASSWORD and, for another panel than SeFlow's, SEFLOW_BASE_URL"
        )
    before = profile_store.stored().get(profile)
    url = _panel(base_url, before)
    prompts.tell(f"Logging in to {escape(url, _LONGEST)} as profile {profile}.")
    if before:
        there = f"{escape(before.username, _LONGEST)} at {escape(before.base_url, _LONGEST)}"
        prompts.tell(f"There is a profile {profile} already: {there}.")
        if not prompts.agreed("Replace it?"):
            raise Refusal("not confirmed, so nothing was stored", ExitCode.ERROR)
    try:
        credentials = _credentials(username, before)
        _enter(credentials, url)
        made = _store(profile, credentials, url)
    except KeyboardInterrupt:
        raise Refusal("interrupted, so nothing was stored", ExitCode.INTERRUPTED) from None
    except SeFlowError:
        echo_err("Nothing was stored.")
        raise
    _tell(made)
    return ExitCode.OK


def _panel(base_url: str | None, before: Profile | None) -> str:
    from ...config import DEFAULT_BASE_URL, check_base_url

    url = base_url or os.environ.get("SEFLOW_BASE_URL") or (before.base_url if before else DEFAULT_BASE_URL)
    return str(check_base_url(url, allow_insecure=False))


def _credentials(username: str | None, before: Profile | None) -> Credentials:
    from ...config import Credentials

    username = username or prompts.line("E-mail", before.username if before else "")
    # Before somebody types a password for nothing.
    Credentials.check(username, "-")
    return Credentials.check(username, prompts.password("Password"))


def _enter(credentials: Credentials, url: str) -> None:
    """Raises `SeFlowError` and `Refusal`."""
    echo_err("Trying them with one call.")
    doubt = asyncio.run(_doubt(credentials, url))
    if doubt is None:
        return
    # A contact of an account may see its servers and not its address; or it is a proxy that says no.
    prompts.tell(f"The panel does not show this login the account's details: {escape(str(doubt), _LONGEST)}.")
    if not prompts.agreed("Store it all the same?"):
        raise Refusal("not confirmed, so nothing was stored", ExitCode.ERROR)


async def _doubt(credentials: Credentials, url: str) -> PermissionDenied | None:
    """Ask the panel once: None if it let them in. Raises `SeFlowError`."""
    from ...client import SeFlow

    async with SeFlow(credentials.username, credentials.password, base_url=url, retry=None) as seflow:
        try:
            await seflow.account.details()
        except PermissionDenied as error:
            return error
    return None


def _store(name: str, credentials: Credentials, url: str) -> Profile:
    """Password first, then the profile that names it, then away with what it replaced."""
    # An entry of its own: however this ends, an old profile has its old password. The rest of it is for
    # whoever looks through his keyring.
    entry = f"{name}: {credentials.username} at {url} #{secrets.token_hex(4)}"
    made = Profile(name, credentials.username, url, Place.KEYRING, entry)
    try:
        replaced = _put(made, credentials.password)
    except KeyringUnusable as unusable:
        _agree_to_file(unusable)
        made = attrs.evolve(made, stored_in=Place.FILE)
        replaced = _put(made, credentials.password)
    if replaced:
        try:
            passwords.forget(replaced)
        except (KeyringUnusable, Refusal) as error:
            prompts.tell(
                f"The old password is still in the {replaced.stored_in}: {escape(str(error), _LONGEST)}."
            )
    return made


def _agree_to_file(unusable: KeyringUnusable) -> None:
    prompts.tell(f"The password cannot be kept in a keyring: {escape(str(unusable), _LONGEST)}.")
    prompts.tell(
        f"It can be kept, as it is, in {escape(str(password_file.path()), _LONGEST)}, "
        "a file that only you can read, and whoever gets at your backups."
    )
    if not prompts.agreed("Keep it there?"):
        raise Refusal(
            "not confirmed, so nothing was stored; commands also take SEFLOW_USERNAME and SEFLOW_PASSWORD",
            ExitCode.ERROR,
        )


def _put(made: Profile, password: Secret) -> Profile | None:
    try:
        passwords.keep(made, password)
        return profile_store.put(made)
    except KeyringUnusable:
        # It has nothing, and would ask to be unlocked once more.
        raise
    except BaseException:
        with suppress(KeyringUnusable, Refusal):
            passwords.forget(made)
        raise


def _tell(made: Profile) -> None:
    prompts.tell(f"Logged in as {escape(made.username, 80)}; {_where(made)}.")
    if made.name in profile_choice.used_by_default():
        return
    if os.environ.get(profile_choice.VARIABLE):
        why = f" ({profile_choice.VARIABLE} names another)"
    else:
        why = " (SEFLOW_USERNAME and SEFLOW_PASSWORD are set)" if os.environ.get("SEFLOW_USERNAME") else ""
    prompts.tell(f"Commands use it when they are told --profile {made.name}{why}.")


def _where(made: Profile) -> str:
    if made.stored_in is Place.KEYRING:
        return f"the password is in the keyring ({escape(system_keyring.name(), 80)})"
    return f"the password is in {escape(str(password_file.path()), _LONGEST)}"
