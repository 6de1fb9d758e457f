"""`Compiler`: checks the tree that rule-engine makes of a text, and turns it into functions."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import attrs

from ...errors import InvalidArgument
from ...models import Model, OpenEnum, Service, Vm
from .expression import Read
from .fields import (
    ATTRIBUTES,
    BOOLEAN,
    DATE,
    NULL,
    NUMBER,
    TEXT,
    TEXTS,
    Field,
    applied,
    both,
    decided,
    fields,
)
from .other_words import alias_of, escaped, glob_for_pattern, pattern_literal, pattern_of_glob
from .term import Term, converted, is_digits, listed, quoted

EXAMPLE: Final = 'for example power == "running" and memory >= 4096'

_EQUAL: Final = {"eq": "==", "ne": "!="}
_ORDER: Final = {"lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_PATTERN: Final = {"eq_fzm": "=~", "eq_fzs": "=~~", "ne_fzm": "!~", "ne_fzs": "!~~"}
_ARITHMETIC: Final = {
    "add": ("+", operator.add),
    "sub": ("-", operator.sub),
    "mul": ("*", operator.mul),
    "tdiv": ("/", operator.truediv),
}
_LITERALS: Final = {"Boolean": BOOLEAN, "Datetime": DATE, "Float": NUMBER, "Null": NULL, "String": TEXT}


@attrs.frozen
class Compiler:
    """Turns a tree into functions; rule-engine's own evaluation knows no missing values.

    Attributes:
        what: the name of the argument, for messages.
        vm_known: False makes functions that judge a service alone: every value of the VM is undecided, and
            so is whether it is missing.
        account_names: the texts that the name of the account is compared with.
    """

    what: str
    vm_known: bool
    account_names: set[str] = attrs.Factory(set)

    def condition(self, node: Any) -> Term:
        """Return the term of a part that is true or false of each VM. Raises `InvalidArgument`."""
        term = self._term(node)
        if term.is_literal:
            raise self._refusal(f"{term.shown}, or what comes to it, is the same for every VM; {EXAMPLE}")
        if term.kind != BOOLEAN:
            raise self._refusal(f"{term}, not a condition: compare it; {EXAMPLE}")
        return term

    def _refusal(self, message: str) -> InvalidArgument:
        return InvalidArgument(f"{self.what}: {message}", argument=self.what)

    def _term(self, node: Any) -> Term:
        name = _class_of(node)
        compiled = _NODES.get(name)
        if compiled is None:
            words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
            raise self._refusal(f"a {words} cannot be used here; {EXAMPLE}")
        return compiled(self, node)

    # Literals and names

    def _literal(self, node: Any) -> Term:
        kind, value = _LITERALS[_class_of(node)], node.value
        if kind == NUMBER:
            if not value.is_finite():
                raise self._refusal(f"nothing can be compared with {value}; {EXAMPLE}")
            if value == value.to_integral_value() and value.adjusted() < 18:
                value = int(value)
        shown = f'd"{value.isoformat()}"' if kind == DATE else str(value) if kind == NUMBER else quoted(value)
        return Term(kind, shown, lambda service, vm, account: value, is_literal=True, value=value)

    def _array(self, node: Any) -> Term:
        members = tuple(self._term(member) for member in node.value)
        if not members:
            raise self._refusal("[] is empty, which never means everything; .is_empty asks whether a list is")
        for member in members:
            if not member.is_literal or member.kind in (NULL, BOOLEAN) or member.members:
                raise self._refusal(f"{member.shown} cannot be in a list; texts, numbers and dates can")
            if member.kind != members[0].kind:
                raise self._refusal(f"a list is of one type, but {members[0]} and {member}; ids are texts")
        value = tuple(member.value for member in members)
        kind = TEXTS if members[0].kind == TEXT else "a list"
        return Term(kind, listed(members), lambda *_: value, is_literal=True, value=value, members=members)

    def _name(self, node: Any) -> Term:
        dotted = _dotted(node)
        if dotted is not None:
            owner, _, rest = dotted.partition(".")
            model: type[Model] = Service if owner == "service" else Vm
            path = rest if owner in ("service", "vm") else dotted
            if dotted == "account":
                return Term(TEXT, dotted, lambda service, vm, account: account)
            if path in fields(model):
                return self._field(dotted, model, fields(model)[path])
            starts = {path[: dot.start()] for dot in re.finditer(r"\.", path)}
            if starts.isdisjoint(fields(model)) and owner != "account":
                raise self._unknown(dotted, owner, path, model)
        of = self._term(node.object)
        kind, function = ATTRIBUTES.get((of.kind, node.name), ("", None))
        if function is None:
            there = ", ".join(f".{name}" for known, name in ATTRIBUTES if known == of.kind)
            raise self._refusal(f"{of} and has no .{node.name}" + (f", but {there}" if there else ""))
        return Term(kind, f"{of.shown}.{node.name}", applied(function, of.read))

    def _field(self, shown: str, model: type[Model], field: Field) -> Term:
        read, is_unread, place = field.read, field.is_unread, 0 if model is Service else 1
        if model is not Service and not self.vm_known:
            return Term(field.kind, shown, lambda service, vm, account: None, field=field)
        return Term(
            field.kind,
            shown,
            # Of the service, the VM and the account.
            lambda *asked: read(asked[place]),
            field=field,
            unread=lambda *asked: is_unread(asked[place]),
        )

    def _unknown(self, dotted: str, owner: str, path: str, model: type[Model]) -> InvalidArgument:
        prefix = f"{owner}." if owner in ("service", "vm") else ""
        names = [prefix + name for name in fields(model)]
        near = names if prefix else [*names, "account", *(f"service.{name}" for name in fields(Service))]
        alias = alias_of(dotted)
        nearest = [alias] if alias else difflib.get_close_matches(dotted, near, n=1, cutoff=0.5)
        more = "" if prefix else ", usage.memory.percent, account, and service.id and others"
        there = ", ".join(name for name in names if "usage" not in name)
        hint = f"did you mean {nearest[0]}?" if nearest else f"there are {there}{more}"
        return self._refusal(f"there is no field {dotted:.80}; {hint}")

    def _item(self, node: Any) -> Term:
        of, index = self._term(node.container), self._term(node.item)
        if of.kind != TEXTS or not isinstance(index.value, int) or isinstance(index.value, bool):
            raise self._refusal(f"only a list has items, by whole numbers: ip[0]; {of}, {index}")
        place: int = index.value
        return Term(
            TEXT,
            f"{of.shown}[{place}]",
            applied(lambda items: items[place] if -len(items) <= place < len(items) else None, of.read),
        )

    # Comparisons

    def _comparison(self, node: Any) -> Term:
        left, right, sign = self._term(node.left), self._term(node.right), _sign(node)
        shown = f"{left.shown} {sign} {right.shown}"
        if NULL in (left.kind, right.kind):
            return self._null_test(left if right.kind == NULL else right, node.type, shown)
        if left.kind != right.kind:
            raise self._mismatch(left, sign, right)
        if node.type in _ORDER:
            if left.kind not in (TEXT, NUMBER, DATE):
                raise self._refusal(f"{shown}: {left}, which has no order; == and != compare it")
            number = next((term for term in (left, right) if is_digits(term)), None)
            if number is not None:
                # "9" is more than "10" among texts, which nobody means.
                one, other = [t.value if t is number else f"{t.shown}.to_int" for t in (left, right)]
                raise self._refusal(f"{shown} compares letter by letter; write {one} {sign} {other}")
        self._check_words(left, [right])
        self._check_words(right, [left])
        if node.type in _EQUAL:
            self._check_globs(left, sign, [right])
            self._check_globs(right, sign, [left])
        return Term(BOOLEAN, shown, both(getattr(operator, node.type), left.read, right.read))

    def _null_test(self, term: Term, type_: str, shown: str) -> Term:
        if term.field is None or not term.field.optional:
            other = {TEXTS: f"; write {term.shown}.is_empty", TEXT: ""}.get(term.kind, "")
            if term.field is not None and term.field.words is not None:
                other = f'; write {term.shown} == "unknown"'
            raise self._refusal(f"{shown}: only a field that can be missing is compared with null{other}")
        if type_ not in _EQUAL:
            raise self._refusal(
                f"{shown}: null has no order; {term.shown} == null asks whether it is missing"
            )
        read, wanted, certain = term.read, type_ == "eq", self.vm_known
        is_unread: Read = term.unread or (lambda *_: False)

        def test(service: Service, vm: Vm, account: str) -> bool | None:
            if read(service, vm, account) is None:
                # What was sent but cannot be read is neither null nor anything else.
                return wanted if certain and not is_unread(service, vm, account) else None
            return not wanted

        return Term(BOOLEAN, shown, test)

    def _mismatch(self, left: Term, sign: str, right: Term) -> InvalidArgument:
        hint = ""
        literal, other = (left, right) if left.is_literal else (right, left)
        if literal.is_literal:
            ordered = sign in _ORDER.values()
            one, two = other.shown, converted(literal, other.kind)
            if ordered and (other.kind, literal.kind) == (TEXT, NUMBER):
                one, two = f"{one}.to_int", literal.shown
            if two is not None:
                hint = f"; write {two} {sign} {one}" if literal is left else f"; write {one} {sign} {two}"
            elif other.kind == TEXTS and literal.kind == TEXT:
                hint = f"; write {literal.shown} in {one}"
            elif literal.members and literal.members[0].kind == other.kind and sign == "==":
                hint = f"; write {one} in {literal.shown}"
        return self._refusal(f"{left} and {right}, so that {sign} cannot compare them{hint}")

    def _check_words(self, term: Term, literals: list[Term]) -> None:
        words = term.field.words if term.field is not None else None
        if term.shown == "account" and not term.is_literal:
            self.account_names.update(literal.value for literal in literals if literal.is_literal)
        for literal in literals:
            if words is None or not literal.is_literal or literal.value in list(words):
                continue
            known = [str(word) for word in words]
            by_case = {word.lower(): word for word in known}
            near = difflib.get_close_matches(literal.value.lower(), by_case, n=1)
            if not issubclass(words, OpenEnum):
                meant = (
                    f"did you mean {quoted(by_case[near[0]])}?"
                    if near
                    else f"it is one of {', '.join(known)}"
                )
                raise self._refusal(f"{term.shown} is never {literal.shown}; {meant}")
            if literal.value.lower() in by_case:
                word, lower = quoted(by_case[literal.value.lower()]), quoted(literal.value.lower())
                raise self._refusal(
                    f"{term.shown} is {word}, with these capitals, rather than {literal.shown}; "
                    f"where they do not matter, write {term.shown}.as_lower == {lower}"
                )

    def _check_globs(self, term: Term, sign: str, literals: list[Term]) -> None:
        """Refuse a pattern of a shell or of SQL, which would be compared letter by letter."""
        for literal in literals:
            if term.is_literal or term.kind != TEXT or not literal.is_literal:
                continue
            glob = pattern_of_glob(literal.value)
            if glob is not None:
                wanted = glob[0] if sign in ("==", "in") else glob[0].replace("=", "!")
                raise self._refusal(
                    f"{term.shown} {sign} {literal.shown} compares letter by letter; write "
                    f"{term.shown} {wanted} {quoted(glob[1])}, or, for these letters themselves, "
                    f"{term.shown} {wanted} {pattern_literal(escaped(literal.value) + '$')}"
                )

    def _contains(self, node: Any) -> Term:
        container, member = self._term(node.container), self._term(node.member)
        shown = f"{member.shown} in {container.shown}"
        if container.members:
            if member.kind != container.members[0].kind:
                better = [converted(one, member.kind) for one in container.members]
                hint = "" if None in better else f"; write {member.shown} in [{', '.join(map(str, better))}]"
                raise self._refusal(f"{member}, and {container.members[0]} in the list{hint}")
            self._check_words(member, list(container.members))
            self._check_globs(member, "in", list(container.members))
        elif container.kind not in (TEXT, TEXTS) or member.kind != TEXT:
            raise self._refusal(f'{shown}: {member} and {container}; write "10.0.0.3" in ip, "web" in label')
        elif container.is_literal:
            raise self._refusal(f"{shown} asks for a part of it; write {member.shown} in [{container.shown}]")
        elif member.is_literal and container.kind == TEXT:
            part = member.value.strip("*%")
            if part and part != member.value:
                raise self._refusal(
                    f"{shown}: a part has no * or %; write {quoted(part)} in {container.shown}"
                )
        return Term(BOOLEAN, shown, both(operator.contains, container.read, member.read))

    def _pattern(self, node: Any) -> Term:
        left, right = self._term(node.left), self._term(node.right)
        sign = _PATTERN[node.type]
        if left.kind != TEXT or right.kind != TEXT or not right.is_literal:
            inside = f"; write {left.shown}[0] {sign} {right.shown}" if left.kind == TEXTS else ""
            raise self._refusal(f"{sign} compares a text with a pattern in quotes; {left}, {right}{inside}")
        if (glob := glob_for_pattern(right.value)) is not None:
            raise self._refusal(
                f"{right.shown}: * alone is any number of the character before it; "
                f"write {left.shown} {sign} {quoted(glob)}"
            )
        if "\b" in right.value:
            raise self._refusal(f'{right.shown} holds a backspace; write r"\\b" for the edge of a word')
        pattern = re.compile(right.value)
        find = pattern.search if node.type.endswith("s") else pattern.match
        wanted = node.type.startswith("eq")
        return Term(
            BOOLEAN,
            f"{left.shown} {sign} {right.shown}",
            applied(lambda text: (find(text) is not None) is wanted, left.read),
        )

    # Logic and arithmetic

    def _logic(self, node: Any) -> Term:
        operands, waiting = [], [node]
        while waiting:  # a chain of two hundred is one list, not a tree of that depth
            one = waiting.pop()
            if _class_of(one) == "Logic" and one.type == node.type:
                waiting += [one.right, one.left]
            else:
                operands.append(self.condition(one))
        shown = f" {node.type} ".join(term.shown for term in operands)
        return Term(BOOLEAN, shown, decided(node.type == "or", [term.read for term in operands]))

    def _unary(self, node: Any) -> Term:
        if node.type == "not":
            inner = self.condition(node.right)
            return Term(BOOLEAN, f"not {inner.shown}", applied(operator.not_, inner.read))
        inner = self._term(node.right)
        if inner.kind != NUMBER:
            raise self._refusal(f"{inner}: only a number can be negative")
        return Term(NUMBER, f"-{inner.shown}", applied(operator.neg, inner.read))

    def _arithmetic(self, node: Any) -> Term:
        left, right = self._term(node.left), self._term(node.right)
        sign, function = _ARITHMETIC.get(node.type, (node.type, None))
        if function is None or left.kind != NUMBER or right.kind != NUMBER:
            raise self._refusal(f"there is + - * / between numbers, not {sign} where {left} and {right}")
        calculate = function

        def calculated(one: Any, other: Any) -> Decimal | None:
            try:
                result: Decimal = calculate(Decimal(one), Decimal(other))
            except ArithmeticError:  # a division by zero has no result, so that it is missing
                return None
            return result

        return Term(NUMBER, f"{left.shown} {sign} {right.shown}", both(calculated, left.read, right.read))

    def _coalesce(self, node: Any) -> Term:
        left, right = self._term(node.left), self._term(node.right)
        if left.kind != right.kind:
            raise self._refusal(
                f"{left} and {right}; ?? takes two of one type, in brackets: (memory ?? 0) > 4"
            )
        first, second, certain = left.read, right.read, self.vm_known

        def read(service: Service, vm: Vm, account: str) -> Any:
            value = first(service, vm, account)
            return second(service, vm, account) if value is None and certain else value

        return Term(left.kind, f"({left.shown} ?? {right.shown})", read)


_NODES: Final[dict[str, Callable[[Compiler, Any], Term]]] = {
    **dict.fromkeys(_LITERALS, Compiler._literal),
    **dict.fromkeys(["Comparison", "ArithmeticComparison"], Compiler._comparison),
    **dict.fromkeys(["Add", "Subtract", "Arithmetic"], Compiler._arithmetic),
    **dict.fromkeys(["Symbol", "GetAttribute"], Compiler._name),
    "Array": Compiler._array,
    "Coalesce": Compiler._coalesce,
    "Contains": Compiler._contains,
    "FuzzyComparison": Compiler._pattern,
    "GetItem": Compiler._item,
    "Logic": Compiler._logic,
    "Unary": Compiler._unary,
}


def _class_of(node: Any) -> str:
    return type(node).__name__.removesuffix("Expression")


def _sign(node: Any) -> str:
    return {**_EQUAL, **_ORDER}[node.type]


def _dotted(node: Any) -> str | None:
    """``service.name`` of nothing but names; None for ``ip[0].length``."""
    names: list[str] = []
    while _class_of(node) == "GetAttribute":
        names.append(node.name)
        node = node.object
    return ".".join([node.name, *reversed(names)]) if _class_of(node) == "Symbol" else None
