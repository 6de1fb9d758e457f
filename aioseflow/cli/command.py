"""Declaration of commands: options that belong together are declared once and arrive as one object."""

from __future__ import annotations

import functools
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from importlib import import_module
from typing import (
    Annotated,
    Any,
    ClassVar,
    Final,
    NamedTuple,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs
import typer
import typer.main
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.models import OptionInfo

from .exit_code import Refusal

T = TypeVar("T")
Where: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--where", metavar="EXPR", help="Only VMs of which this is true, such as 'power == \"running\"'."
    ),
]
"""The option of a condition for VMs."""


@attrs.frozen
class _Given:
    make: Callable[..., Any]
    under: str


def _is_ambiguous(option: TyperOption, words: Sequence[str]) -> bool:
    """Whether an option means something else given twice than given once."""
    if option.multiple or option.is_eager:
        return False
    return not option.is_flag or not (
        {*option.opts}.isdisjoint(words) or {*option.secondary_opts}.isdisjoint(words)
    )


class Sectioned(TyperCommand):
    """A command whose help lists its arguments as they are written, then its options by heading."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words; raise `Refusal` for an option that is given twice and takes one value.

        Of two values, one would be ignored in silence. A switch may be repeated, not contradicted.
        """
        if not ctx.resilient_parsing:
            _, _, given = self.make_parser(ctx).parse_args(list(args))
            for option, times in Counter(given).items():
                if times > 1 and isinstance(option, TyperOption) and _is_ambiguous(option, args):
                    name = max((*option.opts, *option.secondary_opts), key=len)
                    found = f"{name} is given {times} times, and only one can count"
                    raise Refusal(found, fix="give it once")
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the arguments as they are written."""
        return ["[OPTIONS]", *(name for name, _ in self._arguments())]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, the command's own options, then each section."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": self._arguments(), "Options": []}
        for one in self.get_params(ctx):
            record = None if isinstance(one, TyperArgument) else one.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(one, "rich_help_panel", None) or "Options", []).append(record)
        for heading, records in sections.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)

    def _arguments(self) -> list[tuple[str, str]]:
        return [
            (one.metavar or one.name.upper(), one.help or "")
            for one in self.params
            if isinstance(one, TyperArgument) and not one.hidden
        ]


class Candidate(NamedTuple):
    """A word that completion offers, as click reads it."""

    value: str
    help: str
    type: str = "plain"


class LazyGroup(TyperGroup):
    """A group that knows the names of its commands, and makes a command when it is asked for.

    ``sections`` has the summaries of the commands by their names, under the headings of the help.
    """

    sections: ClassVar[Mapping[str, Mapping[str, str]]]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Names alone, for the hint at the nearest one.
        self.commands = {name: None for section in self.sections.values() for name in section}  # type: ignore[misc]

    def make(self, name: str) -> Any:
        """Return the command of a name, which is one of those in ``sections``."""
        raise NotImplementedError

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of the help."""
        return list(self.commands)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, None if there is none."""
        return self.make(cmd_name) if cmd_name in self.commands else None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands by heading, without making any."""
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Return the candidates, without making a command."""
        if incomplete.startswith("-"):
            return super(TyperGroup, self).shell_complete(ctx, incomplete)
        items = (item for commands in self.sections.values() for item in commands.items())
        return [Candidate(name, summary) for name, summary in items if name.startswith(incomplete)]


def Depends(make: Callable[..., T], under: str = "") -> T:  # noqa: N802 - FastAPI calls it so
    """Return the default of a command's parameter that ``make`` builds from options of its own.

    The parameters of ``make`` become options of the command in the place of that parameter; the help lists
    them ``under`` this heading.
    """
    return cast("T", _Given(make, under))


def imported(place: str, package: str | None) -> Any:
    """Return what stands in a place of a package, written ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(import_module(f".{module}", package), name)


def single_command(function: Callable[..., Any], cls: type[TyperCommand] = Sectioned, **options: Any) -> Any:
    """Return a command that calls a function, which returns the exit code."""
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.command(cls=cls, **options)(expand_options(function))
    return typer.main.get_command(app)


def lazy_command(name: str, summary: str, function: Callable[..., Any], help_of: Callable[[], str]) -> Any:
    """Return a command of a `LazyGroup`; its help beyond the summary is made when it is asked for."""

    class Command(Sectioned):
        def get_help(self, ctx: Any) -> str:
            self.help = help_of()
            return super().get_help(ctx)

    return single_command(function, Command, name=name, help=summary)


def with_parameters(
    function: Callable[..., int], parameters: Sequence[inspect.Parameter]
) -> Callable[..., int]:
    """Return a function with these parameters for typer, which gets their values by name."""
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by inspect
    function.__annotations__ = {one.name: one.annotation for one in parameters}
    return function


def expand_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function as typer reads it: with a parameter for each option of its `Depends`."""
    taken = inspect.signature(function).parameters
    given = {name: one.default for name, one in taken.items() if isinstance(one.default, _Given)}
    if not given:
        return function
    made = {name: _expand_once(each.make) for name, each in given.items()}
    options = {name: _options(made[name], each.under) for name, each in given.items()}
    parameters: list[inspect.Parameter] = []
    for one in _options(function):
        parameters += options.get(one.name, [one])

    @functools.wraps(function)
    def expanded(**values: Any) -> Any:
        for name, make in made.items():
            values[name] = make(**{one.name: values.pop(one.name) for one in options[name]})
        return function(**values)

    return with_parameters(expanded, parameters)


# A dozen commands take the same options, and an object of options may itself be made of such objects.
_expand_once: Final = functools.cache(expand_options)


@functools.cache
def _options(function: Callable[..., Any], under: str = "") -> list[inspect.Parameter]:
    hints = get_type_hints(function, include_extras=True)
    if under:
        hints = {name: _under(hint, under) for name, hint in hints.items()}
    return [
        # By name only: options without a default may then follow those with one.
        one.replace(annotation=hints[one.name], kind=inspect.Parameter.KEYWORD_ONLY)
        for one in inspect.signature(function).parameters.values()
    ]


def _under(hint: Any, heading: str) -> Any:
    """Return the annotation of an option with the heading that it has in the help."""
    kind, *facts = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    copies = [copy(fact) if isinstance(fact, OptionInfo) else fact for fact in facts]
    for fact in copies:
        if isinstance(fact, OptionInfo):
            fact.rich_help_panel = heading
    return Annotated[(kind, *copies)] if copies else hint
