"""axe-core, which knows what people with a screen reader, a keyboard or poor sight cannot use."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Final

import pytest
from filelock import FileLock
from pages.browser import Browser

# Held to one version: a newer one finds new faults in an old page, which is a change of its own.
PACKAGE: Final = "axe-core@4.14.1"
_MEMBER: Final = "package/axe.min.js"
_PATIENCE: Final = 120.0
# Frames are left out: what is in them is the panel's, and no script can look into a sandbox.
_RUN: Final = """
const done = arguments[arguments.length - 1];
axe.run(document, {iframes: false}).then(
  (found) => done(found.violations.map((rule) => rule.id + " (" + rule.impact + "): " + rule.help + ": "
    + rule.nodes.map((node) => node.target.join(" ") + ": " + node.any.concat(node.all, node.none)
      .map((check) => check.message).join("; ")).slice(0, 5).join(" | "))),
  (error) => done(["axe failed: " + error]),
);
"""


def source(directory: Path) -> str:
    """The library's text, fetched from the npm registry into the directory unless another worker did.

    Without npm the test is skipped, which .ci/run forbids.
    """
    with FileLock(directory / "axe.lock"):
        script = directory / "axe.min.js"
        if not script.exists():
            script.write_bytes(_fetched(directory))
        return script.read_text(encoding="utf-8")


def _fetched(directory: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"needs {PACKAGE}, which npm fetches (Debian: apt-get install npm)")
    packed = subprocess.run(
        [npm, "pack", "--silent", "--ignore-scripts", f"--pack-destination={directory}", PACKAGE],
        check=True,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        cwd=directory,
    )
    with tarfile.open(directory / packed.stdout.split()[-1]) as archive:
        member = archive.extractfile(_MEMBER)
        assert member is not None, f"{PACKAGE} has no {_MEMBER}"
        return member.read()


def violations(browser: Browser, script: str) -> list[str]:
    """Return the faults that axe-core finds in the open page, a line for each rule."""
    browser.run(script)
    found: Any = browser.driver.execute_async_script(_RUN)
    return [str(line) for line in found]
