"""Expressions as people write them from habit (SQL, shells, other languages), written in this language.

`rewrite` serves the messages of refused expressions. Nothing that it returns is ever carried out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import attrs

from ...models.services import ServiceStatus
from .fields import BOOLEAN, NUMBER, TEXT, TEXTS
from .other_words import (
    NamedField,
    condition_of,
    escaped,
    field_of,
    glob_for_pattern,
    literal_for,
    pattern_literal,
    pattern_of_glob,
    unit_of,
)
from .term import quoted

_STRING: Final = r"""[rd]?"(?:[^"\\\n]|\\.)*"|[rd]?'(?:[^'\\\n]|\\.)*'"""
_TYPOGRAPHIC: Final = str.maketrans("\u201c\u201d\u201e\u00ab\u00bb\u2018\u2019`", """\"\"\"\"\"''\"""")
_TOKEN: Final = re.compile(
    rf"(?P<string>{_STRING})|(?P<regex>(?<=[~=\s(])/(?:[^/\\\n]|\\.)+/[a-z]*)|(?P<open>[(\[{{])|(?P<close>[)\]}}])"
    r"|(?P<connective>&&?|\|\|?|\b(?:and|or)\b)|(?P<between>\bbetween\b)|(?P<other>[\w.%-]+|\s+|.)",
    re.IGNORECASE,
)
_NOT: Final = re.compile(r"(?:not\b(?!\s*(?:in|like)\b)|!(?![=~]))\s*", re.IGNORECASE)
_NAME: Final = r"[A-Za-z_][\w-]*(?:\.[A-Za-z_]\w*)*(?:\[-?[0-9]+\])?"

# By the operator of the language, how else it is written; the first that fits counts.
_OPERATORS: Final = {
    "not null": r"is\s+not\s+(?:null|none|missing|empty)$|exists$",
    "null": r"is\s+(?:null|none|missing|empty)$",
    "not in": r"(?:is\s+)?not\s+(?:in|one\s+of)\b",
    "in": r"(?:is\s+)?(?:in|one\s+of)\b",
    "not between": r"not\s+between\b",
    "between": r"between\b",
    "not contains": r"(?:not|does\s*n[o']t|doesn't)\s+(?:contains?|includes?|have|has)\b",
    "contains": r"(?:contains?|includes?|has)\b|\*=|@>",
    "not like": r"not\s+i?like\b",
    "like": r"i?like\b|glob\b",
    "startswith": r"(?:starts?|begins?)[\s_]*with\b|\^=",
    "endswith": r"ends?[\s_]*with\b|\$=",
    "!~": r"!~\*|!~~?|(?:not|does\s*n[o']t)\s+match(?:es)?\b",
    "=~~": r"=~~",
    "=~": r"=~\*?|~[=*]?(?!~)|matche?s?\b|regexp?\b|rlike\b",
    "!=": r"!==?|<>|≠|is\s+not\b|isn't\b|not\s+equals?\b|neq?\b|-ne\b",
    ">=": r">=|=>|≥|at\s+least\b|gte\b|-?ge\b",
    "<=": r"<=|=<|≤|at\s+most\b|lte\b|-?le\b",
    ">": r">|(?:more|greater|larger|bigger)\s+than\b|above\b|over\b|-?gt\b",
    "<": r"<|(?:less|smaller|fewer)\s+than\b|below\b|under\b|-?lt\b",
    "==": r"={1,3}|:=?|is\s+equal\s+to\b|is\b|equals?\b|-?eq\b",
}
_ANY_OPERATOR: Final = "|".join(f"(?P<_{place}>{spelt})" for place, spelt in enumerate(_OPERATORS.values()))
_COMPARISON: Final = re.compile(
    rf"(?P<left>{_NAME}|{_STRING}|[0-9][\w.,%-]*)\s*(?:{_ANY_OPERATOR})\s*(?P<right>.*)",
    re.IGNORECASE | re.DOTALL,
)
_OURS: Final = frozenset({"not in", "in", "!~", "=~~", "=~", "!=", ">=", "<=", ">", "<", "=="})
_FLIPPED: Final = {">=": "<=", "<=": ">=", ">": "<", "<": ">", "==": "==", "!=": "!="}
_NEGATED: Final = {"=~": "!~", "=~~": "!~~"}
_STATUSES: Final = "|".join(
    ["Active", *(f"{word}|{word.lower()}" for word in map(str, ServiceStatus) if word != "Active")]
)
_CALLS: Final = {
    "as_lower": "lower tolower to_lower tolowercase casefold lcase",
    "as_upper": "upper toupper to_upper touppercase ucase",
    "length": "len length size count",
    "to_int": "int to_int tonumber number",
}
_CALL_OF: Final = {name: attribute for attribute, names in _CALLS.items() for name in names.split()}
_TESTS: Final = (
    r"startswith|starts_with|endswith|ends_with|contains|includes|matches|match|has|like|equals|in"
)


