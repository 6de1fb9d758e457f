"""Names of services and VMs as they were last listed: a JSON file that completion reads.

Nothing here talks to a panel: TAB never logs in, because panels lock accounts after a few failed logins. A
cache that cannot be read or written is no error; completion then offers less.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import attrs
import orjson

from ..user_folders import user_folder

_VARIABLE: Final = "AIOSEFLOW_CACHE"
_VERSION: Final = 1
_VMS_MAX: Final = 100_000
_NAME_MAX: Final = 120


class ListedName(NamedTuple):
    """A VM and its service, or a service alone."""

    service_id: str
    service_name: str = ""
    vm_id: str = ""
    vm_label: str = ""


@attrs.define
class CachedService:
    """A service: its name, when it was listed (seconds since 1970), and the labels of its VMs by ids."""

    name: str
    listed_at: float
    vms: dict[str, str]


def cache_path() -> Path | None:
    """Return the file, in the directory of ``AIOSEFLOW_CACHE`` or in the user's own; None without either."""
    named = os.environ.get(_VARIABLE)
    folder = Path(named) if named else user_folder("cache")
    return None if folder is None else folder / "names.json"


def remember(account: str, listed: Iterable[ListedName], *, everything: bool = False) -> None:
    """Keep the names that a command has listed, and forget what was listed longest ago beyond 100,000 VMs.

    Args:
        account: the name that runs give to the account (`accounts.Identity.label`), of which the profile may
            be one; kept is the label, which does not change with the profile's name.
        listed: services and VMs. VMs of a service replace those that it had before.
        everything: whether these are all services of the account, so that its others are forgotten.
    """
    account, now = _clean(_label_of(account)), time.time()
    services: dict[tuple[str, str], CachedService] = {}
    for one in listed:
        key = account, _clean(one.service_id)
        service = services.setdefault(key, CachedService("", now, {}))
        service.name = _clean(one.service_name) or service.name
        if one.vm_id:
            service.vms[_clean(one.vm_id)] = _clean(one.vm_label)
    known = _read()
    for key, service in services.items():
        if before := known.get(key):
            service.name, service.vms = service.name or before.name, service.vms or before.vms
    others = {key: each for key, each in known.items() if not (everything and key[0] == account)}
    with contextlib.suppress(OSError):
        _write(others | services)


def _label_of(account: str) -> str:
    from ..exit_code import Refusal
    from ..profiles.profile_store import stored

    with contextlib.suppress(Refusal):
        if (profile := stored().get(account)) is not None:
            return profile.label
    return account


def services_of(accounts: Collection[str]) -> dict[str, CachedService]:
    """Return the services of accounts by their ids; of all accounts where none is named."""
    return {
        service_id: service
        for (account, service_id), service in _read().items()
        if not accounts or account in accounts
    }


def _clean(text: str) -> str:
    # A lone surrogate cannot be written.
    return text[:_NAME_MAX].encode("utf-8", "replace").decode()


def _read() -> dict[tuple[str, str], CachedService]:
    """Return the services by account and id; none where the file cannot be read, or is of another version."""
    path = cache_path()
    try:
        document = orjson.loads(b"" if path is None else path.read_bytes())
        if document["version"] != _VERSION:
            return {}
        return {
            (account, service_id): CachedService(str(name), float(listed_at), dict(vms))
            for account, service_id, name, listed_at, vms in document["services"]
        }
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write(services: Mapping[tuple[str, str], CachedService]) -> None:
    rows, vms = [], 0
    for key, service in sorted(services.items(), key=lambda item: -item[1].listed_at):
        vms += len(service.vms)
        if vms <= _VMS_MAX:
            rows.append((*key, service.name, service.listed_at, service.vms))
    path = cache_path()
    if path is None:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps({"version": _VERSION, "services": rows}))
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
