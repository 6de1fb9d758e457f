"""`PanelRequest`: the argument of the functions that answer routes."""

from __future__ import annotations

import attrs

from ..forms import Form, text
from ..machines import Service, Vm
from ..wire import Dialect, Json, PanelError
from ..world import World


@attrs.define
class PanelRequest:
    """A request that was admitted: the ids in its path, its fields, and the state to act on."""

    world: World
    dialect: Dialect
    ids: tuple[str, ...]
    form: Form
    query: Form
    stale: bool = False
    """Set when the answer is an old list."""

    def service(self) -> Service:
        """Return the service in the path."""
        service = self.world.services.get(self.ids[0])
        if service is None:
            raise PanelError(404, "service_notfound")
        return service

    def vm_service(self) -> Service:
        """Return the service in the path, which must have VM functions.

        Without them: 404 `notfound`; on a `by_id` installation 200 `methodnotsupported`.
        """
        service = self.service()
        if not service.has_vms:
            raise PanelError(
                *((200, "methodnotsupported") if self.dialect is Dialect.BY_ID else (404, "notfound"))
            )
        return service

    def vm(self) -> Vm:
        """Return the VM in the path."""
        vm = self.vm_service().vms.get(self.ids[1])
        if vm is None:
            raise PanelError(404, "vm_notfound")
        return vm

    def unlocked_vm(self) -> Vm:
        """Return the VM in the path, which must not be in the middle of a change."""
        vm = self.vm()
        if vm.power == "transitional":
            raise PanelError(200, "vm_locked")
        return vm

    def took_effect(self, vm: Vm, action: str) -> None:
        """Record that an action took effect."""
        self.world.effects.note(vm.service.id, vm.id, action)

    def done(self) -> Json:
        """Return the answer of a change without a published answer: that of start and stop."""
        return {"status": "true" if self.dialect is Dialect.BY_ID else True}

    def positive(self, field: str, at_most: int = 1 << 24) -> int | None:
        """Return a whole positive number of the form, None when it is absent."""
        given = text(self.form, field)
        if given is None:
            return None
        if not (given.isascii() and given.isdigit() and 0 < int(given[:12]) <= at_most):
            raise PanelError(200, f"invalid_{field}")
        return int(given)
