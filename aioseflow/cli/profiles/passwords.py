"""The password of a profile, wherever it is."""

from __future__ import annotations

from ...secret import Secret
from ...text import escape
from ..exit_code import ExitCode, Refusal
from . import password_file, system_keyring
from .profile import Place, Profile


def keep(profile: Profile, password: Secret) -> None:
    """Store it. Raises `Refusal`, and `KeyringUnusable` where the keyring cannot keep it."""
    if profile.stored_in is Place.KEYRING:
        system_keyring.keep(profile.entry, password)
    else:
        password_file.keep(profile.entry, password)


def read(profile: Profile) -> Secret:
    """The password. Raises `Refusal`."""
    again = f"aioseflow login --profile {profile.name}"
    if profile.stored_in is Place.FILE:
        found = password_file.read(profile.entry)
    else:
        try:
            found = system_keyring.read(profile.entry)
        except system_keyring.KeyringUnusable as unusable:
            raise Refusal(
                f"the password of profile {profile.name} is in the keyring, which cannot be used "
                f"({escape(str(unusable), 200)}); unlock it, or run {again}",
                ExitCode.ERROR,
            ) from None
    if found is None:
        raise Refusal(
            f"the {profile.stored_in} has no password for profile {profile.name}; run {again}", ExitCode.ERROR
        )
    return found


def forget(profile: Profile) -> None:
    """Remove it; one that is not there is no error. Raises `Refusal` and `KeyringUnusable`."""
    if profile.stored_in is Place.KEYRING:
        system_keyring.forget(profile.entry)
    else:
        password_file.forget(profile.entry)