class Rewritten(NamedTuple):
    """An expression in this language, empty where it is not clear, and what was not of it, for a message."""

    text: str
    why: str


@attrs.define
class _Writer:
    compiles: Callable[[str], bool]
    reasons: list[str] = attrs.Factory(list)

    def because(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def whole(self, text: str) -> str | None:
        """Write every part between ``and`` and ``or``; None where one is not understood."""
        written = ""
        for part, connective in _parts(text):
            found = self.part(part.strip())
            if found is None:
                return None
            written += found + (f" {connective} " if connective else "")
        return written

    def part(self, text: str) -> str | None:
        if not text or self.compiles(text):
            return text or None
        if (negation := _NOT.match(text)) is not None:
            if text.startswith("!"):
                self.because("there is no !, but not")
            inner = self.part(text[negation.end() :])
            return None if inner is None else f"not {inner}"
        if text.startswith("(") and text.endswith(")"):
            inner = self.whole(text[1:-1])
            return None if inner is None else f"({inner})"
        if (plain := _without_calls(text)) != text:
            self.because("a function call cannot be used here")
        found = self.comparison(plain) or self.word(text)
        return found if found is not None and self.compiles(found) else None

    def word(self, text: str) -> str | None:
        """Write a part that is one word, such as ``running``."""
        word = re.sub(r"^is[\s_]+", "", text, flags=re.IGNORECASE)
        if re.search(r"\s", word) or field_of(word) is not None or word.lower() in ("true", "false"):
            return None
        found = condition_of(word)
        if found is not None:
            self.because(f"{word:.40} alone is no condition")
        return found

    def comparison(self, text: str) -> str | None:
        matched = _COMPARISON.fullmatch(text)
        if matched is None:
            return None
        place = next(place for place in range(len(_OPERATORS)) if matched[f"_{place}"] is not None)
        operator, spelt = list(_OPERATORS)[place], matched[f"_{place}"]
        left, right = matched["left"], matched["right"].strip()
        if left.lower() == "status" and re.search(rf"\b(?:{_STATUSES})\b", right):
            self.because("there is no field status")
            left = "service.status"
        said, field = operator, self.field(left)
        if field is None:
            other = self.field(right)
            if other is None or (operator not in _FLIPPED and operator not in ("in", "not in")):
                return None
            if operator in _FLIPPED:
                field, right, operator = other, left, _FLIPPED[operator]
            else:
                return self.contained(other, left, operator)
        if "ilike" in spelt.lower() and field.kind == TEXT:
            field, right = NamedField(f"{field.shown}.as_lower", TEXT), right.lower()
        found = self.written(field, operator, right)
        if found is not None and not (said in _OURS and spelt.split() == said.split()):
            self.because(f"there is no {spelt:.20}")
        return found

    def field(self, name: str) -> NamedField | None:
        field = field_of(name) if re.fullmatch(_NAME, name) else None
        if field is not None and field.shown != name:
            self.because(f"there is no field {name:.40}")
        return field

    def written(self, field: NamedField, operator: str, right: str) -> str | None:
        """Write a comparison of a field with a value that may be spelt in another way."""
        negation, bare = ("not ", operator[4:]) if operator.startswith("not ") else ("", operator)
        match bare:
            case "null":
                if field.kind == TEXTS:
                    return f"{negation}{field.shown}.is_empty"
                return f"{field.shown} {'!=' if negation else '=='} null"
            case "in":
                return self.one_of(field, operator, right)
            case "between":
                return self.between(field, right, negation)
            case "contains":
                return self.contained(field, right, f"{negation}in")
        digits = right.strip("\"'")
        if bare in (">=", "<=", ">", "<") and field.kind == TEXT and digits.isdigit():
            return f"{field.shown}.to_int {bare} {digits}"
        if bare == "==" and field.kind == TEXT and "," in right and not re.search(r"""["']""", right):
            return self.one_of(field, "in", right)
        value = self.value(field, right, is_pattern=bare in ("=~", "=~~", "!~", "like"))
        if value is None:
            return None
        text = _text_of(value)
        if bare == "like":
            return None if text is None else self.like(field, text, negated=bool(negation))
        if bare in ("startswith", "endswith"):
            if text is None:
                return None
            sign, rest = ("=~", ".*") if bare == "startswith" else ("=~~", "$")
            return f"{field.shown} {sign} {pattern_literal(escaped(text) + rest)}"
        if bare in ("=~", "=~~", "!~"):
            pattern = None if text is None else glob_for_pattern(text)
            return f"{field.shown} {operator} {value if pattern is None else pattern_literal(pattern)}"
        glob = None if text is None or bare not in ("==", "!=") else pattern_of_glob(text)
        if glob is not None and field.kind == TEXT:
            sign = glob[0] if bare == "==" else _NEGATED[glob[0]]
            return f"{field.shown} {sign} {pattern_literal(glob[1])}"
        if field.kind == TEXTS:
            return f"{value} {'in' if bare == '==' else 'not in'} {field.shown}"
        if field.kind == BOOLEAN and bare in ("==", "!="):
            return field.shown if (value == "true") is (bare == "==") else f"not {field.shown}"
        return f"{field.shown} {bare} {value}"

    def between(self, field: NamedField, right: str, negation: str) -> str | None:
        ends = re.split(r"\s+(?:and|to)\s+|\s*\.\.\s*|\s*,\s*", right.strip("()[] "), flags=re.IGNORECASE)
        if len(ends) != 2:
            return None
        first, last = self.written(field, ">=", ends[0]), self.written(field, "<=", ends[1])
        if first is None or last is None:
            return None
        return f"{negation}({first} and {last})" if negation else f"{first} and {last}"

    def like(self, field: NamedField, text: str, *, negated: bool) -> str:
        inner = text.strip("%*")
        if re.fullmatch(r"[%*].*[%*]", text) and not re.search(r"[%*_?]", inner):
            return f"{quoted(inner)} {'not in' if negated else 'in'} {field.shown}"
        sign, pattern = pattern_of_glob(text.replace("%", "*")) or ("==", text)
        sign = {"==": "!=", **_NEGATED}[sign] if negated else sign
        return f"{field.shown} {sign} {quoted(pattern) if sign in ('==', '!=') else pattern_literal(pattern)}"

    def contained(self, field: NamedField, part: str, operator: str) -> str | None:
        value = self.value(NamedField(field.shown, TEXT), part, is_pattern=True)
        text = None if value is None else _text_of(value)
        if text is None or field.kind not in (TEXT, TEXTS):
            return None
        return f"{quoted(text.strip('*%'))} {operator} {field.shown}"

    def one_of(self, field: NamedField, operator: str, right: str) -> str | None:
        if not right.startswith("["):
            self.because("a list is in square brackets")
        members = re.findall(rf"{_STRING}|[^,]+", right.strip().strip("()[]{} "))
        values = [self.value(field, member.strip()) for member in members if member.strip()]
        if not values or None in values:
            return None
        return f"{field.shown} {operator} [{', '.join(map(str, values))}]"

    def value(self, field: NamedField, raw: str, *, is_pattern: bool = False) -> str | None:
        """Write a value as a literal of the field's type."""
        raw = raw.strip()
        if regex := re.fullmatch(r"/((?:[^/\\]|\\.)+)/[a-z]*", raw):
            self.because("a pattern is in quotes")
            return pattern_literal(regex[1])
        if re.fullmatch(_STRING, raw):
            text = _text_of(raw)
            if text is None or (
                field.kind in (TEXT, TEXTS) and field.shown not in ("power", "service.status")
            ):
                return raw
            found = literal_for(text, field, is_pattern=is_pattern)
            if found is not None and field.kind == NUMBER:
                self.number_was(field, text)
            return found
        if field_of(raw) is not None or re.search(r"""["']""", raw):
            return raw if self.compiles(f"{field.shown} == {raw}") else None
        if is_pattern and field.kind == TEXT and re.search(r"[\\^$*+?|()\[\]]", raw):
            self.because("a pattern is in quotes")
            return pattern_literal(raw)
        found = literal_for(raw, field, is_pattern=is_pattern)
        if found is None and field.kind == NUMBER and re.match("[0-9.]+ ?[A-Za-z%]+$", raw):
            self.number_was(field, raw)
        elif found is not None and found != raw:
            if field.kind == NUMBER:
                self.number_was(field, raw)
            elif field.kind in (TEXT, TEXTS) and raw.isdigit():
                self.because(f"{field.shown} is {field.kind}")
            elif field.kind in (TEXT, TEXTS):
                self.because("a text is in double quotes (in a shell, the whole in single quotes)")
            elif field.kind != BOOLEAN:
                self.because('a date is written d"YYYY-MM-DD"')
        return found

    def number_was(self, field: NamedField, raw: str) -> None:
        if re.fullmatch("0+[0-9]+", raw):
            self.because("a number has no leading zeros")
        elif re.search(r"[A-Za-z%]", raw):
            unit = unit_of(field.shown)
            self.because(f"{field.shown} is {f'in {unit}' if unit else 'a number'}, without a unit")
        else:
            self.because("a number is digits alone")


def rewrite(text: str, compiles: Callable[[str], bool]) -> Rewritten | None:
    """Return a refused expression as it was probably meant; None where nothing is clear.

    ``compiles`` says whether a text is an expression of the language.
    """
    given = " ".join(text.translate(_TYPOGRAPHIC).split())
    writer = _Writer(compiles)
    if given != " ".join(text.split()):
        writer.because('a quote is ", plain')
    if given.lower() in ("all", "any", "every", "everything", "*", "%"):
        return Rewritten("", "for every VM there is aioseflow.ALL, on the command line --all")
    written, why = writer.whole(given), ", and ".join(writer.reasons[:2])
    if written is None or written == text or not compiles(written):
        # What is wrong with a number is certain, even if the rest is not clear.
        number = next((why for why in writer.reasons if "a unit" in why), None)
        return None if number is None else Rewritten("", f"{number}; for example memory >= 4096")
    return Rewritten(written, why)


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Yield each part between ``and`` and ``or`` with what follows it; brackets and texts are not entered."""
    depth, begin, waits = 0, 0, False
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        depth += (kind == "open") - (kind == "close")
        if kind == "between":
            waits = True
        elif kind == "connective" and depth == 0:
            if waits:
                waits = False
                continue
            yield text[begin : token.start()], "and" if token[0].lower() in ("and", "&", "&&") else "or"
            begin = token.end()
    yield text[begin:], ""


def _without_calls(text: str) -> str:
    """Return a comparison with ``.lower()``, ``len(label)``, ``label.startswith("x")`` as words between."""
    attributes = "|".join(_CALL_OF)
    for pattern in (rf"({_NAME})\.({attributes})\(\s*\)", rf"()\b({attributes})\(\s*({_NAME})\s*\)"):
        text = re.sub(
            pattern,
            lambda call: f"{call[1] or call[3]}.{_CALL_OF[call[2].lower()]}",
            text,
            flags=re.IGNORECASE,
        )
    for pattern in (
        rf"(?P<of>{_NAME})\.(?P<test>{_TESTS})\(\s*(?P<value>.*?)\s*\)",
        rf"(?P<test>{_TESTS})\(\s*(?P<of>{_NAME})\s*,\s*(?P<value>.*?)\s*\)",
    ):
        if call := re.fullmatch(pattern, text, re.IGNORECASE):
            return f"{call['of']} {call['test']} {call['value']}"
    return text


def _text_of(literal: str) -> str | None:
    """Return the text of a literal in quotes; None where it is another one, or has an escape."""
    inner = re.fullmatch(r"""r?(["'])(.*)\1""", literal, re.DOTALL)
    return None if inner is None or ("\\" in inner[2] and not literal.startswith("r")) else inner[2]
