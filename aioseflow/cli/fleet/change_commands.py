"""Start, stop, reboot, resize, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import attrs
import typer

from ..accounts import Accounts, accounts
from ..command import Depends, command
from ..exit_code import Refusal
from ..output import OutputOptions, output_options
from .execute import Confirm, change, confirm_options
from .group import Wait, app
from .messages import in_our_words
from .rollout_options import RolloutOptions, roll
from .select_options import SelectionOptions, choose

if TYPE_CHECKING:
    from ...fleet import Action, Resize


@attrs.frozen
class ChangeOptions:
    """A change that was asked for: of which VMs, how fast, with whose consent, told how."""

    chosen: SelectionOptions
    rolling: RolloutOptions
    how: Confirm
    who: Accounts
    out: OutputOptions

    def make(self, action: Action, *, wait: bool = True) -> int:
        """Plan it, ask, do it and tell; the exit code."""
        options = self.rolling.arguments() | {"wait": wait}
        return change(
            lambda _: action,
            self.chosen,
            options,
            name=action.name,
            how=self.how,
            who=self.who,
            out=self.out,
        )


def asked(
    chosen: SelectionOptions = Depends(choose, "Which VMs"),
    rolling: RolloutOptions = Depends(roll, "How fast, and when to stop"),
    how: Confirm = Depends(confirm_options, "Asking first"),
    who: Accounts = Depends(accounts, "Account"),
    out: OutputOptions = Depends(output_options, "Output"),
) -> ChangeOptions:
    """What the options of every change ask for."""
    return ChangeOptions(chosen, rolling, how, who, out)


@attrs.frozen
class ResizeOptions:
    """What a resize gives, as far as it was said."""

    memory: int | None = None
    cpu: int | None = None
    cpu_share: int | None = None

    @property
    def are_given(self) -> bool:
        """Whether any was."""
        return (self.memory, self.cpu, self.cpu_share) != (None, None, None)

    def action(self) -> Resize:
        """The action. Raises `Refusal` and `InvalidArgument`."""
        from ...fleet import Resize

        if not self.are_given:
            raise Refusal("say what to resize to: --memory, --cpu, --cpu-share or several of them")
        with in_our_words():
            return Resize(memory=self.memory, cpu=self.cpu, cpu_share=self.cpu_share)


def sizes(
    memory: Annotated[int | None, typer.Option("--memory", metavar="MB", help="So much memory.")] = None,
    cpu: Annotated[int | None, typer.Option("--cpu", metavar="N", help="So many cores.")] = None,
    cpu_share: Annotated[
        int | None, typer.Option("--cpu-share", metavar="PERCENT", help="So much of a core's time.")
    ] = None,
) -> ResizeOptions:
    """What the options of a resize give."""
    return ResizeOptions(memory, cpu, cpu_share)


@command(app)
def start(asked: ChangeOptions = Depends(asked), wait: Wait = True) -> int:
    """Power on; what runs already is left alone.

    \b
    Examples:
      aioseflow fleet start --where 'label =~ "web.*"' --max-unavailable 10%
    """
    from ...fleet import Start

    return asked.make(Start(), wait=wait)


@command(app)
def stop(asked: ChangeOptions = Depends(asked), wait: Wait = True) -> int:
    """Power off; what is off already is left alone.

    \b
    Examples:
      aioseflow fleet stop --service 33301 --exclude 'label == "db-1"'
      aioseflow fleet stop --all --max-failures 5 --yes -o jsonl > outcomes.jsonl
    """
    from ...fleet import Stop

    return asked.make(Stop(), wait=wait)


@command(app)
def reboot(asked: ChangeOptions = Depends(asked)) -> int:
    """Reboot what runs, each at most once.

    What is off is not attempted. A reboot leaves no trace to read: changed means that the panel took it,
    and a lost answer is unknown.

    \b
    Examples:
      aioseflow fleet reboot --where 'uptime > 8640000' --batch 10% --pause 1m
    """
    from ...fleet import Reboot

    return asked.make(Reboot())


@command(app)
def resize(
    sizes: ResizeOptions = Depends(sizes), asked: ChangeOptions = Depends(asked), wait: Wait = True
) -> int:
    """Give each VM memory, cores or a CPU share.

    What has them already is left alone.

    \b
    Examples:
      aioseflow fleet resize --memory 4096 --where 'memory < 4096'
    """
    return asked.make(sizes.action(), wait=wait)


@command(app)
def destroy(asked: ChangeOptions = Depends(asked), wait: Wait = True) -> int:
    """Destroy VMs with all their data, for good.

    Their number has to be typed, or --yes given.

    \b
    Examples:
      aioseflow fleet destroy --vm 33301/4021 --vm 33301/4022
    """
    from ...fleet import Destroy

    return asked.make(Destroy(), wait=wait)
