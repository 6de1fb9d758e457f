"""What a reading answers: of one account, or of each of several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...errors import SeFlowError
from ...plain import fields_of
from ...text import escape
from ..accounts import Accounts
from ..completion.name_cache import ListedName, remember
from ..exit_code import ExitCode, of_error
from ..output import OutputOptions
from ..terminal import echo_error
from .invocation import Invocation

if TYPE_CHECKING:
    from ...client import SeFlow

_TOLD: Final = 5


def read(asked: Invocation) -> int:
    """Make the call and write its answer. Raises `SeFlowError` and `Refusal`."""
    if asked.coroutine.many and not asked.coroutine.positional:
        return asyncio.run(_of_each(asked))
    return asyncio.run(_of_one(asked))


async def _of_one(asked: Invocation) -> int:
    async with asked.who.client() as seflow:
        answer = await asked.coroutine.call(seflow, asked.values, asked.options)
    if asked.coroutine.many:
        asked.out.listing(answer, asked.verb.columns, kind=kind_of(asked))
    else:
        asked.out.single(answer)
    return ExitCode.OK


async def _of_each(asked: Invocation) -> int:
    async def rows(seflow: SeFlow, found: list[Any]) -> None:
        found += await asked.coroutine.call(seflow, asked.values, asked.options)
        if asked.coroutine.name == "services.list":
            remember(seflow.name, [ListedName(one.id, one.name or "") for one in found], everything=True)

    return await every_account(asked.who, asked.out, rows, asked.verb.columns, kind_of(asked))


def kind_of(asked: Invocation) -> type:
    """The class of what the call answers a list of."""
    kind: type = asked.coroutine.calls[0].returns.__args__[0]
    return kind


async def every_account(
    who: Accounts,
    out: OutputOptions,
    rows: Callable[[SeFlow, list[Any]], Awaitable[None]],
    columns: Sequence[str],
    kind: type | None,
) -> int:
    """Write one list of what ``rows`` finds in each account, at once; with several, whose each is.

    What could be read is written although something else could not be: that is then told, and the exit code
    is 4. Raises `SeFlowError` where nothing could be read.
    """
    found: dict[str, list[Any]] = {}
    async with who.clients() as clients:
        for seflow in clients:
            found[seflow.name] = []
        errors = await asyncio.gather(*(_caught(rows, seflow, found[seflow.name]) for seflow in clients))
    lost = [(name, error) for name, several in zip(found, errors, strict=True) for error in several]
    if all(errors) and not any(found.values()):
        if len(lost) == 1:
            raise lost[0][1]
        _complain(lost, several=len(found) > 1)
        return of_error(lost[0][1])
    if len(found) > 1:
        items = [{"account": name, **fields(item)} for name, items in found.items() for item in items]
        out.listing(items, ("account", *columns))
    else:
        [items] = found.values()
        out.listing(items, columns, kind=kind)
    _complain(lost, several=len(found) > 1)
    return ExitCode.UNKNOWN if lost else ExitCode.OK


async def _caught(
    rows: Callable[[SeFlow, list[Any]], Awaitable[None]], seflow: SeFlow, found: list[Any]
) -> list[SeFlowError]:
    caught: list[SeFlowError] = []
    try:
        await rows(seflow, found)
    except* SeFlowError as group:
        caught += _flat(group)
    return caught


def _flat(group: BaseExceptionGroup[Any]) -> Iterator[Any]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _flat(one)
        else:
            yield one


def _complain(lost: Sequence[tuple[str, SeFlowError]], *, several: bool) -> None:
    for name, error in lost[:_TOLD]:
        echo_error(f"{f'{escape(name, 80)}: ' if several else ''}{error}")
    if len(lost) > _TOLD:
        echo_error(f"and {len(lost) - _TOLD} more could not be read")


def fields(item: Any) -> dict[str, Any]:
    """A row by the names that it has in JSON, its values as they are."""
    return item if isinstance(item, dict) else fields_of(item)
