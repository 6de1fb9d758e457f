"""Text expressions: what is refused before any request, and what the message says to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aioseflow import InvalidArgument
from aioseflow.fleet.select.syntax import CHARACTERS_MAX, compile_expression
from aioseflow.models import Service, Vm

REFUSED = [
    # fields
    ('powr == "x"', "there is no field powr; did you mean power?"),
    ('vm.lbel == "x"', "there is no field vm.lbel; did you mean vm.label?"),
    ('service.nam == "x"', "there is no field service.nam; did you mean service.name?"),
    ('sevice.name == "x"', "there is no field sevice.name; did you mean service.name?"),
    ('acount == "x"', "there is no field acount; did you mean account?"),
    ("usage.memory.percnt > 1", "did you mean usage.memory.percent?"),
    ("zzzzzz == 1", "there are id, label, power, "),
    ("a.b.c == 1", "there is no field a.b.c"),
    ('service == "9"', "there is no field service"),
    ('password == "x"', "there is no field password"),
    ('vm.rootpassword == "x"', "there is no field vm.rootpassword"),
    ('service.password == "x"', "there is no field service.password"),
    ("extra == null", "there is no field extra"),
    ("True == locked", "True at character 1 cannot be used here; write true"),
    ("label.foo == 1", "a text and has no .foo, but .as_lower, "),
    ("memory.length == 1", "memory is a number and has no .length"),
    ("account.foo == 1", "account is a text and has no .foo"),
    # types
    (
        "service.id == 9",
        'service.id is a text and 9 is a number, so that == cannot compare them; write service.id == "9"',
    ),
    ("9 != service.id", 'write "9" != service.id'),
    ('memory >= "4096"', "write memory >= 4096"),
    ('memory >= "much"', 'memory is a number and "much" is a text'),
    ('locked == "true"', "write locked == true"),
    ("locked == 1", "write locked == true"),
    ('ip == "10.0.0.3"', 'write "10.0.0.3" in ip'),
    ('id == ["4"]', 'write id in ["4"]'),
    ("memory == [1, 2]", "write memory in [1, 2]"),
    ('service.next_due < "2026-08-01"', 'write service.next_due < d"2026-08-01"'),
    ("id in [4, 5]", 'write id in ["4", "5"]'),
    ('id in ["4", 5]', 'a list is of one type, but "4" is a text and 5 is a number'),
    ("memory == label", "memory is a number and label is a text"),
    ("id > 100", "write id.to_int > 100"),
    ('id > "100"', "compares letter by letter; write id.to_int > 100"),
    ('"100" <= id', "write 100 <= id.to_int"),
    ("locked < true", "has no order"),
    ("memory < null", "null has no order"),
    ("5 in memory", "5 is a number and memory is a number"),
    ('id in "45"', 'write id in ["45"]'),
    ("id in []", "[] is empty, which never means everything"),
    ("memory in [null]", "null cannot be in a list"),
    ("-label == 1", "only a number can be negative"),
    ("memory + label == 2", "memory is a number and label is a text"),
    ('(memory ?? "x") == 3', "?? takes two of one type"),
    ("memory ?? 0 > 3", "in brackets: (memory ?? 0) > 4"),
    ('label[0] == "x"', "only a list has items"),
    ('ip[0.5] == "x"', "only a list has items"),
    ('label == b"x"', "where: "),
    # what can never be missing, and words that can never be
    ("power == null", 'write power == "unknown"'),
    ("ip == null", "write ip.is_empty"),
    ("id == null", "only a field that can be missing"),
    ('power == "runing"', 'power is never "runing"; did you mean "running"?'),
    ('power != "Running"', 'did you mean "running"?'),
    ('"paused" == power', "it is one of running, stopped, transitional, unknown"),
    ('power in ["running", "stoped"]', 'did you mean "stopped"?'),
    ('service.status == "active"', 'write service.status.as_lower == "active"'),
    # what is no condition
    ("memory", "memory is a number, not a condition: compare it"),
    ('"running"', "is the same for every VM"),
    ("true", "is the same for every VM"),
    ("1 == 1", "is the same for every VM"),
    ('power == "running" or true', "is the same for every VM"),
    ('1 == "1" and locked', "is the same for every VM"),
    ("not memory", "memory is a number, not a condition"),
    ("locked and label", "label is a text, not a condition"),
    # regular expressions
    ('label =~ "("', "no regular expression: missing ), unterminated subpattern at position 0"),
    ('label =~ "a{99999999999}"', "repetition number is too large"),
    ('label =~ "\\bweb"', 'write r"\\b" for the edge of a word'),
    ("label =~ note", "a pattern in quotes"),
    ('ip =~ "10"', 'write ip[0] =~ "10"'),
    ('memory =~ "4"', "memory is a number"),
    # syntax
    ("", "blank, which never means everything"),
    (" \n", "blank, which never means everything"),
    ("# all", "syntax error at character 1"),
    ("power ==", "syntax error at the end"),
    ('power == "running" memory', "syntax error at character 20, near 'memory'; for example power =="),
    ('power == "running', "syntax error at character 10"),
    ('power = "running"', "= at character 7 cannot be used here; write =="),
    ('locked && power == "x"', "&& at character 8 cannot be used here; write and"),
    ("locked || locked", "|| at character 8 cannot be used here; write or"),
    ("locked AND locked", "AND at character 8 cannot be used here; write and"),
    ("label == None", "None at character 10 cannot be used here; write null"),
    ("memory == 08", "leading zeros"),
    ('label == "\\xZ"', "invalid string literal"),
    ('service.next_due == d"soon"', "invalid datetime literal"),
    ("memory > nan", "nothing can be compared with NaN"),
    ("memory < inf", "nothing can be compared with Infinity"),
    ("é == 1", "syntax error at character 1"),
    ("x\x00", "syntax error at character 2"),
    # what the grammar has besides
    ("1 << 99999999999 == memory", "<< at character 3 cannot be used here"),
    ("memory ** 2 > 4", "** at character 8"),
    ("memory % 2 == 0", "% at character 8"),
    ("memory > 1e9999999", "too long a number"),
    ("$now > 3", "$ at character 1"),
    ("[x for x in ip]", "for at character 4"),
    ("locked ? memory : cpus", "? at character 8"),
    ('label.starts_with("x")', "a function call cannot be used here"),
    ('memory == t"P1D"', "a timedelta cannot be used here"),
    ('id in {"4"}', "{ at character 7 cannot be used here; write ["),
    # denial
    ("x" * (CHARACTERS_MAX + 1), "4,001 characters, 4,000 at most"),
    ("not " * 990 + "locked", "nested too deeply"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text[:40] for text, _ in REFUSED])
def test_it_is_refused_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        compile_expression(text)
    assert message in str(refused.value)
    assert str(refused.value).startswith("where")
    assert len(str(refused.value)) < 500
    assert refused.value.argument == "where"


@pytest.mark.parametrize("value", [None, 5, b"locked", ["locked"]])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidArgument, match="not text") as refused:
        compile_expression(value)
    assert refused.value.argument == "where"


def test_a_message_names_the_argument() -> None:
    with pytest.raises(InvalidArgument, match=r"^exclude: there is no field powr") as refused:
        compile_expression('powr == "x"', "exclude")
    assert refused.value.argument == "exclude"


WORDS = st.sampled_from(
    [
        *("memory", "locked", "label", "power", "ip", "uptime", "service.name", "service.total", "account"),
        *(
            '"running"',
            '"4"',
            'r"\\d"',
            "4",
            "0",
            "true",
            "null",
            'd"2026-08-01"',
            '["4"]',
            "[1, 2]",
            '"',
            "x",
        ),
        *("==", "!=", "<", ">=", "=~", "!~~", "in", "not in", "and", "or", "not", "(", ")", "[0]", ","),
        *("+", "-", "*", "/", "??", ".length", ".to_int", ".is_empty", "&", "$", "#", "\n", "\\"),
    ]
)
SHAPED = st.tuples(WORDS, WORDS, WORDS, st.lists(WORDS, max_size=5))


@given(words=st.one_of(st.lists(WORDS, max_size=8), SHAPED.map(lambda shape: [*shape[:3], *shape[3]])))
def test_whatever_is_written_is_refused_with_a_reason_or_can_be_asked(words: list[str]) -> None:
    try:
        expression = compile_expression(" ".join(words))
    except InvalidArgument:
        return
    for vm in (Vm("4"), Vm("4", label="4", memory=0, locked=True, ip=("4",), uptime="up")):
        assert expression(Service("9"), vm) in (True, False)
        assert expression.rules_out(Service("9")) in (True, False)
