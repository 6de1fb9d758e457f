"""The accounts that a command is for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import attrs
from typer import Option

from ..text import escape
from .completion.candidates import complete_profile
from .exit_code import Refusal

if TYPE_CHECKING:
    from .. import Fleet, Journal
    from ..client import SeFlow
    from ..config import Credentials
    from .profiles.profile_store import Profile


@attrs.frozen
class Identity:
    """The user and panel of one account.

    Attributes:
        name: the account's name in runs and lists where it is not its label.
    """

    credentials: Credentials
    base_url: str | None = None
    profile: str | None = None
    name: str = ""

    @property
    def label(self) -> str:
        """The user and the panel; see `profiles.profile_store.label_of`. Raises `ConfigurationError`."""
        from .profiles.profile_store import label_of

        return label_of(self.credentials.username, self.base_url)

    @property
    def panel(self) -> str:
        """The URL of the panel's API."""
        from ..config import DEFAULT_BASE_URL

        return self.base_url or DEFAULT_BASE_URL

    def client(self, **options: Any) -> SeFlow:
        """Return a client with these options, not opened. Raises `ConfigurationError`."""
        from ..client import SeFlow

        login = self.credentials
        return SeFlow(
            login.username, login.password, base_url=self.panel, name=self.name or self.label, **options
        )


@attrs.frozen
class Accounts:
    """The accounts that a command is for: profiles that were named, or those of `profile_choice.chosen`."""

    names: tuple[str, ...] = ()
    everyone: bool = False

    def names_in_runs(self) -> tuple[str, ...]:
        """Return their names in runs and lists: of several those of the profiles, of one its label.

        Two labels may be cut to the same text. Raises `ConfigurationError` and `Refusal`.
        """
        profiles = self._profiles()
        return tuple(one.name for one in profiles) if len(profiles) > 1 else self.labels()

    def check_names_in(self, where: str | None) -> None:
        """Raise `InvalidArgument` where a condition names an account that is none of these."""
        if where is None:
            return
        from ..errors import InvalidArgument
        from ..fleet.select.selection import select

        try:
            select(where).check_accounts(self.names_in_runs())
        except InvalidArgument as error:
            error.message = f"--{error.message}".replace(" or give aioseflow.ALL", "")
            raise

    def labels(self) -> tuple[str, ...]:
        """Return their labels; reads no password. Raises `ConfigurationError` and `Refusal`."""
        profiles = self._profiles()
        return tuple(one.label for one in profiles) if profiles else (_of_environment().label,)

    def identities(self) -> tuple[Identity, ...]:
        """Return all of them with their passwords. Raises `ConfigurationError` and `Refusal`."""
        profiles = self._profiles()
        if len(profiles) > 1:
            return tuple(attrs.evolve(_of_profile(one), name=one.name) for one in profiles)
        return tuple(_of_profile(one) for one in profiles) if profiles else (_of_environment(),)

    def one(self) -> Identity:
        """Return the only one. Raises `ConfigurationError`, and `Refusal` where there are several."""
        self.check_one()
        return self.identities()[0]

    def check_one(self) -> None:
        """Raise `Refusal` where there are several; reads no password."""
        names = [one.name for one in self._profiles()]
        if len(names) > 1:
            what = f"this is for one account, and these are {len(names)}: {escape(', '.join(names), 300)}"
            raise Refusal(what, fix="name one with --profile")

    def _profiles(self) -> tuple[Profile, ...]:
        from .profiles.profile_choice import chosen

        return chosen(self.names, everyone=self.everyone)

    def client(self) -> AbstractAsyncContextManager[SeFlow]:
        """Return a block in which the client of the only one is open, and what it waits for is shown.

        Raises `ConfigurationError` and `Refusal`.
        """
        return _open_patiently(self.one())

    @asynccontextmanager
    async def clients(
        self, kept: Journal | None = None, *, silent: bool = False
    ) -> AsyncIterator[Sequence[SeFlow]]:
        """Open a client for each account; close them when the block ends.

        What they wait for is shown, unless the command shows it by itself (``silent``).
        """
        from .waiting_line import patiently

        identities = self.identities()
        async with AsyncExitStack() as stack:
            line = None if silent else await stack.enter_async_context(patiently())
            hooks = [] if line is None else [line.on_event]
            yield [
                await stack.enter_async_context(each.client(journal=kept, hooks=hooks)) for each in identities
            ]

    @asynccontextmanager
    async def fleet(self, kept: Journal) -> AsyncIterator[Fleet]:
        """Make one fleet of all accounts, open while the block lasts."""
        async with self.clients(kept) as clients:
            yield fleet_of(clients, kept)


@asynccontextmanager
async def _open_patiently(identity: Identity) -> AsyncIterator[SeFlow]:
    from .waiting_line import patiently

    async with patiently() as line, identity.client(hooks=[line.on_event]) as seflow:
        yield seflow


def fleet_of(clients: Sequence[SeFlow], kept: Journal) -> Fleet:
    """Return one fleet of open clients."""
    from .. import Fleet

    return clients[0].fleet if len(clients) == 1 else Fleet(clients, journal=kept)


def _of_environment() -> Identity:
    from ..config import Credentials

    return Identity(*Credentials.from_environment())


def _of_profile(profile: Profile) -> Identity:
    from ..config import Credentials
    from .profiles.passwords import read

    return Identity(Credentials.check(profile.username, read(profile)), profile.base_url, profile.name)


def accounts(
    profile: Annotated[
        list[str] | None,
        Option(
            "--profile",
            metavar="NAME[,NAME]",
            help="Which account; see aioseflow profiles.",
            autocompletion=complete_profile,
        ),
    ] = None,
    all_profiles: Annotated[bool, Option("--all-profiles", help="All stored accounts.")] = False,
) -> Accounts:
    """Return the accounts that the options name. Raises `Refusal`."""
    from .profiles.profile_choice import named

    return Accounts(named(profile or (), "--profile"), all_profiles)
