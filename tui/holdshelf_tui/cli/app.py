"""All commands, loaded: for what walks the registrations of the whole tree, and for the door, which loads all of it once."""

from __future__ import annotations

import copy

from typer.models import CommandInfo, TyperInfo

from holdshelf_tui.cli.tree import MODULES, OTHER_NAMES, holdshelf, load

__all__ = ["OTHER_NAMES", "app"]

app = copy.copy(holdshelf)
_all = [load(name) for name in MODULES]
app.registered_commands = [info for info in _all if isinstance(info, CommandInfo)]
app.registered_groups = [info for info in _all if isinstance(info, TyperInfo)]
