"""The choice of profiles for a command: the named ones, else the variables, else what is stored."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from ...text import escape, listed
from ..exit_code import Refusal
from . import profile_store
from .profile_store import DEFAULT, Profile

VARIABLE: Final = "SEFLOW_PROFILE"

_BOTH: Final = ("SEFLOW_USERNAME", "SEFLOW_PASSWORD")
_NAMES_LISTED: Final = 8


def named(texts: Iterable[str], where: str) -> tuple[str, ...]:
    """Return the names in texts like ``a,b``, each once. Raises `Refusal` for a text without a name."""
    found: dict[str, None] = {}
    for text in texts:
        names = [name.strip() for name in text.split(",") if name.strip()]
        if not names:
            # An empty variable of a script must not select another account than was meant.
            raise Refusal(f"{where} names no profile", fix="give a name, or leave it out")
        found |= dict.fromkeys(names)
    return tuple(found)


def chosen(names: Sequence[str], *, everyone: bool) -> tuple[Profile, ...]:
    """Return the profiles that a command uses, none where the variables name its account.

    The first of these that is there: ``names`` or everyone, ``SEFLOW_PROFILE``, ``SEFLOW_USERNAME`` with
    ``SEFLOW_PASSWORD``, the profile ``default``, the only profile. Reads no password. Raises `Refusal`.
    """
    if names and everyone:
        raise Refusal("--profile names some and --all-profiles means all; give one of the two")
    if everyone:
        profiles = profile_store.stored()
        if not profiles:
            raise Refusal("there is no profile", fix="run aioseflow login")
        return _different(profiles.values())
    names = names or _named_by_variable()
    if names:
        return _different(_found(names, profile_store.stored()))
    if _variables_are_set():
        return ()
    usual = _usual(profile_store.stored())
    _check_panel(usual)
    return (usual,)


def _named_by_variable() -> tuple[str, ...]:
    text = os.environ.get(VARIABLE)
    return named([text], VARIABLE) if text else ()


def _variables_are_set() -> bool:
    """Whether the variables name an account. Raises `Refusal` where one of the two is missing."""
    there = [name for name in _BOTH if os.environ.get(name)]
    if len(there) == 1:
        [missing] = set(_BOTH) - set(there)
        raise Refusal(
            f"{there[0]} is set and {missing} is not",
            fix="set both, or none to use a profile, or name a --profile",
        )
    return bool(there)


def _usual(profiles: Mapping[str, Profile]) -> Profile:
    if not profiles:
        raise Refusal("not logged in", fix=f"run aioseflow login, or set {' and '.join(_BOTH)}")
    if DEFAULT not in profiles and len(profiles) > 1:
        raise Refusal(
            f"there are {len(profiles)} profiles and none is called {DEFAULT}",
            fix=f"name one with --profile or {VARIABLE}: {listed([*profiles], _NAMES_LISTED)}",
        )
    return profiles.get(DEFAULT) or next(iter(profiles.values()))


def _check_panel(profile: Profile) -> None:
    """Raise `Refusal` where ``SEFLOW_BASE_URL`` names another panel than the profile."""
    url = os.environ.get("SEFLOW_BASE_URL")
    if url and url.strip().rstrip("/") != profile.base_url.rstrip("/"):
        raise Refusal(
            f"SEFLOW_BASE_URL is {escape(url)}, and profile {profile.name} is of {escape(profile.base_url)}",
            fix=f"unset it, or use --profile {profile.name}",
        )


def _found(names: Sequence[str], profiles: Mapping[str, Profile]) -> list[Profile]:
    for name in names:
        if name not in profiles:
            raise unknown(name, profiles)
    return [profiles[name] for name in names]


def unknown(name: str, profiles: Mapping[str, Profile]) -> Refusal:
    """Return the error for a name that no profile has."""
    near = difflib.get_close_matches(name, profiles, n=2)
    if near:
        fix = f"did you mean {' or '.join(near)}?"
    elif profiles:
        fix = f"there is {listed([*profiles], _NAMES_LISTED)}"
    else:
        fix = f"run aioseflow login --profile {escape(name)}"
    return Refusal(f"there is no profile {escape(name)}", fix=fix)


def _different(profiles: Iterable[Profile]) -> tuple[Profile, ...]:
    by_label: dict[str, Profile] = {}
    for profile in profiles:
        other = by_label.setdefault(profile.label, profile)
        if other is not profile:
            both = f"profiles {other.name} and {profile.name}"
            raise Refusal(f"{both} are the same account, {escape(profile.label)}", fix="name one of them")
    return tuple(by_label.values())


def used_by_default() -> tuple[str, ...]:
    """Return the names of the profiles that a command without ``--profile`` uses, none where it fails."""
    try:
        return tuple(profile.name for profile in chosen((), everyone=False))
    except Refusal:
        return ()


def stored_default() -> Profile:
    """Return the profile of ``SEFLOW_PROFILE``, else ``default``, else the only one. Raises `Refusal`."""
    profiles = profile_store.stored()
    found = _found(_named_by_variable(), profiles) or [_usual(profiles)]
    if len(found) > 1:
        names = listed([one.name for one in found], _NAMES_LISTED)
        raise Refusal(f"{VARIABLE} names {names}", fix="name one")
    return found[0]
