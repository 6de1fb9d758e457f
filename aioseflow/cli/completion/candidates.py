"""Where the candidates for the values of options come from.

Everything is read from files of this machine, and nothing here ever asks a panel: see `names`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import typer

from ...errors import SeFlowError
from ..exit_code import Refusal
from ..journal_file import journal_path

Candidates: TypeAlias = list[tuple[str, str]]

_MOST: Final = 200
_WAIT: Final = 0.05


class Loose(str):
    """A candidate that what was typed does not begin, but its label does: put in the place of that."""

    __slots__ = ()

    def startswith(self, *_: Any) -> bool:
        """True: typer leaves out what does not begin with what was typed."""
        return True


def complete_service(ctx: typer.Context, incomplete: str) -> Candidates:
    """Ids of services, by id or by name."""
    from . import name_cache

    found = name_cache.find_services(incomplete, accounts=_accounts_of(ctx), limit=_MOST)
    ids = _loose([one.service_id for one in found.names], loose=found.loose)
    return list(zip(ids, (one.service_name for one in found.names), strict=True))


def complete_vm(ctx: typer.Context, incomplete: str) -> Candidates:
    """``SERVICE/VM``, by either id or the VM's label; the id alone where the line names services already.

    Where there are more VMs than anybody reads, services first, as ``SERVICE/``.
    """
    from . import name_cache

    services, accounts = _services_of(ctx), _accounts_of(ctx)
    alone = bool(services) or bool(ctx.params.get("where"))
    found = name_cache.find(incomplete, pairs=not alone, services=services, accounts=accounts, limit=_MOST)
    if not alone and not found.loose and len(found.names) == _MOST and "/" not in incomplete:
        of_services = name_cache.find_services(incomplete, accounts=accounts, limit=_MOST).names
        if len(of_services) > 1:
            return [
                (f"{one.service_id}/", f"{one.vms} VMs, {one.service_name}".removesuffix(", "))
                for one in of_services
            ]
    values = [one.vm_id if alone else f"{one.service_id}/{one.vm_id}" for one in found.names]
    texts = [", ".join(filter(None, (one.vm_label, one.service_name))) for one in found.names]
    return list(zip(_loose(values, loose=found.loose), texts, strict=True))


def _services_of(ctx: typer.Context) -> tuple[str, ...]:
    given = ctx.params.get("service") or ctx.params.get("service_id") or ()
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _accounts_of(ctx: typer.Context) -> tuple[str, ...]:
    """How runs call the accounts that the line names, if it names any."""
    if not ctx.params.get("profile") and not ctx.params.get("all_profiles"):
        return ()
    from ..profiles.profile_choice import chosen, named

    try:
        names = named(ctx.params.get("profile") or (), "--profile")
        profiles = chosen(names, everyone=bool(ctx.params.get("all_profiles")))
        return tuple(profile.label for profile in profiles)
    except (Refusal, SeFlowError, OSError):
        return ()


def complete_profile(incomplete: str) -> Candidates:
    """Names of profiles, after those that the word has already."""
    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    return [
        (f"{before}{comma}{name}", text)
        for name, text in _profiles()
        if name.startswith(last) and name not in given
    ]


def _profiles() -> list[tuple[str, str]]:
    from ..profiles import profile_store

    try:
        return [(name, one.username) for name, one in profile_store.stored().items()]
    except (Refusal, SeFlowError, OSError):
        # The command itself says what is wrong with the file.
        return []


def complete_run(incomplete: str) -> Candidates:
    """Ids of the journal's runs, the newest first."""
    import sqlite3

    path = journal_path()
    if not path.is_file():
        return []
    # Not `Journal`: that looks for damage first, may bring the file up to date, and imports a fleet.
    with contextlib.suppress(sqlite3.Error, OSError, ValueError):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT)) as connection:
            rows = connection.execute(
                "SELECT run_id, action, state, created_at, note FROM runs "
                "WHERE substr(run_id, 1, ?) = ? ORDER BY id DESC LIMIT ?",
                (len(incomplete), incomplete, _MOST),
            ).fetchall()
            there_is_one = connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
        newest = [("last", "the newest")] if there_is_one and "last".startswith(incomplete) else []
        return newest + [(run_id, _told(*facts)) for run_id, *facts in rows]
    return []


def _told(action: str, state: str, created_at: int, note: str) -> str:
    when = dt.datetime.fromtimestamp(created_at / 1e6, dt.UTC)
    ended = "ended" if state == "ended" else "not ended"
    return ", ".join(filter(None, (action, ended, f"{when:%Y-%m-%d %H:%M}", note)))


def complete_call(incomplete: str) -> Candidates:
    """Names of the API's calls."""
    from ..coroutines import COROUTINES

    return [(name, one.summary) for name, one in COROUTINES.items() if name.startswith(incomplete)]


def _loose(values: Sequence[str], *, loose: bool) -> list[str]:
    return [Loose(value) for value in values] if loose else list(values)
