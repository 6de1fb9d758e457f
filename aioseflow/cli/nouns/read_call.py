"""Calls that read: of one account, or of each of several."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...errors import SeFlowError
from ...plain import fields_of
from ...text import escape
from ..accounts import Accounts
from ..completion.name_cache import ListedName, remember
from ..exit_code import ExitCode, of_error
from ..output import OutputOptions
from ..terminal import echo_error
from ..trace import leaves
from .call_parameters import Invocation

if TYPE_CHECKING:
    from ...client import SeFlow

T = TypeVar("T")

_ERRORS_SHOWN: Final = 5
_VMS_OF_SERVICE: Final = re.compile(r"GET /service/(\w+)/vms")


def read(asked: Invocation) -> int:
    """Make the call and write its answer; the exit code. Raises `SeFlowError` and `Refusal`."""
    if asked.coroutine.many and not asked.coroutine.positional:
        return asyncio.run(_read_each(asked))
    answer = ask(asked.who, lambda seflow: asked.coroutine.call(seflow, asked.values, asked.options))
    if asked.coroutine.many:
        asked.out.listing(answer, asked.verb.columns, kind=asked.coroutine.item)
    else:
        asked.out.single(answer)
    return ExitCode.OK


def ask(who: Accounts, call: Callable[[SeFlow], Awaitable[T]]) -> T:
    """Return the answer of a call in the only account. Raises `SeFlowError` and `Refusal`."""
    return asyncio.run(_ask(who, call))


async def _ask(who: Accounts, call: Callable[[SeFlow], Awaitable[T]]) -> T:
    async with who.client() as seflow:
        return await call(seflow)


async def _read_each(asked: Invocation) -> int:
    async def rows(seflow: SeFlow, found: list[Any]) -> None:
        found += await asked.coroutine.call(seflow, asked.values, asked.options)
        if asked.coroutine.name == "services.list":
            remember(seflow.name, [ListedName(one.id, one.name or "") for one in found], everything=True)

    return await every_account(asked.who, asked.out, rows, asked.verb.columns, asked.coroutine.item)


async def every_account(
    who: Accounts,
    out: OutputOptions,
    rows: Callable[[SeFlow, list[Any]], Awaitable[None]],
    columns: Sequence[str],
    kind: type | None,
    *,
    empty: str = "Nothing to list.",
) -> int:
    """Write one list of what ``rows`` finds in each account; of several accounts, with a column for them.

    What could be read is written although something else could not be: the errors follow on stderr, and the
    exit code is 4. Raises `SeFlowError` where nothing could be read.
    """
    found: dict[str, list[Any]] = {}
    async with who.clients() as clients:
        for seflow in clients:
            found[seflow.name] = []
        errors = await asyncio.gather(*(errors_of(rows, seflow, found[seflow.name]) for seflow in clients))
    lost = [(name, error) for name, several in zip(found, errors, strict=True) for error in several]
    if all(errors) and not any(found.values()):
        if len(lost) == 1:
            raise lost[0][1]
        _echo_errors(lost, several=len(found) > 1)
        return of_error(lost[0][1])
    if len(found) > 1:
        items = [{"account": name, **fields(item)} for name, items in found.items() for item in items]
        out.listing(items, ("account", *columns), empty=empty)
    else:
        [items] = found.values()
        out.listing(items, columns, kind=kind, empty=empty)
    _echo_errors(lost, several=len(found) > 1, what="not in the list: ")
    return ExitCode.UNKNOWN if lost else ExitCode.OK


async def errors_of(
    rows: Callable[[SeFlow, list[Any]], Awaitable[None]], seflow: SeFlow, found: list[Any]
) -> list[SeFlowError]:
    """Return the errors that ``rows`` raises for an account; it may find something before it raises."""
    errors: list[SeFlowError] = []
    try:
        await rows(seflow, found)
    except* SeFlowError as group:
        errors += leaves(group)
    return errors


def _echo_errors(lost: Sequence[tuple[str, SeFlowError]], *, several: bool, what: str = "") -> None:
    for name, error in lost[:_ERRORS_SHOWN]:
        account = f"{escape(name, 80)}: " if several else ""
        echo_error(f"{what}{account}{error}{_lost_by(error)}")
    if len(lost) > _ERRORS_SHOWN:
        echo_error(f"and {len(lost) - _ERRORS_SHOWN} more could not be read")


def _lost_by(error: SeFlowError) -> str:
    """Return what is missing in the list because of an error."""
    if error.request is None:
        return ""
    of_service = _VMS_OF_SERVICE.fullmatch(error.request)
    return f" (the VMs of service {of_service[1]})" if of_service else f" ({escape(error.request)})"


def fields(item: Any) -> dict[str, Any]:
    """Return a row by the names that it has in JSON, with its values as they are."""
    return item if isinstance(item, dict) else fields_of(item)
