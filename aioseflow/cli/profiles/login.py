"""`aioseflow login`: store an account as a profile, once the panel has accepted it."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer
from typer import Option

from ...errors import AuthenticationError, PermissionDenied, SeFlowError
from ...secret import Secret
from ...text import escape
from ..command import Sectioned
from ..exit_code import ExitCode, Refusal
from ..terminal import can_ask, echo_err, echo_text
from . import passwords, private_files, profile_choice, profile_store, prompts, system_keyring
from .profile_store import DEFAULT, Place, Profile, check_name
from .system_keyring import KeyringUnusable

if TYPE_CHECKING:
    from ...config import Credentials

app = typer.Typer(rich_markup_mode=None, add_completion=False)

_URL_MAX = 300


class _WithoutPassword(Sectioned):
    """Refuses ``--password``, however it is written, and says why."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if any(word.partition("=")[0] == "--password" for word in args):
            raise Refusal(
                "a password is never an argument: every user of this machine can read it in the list of "
                "processes, and the shell keeps it in its history",
                fix="leave it out, and login asks for it",
            )
        return super().parse_args(ctx, args)


@app.command(cls=_WithoutPassword)
def login(
    profile: Annotated[str, Option("--profile", metavar="NAME", help="Name of the profile.")] = DEFAULT,
    base_url: Annotated[
        str | None, Option("--base-url", metavar="URL", help="The panel's API; by default SeFlow's.")
    ] = None,
    username: Annotated[
        str | None, Option("--username", metavar="EMAIL", help="Asked for if left out.")
    ] = None,
) -> int:
    """Log in to a client area, and keep its password in the system's keyring.

    E-mail and password are checked with one call. Without a keyring, login offers a file that only you can
    read. Without --base-url, the panel is that of SEFLOW_BASE_URL, of the profile, or SeFlow's.

    \b
    Examples:
      aioseflow login
      aioseflow login --profile customer --base-url https://panel.example/api
    """
    check_name(profile)
    # Before anything is typed.
    private_files.directory()
    if not can_ask():
        raise Refusal(
            "login asks for a password, which takes a terminal",
            fix="without one, set SEFLOW_USERNAME, SEFLOW_PASSWORD and, for another panel than SeFlow's, "
            "SEFLOW_BASE_URL",
        )
    before = profile_store.stored().get(profile)
    url = _panel(base_url, before)
    echo_text(f"Logging in to {escape(url, _URL_MAX)} as profile {profile}.")
    if before:
        there = f"{escape(before.username, _URL_MAX)} at {escape(before.base_url, _URL_MAX)}"
        echo_text(f"Profile {profile} exists: {there}.")
        prompts.agree("Replace it?")
    try:
        credentials = _credentials(username, before)
        _check(credentials, url)
        stored = _store(profile, credentials, url)
    except KeyboardInterrupt:
        raise Refusal("interrupted, so nothing was saved", ExitCode.INTERRUPTED) from None
    except AuthenticationError:
        what = "wrong e-mail or password; not saved, and not tried again, because panels lock accounts"
        raise Refusal(what, ExitCode.AUTHENTICATION) from None
    except SeFlowError:
        echo_err("Not saved.")
        raise
    _report(stored)
    return ExitCode.OK


def _panel(base_url: str | None, before: Profile | None) -> str:
    from ...config import DEFAULT_BASE_URL, check_base_url

    url = base_url or os.environ.get("SEFLOW_BASE_URL") or (before.base_url if before else DEFAULT_BASE_URL)
    return str(check_base_url(url, allow_insecure=False))


def _credentials(username: str | None, before: Profile | None) -> Credentials:
    from ...config import Credentials

    username = username or prompts.line("E-mail", before.username if before else "")
    # Checked before a password is typed for nothing.
    Credentials.check(username, "-")
    return Credentials.check(username, prompts.password("Password"))


def _check(credentials: Credentials, url: str) -> None:
    """Raises `SeFlowError` and `Refusal`."""
    echo_err("Checking…")
    denied = asyncio.run(_denied(credentials, url))
    if denied is None:
        return
    # A contact of an account may see its servers and not its address; or a proxy refuses.
    echo_text(f"The panel does not show this login the account's details: {escape(str(denied), _URL_MAX)}.")
    prompts.agree("Save it anyway?")


async def _denied(credentials: Credentials, url: str) -> PermissionDenied | None:
    """Call the panel once, and return what it denied, None if nothing. Raises `SeFlowError`."""
    from ...client import SeFlow

    async with SeFlow(credentials.username, credentials.password, base_url=url, retry=None) as seflow:
        try:
            await seflow.account.details()
        except PermissionDenied as error:
            return error
    return None


def _store(name: str, credentials: Credentials, url: str) -> Profile:
    """Store the password, then the profile that names it, then remove what it replaced."""
    # An entry of its own: however this ends, an old profile has its old password.
    entry = f"{name}: {credentials.username} at {url} #{secrets.token_hex(4)}"
    profile = Profile(name, credentials.username, url, Place.KEYRING, entry)
    try:
        replaced = _put(profile, credentials.password)
    except KeyringUnusable as unusable:
        _agree_to_file(unusable)
        profile = attrs.evolve(profile, stored_in=Place.FILE)
        replaced = _put(profile, credentials.password)
    if replaced:
        try:
            passwords.forget(replaced)
        except (KeyringUnusable, Refusal) as error:
            echo_text(f"The old password is still in the {replaced.stored_in}: {escape(str(error))}.")
    return profile


def _agree_to_file(unusable: KeyringUnusable) -> None:
    echo_text(f"No keyring to save the password in: {escape(str(unusable))}.")
    path = escape(str(passwords.path()), _URL_MAX)
    echo_text(f"It can be saved unencrypted in {path} (readable only by you, and in your backups).")
    prompts.agree("Save it there?", fix="commands also take SEFLOW_USERNAME and SEFLOW_PASSWORD")


def _put(profile: Profile, password: Secret) -> Profile | None:
    try:
        passwords.keep(profile, password)
        return profile_store.put(profile)
    except KeyringUnusable:
        # It holds nothing, and would ask to be unlocked once more.
        raise
    except BaseException:
        with suppress(KeyringUnusable, Refusal):
            passwords.forget(profile)
        raise


def _report(profile: Profile) -> None:
    where = escape(str(passwords.path()), _URL_MAX)
    if profile.stored_in is Place.KEYRING:
        where = f"the keyring ({escape(system_keyring.name())})"
    echo_text(f"Logged in as {escape(profile.username)}; the password is in {where}.")
    if profile.name in profile_choice.used_by_default():
        return
    why = ""
    if os.environ.get(profile_choice.VARIABLE):
        why = f" ({profile_choice.VARIABLE} names another)"
    elif os.environ.get("SEFLOW_USERNAME"):
        why = " (SEFLOW_USERNAME and SEFLOW_PASSWORD are set)"
    echo_text(f"Use it with --profile {profile.name}{why}.")
