"""Loaded once, in the fork server: all that a session's process needs, so that a fork is all that a log-in waits for."""

from __future__ import annotations

import gc

from holdshelf_core.api import confine
from holdshelf_tui import command_child, session_child, sftp_child
from holdshelf_tui.cli import app as commands
from holdshelf_tui.door import sftp
from holdshelf_tui.door.warm import warm

__all__ = ["command_child", "commands", "confine", "session_child", "sftp", "sftp_child"]

warm()
# What is there now stays shared: no collection in a child touches (and so copies) its pages.
gc.collect()
gc.freeze()
