"""The beginning of an answer for an error: bounded, and without secrets."""

from __future__ import annotations

import re
from typing import Any, Final

from ..policy import EXCERPT_MAX_CHARACTERS
from ..secret import HIDDEN, is_secret_key, redact

_PARSED_MAX_BYTES: Final = 65_536  # a longer answer is shown as text: to redact all of it would take too long
_TEXT_MAX_BYTES: Final = 4 * EXCERPT_MAX_CHARACTERS  # a character takes at most four bytes
_KEY_IN_TEXT = re.compile(r"""[\w-]++(?=\s{0,8}+["'\]:=<>])""")
# ASCII only: a password that was read as Latin-1 has such characters beyond it, and the scrubber must still
# know it by its text.
CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\n\t"}


def excerpt(payload: Any, body: bytes) -> str:
    """Return the beginning of an answer, with everything masked that looks like a secret.

    Args:
        payload: the parsed answer, None where it could not be parsed.
        body: the same as bytes.
    """
    if payload is not None and len(body) <= _PARSED_MAX_BYTES:
        text = repr(_without_secrets(redact(payload)))
    else:
        text = _until_secret(body[:_TEXT_MAX_BYTES].decode("utf-8", "replace"))
    return text[:EXCERPT_MAX_CHARACTERS].translate(CONTROLS)


def _without_secrets(shown: Any) -> Any:
    if isinstance(shown, dict):
        return {key: _without_secrets(item) for key, item in shown.items()}
    if isinstance(shown, list):
        return [_without_secrets(item) for item in shown]
    return _until_secret(shown) if isinstance(shown, str) else shown


def _until_secret(text: str) -> str:
    """Cut a text after the first key of a secret: without structure, the end of the value cannot be known.

    It may have an escaped quote, a list, a line of ``print_r``, or the next cell of a table.
    """
    for match in _KEY_IN_TEXT.finditer(text):
        if is_secret_key(match[0]):
            return f"{text[: match.end()]} {HIDDEN}"
    return text
