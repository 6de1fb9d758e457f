"""Upgrades: the options, an estimate, and the order that spends money."""

from __future__ import annotations

from decimal import Decimal

import attrs

from ..account_data import CENT
from ..forms import Value, is_truthy, mapping, text
from ..machines import Service
from ..wire import Dialect, Json, PanelError, Row
from .panel_request import PanelRequest


@attrs.frozen
class _Resource:
    """Resource that can be upgraded: a choice of items (id, name, price), or a quantity at a price each."""

    id: str
    name: str
    type: str
    items: tuple[tuple[str, str, int], ...]

    @property
    def is_quantity(self) -> bool:
        return self.type == "slider"


_RESOURCES = {
    resource.id: resource
    for resource in (
        _Resource(
            "1557",
            "Bandwidth",
            "select",
            (("9953", "100 GB", 1), ("10103", "500 GB", 5), ("10104", "1 TB", 10)),
        ),
        _Resource("1558", "Memory", "slider", (("9960", "GB", 2),)),
        _Resource("1559", "Backup", "qty", (("9970", "Daily", 3), ("9971", "Weekly", 1))),
    )
}
_PACKAGES = {"11": ("Business", 25), "12": ("Enterprise", 80)}
_CYCLES = {"Monthly": 1, "Quarterly": 3, "Semi-Annually": 6, "Annually": 12}


@attrs.define
class _Order:
    lines: list[tuple[str, str, Decimal]] = attrs.field(factory=list)
    selected: dict[str, str] = attrs.field(factory=dict)
    package: str | None = None
    cycle: str | None = None

    @property
    def total(self) -> Decimal:
        return sum((amount for _, _, amount in self.lines), Decimal(0))


def options(request: PanelRequest) -> Json:
    """GET /service/@id/upgrade. `resources` was seen on another installation, `package` only as `[]`.

    The list of packages and the `qty` of a slider are guesses.
    """
    service = request.service()
    packages: Json = []
    if request.dialect is not Dialect.BY_ID:
        packages = [
            {"id": package, "name": name, "price": price, "setup_price": 0}
            for package, (name, price) in _PACKAGES.items()
        ]
    return {"resources": [_shown(service, resource) for resource in _RESOURCES.values()], "package": packages}


def upgrade(request: PanelRequest) -> Json:
    """POST /service/@id/upgrade: an estimate, or with any truthy `send` (also the text "false") an order.

    The shape of both answers is a guess.
    """
    service = request.service()
    order = _read(request, service)
    if not is_truthy(request.form.get("send")):
        return {"estimate": _priced(order)}
    invoice = request.world.charge(order.lines)
    service.selected.update(order.selected)
    service.total += order.total
    if order.package:
        service.name = _PACKAGES[order.package][0]
    if order.cycle:
        service.cycle = order.cycle
    request.world.effects.note(service.id, "", "upgrade")
    return {"info": ["upgrade_ordered"], "invoice_id": invoice.id, "upgrade": _priced(order)}


def _priced(order: _Order) -> Row:
    return {
        "items": [{"name": name, "price": f"{amount:.2f}"} for _, name, amount in order.lines],
        "total": f"{order.total:.2f}",
        "currency": "USD",
    }


def _shown(service: Service, resource: _Resource) -> Row:
    chosen = _chosen(service, resource)
    row: Row = {
        "id": int(resource.id),
        "name": resource.name,
        "type": resource.type,
        "items": [
            {
                "id": item,
                "name": name,
                "price": price,
                "setup_price": 0,
                "selected": resource.is_quantity or item == chosen.partition(":")[0],
            }
            for item, name, price in resource.items
        ],
    }
    if resource.is_quantity:
        row["qty"] = int(chosen)
    return row


def _chosen(service: Service, resource: _Resource) -> str:
    return service.selected.get(resource.id) or ("1" if resource.is_quantity else resource.items[0][0])


def _read(request: PanelRequest, service: Service) -> _Order:
    order = _Order()
    for key, value in mapping(request.form, "resources").items():
        resource = _RESOURCES.get(key)
        if resource is None:
            raise PanelError(200, "invalid_resource", key)
        chosen = _choice(resource, value)
        difference = _price(resource, chosen) - _price(resource, _chosen(service, resource))
        order.selected[key] = chosen
        order.lines.append(
            (key, f"{service.name} - {resource.name}", Decimal(max(difference, 0)).quantize(CENT))
        )
    if package := text(request.form, "package"):
        if package not in _PACKAGES:
            raise PanelError(200, "invalid_package")
        name, price = _PACKAGES[package]
        order.package = package
        order.lines.append((service.id, f"{service.name} - {name}", Decimal(price).quantize(CENT)))
    if cycle := text(request.form, "cycle"):
        if cycle not in _CYCLES:
            raise PanelError(200, "invalid_cycle")
        order.cycle = cycle
        months = _CYCLES[cycle] - _CYCLES[service.cycle]
        price_of_months = (service.total * max(months, 0)).quantize(CENT)
        order.lines.append((service.id, f"{service.name} - {cycle}", price_of_months))
    if not order.lines:
        raise PanelError(200, "nothing_to_upgrade")
    return order


def _choice(resource: _Resource, value: Value) -> str:
    """Return the item, `item:quantity` or a slider's quantity, from the document's three forms."""
    known = {item for item, _, _ in resource.items}
    match value:
        case dict() if len(value) == 1:
            [(item, quantity)] = value.items()
            if item in known and str(quantity).isdigit():
                return str(quantity) if resource.is_quantity else f"{item}:{quantity}"
        case str() | int() if str(value).isdigit():
            if resource.is_quantity or str(value) in known:
                return str(value)
    raise PanelError(200, "invalid_resource_value", resource.id)


def _price(resource: _Resource, chosen: str) -> int:
    if resource.is_quantity:
        return resource.items[0][2] * int(chosen)
    item, _, quantity = chosen.partition(":")
    return next(price for known, _, price in resource.items if known == item) * int(quantity or 1)
