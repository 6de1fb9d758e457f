"""The options that give the sizes of a resize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import attrs
from typer import Option

from ..exit_code import Refusal

if TYPE_CHECKING:
    from ...fleet.actions.changes import Resize


@attrs.frozen
class ResizeOptions:
    """The sizes that a resize gives to VMs."""

    memory: Annotated[int | None, Option("--memory", metavar="MB", help="Memory of each VM, in MB.")] = None
    cpu: Annotated[int | None, Option("--cpu", metavar="N", help="Cores of each VM.")] = None
    cpu_share: Annotated[
        int | None, Option("--cpu-share", metavar="PERCENT", help="Share of a core's time.")
    ] = None

    @property
    def are_given(self) -> bool:
        """Whether any was given."""
        return (self.memory, self.cpu, self.cpu_share) != (None, None, None)

    def action(self) -> Resize:
        """Return the action. Raises `Refusal` and `InvalidArgument`."""
        from ...fleet.actions.changes import Resize

        if not self.are_given:
            raise Refusal("nothing to resize to", fix="give --memory, --cpu, --cpu-share or several of them")
        return Resize(memory=self.memory, cpu=self.cpu, cpu_share=self.cpu_share)
