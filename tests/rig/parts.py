"""The parts of the machine that the rig stands on, and the one error that says which of them is missing.

Must never make a missing part pass for a present one: a test that cannot make its fault fails.
"""

from __future__ import annotations

import os
import shutil
import subprocess


class RigError(Exception):
    """A part that the rig stands on is missing or misbehaves; the text says which, and what to do."""


def program(name: str, package: str) -> str:
    """The path of a program, also of one that only root has on its PATH. Raises RigError, naming Debian's package."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
    if found is None:
        raise RigError(f"The rig needs `{name}`: apt install {package}.")
    return found


def run(*command: str) -> str:
    """Runs a program to its end and returns what it said. Raises RigError with its complaint when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RigError(f"`{' '.join(command)}` failed ({done.returncode}): {(done.stderr or done.stdout).strip()}")
    return done.stdout


def need_root(what: str) -> None:
    """Only root can make this fault. In CI its lack raises RigError; elsewhere the test that asks is skipped, and says so."""
    if os.geteuid() == 0:
        return
    if "CI" not in os.environ and "PYTEST_CURRENT_TEST" in os.environ:
        import pytest  # noqa: PLC0415 - benches use the rig without pytest

        pytest.skip(f"{what} needs root")
    raise RigError(f"{what} needs root: run these tests as root (in CI: in a container or machine of their own).")
