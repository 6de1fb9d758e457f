"""What services and VMs were called when they were last listed: a cache that completion asks.

Nothing here talks to a panel: whoever presses TAB must never log in, because panels lock accounts after a few
bad logins. A cache that cannot be read or written is no error; there are fewer candidates then.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    import sqlite3

T = TypeVar("T")

_VARIABLE: Final = "AIOSEFLOW_CACHE"
_MOST: Final = 200_000
_LONGEST: Final = 120
_VERSION: Final = 1
# To a name's end: nothing that a name may contain sorts after it.
_LAST: Final = "\U0010ffff"
_WAIT: Final = 0.05
_STEPS: Final = 2000

_TABLES: Final = """
DROP TABLE IF EXISTS vms;
DROP TABLE IF EXISTS services;
CREATE TABLE services (
    account TEXT NOT NULL, service TEXT NOT NULL, name TEXT NOT NULL, folded TEXT NOT NULL,
    vms INTEGER NOT NULL, digest BLOB NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY (service, account)
) WITHOUT ROWID;
CREATE TABLE vms (
    account TEXT NOT NULL, service TEXT NOT NULL, vm TEXT NOT NULL, label TEXT NOT NULL, folded TEXT NOT NULL,
    PRIMARY KEY (service, vm, account)
) WITHOUT ROWID;
CREATE INDEX vms_by_id ON vms (vm);
CREATE INDEX vms_by_label ON vms (folded);
"""


class Named(NamedTuple):
    """A VM and its service, or a service alone (``vm_id`` is empty then); ``vms`` is how many it has."""

    service_id: str
    service_name: str = ""
    vm_id: str = ""
    vm_label: str = ""
    vms: int = 0


class Found(NamedTuple):
    """What was asked for begins ``names`` as they are written, or, ``loose``, a part of them: id or label."""

    names: tuple[Named, ...] = ()
    loose: bool = False


def place() -> Path:
    """The file: in the directory that ``AIOSEFLOW_CACHE`` names, or in the user's own for caches."""
    if directory := os.environ.get(_VARIABLE):
        return Path(directory) / "names.sqlite"
    from platformdirs import user_cache_path

    return user_cache_path("aioseflow") / "names.sqlite"


def remember(account: str, listed: Iterable[Named], *, everything: bool = False) -> None:
    """Keep what a command has listed of an account; never raises because of the file.

    Args:
        account: how runs call it (`account.Identity.label`).
        listed: services and VMs. Of a service that has VMs here, these are all; VMs that it had before are
            forgotten, and so are the services listed longest ago beyond 200,000 VMs in all.
        everything: whether these are all services of the account, so that the others are forgotten.
    """
    services: dict[str, str] = {}
    vms: dict[str, dict[str, str]] = {}
    for one in listed:
        service = _clean(one.service_id)
        services[service] = _clean(one.service_name) or services.get(service, "")
        if one.vm_id:
            vms.setdefault(service, {})[_clean(one.vm_id)] = _clean(one.vm_label)
    with contextlib.suppress(OSError), _written() as connection:
        _replace(connection, _clean(account), services, vms, everything=everything)
        _forget_oldest(connection)


def _replace(
    connection: sqlite3.Connection,
    account: str,
    services: dict[str, str],
    vms: dict[str, dict[str, str]],
    *,
    everything: bool,
) -> None:
    select = "SELECT service, digest FROM services WHERE account = ?"
    known: dict[str, bytes] = dict(connection.execute(select, (account,)))
    digests = {service: _digest(of_service) for service, of_service in vms.items()}
    if everything:
        _forget(connection, account, known.keys() - services.keys())
    connection.executemany(
        "INSERT INTO services VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET seen = excluded.seen, "
        "vms = iif(excluded.vms, excluded.vms, vms), digest = iif(excluded.vms, excluded.digest, digest), "
        "folded = iif(excluded.name = '', folded, excluded.folded), "
        "name = iif(excluded.name = '', name, excluded.name)",
        [
            (
                account,
                service,
                name,
                name.casefold(),
                len(vms.get(service, ())),
                digests.get(service, b""),
                now,
            )
            for now in (time.time_ns(),)
            for service, name in services.items()
        ],
    )
    # A fleet is listed again and again, and seldom has another name since.
    changed = {service: vms[service] for service, digest in digests.items() if known.get(service) != digest}
    connection.executemany(
        "DELETE FROM vms WHERE service = ? AND account = ?", [(service, account) for service in changed]
    )
    connection.executemany(
        "INSERT INTO vms VALUES (?, ?, ?, ?, ?)",
        (
            (account, service, vm, label, label.casefold())
            for service, of_service in changed.items()
            for vm, label in of_service.items()
        ),
    )


def _clean(text: str) -> str:
    # SQLite takes no lone surrogates.
    return text[:_LONGEST].encode("utf-8", "replace").decode()


def _digest(labels: dict[str, str]) -> bytes:
    text = "\0".join(f"{vm}\0{label}" for vm, label in sorted(labels.items()))
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def _forget(connection: sqlite3.Connection, account: str, services: Iterable[str]) -> None:
    gone = [(service, account) for service in services]
    connection.executemany("DELETE FROM services WHERE service = ? AND account = ?", gone)
    connection.executemany("DELETE FROM vms WHERE service = ? AND account = ?", gone)


