"""What a person types as the target of backups."""

from __future__ import annotations

import contextlib
import os
import re
from typing import Final
from urllib.parse import unquote, urlsplit

from holdshelf_core.backups.types import AnyTarget, FolderTarget, SftpTarget
from holdshelf_core.errors import BadRequest

MOST_CHARS: Final = 400
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", re.ASCII)
_USER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", re.ASCII)


def parsed(target: str) -> AnyTarget:
    """Return the target. Raises BadRequest."""
    if len(target) > MOST_CHARS or not target.isprintable():
        raise BadRequest("That is too long for a target, or has other characters.", "Give a folder, or sftp://….")
    if "://" not in target:
        if not os.path.isabs(target):  # noqa: PTH117
            raise BadRequest("Give the folder by its full path.", "Give /path/to/folder, or sftp://USER@HOST/FOLDER.")
        return FolderTarget(os.path.normpath(target))
    with contextlib.suppress(ValueError):
        parts = urlsplit(target)
        host, user, port = parts.hostname or "", parts.username or "", parts.port or 22
        folder = unquote(parts.path[1:]).rstrip("/") if parts.path not in ("", "//") else parts.path[1:]
        plain = not (parts.password or parts.query or parts.fragment) and folder.isprintable()
        if parts.scheme == "sftp" and _HOST.fullmatch(host) and _USER.fullmatch(user) and plain:
            return SftpTarget(host, user, folder, port)
    raise BadRequest(
        f"{target[:80]!r} is not a target.",
        "Give a folder by its full path, or sftp://USER@HOST/FOLDER; a folder from the root as sftp://USER@HOST//FOLDER.",
    )
