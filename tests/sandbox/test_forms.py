import pytest

from aioseflow.sandbox.forms import is_truthy, mapping, parse_body, parse_form, text

FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a=b&c=d+e%26", {"a": "b", "c": "d e&"}),
        ("a=&b", {"a": "", "b": ""}),
        ("a=1&a=2", {"a": "2"}),
        ("resources[5]=7", {"resources": {"5": "7"}}),
        ("resources%5B5%5D%5B9%5D=2&resources[5][8]=1", {"resources": {"5": {"9": "2", "8": "1"}}}),
        ("ipaddress[10.0.0.1]=a.example", {"ipaddress": {"10.0.0.1": "a.example"}}),
        ("x[]=a&x[]=b", {"x": {"0": "a", "1": "b"}}),
        ("x=1&x[a]=2", {"x": {"a": "2"}}),
        ("x[a=1", {"x[a": "1"}),
        ("x[a][b=1", {"x": {"a": "1"}}),
        ("x[a]b=1", {"x": {"a": "1"}}),
        ("[a]=1", {"[a]": "1"}),
    ],
)
def test_a_form_is_read_as_php_reads_it(sent: str, read: object) -> None:
    assert parse_form(sent) == read


@pytest.mark.parametrize(
    ("body", "content_type", "read"),
    [
        (b"", FORM, {}),
        (b"a=1", FORM, {"a": "1"}),
        (b"a=1", "", {"a": "1"}),
        (b"a=%C3%A9", FORM, {"a": "é"}),
        (b'{"a": {"b": 1}}', "application/json; charset=utf-8", {"a": {"b": 1}}),
        (b"[1]", "application/json", {}),
        (b"{", "application/json", {}),
    ],
)
def test_a_body_is_a_form_or_json(body: bytes, content_type: str, read: object) -> None:
    assert parse_body(body, content_type) == read


@pytest.mark.parametrize(
    ("value", "truth"),
    [
        *(
            ("false", True),
            ("true", True),
            ("1", True),
            ("", False),
            ("0", False),
            ("0.0", True),
            (None, False),
        ),
        *((False, False), (True, True), (0, False), ({}, False), ([], False), ({"a": 1}, True)),
    ],
)
def test_truth_is_that_of_php(value: object, truth: bool) -> None:
    assert is_truthy(value) is truth  # type: ignore[arg-type]


def test_a_field_is_text_whatever_json_made_of_it() -> None:
    form = {"a": "x", "b": 5, "c": True, "d": False, "e": None, "f": [1], "g": 1.5}
    assert [text(form, name) for name in "abcdefgh"] == ["x", "5", "1", "", None, None, "1.5", None]  # type: ignore[arg-type]


def test_an_array_field_that_is_no_array_is_empty() -> None:
    assert mapping({"a": {"b": "c"}}, "a") == {"b": "c"}
    assert mapping({"a": "b"}, "a") == mapping({}, "a") == {}
