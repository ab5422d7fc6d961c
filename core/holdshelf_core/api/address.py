"""Where the service's socket is: a function of the data folder, so that both ends agree without asking.

A socket's path may have at most 107 bytes (unix(7)), so it lies in a runtime folder under a short name. A folder that
someone else could have made or could write in is never used, by neither end: a client sends passwords there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from holdshelf_core.errors import Unavailable

MAX_SOCKET_PATH_BYTES = 107
SERVICE_UID_VARIABLE = "HOLDSHELF_SERVICE_UID"
"""Set by the supervisor for the SSH door, which may not be able to see whose the data is."""
SYSTEM_FOLDER = Path("/run/holdshelf")
"""systemd's RuntimeDirectory of the unit; only root makes folders in /run."""


def _socket_name(data: Path) -> str:
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return f"{digest}.sock"


def _own_folder() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and len(runtime) < 60 and Path(runtime).is_dir():
        return Path(runtime) / "holdshelf"
    return _temporary_folder(os.getuid())


def _temporary_folder(uid: int) -> Path:
    return Path(tempfile.gettempdir()) / f"holdshelf-{uid}"


def _belongs_to(folder: Path, uid: int) -> bool:
    """A real folder of this account, in which nobody else may make files. Raises OSError."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o022


def serve_path(data: Path) -> Path:
    """Where ``serve`` listens; makes the folder. systemd's RuntimeDirectory comes first. Raises Unavailable."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    folder = Path(given) if given else _own_folder()
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        ours = _belongs_to(folder, os.getuid())
        if ours and not given:
            folder.chmod(0o750)  # the group may come as far as the socket, whatever the umask was
    except OSError as error:
        raise Unavailable(f"The runtime folder {folder} cannot be made: {error.strerror}.") from None
    # In /tmp anyone may have made it first: then it is not ours to listen in.
    if not ours:
        raise Unavailable(
            f"The runtime folder {folder} belongs to someone else, or others may write in it.",
            "Set XDG_RUNTIME_DIR to a folder of your own.",
        )
    path = folder / _socket_name(data)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise Unavailable(f"The runtime folder {folder} has too long a path for a socket.", "Set XDG_RUNTIME_DIR.")
    return path


def candidate_paths(data: Path) -> list[Path]:
    """Where a client looks: the system service's folder, one's own, and those of the account that the data belongs to.

    `su`, `sudo` and cron do not set XDG_RUNTIME_DIR, so what a log-in shell would use is asked as well.
    """
    name = _socket_name(data)
    owners = [os.getuid()]
    with contextlib.suppress(OSError):  # not set up, or not ours to see
        owners.append((data / "state").stat().st_uid)
    with contextlib.suppress(ValueError):
        owners.append(int(os.environ.get(SERVICE_UID_VARIABLE, "")))
    folders = [(_own_folder(), os.getuid())]
    for uid in dict.fromkeys(owners):
        folders += [(Path(f"/run/user/{uid}/holdshelf"), uid), (_temporary_folder(uid), uid)]
    found = [SYSTEM_FOLDER / name]
    for folder, uid in dict.fromkeys(folders):
        try:
            if _belongs_to(folder, uid):
                found.append(folder / name)
        except OSError:
            continue
    return found
