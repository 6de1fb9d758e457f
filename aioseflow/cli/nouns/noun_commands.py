"""The groups of commands of the nouns, made from the table of verbs and the signatures of the coroutines.

Each command is made when it is asked for: the endpoints and models that a signature names take longer to
import than help and completion may.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import typer

from ..accounts import accounts
from ..command import Depends, LazyGroup, imported, lazy_command, with_parameters
from ..output import object_options, output_options
from .call_parameters import FLEET_VERBS, Invocation, example_of, parameter, parameters_of, values_of
from .noun_table import Noun, Verb


def group(noun: Noun) -> typer.Typer:
    """Return the group of a noun with a command for each verb."""
    verbs = {verb.name: verb for verb in noun.verbs}

    class Group(LazyGroup):
        sections: ClassVar = {"Commands": {name: verb.summary for name, verb in verbs.items()}}

        def make(self, name: str) -> Any:
            verb = verbs[name]
            function = imported(verb.place, __package__) if verb.place else _function(noun, verb)
            return lazy_command(name, verb.summary, function, lambda: _help(noun, verb))

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


def _help(noun: Noun, verb: Verb) -> str:
    from ...plain import field_names
    from ..coroutines import COROUTINES

    calls = [COROUTINES[name] for name in (verb.call, *verb.also, *verb.reads_first)]
    requests = dict.fromkeys(request for call in calls for request in call.requests)
    paragraphs = [verb.summary, verb.more]
    if calls[0].is_once:
        paragraphs.append("Sent at most once: check before you repeat it after a lost answer.")
    if noun.name == "vm" and verb.name in FLEET_VERBS:
        fleet = f"aioseflow fleet {verb.name} --vm SERVICE/VM"
        paragraphs.append(f"Does not wait until the VM is done; {fleet} does.")
    # A backspace alone on a line is click's sign to leave the lines of a paragraph as they are.
    paragraphs.append("\n".join(["\b", *requests]))
    examples = [f"  aioseflow {example}" for example in examples_of(noun, verb)]
    paragraphs.append("\n".join(["\b", "Examples:", *examples]))
    if calls[0].many:
        paragraphs.append(f"Columns: {', '.join(field_names(calls[0].item))}.")
    return "\n\n".join(filter(None, paragraphs))


def examples_of(noun: Noun, verb: Verb) -> list[str]:
    """Return the examples of a verb without ``aioseflow``."""
    from ..coroutines import COROUTINES

    examples = verb.examples or (example_of(COROUTINES[verb.call]),)
    return [f"{noun.name} {verb.name} {example}".rstrip() for example in examples]


def _function(noun: Noun, verb: Verb) -> Callable[..., int]:
    from ..coroutines import COROUTINES

    coroutine, title = COROUTINES[verb.call], f"{noun.name} {verb.name}"

    def run(**given: Any) -> int:
        values, options = values_of(coroutine, given, title)
        invocation = Invocation(title, verb, coroutine, values, options, given["who"], given["out"])
        if coroutine.changes:
            from .change_call import change

            return change(invocation, yes=given["yes"])
        from .read_call import read

        return read(invocation)

    out = Depends(output_options if coroutine.many else object_options, "Output")
    return with_parameters(
        run,
        [
            *parameters_of(coroutine),
            parameter("who", Any, Depends(accounts, "Account")),
            parameter("out", Any, out),
        ],
    )
