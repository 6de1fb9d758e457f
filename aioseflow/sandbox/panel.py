"""The panel as a thing to start, look into and stop."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Literal, Self

from . import account_data
from .capacity import Capacity
from .chance import Duration, Seed
from .faults import Fault, Faults, path_pattern
from .machines import Service
from .record import Effects, Request
from .server import PREFIX, Connections, PanelOptions, PanelServer
from .wire import Dialect
from .world import Timing, World, add_services


class Sandbox:
    """The provider on loopback: `async with Sandbox(services=5, vms_per_service=40, seed=1) as panel`.

    What there is: `services` with `vms_per_service` VMs each (a sequence gives each its own number), then
    `services_without_vms` plain hosting ones. VM ids are unique, or with `shared_vm_ids` the same in every
    service. A `stopped_share` of the VMs, drawn from the seed, is stopped at first.

    How it behaves: `dialect` and `noise`; `stop_time`, `start_time`, `reboot_time` in seconds (a number,
    `(low, high)` or a `Lognormal`); `lockout_after` so many bad logins in a row nobody gets in; with
    `session_lock` it sets a PHP session cookie and serves requests of one session one by one; `faults`;
    `capacity`, or its fields one by one. `keep_requests` bounds the record, for a panel that runs for long.

    Time and chance come from the running loop and the `seed` alone. With `listen=False` nothing is bound and
    `protocol_factory` makes the server's end of connections that the caller brings.
    """

    def __init__(
        self,
        *,
        services: int = 5,
        vms_per_service: int | Sequence[int] = 40,
        services_without_vms: int = 0,
        shared_vm_ids: bool = False,
        stopped_share: float = 0.0,
        seed: Seed = 0,
        dialect: Dialect | str = Dialect.SEFLOW,
        noise: bool = False,
        username: str = "demo@example.com",
        password: str = "sandbox",  # noqa: S107  (nothing is behind it)
        credit: Decimal | str | int = "250.00",
        host: str = "127.0.0.1",
        port: int = 0,
        listen: bool = True,
        stop_time: Duration = 0.2,
        start_time: Duration = 0.2,
        reboot_time: Duration = 0.2,
        lockout_after: int | None = None,
        session_lock: bool = False,
        faults: Iterable[Fault] = (),
        capacity: Capacity | None = None,
        workers: int | None = None,
        queue: int | None = None,
        service_time: Duration = 0.0,
        rate: float | None = None,
        burst: int | None = None,
        refuse: int | Literal["throttle"] = 429,
        retry_after: bool | float = False,
        keep_requests: int | None = None,
    ) -> None:
        counts = [vms_per_service] * services if isinstance(vms_per_service, int) else list(vms_per_service)
        if len(counts) != services or min((0, *counts, services_without_vms)) < 0:
            raise ValueError("vms_per_service is a number, or one for each of the services; none is negative")
        self.host = host
        self.port = port
        self._listen = listen
        self._faults = Faults(seed, *faults)
        self._world = World(
            seed,
            account_data.new_account(username, password, Decimal(credit)),
            Timing(stop_time, start_time, reboot_time),
        )
        add_services(
            self._world,
            vms_per_service=counts,
            without_vms=services_without_vms,
            shared_vm_ids=shared_vm_ids,
            stopped_share=stopped_share,
        )
        options = PanelOptions(Dialect(dialect), noise, lockout_after, session_lock, keep_requests)
        limits = capacity or Capacity(workers, queue, service_time, rate, burst, refuse, retry_after)
        self._panel_server = PanelServer(self._world, seed, options, self._faults, limits)
        self._connections: Connections | None = None
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. A port of 0 becomes a real one, which is kept when the panel is started again."""
        if self._connections is not None:
            raise RuntimeError("the panel is running already")
        loop = asyncio.get_running_loop()
        self._world.set_clock(loop.time)
        connections = Connections(self._panel_server)
        if self._listen:
            # One port for one address: "localhost" may name two addresses, and 0 would become two ports.
            bound = "127.0.0.1" if self.host == "localhost" else self.host
            self._server = await loop.create_server(connections, bound, self.port, backlog=1024)
            self.port = self._server.sockets[0].getsockname()[1]
        self._connections = self._panel_server.connections = connections

    async def stop(self) -> None:
        """Stop at once: connections are cut, requests that hang are given up.

        The state and the record stay.
        """
        connections, self._connections = self._connections, None
        if connections is None:
            return
        connections.closing = True
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = list(self._panel_server.tasks)
        for task in tasks:
            task.cancel()
        for connection in connections.connections:
            connection.close()
            if connection.transport is not None:
                # A close would first wait for the client to read what is still to be sent.
                connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A connection is taken off the list once its task is done.
        while connections.connections:  # noqa: ASYNC110  (aiohttp has no event for it)
            await asyncio.sleep(0)
        if server is not None:
            await server.wait_closed()
        self._panel_server.connections = None

    @property
    def url(self) -> str:
        """The base URL of the API, with the port that was bound."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{PREFIX}"

    @property
    def protocol_factory(self) -> Callable[[], asyncio.Protocol]:
        """Makes the server's end of a connection that the caller brings (`loop.connect_accepted_socket`)."""
        if self._connections is None:
            raise RuntimeError("the panel is not running")
        return self._connections

    @property
    def username(self) -> str:
        """The login, which is the account's e-mail address as it is now."""
        return self._world.account.email

    @property
    def password(self) -> str:
        """The password."""
        return self._world.account.password

    @password.setter
    def password(self, password: str) -> None:
        self._world.account.password = password

    @property
    def services(self) -> Mapping[str, Service]:
        """The services by id; each has its `vms` by id, each of which has its `power`, to be read and set."""
        return self._world.services

    @property
    def account(self) -> account_data.Account:
        """The customer and the credit."""
        return self._world.account

    @property
    def invoices(self) -> Sequence[account_data.Invoice]:
        """The invoices, oldest first."""
        return self._world.invoices

    @property
    def faults(self) -> Faults:
        """The faults in force; `add`, `remove` and `clear` work while it runs."""
        return self._faults

    @property
    def capacity(self) -> Capacity:
        """The limits; assign another, or change its fields, while it runs."""
        return self._panel_server.admission.capacity

    @capacity.setter
    def capacity(self, capacity: Capacity) -> None:
        self._panel_server.admission.capacity = capacity

    @property
    def requests(self) -> list[Request]:
        """Every request, in order of arrival."""
        return self._panel_server.requests

    @property
    def effects(self) -> Effects:
        """How often each action took effect: `panel.effects["9", "4"]["reboot"]`."""
        return self._world.effects

    @property
    def peak(self) -> int:
        """The most requests that were being answered at once since the record was cleared."""
        return self._panel_server.peak

    @property
    def in_flight(self) -> int:
        """Requests being answered now."""
        return len(self._panel_server.tasks)

    @property
    def bad_logins(self) -> int:
        """Bad logins in a row."""
        return self._panel_server.bad_logins

    def unlock(self) -> None:
        """Forget the bad logins, and with them a lock-out."""
        self._panel_server.bad_logins = 0

    def count(self, *, method: str | None = None, path: str | None = None, status: int | None = None) -> int:
        """Requests by method, path (written as in a `Fault`) and status answered."""
        return sum(1 for _ in self.matching(method=method, path=path, status=status))

    def matching(
        self, *, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> list[Request]:
        """The requests that `count` counts."""
        pattern = None if path is None else path_pattern(path)
        return [
            seen
            for seen in self.requests
            if method in (None, seen.method)
            and status in (None, seen.status)
            and (pattern is None or pattern.search(seen.path))
        ]

    def effect_count(self, action: str, *, service: object = None, vm: object = None) -> int:
        """How often an action took effect, on all VMs or on some."""
        service_id, vm_id = (None if given is None else str(given) for given in (service, vm))
        return sum(counter[action] for counter in self.effects.matching(service_id, vm_id))

    def repeated(self, action: str) -> dict[tuple[str, str], int]:
        """The VMs on which an action took effect more than once, and how often."""
        return {key: counter[action] for key, counter in self.effects.items() if counter[action] > 1}

    def statuses(self) -> Counter[int | None]:
        """How many requests were answered with each status; None for those that got no status line."""
        return Counter(seen.status for seen in self.requests)

    def clear_record(self) -> None:
        """Forget the requests and the effects; the state stays."""
        self.requests.clear()
        self.effects.clear()
        self._panel_server.peak = len(self._panel_server.tasks)


async def serve(panel: Sandbox) -> None:
    """Run a panel until cancelled; one that is running already is only kept and then stopped."""
    if panel._connections is None:
        await panel.start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await panel.stop()
