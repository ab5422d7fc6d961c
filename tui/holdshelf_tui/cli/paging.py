"""The command for the next page of a list: the same one again, from where this page began."""

from __future__ import annotations

import shlex
from collections.abc import Mapping


def next_page(command: str, options: Mapping[str, str | int | bool | None]) -> str:
    """'`holdshelf hold list --all --before H-2026-0051`'. Options that are empty, False or None are left out."""
    words = [command]
    for name, value in options.items():
        if value is True:
            words.append(name)
        elif value not in (None, False, ""):
            words += [name, shlex.quote(str(value))]
    return f"`{' '.join(words)}`"
