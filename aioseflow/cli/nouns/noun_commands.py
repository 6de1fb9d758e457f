"""The commands of a noun for typer, made out of the table and the coroutines' own signatures.

Each is made when it is asked for: the endpoints and models that a signature names take longer to import than
anybody waits for help or for completion.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import typer
import typer.main
from typer.core import TyperArgument

from ..accounts import accounts
from ..command import Depends, LazyGroup, Sectioned, expand_options
from ..exit_code import Refusal
from . import parameters
from .forms import output_options, single
from .invocation import Invocation
from .noun_table import Noun, Verb

if TYPE_CHECKING:
    from ..coroutines import Coroutine


def group(noun: Noun) -> typer.Typer:
    """Return the group of a noun with a command for each verb."""
    verbs = {verb.name: verb for verb in noun.verbs}

    class Group(LazyGroup):
        """The verbs, one of which may be left out."""

        sections: ClassVar = {"Commands": {name: verb.summary for name, verb in verbs.items()}}

        def make(self, name: str) -> Any:
            return _command(noun, verbs[name])

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if noun.default and (not args or args[0].startswith("-")) and not {"-h", "--help"} & {*args}:
                args = [noun.default, *args]
            parsed: list[str] = super().parse_args(ctx, args)
            return parsed

    app = typer.Typer(
        cls=Group, help=noun.summary, rich_markup_mode=None, add_completion=False, no_args_is_help=True
    )
    app.callback()(lambda: None)
    return app


def _command(noun: Noun, verb: Verb) -> Any:
    class Command(Sectioned):
        """Its help shows arguments as they are written, without their types and those that are hidden."""

        def get_help(self, ctx: Any) -> str:
            self.help = _help(noun, verb)
            return super().get_help(ctx)

        def collect_usage_pieces(self, ctx: Any) -> list[str]:
            return ["[OPTIONS]", *(name for name, _ in self._arguments())]

        def format_options(self, ctx: Any, formatter: Any) -> None:
            if arguments := self._arguments():
                with formatter.section("Arguments"):
                    formatter.write_dl(arguments)
            every = self.params
            self.params = [one for one in every if not isinstance(one, TyperArgument)]
            super().format_options(ctx, formatter)
            self.params = every

        def _arguments(self) -> list[tuple[str, str]]:
            arguments = [one for one in self.params if isinstance(one, TyperArgument)]
            return [(one.metavar or "", one.help or "") for one in arguments if not one.hidden]

    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    function = _by_hand(verb) if verb.place else _made(noun, verb)
    app.command(verb.name, cls=Command, help=verb.summary)(expand_options(function))
    return typer.main.get_command(app)


def _help(noun: Noun, verb: Verb) -> str:
    from ..coroutines import COROUTINES

    requests = [
        request
        for name in (verb.call, *verb.also, *verb.reads_first)
        for request in COROUTINES[name].requests
    ]
    # The line with a backspace alone is how click is told to leave the lines of a paragraph alone.
    lines = [verb.summary, "", *([verb.more, ""] if verb.more else []), "\b", *requests]
    examples = [f"  aioseflow {noun.name} {example}".rstrip() for example in verb.examples]
    lines += ["", "\b", "Examples:", *examples]
    if COROUTINES[verb.call].many:
        names = _columns(COROUTINES[verb.call])
        lines += ["", f"Columns: {', '.join(names)}."]
    return "\n".join(lines)


def _columns(coroutine: Coroutine) -> list[str]:
    """What ``--columns`` of a list may name, beside what the panel sends in ``extra``."""
    from ...plain import field_names

    return list(field_names(coroutine.calls[0].returns.__args__[0]))


def _by_hand(verb: Verb) -> Any:
    module, _, name = verb.place.partition(":")
    return getattr(import_module(f".{module}", __package__), name)


def _made(noun: Noun, verb: Verb) -> Any:
    from ..coroutines import COROUTINES

    coroutine = COROUTINES[verb.call]

    def made(**values: Any) -> int:
        asked = _asked(noun, verb, coroutine, values)
        if coroutine.changes:
            from .change_call import change

            return change(asked, yes=values["yes"])
        from .read_call import read

        return read(asked)

    taken = [*parameters.arguments(coroutine), *parameters.options(coroutine)]
    if coroutine.changes:
        taken.append(
            parameters.parameter("yes", bool, typer.Option(False, "--yes", "-y", help="Do not ask."))
        )
    taken += [
        parameters.parameter("who", Any, Depends(accounts, "Account")),
        parameters.parameter("out", Any, Depends(output_options if coroutine.many else single, "Output")),
    ]
    made.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]  # read by inspect
    made.__annotations__ = {one.name: one.annotation for one in taken}
    return made


def _asked(noun: Noun, verb: Verb, coroutine: Coroutine, values: dict[str, Any]) -> Invocation:
    title = f"{noun.name} {verb.name}"
    try:
        needed = parameters.values(coroutine, values)
        chosen = parameters.chosen(coroutine, values)
        return Invocation(title, verb, coroutine, needed, chosen, values["who"], values["out"])
    except Refusal as error:
        raise Refusal(f"{error}; see aioseflow {title} --help") from None
