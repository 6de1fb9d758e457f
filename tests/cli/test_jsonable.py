"""JSON on stdout."""

from __future__ import annotations

import orjson

from aioseflow.cli.jsonable import dumps, line


def test_printed_json_steers_no_terminal_and_says_the_same() -> None:
    hostile = "\x1b[2J \x9b1m \u202e \u2028 \u200b \ufeff \U000e0041 \x7f Zürich 🙂"
    written = dumps({"label": hostile})
    assert orjson.loads(written) == {"label": hostile}
    text = written.decode()
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Zürich 🙂" in text
    assert "\\udb40\\udc41" in text
    assert line({"label": hostile}).count(b"\n") == 1
    assert orjson.loads(line({"label": hostile})) == {"label": hostile}
    assert line({"label": hostile}).decode().rstrip("\n").isprintable()
