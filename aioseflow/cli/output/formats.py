"""Data as JSON, CSV and YAML: what a terminal could take for a command is escaped in each."""

from __future__ import annotations

import csv
import enum
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from ...plain import plain


class OutputFormat(enum.StrEnum):
    """The format of data."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    YAML = "yaml"


UNPRINTABLE: Final = re.compile(
    "[\x7f-\x9f\u00ad\u0600-\u0605\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0001-\U000e007f]"
)
"""Characters that JSON leaves and that may steer a terminal: C1 controls, marks, separators, tags."""
_CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f]")
# What a spreadsheet reads as a formula, in full width too, where a cell begins: also behind the ; at which
# one cuts whose country writes a decimal comma. A negative number is one of no harm.
_FORMULA: Final = re.compile(
    r"(^|;)(?=[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])(?!-[0-9]+(?:\.[0-9]+)?(?:;|$))", re.DOTALL
)
_ENDLESS: Final = (1 << 31) - 1
# What some reader of YAML takes for a number, a date or a boolean; PyYAML quotes only what it does itself.
_AMBIGUOUS: Final = re.compile(r"[-+.]*[0-9].*|[yYnN]", re.DOTALL)


def dumps(value: Any) -> bytes:
    """Return a value as indented JSON in UTF-8 with a line end. Raises ``TypeError`` for what is no JSON."""
    return _dumped(value, orjson.OPT_INDENT_2)


def line(value: Any) -> bytes:
    """Return a value as JSON on one line with a line end. Raises ``TypeError`` for what is no JSON."""
    return _dumped(value, 0)


def _dumped(value: Any, option: int) -> bytes:
    option |= orjson.OPT_APPEND_NEWLINE
    try:
        text = orjson.dumps(plain(value), option=option).decode()
    except TypeError:
        # Half a surrogate pair, as a byte of the command line that is no text becomes.
        text = orjson.dumps(_encodable(plain(value)), option=option).decode()
    return UNPRINTABLE.sub(_escaped_json, text).encode()


def _encodable(value: Any) -> Any:
    """Return parsed JSON with ``?`` in the place of each half of a surrogate pair."""
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_encodable(name): _encodable(part) for name, part in value.items()}
        case list() | tuple():
            return [_encodable(part) for part in value]
        case _:
            return value


def _escaped_json(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))


def as_csv(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> str:
    """Return rows as RFC 4180: None is empty, a nested value JSON, and a formula begins with ``'``."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_text(name) for name in names])
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def as_yaml(value: Any) -> str:
    """Return a value as YAML in block style; text that could be taken for something else is quoted."""
    import yaml  # type: ignore[import-untyped]

    text: str = yaml.dump(
        value, Dumper=_dumper(), sort_keys=False, allow_unicode=True, default_flow_style=False, width=_ENDLESS
    )
    # They stand in double quotes only.
    return UNPRINTABLE.sub(_escaped, text)


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case str():
            return _text(value)
        case _:
            return line(value).decode().rstrip("\n")


def _text(text: str) -> str:
    plain = _FORMULA.sub(r"\1'", text).replace("\r\n", "\n")
    return _CONTROLS.sub(_escaped, UNPRINTABLE.sub(_escaped, plain))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _dumper() -> Any:
    import yaml

    # The dumper of libyaml takes a tenth of the time.
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        def ignore_aliases(self, data: Any) -> bool:
            # Without anchors: a list that is there twice is written twice.
            return True

    def text(dumper: Any, value: str) -> Any:
        style = '"' if UNPRINTABLE.search(value) else "'" if _AMBIGUOUS.fullmatch(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
