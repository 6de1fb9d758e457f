"""Start, stop, reboot, resize, destroy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from ..account import Accounts, accounts
from ..command import command, given
from ..ending import Refusal
from ..written import Written, written
from .acting import Manner, change, manner
from .group import Wait, app
from .rolling import Rolling, roll
from .selecting import Chosen, choose
from .wording import in_our_words

if TYPE_CHECKING:
    from ...fleet import Action, Resize

Memory: TypeAlias = Annotated[int | None, typer.Option("--memory", metavar="MB", help="So much memory.")]
Cpu: TypeAlias = Annotated[int | None, typer.Option("--cpu", metavar="N", help="So many cores.")]
CpuShare: TypeAlias = Annotated[
    int | None, typer.Option("--cpu-share", metavar="PERCENT", help="So much of a core's time.")
]


@command(app)
def start(
    chosen: Chosen = given(choose, "Which VMs"),
    rolling: Rolling = given(roll, "How fast, and when to stop"),
    wait: Wait = True,
    how: Manner = given(manner, "Asking first"),
    who: Accounts = given(accounts, "Account"),
    out: Written = given(written, "Output"),
) -> int:
    """Power on; what runs already is left alone.

    \b
    Examples:
      aioseflow fleet start --where 'label =~ "web.*"' --max-unavailable 10%
    """
    from ...fleet import Start

    return _change(Start(), chosen, rolling, wait, how, who, out)


@command(app)
def stop(
    chosen: Chosen = given(choose, "Which VMs"),
    rolling: Rolling = given(roll, "How fast, and when to stop"),
    wait: Wait = True,
    how: Manner = given(manner, "Asking first"),
    who: Accounts = given(accounts, "Account"),
    out: Written = given(written, "Output"),
) -> int:
    """Power off; what is off already is left alone.

    \b
    Examples:
      aioseflow fleet stop --service 33301 --exclude 'label == "db-1"'
      aioseflow fleet stop --all --max-failures 5 --yes -o jsonl > outcomes.jsonl
    """
    from ...fleet import Stop

    return _change(Stop(), chosen, rolling, wait, how, who, out)


@command(app)
def reboot(
    chosen: Chosen = given(choose, "Which VMs"),
    rolling: Rolling = given(roll, "How fast, and when to stop"),
    how: Manner = given(manner, "Asking first"),
    who: Accounts = given(accounts, "Account"),
    out: Written = given(written, "Output"),
) -> int:
    """Reboot what runs, each at most once.

    What is off is not attempted. A reboot leaves no trace to read: changed means that the panel took
    it, and a lost answer is unknown.

    \b
    Examples:
      aioseflow fleet reboot --where 'uptime > 8640000' --batch 10% --pause 1m
    """
    from ...fleet import Reboot

    return _change(Reboot(), chosen, rolling, True, how, who, out)


@command(app)
def resize(
    memory: Memory = None,
    cpu: Cpu = None,
    cpu_share: CpuShare = None,
    chosen: Chosen = given(choose, "Which VMs"),
    rolling: Rolling = given(roll, "How fast, and when to stop"),
    wait: Wait = True,
    how: Manner = given(manner, "Asking first"),
    who: Accounts = given(accounts, "Account"),
    out: Written = given(written, "Output"),
) -> int:
    """Give each VM memory, cores or a CPU share.

    What has them already is left alone.

    \b
    Examples:
      aioseflow fleet resize --memory 4096 --where 'memory < 4096'
    """
    return _change(resized(memory, cpu, cpu_share), chosen, rolling, wait, how, who, out)


def resized(memory: int | None, cpu: int | None, cpu_share: int | None) -> Resize:
    """The resize that the options ask for. Raises `Refusal` and `InvalidArgument`."""
    from ...fleet import Resize

    if memory is None and cpu is None and cpu_share is None:
        raise Refusal("say what to resize to: --memory, --cpu, --cpu-share or several of them")
    with in_our_words():
        return Resize(memory=memory, cpu=cpu, cpu_share=cpu_share)


@command(app)
def destroy(
    chosen: Chosen = given(choose, "Which VMs"),
    rolling: Rolling = given(roll, "How fast, and when to stop"),
    wait: Wait = True,
    how: Manner = given(manner, "Asking first"),
    who: Accounts = given(accounts, "Account"),
    out: Written = given(written, "Output"),
) -> int:
    """Destroy VMs with all their data, for good.

    Their number has to be typed, or --yes given.

    \b
    Examples:
      aioseflow fleet destroy --vm 33301/4021 --vm 33301/4022
    """
    from ...fleet import Destroy

    return _change(Destroy(), chosen, rolling, wait, how, who, out)


def _change(
    action: Action,
    chosen: Chosen,
    rolling: Rolling,
    wait: bool,
    how: Manner,
    who: Accounts,
    out: Written,
) -> int:
    options = rolling.arguments() | {"wait": wait}
    return change(lambda _: action, chosen, options, name=action.name, how=how, who=who, out=out)
