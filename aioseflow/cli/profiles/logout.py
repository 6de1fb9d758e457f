"""`aioseflow logout`: remove a password, then its profile."""

from __future__ import annotations

from typing import Annotated

from typer import Argument, Option

from ...text import escape
from ..exit_code import ExitCode, Refusal
from ..terminal import echo_err, echo_text
from . import passwords, profile_choice, profile_store
from .profile_store import Profile
from .system_keyring import KeyringUnusable


def logout(
    name: Annotated[
        str | None, Argument(metavar="NAME", help="The profile; by default the one that commands use.")
    ] = None,
    everyone: Annotated[bool, Option("--all", help="Every profile.")] = False,
    leave_password: Annotated[
        bool, Option("--leave-password", help="Forget it even if its keyring cannot be reached.")
    ] = False,
) -> int:
    """Forget a profile and its password; its runs stay in the journal.

    \b
    Examples:
      aioseflow logout
      aioseflow logout customer
      aioseflow logout --all
    """
    profiles = profile_store.stored()
    if everyone and name is not None:
        raise Refusal(f"--all means all, and {escape(name)} is one; give one of the two")
    if not profiles and (everyone or name is None):
        echo_err("There are no profiles.")
        return ExitCode.OK
    if everyone:
        leaving = list(profiles.values())
    elif name is None:
        leaving = [profile_choice.stored_default()]
    elif name in profiles:
        leaving = [profiles[name]]
    else:
        raise profile_choice.unknown(name, profiles)
    left = [profile.name for profile in leaving if not _forget(profile, leave_password=leave_password)]
    if left:
        fix = "unlock the keyring and log out again, or add --leave-password"
        raise Refusal(f"kept: {', '.join(left)}", ExitCode.ERROR, fix=fix)
    return ExitCode.OK


def _forget(profile: Profile, *, leave_password: bool) -> bool:
    """Whether the profile is gone."""
    done = f"its password was removed from the {profile.stored_in}"
    try:
        passwords.forget(profile)
    except KeyringUnusable as unusable:
        reason = escape(str(unusable))
        echo_text(f"The password of profile {profile.name} cannot be removed from the keyring: {reason}.")
        if not leave_password:
            return False
        done = f"its password is still in the keyring, as {escape(profile.entry, 300)} of aioseflow"
    profile_store.drop(profile)
    echo_text(f"Forgot profile {profile.name} ({escape(profile.username)}); {done}.")
    return True
