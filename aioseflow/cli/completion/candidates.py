"""The candidates for values of options and arguments, from files of this machine: no panel is asked."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import typer

from ...errors import SeFlowError
from ..exit_code import Refusal
from ..journal_file import journal_path

Candidates: TypeAlias = Sequence[tuple[str, str]]

_CANDIDATES_MAX: Final = 200
_SQLITE_WAIT_SECONDS: Final = 0.05


class Loose(str):
    """A candidate that need not begin with the typed text: its label does, and it takes the place of that."""

    __slots__ = ()

    def startswith(self, *_: Any) -> bool:
        """Return True: typer leaves out what does not begin with the typed text."""
        return True


def complete_service(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return ids of services, by id or by name."""
    from .name_cache import services_of

    services = services_of(_accounts_of(ctx))
    return _matching(
        incomplete, (((id_, service.name), id_, service.name) for id_, service in services.items())
    )


def complete_vm(ctx: typer.Context, incomplete: str) -> Candidates:
    """Return ``SERVICE/VM``, by either id or the VM's label; the id alone where the line names services.

    Of more VMs than anybody reads the services come first, as ``SERVICE/``.
    """
    from .name_cache import services_of

    services, named = services_of(_accounts_of(ctx)), _services_of(ctx)
    pairs = not named and not ctx.params.get("where")
    found = _matching(
        incomplete,
        (
            ((pair, vm_id, label), pair, _joined(label, service.name))
            if pairs
            else ((vm_id, label), vm_id, _joined(label, service.name))
            for id_, service in services.items()
            if not named or id_ in named
            for vm_id, label in service.vms.items()
            for pair in (f"{id_}/{vm_id}",)
        ),
    )
    if pairs and len(found) == _CANDIDATES_MAX and "/" not in incomplete and len(services) > 1:
        return _matching(
            incomplete,
            (
                ((id_, service.name), f"{id_}/", _joined(f"{len(service.vms)} VMs", service.name))
                for id_, service in services.items()
            ),
        )
    return found


def _matching(incomplete: str, names: Iterable[tuple[Sequence[str], str, str]]) -> Candidates:
    """Return the candidates whose first texts begin so, else those whose next texts do.

    Of too many the last one is among them, so that a shell fills in only what all have in common.
    """
    folded = incomplete.casefold()
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for texts, candidate, what in names:
        for rank, text in enumerate(texts):
            if text.casefold().startswith(folded):
                found[rank][candidate] = what
                break
    ordered = [(Loose(name), what) for name, what in sorted(found[min(found, default=0)].items())]
    return ordered if len(ordered) <= _CANDIDATES_MAX else [*ordered[: _CANDIDATES_MAX - 1], ordered[-1]]


def _joined(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _services_of(ctx: typer.Context) -> tuple[str, ...]:
    given = ctx.params.get("service") or ctx.params.get("service_id") or ()
    return (given,) if isinstance(given, str) else tuple(map(str, given))


def _accounts_of(ctx: typer.Context) -> tuple[str, ...]:
    """Return the labels of the accounts that the command would use; none where that is not known."""
    from ..profiles.profile_choice import chosen, named
    from ..profiles.profile_store import label_of

    try:
        names = named(ctx.params.get("profile") or (), "--profile")
        profiles = chosen(names, everyone=bool(ctx.params.get("all_profiles")))
        if not profiles and (username := os.environ.get("SEFLOW_USERNAME")):
            return (label_of(username, os.environ.get("SEFLOW_BASE_URL")),)
        return tuple(profile.label for profile in profiles)
    except (Refusal, SeFlowError, OSError):
        return ()


def complete_profile(incomplete: str) -> Candidates:
    """Return names of profiles, behind those that the word has already."""
    from ..profiles.profile_store import stored

    before, comma, last = incomplete.rpartition(",")
    given = set(before.split(","))
    try:
        profiles = stored()
    except (Refusal, SeFlowError, OSError):
        # The command itself reports what is wrong with the file.
        return []
    return [
        (f"{before}{comma}{name}", profile.username)
        for name, profile in profiles.items()
        if name.startswith(last) and name not in given
    ]


def complete_run(incomplete: str) -> Candidates:
    """Return ids of runs in the journal, the newest first."""
    import sqlite3

    path = journal_path()
    if path is None or not path.is_file():
        return []
    # Not `Journal`: that looks for damage first, may bring the file up to date, and imports a fleet.
    with contextlib.suppress(sqlite3.Error, OSError, ValueError):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_SQLITE_WAIT_SECONDS)) as connection:
            rows = connection.execute(
                "SELECT run_id, action, state, created_at, note FROM runs "
                "WHERE substr(run_id, 1, ?) = ? ORDER BY id DESC LIMIT ?",
                (len(incomplete), incomplete, _CANDIDATES_MAX),
            ).fetchall()
            there_is_one = connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone() is not None
        newest = [("last", "the newest run")] if there_is_one and "last".startswith(incomplete) else []
        return newest + [(run_id, _facts_of(*facts)) for run_id, *facts in rows]
    return []


def _facts_of(action: str, state: str, created_at: int, note: str) -> str:
    when = dt.datetime.fromtimestamp(created_at / 1e6, dt.UTC)
    ended = "ended" if state == "ended" else "not ended"
    return _joined(action, ended, f"{when:%Y-%m-%d %H:%M}", note)
