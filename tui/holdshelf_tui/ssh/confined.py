"""What the door may do from its first stranger on, and all that it starts with it."""

from __future__ import annotations

import logging
import os
import tempfile
from multiprocessing import util
from pathlib import Path

from holdshelf_core.api.confine import confine_door
from holdshelf_core.api.session_types import DoorConfined

_LOGGER = logging.getLogger(__name__)

TEMPORARY_VARIABLE, SCRATCH_VARIABLE = "HOLDSHELF_TEMPORARY_FOLDER", "HOLDSHELF_SCRATCH_FOLDER"
"""For the fork server, which may not try out where files can be made."""


def confine() -> DoorConfined:
    """For good. To be called once the door listens, before a second thread runs."""
    scratch = util.get_temp_dir()
    os.environ[TEMPORARY_VARIABLE] = tempfile.gettempdir()
    os.environ[SCRATCH_VARIABLE] = scratch
    done = confine_door(Path(scratch))
    if not (done.landlock_abi and done.seccomp):
        _LOGGER.warning("this kernel cannot confine the door fully; `holdshelf doctor` says what it lacks")
    return DoorConfined(done.landlock_abi, done.seccomp)


def use_scratch_folder() -> None:
    """In the fork server, while it imports: some modules make a file for a moment."""
    tempfile.tempdir = os.environ.get(SCRATCH_VARIABLE) or tempfile.tempdir


def remember_temporary_folder() -> None:
    """In the fork server, from then on: where the service's socket may lie is known, not tried."""
    tempfile.tempdir = os.environ.get(TEMPORARY_VARIABLE) or tempfile.tempdir
