"""`aioseflow logout`: the password is removed, then the profile."""

from __future__ import annotations

from typing import Annotated

import typer

from ...text import escape
from ..command import command
from ..exit_code import ExitCode, Refusal
from ..terminal import echo_err
from . import passwords, profile_choice, profile_store
from .profile import Profile
from .prompts import tell
from .system_keyring import KeyringUnusable

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@command(app)
def logout(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="The profile; the one that commands use if left out."),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every profile.")] = False,
    leave_password: Annotated[
        bool, typer.Option("--leave-password", help="Forget it even if its keyring cannot be reached.")
    ] = False,
) -> int:
    """Forget a profile and its password; its runs stay in the journal.

    \b
    aioseflow logout
    aioseflow logout customer
    aioseflow logout --all
    """
    leaving = _leaving(name, everyone=everyone)
    if not leaving:
        echo_err("There are no profiles.")
    left = [profile for profile in leaving if not _forget(profile, leave_password=leave_password)]
    if left:
        names = ", ".join(profile.name for profile in left)
        raise Refusal(
            f"kept: {names}; unlock the keyring and log out again, or add --leave-password", ExitCode.ERROR
        )
    return ExitCode.OK


def _leaving(name: str | None, *, everyone: bool) -> list[Profile]:
    profiles = profile_store.stored()
    if everyone and name is not None:
        raise Refusal(f"--all means all, and {escape(name)} is one; give one of the two")
    if everyone:
        return list(profiles.values())
    if name is None:
        return [profile_choice.stored_default()] if profiles else []
    if name not in profiles:
        raise profile_choice.unknown(name, profiles)
    return [profiles[name]]


def _forget(profile: Profile, *, leave_password: bool) -> bool:
    """Whether the profile is gone."""
    done = f"its password was removed from the {profile.stored_in}"
    try:
        passwords.forget(profile)
    except KeyringUnusable as unusable:
        reason = escape(str(unusable), 200)
        tell(f"The password of profile {profile.name} cannot be removed from the keyring: {reason}.")
        if not leave_password:
            return False
        done = f"its password is still in the keyring, as {escape(profile.entry, 300)} of aioseflow"
    profile_store.drop(profile)
    tell(f"Profile {profile.name} ({escape(profile.username, 80)}) is forgotten; {done}.")
    return True
