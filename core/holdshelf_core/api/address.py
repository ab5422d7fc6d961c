"""Where the service's socket is: a function of the data folder, so that both ends agree without asking.

A socket's path may have at most 107 bytes (unix(7)), so it lies in a runtime folder under a short name.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from holdshelf_core.errors import Unavailable

MAX_SOCKET_PATH_BYTES = 107


def _socket_name(data: Path) -> str:
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return f"{digest}.sock"


def _own_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and len(runtime) < 60 and Path(runtime).is_dir():
        return Path(runtime) / "holdshelf"
    return Path(tempfile.gettempdir()) / f"holdshelf-{os.getuid()}"


def serve_path(data: Path) -> Path:
    """Where ``serve`` listens; makes the folder. systemd's RuntimeDirectory comes first. Raises Unavailable."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    folder = Path(given) if given else _own_folder()
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise Unavailable(f"The runtime folder {folder} cannot be made: {error.strerror}.") from None
    # In /tmp anyone may have made it first: then it is not ours to listen in.
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise Unavailable(
            f"The runtime folder {folder} belongs to someone else.", "Set XDG_RUNTIME_DIR to one of yours."
        )
    path = folder / _socket_name(data)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise Unavailable(f"The runtime folder {folder} has too long a path for a socket.", "Set XDG_RUNTIME_DIR.")
    return path


def candidate_paths(data: Path) -> list[Path]:
    """Where a client looks, in this order: the system service's folder, one's own."""
    name = _socket_name(data)
    return [Path("/run/holdshelf") / name, _own_folder() / name]
