"""`Sandbox`: the panel, which tests start, inspect and stop."""

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

    Contents: `services` with `vms_per_service` VMs each (a sequence has a number for each service), then
    `services_without_vms` plain hosting services. VM ids are unique, or with `shared_vm_ids` the same in each
    service. A `stopped_share` of the VMs, drawn from the seed, is stopped at first.

    Behaviour: `dialect` and `noise`; `stop_time`, `start_time`, `reboot_time` in seconds (a number,
    `(low, high)` or a `Lognormal`); after `lockout_after` bad logins in a row every login is refused; with
    `session_lock` the panel sets a PHP session cookie and serves requests of a session one by one; `faults`;
    `capacity`, or its fields one by one. `keep_requests` bounds the record of a panel that runs for long.

    Time comes from the running loop, and every random draw from the `seed`. With `listen=False` no port is
    bound, and `protocol_factory` makes the server's end of the caller's connections.
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
        """Start to listen. A port of 0 becomes a free port, which stays when the panel is started again."""
        if self._connections is not None:
            raise RuntimeError("the panel is running already")
        loop = asyncio.get_running_loop()
        self._world.set_clock(loop.time)
        connections = Connections(self._panel_server)
        if self._listen:
            # "localhost" may be two addresses, and 0 would become two ports.
            bound = "127.0.0.1" if self.host == "localhost" else self.host
            self._server = await loop.create_server(connections, bound, self.port, backlog=1024)
            self.port = self._server.sockets[0].getsockname()[1]
        self._connections = self._panel_server.connections = connections

    async def stop(self) -> None:
        """Stop at once: cut the connections and cancel the requests. The state and the record stay."""
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
                # A close would wait until the client has read what is not sent yet.
                connection.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)
        # aiohttp removes a connection once its task is done.
        while connections.connections:  # noqa: ASYNC110  (aiohttp has no event for it)
            await asyncio.sleep(0)
        if server is not None:
            await server.wait_closed()
        self._panel_server.connections = None

    @property
    def url(self) -> str:
        """Base URL of the API, with the port that was bound."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}{PREFIX}"

    @property
    def protocol_factory(self) -> Callable[[], asyncio.Protocol]:
        """Factory of the server's end of the caller's connections (`loop.connect_accepted_socket`)."""
        if self._connections is None:
            raise RuntimeError("the panel is not running")
        return self._connections

    @property
    def username(self) -> str:
        """Login: the current e-mail address of the account."""
        return self._world.account.email

    @property
    def password(self) -> str:
        """Password of the account."""
        return self._world.account.password

    @password.setter
    def password(self, password: str) -> None:
        self._world.account.password = password

    @property
    def services(self) -> Mapping[str, Service]:
        """Services by id; each has `vms` by id, whose `power` can be read and set."""
        return self._world.services

    @property
    def account(self) -> account_data.Account:
        """Customer and credit."""
        return self._world.account

    @property
    def invoices(self) -> Sequence[account_data.Invoice]:
        """Invoices, oldest first."""
        return self._world.invoices

    @property
    def faults(self) -> Faults:
        """Faults in force; `add`, `remove` and `clear` work while the panel runs."""
        return self._faults

    @property
    def capacity(self) -> Capacity:
        """Limits; assign another `Capacity`, or change its fields, while the panel runs."""
        return self._panel_server.admission.capacity

    @capacity.setter
    def capacity(self, capacity: Capacity) -> None:
        self._panel_server.admission.capacity = capacity

    @property
    def requests(self) -> list[Request]:
        """Requests in order of arrival."""
        return self._panel_server.requests

    @property
    def effects(self) -> Effects:
        """Number of times that each action took effect: `panel.effects["9", "4"]["reboot"]`."""
        return self._world.effects

    @property
    def peak(self) -> int:
        """Highest number of requests in flight since the record was cleared."""
        return self._panel_server.peak

    @property
    def in_flight(self) -> int:
        """Number of requests that are being answered."""
        return len(self._panel_server.tasks)

    @property
    def bad_logins(self) -> int:
        """Number of bad logins in a row."""
        return self._panel_server.bad_logins

    def unlock(self) -> None:
        """Reset the number of bad logins, which ends a lock-out."""
        self._panel_server.bad_logins = 0

    def count(self, *, method: str | None = None, path: str | None = None, status: int | None = None) -> int:
        """Return how many requests have a method, a path (as in a `Fault`) and a status."""
        return sum(1 for _ in self.matching(method=method, path=path, status=status))

    def matching(
        self, *, method: str | None = None, path: str | None = None, status: int | None = None
    ) -> list[Request]:
        """Return the requests that `count` counts."""
        pattern = None if path is None else path_pattern(path)
        return [
            seen
            for seen in self.requests
            if method in (None, seen.method)
            and status in (None, seen.status)
            and (pattern is None or pattern.search(seen.path))
        ]

    def effect_count(self, action: str, *, service: object = None, vm: object = None) -> int:
        """Return how often an action took effect, on all VMs, those of a service, or one."""
        service_id, vm_id = (None if given is None else str(given) for given in (service, vm))
        return sum(counter[action] for counter in self.effects.matching(service_id, vm_id))

    def repeated(self, action: str) -> dict[tuple[str, str], int]:
        """Return the VMs on which an action took effect more than once, with the number of times."""
        return {key: counter[action] for key, counter in self.effects.items() if counter[action] > 1}

    def statuses(self) -> Counter[int | None]:
        """Return how many requests got each status; None is the key of those without a status line."""
        return Counter(seen.status for seen in self.requests)

    def clear_record(self) -> None:
        """Clear the requests and the effects; the state stays."""
        self.requests.clear()
        self.effects.clear()
        self._panel_server.peak = len(self._panel_server.tasks)


async def serve(panel: Sandbox) -> None:
    """Start a panel unless it runs, and stop it when this is cancelled."""
    if panel._connections is None:
        await panel.start()
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await panel.stop()
