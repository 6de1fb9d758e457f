"""`aioseflow profiles`: list the accounts that are stored here."""

from __future__ import annotations

import os
from typing import Final

import attrs

from ...text import escape
from ..command import Depends
from ..exit_code import ExitCode
from ..output import OutputFormat, OutputOptions, output_options
from ..terminal import echo_err, echo_text
from . import profile_choice, profile_store

_COLUMNS: Final = ("name", "username", "base_url", "stored_in", "used")


@attrs.frozen
class ListedProfile:
    """A profile as it is printed; these names are stable.

    Attributes:
        name: what ``--profile`` takes.
        username: the e-mail address that logs in.
        base_url: the API of its panel.
        stored_in: where its password is: ``keyring`` or ``file``.
        used: whether a command without ``--profile`` uses it.
    """

    name: str
    username: str
    base_url: str
    stored_in: str
    used: bool


def profiles(out: OutputOptions = Depends(output_options)) -> int:
    """List the profiles; reads no password.

    \b
    Examples:
      aioseflow profiles
      aioseflow profiles --output json
    """
    used = profile_choice.used_by_default()
    rows = [
        ListedProfile(one.name, one.username, one.base_url, one.stored_in.value, one.name in used)
        for one in profile_store.stored().values()
    ]
    if rows or out.form is not OutputFormat.TABLE:
        out.listing(rows, columns=_COLUMNS, kind=ListedProfile)
    else:
        echo_err("There are no profiles; aioseflow login stores one.")
    user = os.environ.get("SEFLOW_USERNAME")
    if user and not os.environ.get(profile_choice.VARIABLE):
        echo_text(f"Commands without --profile use {escape(user)}, from SEFLOW_USERNAME.")
    return ExitCode.OK
