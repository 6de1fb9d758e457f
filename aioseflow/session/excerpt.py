"""The beginning of an answer for an error, bounded and without secrets."""

from __future__ import annotations

import re
from typing import Any

from ..policy import EXCERPT_CHARACTERS
from ..secret import HIDDEN, is_secret_key, redact

_EXCERPT_PARSED_BYTES = 65_536
_KEY_IN_TEXT = re.compile(r"""[\w-]++(?=\s{0,8}+["'\]:=<>])""")
# Nothing but ASCII: a password that was read as Latin-1 has such characters beyond it, and must still be
# known by its text to whoever masks it.
CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\n\t"}


def excerpt(payload: Any, body: bytes) -> str:
    """The beginning of an answer, bounded, with whatever looks like a secret masked."""
    if payload is not None and len(body) <= _EXCERPT_PARSED_BYTES:
        text = repr(_without_secrets(redact(payload)))
    else:
        text = _until_secret(body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace"))
    return text[:EXCERPT_CHARACTERS].translate(CONTROLS)


def _without_secrets(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {key: _without_secrets(item) for key, item in shown.items()}
    if isinstance(shown, list):
        return [_without_secrets(item) for item in shown]
    return _until_secret(shown) if isinstance(shown, str) else shown


def _until_secret(text: str) -> str:
    """Text up to the first key of a secret: where it has no structure, no one can tell where a value ends
    (an escaped quote, a list, a line of ``print_r``, the next cell of a table)."""
    for match in _KEY_IN_TEXT.finditer(text):
        if is_secret_key(match[0]):
            return f"{text[: match.end()]} {HIDDEN}"
    return text
