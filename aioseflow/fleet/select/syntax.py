r"""``where=`` as text: ``power == "running" and service.name =~ "web.*" and memory >= 4096``.

The grammar is that of rule-engine (the extra ``where``). These parts of it are used:

- **Fields**: those of `Vm` by their names (``power``, or ``vm.power``; ``usage.memory.percent``), those of
  `Service` behind ``service.``, and ``account``, the account's name. Secrets are no fields. ``uptime`` is a
  number, missing where the panel says it in words; ``ip`` a list of texts as the panel spells them.
- **Literals**: ``"text"`` (``r"\d+"`` leaves backslashes alone), ``4096``, ``true``, ``false``, ``null``,
  ``["4", "5"]``, ``d"2026-08-01"`` (midnight UTC, as the panel's dates are taken to be).
- **Comparisons** ``== != < <= > >=``, ``in`` and ``not in`` (a list, or a part of a text), and regular
  expressions: ``=~`` matches from the start of the text (not to its end), ``=~~`` anywhere; ``!~`` and
  ``!~~`` are their opposites. Both sides are of one type: ``service.id == "9"``, never ``== 9``.
- **Logic** ``and or not ( )``; numbers ``+ - * /``; ``field ?? value`` puts a value in a missing one's
  place; ``ip[0]``; ``.length .is_empty`` of texts and lists, ``.as_lower .as_upper .to_int`` of texts.

**Missing values**: a condition on a value that the panel did not send is neither true nor false. ``not``
leaves it so; ``and`` and ``or`` are decided by their other side where that suffices. Where the whole stays
undecided, the VM is not selected and is counted in `Expression.missing`: ``not locked`` and
``memory != 4096`` do not select a VM without these. ``field == null`` asks whether a value is missing, and is
always decided. A power state is never missing: where the panel says nothing it is ``"unknown"``.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, Final

from ...errors import ConfigurationError, InvalidArgument
from .compiler import EXAMPLE, Compiler
from .expression import Expression
from .term import quoted

CHARACTERS_MAX: Final = 4000
_REWRITTEN_CHARACTERS_MAX: Final = 300
"""Of a longer expression a corrected one would be too long for a message."""


def compile_expression(text: str, what: str = "where") -> Expression:
    """Compile a text, which was given for the argument ``what``.

    Raises:
        InvalidArgument: the text is no expression, names a field that does not exist, compares values of
            different types, or has a bad regular expression. The message says where, and what to write.
        ConfigurationError: the package rule-engine is not installed.
    """
    if not isinstance(text, str):
        raise _refused(what, f" is {type(text).__name__}, not text; {EXAMPLE}")
    if not text.strip():
        or_all = " or give aioseflow.ALL" if what == "where" else ""
        raise _refused(what, f" is blank, which never means everything; leave it out{or_all}")
    if len(text) > CHARACTERS_MAX:
        raise _refused(
            what, f" has {len(text):,} characters, {CHARACTERS_MAX:,} at most; give pairs or a predicate"
        )
    try:
        return _compile(text, what)
    except InvalidArgument as error:
        raise _explained(error, text, what) from None


def _compile(text: str, what: str) -> Expression:
    try:
        tree = _parse(text, what)
        compilers = [Compiler(what, vm_known) for vm_known in (True, False)]
        test, test_of_service = (compiler.condition(tree).read for compiler in compilers)
    except RecursionError:
        raise _refused(what, ' is nested too deeply; lists are shorter: id in ["4", "5"]') from None
    return Expression(text, test, test_of_service, frozenset(compilers[0].account_names))


def _explained(error: InvalidArgument, text: str, what: str) -> InvalidArgument:
    """Return an error with the expression that was probably meant, where that is clear."""
    if len(text) > _REWRITTEN_CHARACTERS_MAX:
        return error
    # Imported after a refusal: few programs see one.
    from .phrasing import rewrite

    def compiles(text: str) -> bool:
        try:
            _compile(text, what)
        except InvalidArgument:
            return False
        return True

    better = rewrite(text, compiles)
    reason = str(error).removeprefix(what)
    if better is None or f"write {better.text}" in reason:
        return error
    if not better.text:
        return _refused(what, f": {better.why}")
    if EXAMPLE in reason or "there is no field" in reason:
        why = f": {better.why}" if better.why else reason.partition(";")[0]
        return _refused(what, f"{why}; write {better.text}")
    reason = reason.partition("; for example ")[0]
    return _refused(what, f"{reason}; {'in full:' if '; write ' in reason else 'write'} {better.text}")


# Parts of the grammar that a selection has no use for are refused before rule-engine evaluates constants: one
# shift (1 << 9999999999) would take all memory. Texts and comments come first, to skip their inside.
_TOKEN: Final = re.compile(
    r"""[rsbdt]?(?P<quote>["'])(?:[^\\\n]|\\.)*?(?P=quote)|\#.*"""
    r"""|(?P<huge>[0-9.]+[eE][+-]?[0-9]{3,})"""
    r"""|(?P<refused>&&|\|\||\*\*|//|<<|>>|[&|^%{}:$;]|(?<!\?)\?(?!\?)|(?<![=!<>~])=(?![=~])"""
    r"""|\b(?:AND|OR|NOT|IN|TRUE|FALSE|NULL|And|Or|Not|True|False|Null|None|for|if)\b)"""
)
_INSTEAD: Final = {"&&": "and", "||": "or", "=": "==", "None": "null", "{": '["4", "5"]', "}": '["4", "5"]'}


def _parse(text: str, what: str) -> Any:
    """Return the root of rule-engine's tree. Raises `InvalidArgument`."""
    for token in _TOKEN.finditer(text):
        if token["huge"]:
            raise _refused(
                what, f": {token['huge']:.30} at character {token.start() + 1} is too long a number"
            )
        if word := token["refused"]:
            lower = word.lower() if word.lower() != word else None
            instead = _INSTEAD.get(word) or lower
            hint = f"write {instead}" if instead else EXAMPLE
            raise _refused(what, f": {word} at character {token.start() + 1} cannot be used here; {hint}")
    with warnings.catch_warnings():
        # "\d" in a text means what it says, though Python would rather have it doubled.
        warnings.simplefilter("ignore")
        try:
            import rule_engine  # type: ignore[import-untyped]
        except ImportError as error:
            raise ConfigurationError(
                f"{what} as text needs the package rule-engine: pip install 'aioseflow[where]'; "
                "or give a predicate (service, vm)"
            ) from error
        try:
            context = rule_engine.Context(default_timezone="utc")
            return rule_engine.Rule(text, context=context).statement.expression
        except rule_engine.errors.RegexSyntaxError as error:
            raise _refused(
                what,
                f": {quoted(error.value)} is no regular expression: {error.error}; "
                'for example label =~ "db-[0-9]+"',
            ) from None
        except rule_engine.errors.RuleSyntaxError as error:
            raise _refused(what, f": syntax error {_place(text, error.token)}; {EXAMPLE}") from None
        except rule_engine.errors.EngineError as error:
            value = getattr(error, "value", None)
            shown = f" ({quoted(value)})" if isinstance(value, str) else ""
            raise _refused(what, f": {error.message}{shown}; {EXAMPLE}") from None
        except OverflowError as error:
            raise _refused(what, f": {error}; {EXAMPLE}") from None


def _refused(what: str, why: str) -> InvalidArgument:
    return InvalidArgument(f"{what}{why}", argument=what)


def _place(text: str, token: Any) -> str:
    if token is None:
        return "at the end"
    return f"at character {token.lexpos + 1}, near {text[token.lexpos : token.lexpos + 20]!r}"
