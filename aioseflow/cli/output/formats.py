"""Rows as CSV and YAML; like JSON, neither steers a terminal."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from ..jsonable import UNPRINTABLE, line

_CONTROLS: Final = re.compile("[\x00-\x09\x0b-\x1f]")
# What a spreadsheet reads as a formula; a negative number is one of no harm.
_FORMULA: Final = re.compile(r"[=+\-@\t\r\n]")
_NEGATIVE: Final = re.compile(r"-[0-9]+(\.[0-9]+)?")
_ENDLESS: Final = (1 << 31) - 1
# What some reader of YAML takes for a number, a date or a boolean; PyYAML quotes only what it does itself.
_AMBIGUOUS: Final = re.compile(r"[-+.]*[0-9].*|[yYnN]", re.DOTALL)


def as_csv(rows: Iterable[Sequence[Any]], names: Sequence[str]) -> str:
    """RFC 4180 with ``\\n``; None is empty, what is nested is JSON, and a formula gets an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_text(name) for name in names])
    writer.writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue()


def as_yaml(value: Any) -> str:
    """Block style; text that could be taken for something else is quoted."""
    import yaml  # type: ignore[import-untyped]

    text: str = yaml.dump(
        value,
        Dumper=_dumper(),
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_ENDLESS,
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
    guarded = f"'{text}" if _FORMULA.match(text) and not _NEGATIVE.fullmatch(text) else text
    plain = guarded.replace("\r\n", "\n")
    return _CONTROLS.sub(_escaped, UNPRINTABLE.sub(_escaped, plain))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _dumper() -> Any:
    import yaml

    # That of libyaml, where there is one, takes a tenth of the time.
    class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
        """Without anchors, and with more quotes."""

        def ignore_aliases(self, data: Any) -> bool:
            """The same list twice is written twice."""
            return True

    def text(dumper: Any, value: str) -> Any:
        style = '"' if UNPRINTABLE.search(value) else "'" if _AMBIGUOUS.fullmatch(value) else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    return Dumper