def _forget_oldest(connection: sqlite3.Connection) -> None:
    (kept,) = connection.execute("SELECT sum(vms) FROM services").fetchone()
    excess = (kept or 0) - _MOST
    select = "SELECT account, service, vms FROM services ORDER BY seen, service"
    for account, service, vms in connection.execute(select).fetchall() if excess > 0 else ():
        if excess > 0:
            _forget(connection, account, [service])
            excess -= vms


def find(
    prefix: str,
    *,
    pairs: bool = True,
    services: Collection[str] = (),
    accounts: Collection[str] = (),
    limit: int = 200,
    budget: float = 0.1,
) -> Found:
    """VMs whose ``SERVICE/VM``, or id, or label begins with this, in that order of preference.

    Args:
        pairs: whether they are written ``SERVICE/VM``; otherwise only ids and labels are compared.
        services: of these services alone, if there are any; ``accounts`` likewise.
        limit: how many at most. The last one of all is among them then, so that what they begin with in
            common is what all begin with.
        budget: seconds after which there are none.
    """

    def look(connection: sqlite3.Connection) -> Found:
        service, slash, vm = prefix.partition("/")
        inside = _within("service", services) + _within("account", accounts)
        values = (*services, *accounts)
        tries = [
            (pairs, f"vm BETWEEN ? AND ?{inside}", _range(prefix)),
            (True, f"folded BETWEEN ? AND ?{inside}", _range(prefix.casefold())),
        ]
        if pairs:
            tries.insert(0, (False, f"service BETWEEN ? AND ?{inside}", _range(prefix)))
        if pairs and slash:
            tries = [(False, f"vm BETWEEN ? AND ? AND service = ?{inside}", (*_range(vm), _clean(service)))]
        for loose, where, given in tries:
            if names := _vms(connection, where, given + values, limit):
                return Found(names, loose)
        return Found()

    return _read(look, budget) or Found()


def find_services(
    prefix: str, *, accounts: Collection[str] = (), limit: int = 200, budget: float = 0.1
) -> Found:
    """Services whose id, or name, begins with this; everything else as for `find`."""

    def look(connection: sqlite3.Connection) -> Found:
        for column, text in (("service", prefix), ("folded", prefix.casefold())):
            select = (
                "SELECT service, max(name), '', '', sum(vms) FROM services "  # noqa: S608 - of two columns
                f"WHERE {column} BETWEEN ? AND ?{_within('account', accounts)} GROUP BY service"
            )
            rows = _ends(connection, select, ("service",), (*_range(text), *accounts), limit)
            if rows:
                return Found(rows, column == "folded")
        return Found()

    return _read(look, budget) or Found()


def _within(column: str, values: Collection[str]) -> str:
    return f" AND {column} IN ({', '.join('?' * len(values))})" if values else ""


def _range(prefix: str) -> tuple[str, ...]:
    clean = _clean(prefix)
    return clean, clean + _LAST


def _vms(
    connection: sqlite3.Connection, where: str, values: tuple[str, ...], limit: int
) -> tuple[Named, ...]:
    select = (
        "SELECT service, (SELECT max(name) FROM services AS its WHERE its.service = vms.service), vm, "  # noqa: S608
        f"max(label), 0 FROM vms WHERE {where} GROUP BY service, vm"
    )
    return _ends(connection, select, ("service", "vm"), values, limit)


def _ends(
    connection: sqlite3.Connection,
    select: str,
    order: tuple[str, ...],
    values: tuple[str, ...],
    limit: int,
) -> tuple[Named, ...]:
    """The first ones, and the last one."""
    forwards = f"{select} ORDER BY {', '.join(order)} LIMIT {limit + 1}"
    rows = [Named(*row) for row in connection.execute(forwards, values)]
    if len(rows) <= limit:
        return tuple(rows)
    backwards = f"{select} ORDER BY {', '.join(f'{column} DESC' for column in order)} LIMIT 1"
    return (*rows[: limit - 1], Named(*connection.execute(backwards, values).fetchone()))


def _read(look: Callable[[sqlite3.Connection], T], budget: float) -> T | None:
    import sqlite3

    deadline = time.monotonic() + budget
    try:
        path = place()
        if not path.is_file():
            return None
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=min(_WAIT, budget))) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
            if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                return None
            return look(connection)
    except (sqlite3.Error, OSError, ValueError):
        return None


@contextlib.contextmanager
def _written() -> Iterator[sqlite3.Connection]:
    """A transaction; what goes wrong with the file is an `OSError`."""
    import sqlite3

    path = place()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield from _transaction(path)
    except sqlite3.OperationalError as error:
        # Locked by another command, or no space left: next time.
        raise OSError(str(error)) from error
    except sqlite3.DatabaseError as error:
        # What is no database, or a damaged one, holds nothing that a listing will not bring again.
        path.unlink(missing_ok=True)
        raise OSError(str(error)) from error


def _transaction(path: Path) -> Iterator[sqlite3.Connection]:
    import sqlite3

    # SQLite makes its files for everybody, less the umask; those beside this one get its mode.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    with contextlib.closing(sqlite3.connect(path, timeout=_WAIT, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        yield connection
        connection.execute("COMMIT")
