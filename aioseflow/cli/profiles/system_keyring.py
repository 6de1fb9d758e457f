"""Passwords in the system's keyring; every way in which it can fail becomes one error here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...secret import Secret

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

_SERVICE: Final = "aioseflow"


class KeyringUnusable(Exception):
    """There is no keyring, or it failed; the message says which."""


def name() -> str:
    """Return the keyring's name, such as ``SecretService Keyring``. Raises `KeyringUnusable`."""
    return str(_tried(lambda backend: backend.name))


def keep(entry: str, password: Secret) -> None:
    """Store a password, and check that it is there. Raises `KeyringUnusable`."""
    _tried(lambda backend: backend.set_password(_SERVICE, entry, password.reveal()), hide=password)
    # The backend that is configured for "no keyring" takes everything and keeps nothing.
    if read(entry) != password:
        raise KeyringUnusable("it keeps nothing")


def read(entry: str) -> Secret | None:
    """Return a password, None where there is none. Raises `KeyringUnusable`."""
    # Wrapped at once, so that no frame has it as a local.
    return _tried(lambda backend: _secret(backend.get_password(_SERVICE, entry)))


def forget(entry: str) -> None:
    """Remove a password, if it is there. Raises `KeyringUnusable`."""
    if read(entry) is not None:
        _tried(lambda backend: backend.delete_password(_SERVICE, entry))


def _secret(text: Any) -> Secret | None:
    return Secret(text) if isinstance(text, str) else None


def _backend() -> KeyringBackend:
    from keyring import core

    # keyring writes the tracebacks of backends that cannot be loaded to the log, which is the terminal.
    log = logging.getLogger("keyring")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
    # By itself it would take keyrings.alt where that is installed: a readable file. Users who want that can
    # configure keyring (PYTHON_KEYRING_BACKEND, keyringrc.cfg).
    core.init_backend(core.recommended)
    return core.get_keyring()


def _tried(what: Callable[[KeyringBackend], T], hide: Secret | None = None) -> T:
    from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

    try:
        return what(_backend())
    except ImportError:
        reason = "its backend is not installed"
    except NoKeyringError:
        reason = "there is none on this machine, or none that this session can reach"
    except KeyringLocked:
        reason = "it is locked"
    except KeyringError as error:
        reason = str(error) or type(error).__name__
    except Exception as error:  # noqa: BLE001 - backends let through whatever their libraries raise
        # Its type alone: its text may hold the password.
        reason = type(error).__name__
    if hide:
        reason = reason.replace(hide.reveal(), "***")
    # Out of the handler, so that no traceback goes on into the frames of a backend.
    raise KeyringUnusable(reason)
