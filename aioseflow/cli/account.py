"""The account of the environment, and the journal in which the command line keeps every run."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from ..errors import ConfigurationError
from .ending import Ending, Refusal
from .terminal import shown

if TYPE_CHECKING:
    from ..client import SeFlow
    from ..config import Credentials
    from ..fleet import Fleet, Journal

_VARIABLE = "AIOSEFLOW_JOURNAL"
_LONGEST_PATH = 300


def journal() -> Journal:
    """The journal that ``AIOSEFLOW_JOURNAL`` names, or ``runs.sqlite`` in the user's folder for state.

    Its directory is made if it is missing, for its owner only. Raises `Refusal` where it cannot be.
    """
    from ..fleet import Journal

    path = os.environ.get(_VARIABLE) or _default()
    try:
        kept = Journal(path)
        kept.path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    except ConfigurationError as error:
        raise Refusal(f"{error} ({_VARIABLE} says which)", Ending.ERROR) from None
    except OSError as error:
        raise Refusal(
            f"the directory of the journal {shown(os.fspath(path), _LONGEST_PATH)} cannot be made "
            f"({error.strerror or error}), so nothing was sent; name another file with {_VARIABLE}",
            Ending.ERROR,
        ) from None
    return kept


def _default() -> Path:
    from platformdirs import user_state_path

    return user_state_path("aioseflow") / "runs.sqlite"


@attrs.frozen
class Identity:
    """One account: who logs in where."""

    credentials: Credentials
    base_url: str | None = None
    profile: str | None = None

    @property
    def label(self) -> str:
        """How runs call the account: by its user, and its panel where that is another than SeFlow's.

        One journal has the runs of every account that was ever named: with names of their own, none is
        taken for a run of another one. Raises `ConfigurationError`.
        """
        from ..config import DEFAULT_BASE_URL, check_base_url

        if self.base_url is None:
            return self.credentials.username
        url = check_base_url(self.base_url, allow_insecure=False)
        if str(url) == DEFAULT_BASE_URL:
            return self.credentials.username
        path = url.raw_path.rstrip("/").removesuffix("/api")
        return f"{self.credentials.username} at {url.authority}{path}"


@attrs.frozen
class Accounts:
    """The accounts that a command is for: the profiles that were named, or the one of the environment."""

    names: tuple[str, ...] = ()
    everyone: bool = False

    def identities(self) -> tuple[Identity, ...]:
        """All of them. Raises `ConfigurationError` and `Refusal`."""
        from ..config import Credentials

        credentials, base_url = Credentials.from_environment()
        return (Identity(credentials, base_url),)

    def one(self) -> Identity:
        """The only one. Raises `Refusal` where there are several."""
        found = self.identities()
        if len(found) > 1:
            raise Refusal("this is for one account; name one --profile")
        return found[0]

    def client(self, kept: Journal | None = None) -> SeFlow:
        """The client of the only one, not opened yet. Raises `ConfigurationError` and `Refusal`."""
        return _client(self.one(), kept)

    @asynccontextmanager
    async def clients(self, kept: Journal | None = None) -> AsyncIterator[Sequence[SeFlow]]:
        """Open clients, one of each account; closed when the block ends."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(_client(each, kept)) for each in self.identities()]

    @asynccontextmanager
    async def fleet(self, kept: Journal) -> AsyncIterator[Fleet]:
        """One fleet of all accounts, open while the block lasts."""
        from ..fleet import Fleet

        async with self.clients(kept) as clients:
            yield clients[0].fleet if len(clients) == 1 else Fleet(clients, journal=kept)


def _client(identity: Identity, kept: Journal | None) -> SeFlow:
    from ..client import SeFlow
    from ..config import DEFAULT_BASE_URL

    return SeFlow(
        identity.credentials.username,
        identity.credentials.password,
        base_url=identity.base_url or DEFAULT_BASE_URL,
        name=identity.label,
        journal=kept,
    )


def accounts(
    profile: Annotated[
        list[str] | None,
        typer.Option("--profile", metavar="NAME[,NAME]", help="Which account; see aioseflow profiles."),
    ] = None,
    all_profiles: Annotated[bool, typer.Option("--all-profiles", help="Every account there is.")] = False,
) -> Accounts:
    """The accounts that the options name."""
    names = [name.strip() for text in profile or () for name in text.split(",")]
    return Accounts(tuple(dict.fromkeys(name for name in names if name)), all_profiles)


def account_name() -> str:
    """How runs call the account of the environment. Raises `ConfigurationError`."""
    return Accounts().one().label


def client(kept: Journal) -> SeFlow:
    """The client of the environment's account. Raises `ConfigurationError`."""
    return Accounts().client(kept)
