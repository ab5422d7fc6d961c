"""Loaded once, in the fork server: all that a session's process needs, so that a fork is all that a log-in waits for."""

from __future__ import annotations

import gc

from textual import scrollbar
from textual_image import _sixel

from holdshelf_core.api import confine
from holdshelf_tui.cli import app as commands
from holdshelf_tui.cli import suggest
from holdshelf_tui.ssh.children import command as command_child
from holdshelf_tui.ssh.children import screens as session_child
from holdshelf_tui.ssh.children import sftp as sftp_child
from holdshelf_tui.ssh.children import sftp_server
from holdshelf_tui.ssh.confined import remember_temporary_folder
from holdshelf_tui.ssh.warm import warm

# The encoder brings numpy, which makes threads as it is loaded: not below a session's limits.
__all__ = [
    "_sixel",
    "command_child",
    "commands",
    "confine",
    "scrollbar",
    "session_child",
    "sftp_child",
    "sftp_server",
    "suggest",
]

GARBAGE_OBJECTS = 20_000

remember_temporary_folder()
warm()
# What is there now stays shared: no collection in a child touches (and so copies) its pages.
gc.collect()
gc.freeze()
# A first screen makes thousands of objects that stay: to look through them again and again takes a tenth of its time.
gc.set_threshold(GARBAGE_OBJECTS)
