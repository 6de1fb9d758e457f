"""The state of the panel, made from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import attrs

from . import account_data
from .chance import Duration, Seed, draw
from .machines import SPARE_ADDRESSES, Service, Vm
from .record import Effects

_FIRST_SERVICE = 33301
_FIRST_VM = 4001
_EPOCH = datetime(2026, 1, 1, 9)  # noqa: DTZ001  (the panel's times have no zone)

_MEMORY = (512, 1024, 2048, 4096, 8192)


@attrs.frozen
class Timing:
    """Durations of changes of power, in seconds."""

    stop: Duration = 0.2
    start: Duration = 0.2
    reboot: Duration = 0.2


@attrs.define(eq=False)
class World:
    """State of the panel. Its clock is the loop's; until the panel is started, the time is 0."""

    seed: Seed
    account: account_data.Account
    timing: Timing
    services: dict[str, Service] = attrs.field(factory=dict)
    invoices: list[account_data.Invoice] = attrs.field(factory=account_data.first_invoices)
    tickets: list[account_data.Ticket] = attrs.field(factory=account_data.first_tickets)
    domains: list[account_data.Domain] = attrs.field(factory=account_data.first_domains)
    effects: Effects = attrs.field(factory=Effects)
    _clock: Callable[[], float] | None = None
    _born: float = 0.0

    def set_clock(self, clock: Callable[[], float]) -> None:
        """Use this clock from now on."""
        if self._clock is None:
            self._born = clock()
        self._clock = clock

    def now(self) -> float:
        """Return the loop's time."""
        return self._clock() if self._clock is not None else 0.0

    def date(self) -> datetime:
        """Return the panel's date. It begins on a fixed day, so that answers are the same every day."""
        return _EPOCH + timedelta(seconds=self.now() - self._born)

    def balance(self) -> Decimal:
        """Return the total of the unpaid invoices."""
        return sum((invoice.total for invoice in self.invoices if not invoice.paid_at), Decimal(0))

    def charge(self, lines: Sequence[tuple[str, str, Decimal]]) -> account_data.Invoice:
        """Add an invoice of (item id, description, amount), paid from the credit as far as it suffices."""
        number = max(int(invoice.id) for invoice in self.invoices) + 1
        now = self.date()
        invoice_lines = tuple(
            account_data.InvoiceLine(f"{number}{place:02}", "Upgrade", item, description, amount)
            for place, (item, description, amount) in enumerate(lines)
        )
        invoice = account_data.Invoice(str(number), now.date(), invoice_lines)
        invoice.credit = min(self.account.credit, invoice.subtotal)
        self.account.credit -= invoice.credit
        if invoice.credit == invoice.subtotal:
            invoice.paid_at = now
        self.invoices.append(invoice)
        return invoice


def add_services(
    world: World,
    *,
    vms_per_service: Sequence[int],
    without_vms: int,
    shared_vm_ids: bool,
    stopped_share: float,
) -> None:
    """Add the services with VMs, then those without VM functions."""
    address = 0
    vm_number = _FIRST_VM
    for index, count in enumerate((*vms_per_service, *(-1 for _ in range(without_vms)))):
        has_vms = count >= 0
        service = Service(
            world.now,
            world.seed,
            str(_FIRST_SERVICE + index),
            index,
            has_vms,
            first_address=address,
            name=f"Cloud {index + 1}" if has_vms else "Starter Hosting",
            category="Cloud" if has_vms else "Hosting",
            domain=f"cloud{index + 1}.example.com" if has_vms else f"site{index + 1}.example.com",
            total=Decimal("58.50") if has_vms else Decimal("10.00"),
            free=dict.fromkeys(range(address + max(count, 0), address + max(count, 0) + SPARE_ADDRESSES)),
        )
        if not has_vms:
            service.free = {address: None}
        world.services[service.id] = service
        address += max(count, 0) + SPARE_ADDRESSES
        if shared_vm_ids:
            vm_number = _FIRST_VM
        for ordinal in range(max(count, 0)):
            _add_vm(service, str(vm_number), ordinal, stopped_share)
            vm_number += 1


def _add_vm(service: Service, vm_id: str, ordinal: int, stopped_share: float) -> None:
    vm = Vm(service, vm_id, ordinal, _MEMORY[ordinal % len(_MEMORY)], 1 + ordinal % 4)
    if stopped_share and draw(service.seed, "stopped", service.id, vm_id) < stopped_share:
        vm.power = "stopped"
    service.vms[vm_id] = vm
