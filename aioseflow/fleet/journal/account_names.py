"""Accounts of a stored run: found by their keys, and called by the names that they have now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeVar

import attrs

from .records import RunHeader, StoredRun


class NamedAccount(Protocol):
    """An account, as far as a journal knows one."""

    @property
    def name(self) -> str:
        """The name of the account in outcomes and reports."""
        ...

    @property
    def key(self) -> str:
        """The key of the account, the same under every name."""
        ...


A = TypeVar("A", bound=NamedAccount)


def find_accounts(header: RunHeader, accounts: Iterable[A]) -> dict[str, A]:
    """Return the accounts of a run that are among ``accounts``, by their names in the journal.

    They are found by key, and by name in runs of journals that had no keys.
    """
    found: dict[str, A] = {}
    left = list(accounts)
    for name in header.accounts:
        key = header.account_keys.get(name)
        same = [each for each in left if (each.name == name if key is None else each.key == key)]
        if same:
            # Of two clients of one account the one that has the name.
            found[name] = next((each for each in same if each.name == name), same[0])
            left.remove(found[name])
    return found


def with_names_of(stored: StoredRun, accounts: Iterable[NamedAccount]) -> StoredRun:
    """Return a run in which each of these accounts has its present name."""
    info = stored.info
    found = find_accounts(info.header, accounts)
    names = _changed(found)
    if not names:
        return stored
    return attrs.evolve(
        stored,
        info=attrs.evolve(
            info,
            header=with_names(info.header, found),
            undiscovered=tuple(_renamed(loss, names) for loss in info.undiscovered),
        ),
        targets=[attrs.evolve(each, row=_renamed(each.row, names)) for each in stored.targets],
        without_vms=tuple(_renamed(each, names) for each in stored.without_vms),
        stored_names={now: before for before, now in names.items()},
    )


def counterpart(name: str, keys: Mapping[str, str], other_keys: Mapping[str, str]) -> str | None:
    """Return the name by which another run calls an account of a run, None if it is not one of its accounts.

    The keys of each run are by name; where one of the runs has none, names decide.
    """
    if not (keys and other_keys):
        return name
    key = keys.get(name)
    return next((other for other, other_key in other_keys.items() if other_key == key), None)


def with_names(header: RunHeader, found: Mapping[str, NamedAccount]) -> RunHeader:
    """Return a header with the present names of accounts, ``found`` by their names in the journal."""
    names = _changed(found)
    if not names:
        return header
    return attrs.evolve(
        header,
        accounts=tuple(names.get(name, name) for name in header.accounts),
        account_keys={names.get(name, name): key for name, key in header.account_keys.items()},
        document=_renamed_document(header.document, names),
    )


def _renamed_document(document: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A document whose selection names VMs by account, service and VM id."""
    selection = document.get("selection")
    if not selection:
        return document
    renamed = {
        part: [
            [names.get(item[0], item[0]), *item[1:]] if len(item) == 3 else item for item in selection[part]
        ]
        for part in ("where", "exclude")
        if isinstance(selection.get(part), list)
    }
    return {**document, "selection": {**selection, **renamed}}


def _changed(found: Mapping[str, NamedAccount]) -> dict[str, str]:
    return {name: account.name for name, account in found.items() if account.name != name}


def _renamed(record: Any, names: Mapping[str, str]) -> Any:
    return attrs.evolve(record, account=names.get(record.account, record.account))
