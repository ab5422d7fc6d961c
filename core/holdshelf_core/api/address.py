"""The location of the service's socket: a function of the data folder, so that both ends agree without asking.

A socket path is limited to 107 bytes (unix(7)), so the socket is in a runtime folder under a short name. Neither end uses a
folder that someone else could have created or could write in: a client sends passwords there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

from holdshelf_core.errors import Unavailable
from holdshelf_core.paths import MACHINE_DATA, own_data

MAX_SOCKET_PATH_BYTES = 107
SERVICE_UID_VARIABLE = "HOLDSHELF_SERVICE_UID"
"""Set by the supervisor for the SSH door, which may not be able to see who owns the data."""
SYSTEM_FOLDER = Path("/run/holdshelf")
"""The unit's RuntimeDirectory; only root can create folders in /run."""


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
    """Return whether this is a real folder of this account, in which nobody else can create files. Raises OSError."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o022


def serve_path(data: Path) -> Path:
    """Return the path where ``serve`` listens, creating the folder. systemd's RuntimeDirectory comes first. Raises
    Unavailable."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    folder = Path(given) if given else _own_folder()
    try:
        folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        ours = _belongs_to(folder, os.getuid())
        if ours and not given:
            folder.chmod(0o750)  # the group needs access up to the socket, whatever the umask was
    except OSError as error:
        raise Unavailable(f"The runtime folder {folder} cannot be made: {error.strerror}.") from None
    # In /tmp anyone may have created it first: then it is not safe to listen in.
    if not ours:
        raise Unavailable(
            f"The runtime folder {folder} belongs to someone else, or others may write in it.",
            "Set XDG_RUNTIME_DIR to a folder of your own.",
        )
    path = folder / _socket_name(data)
    if len(os.fsencode(path)) > MAX_SOCKET_PATH_BYTES:
        raise Unavailable(f"The runtime folder {folder} has too long a path for a socket.", "Set XDG_RUNTIME_DIR.")
    return path


def candidates(data: Path) -> dict[Path, int]:
    """Return the socket paths a client tries, each with the account that must listen there: the system service's, the user's
    own, and those of the account that owns the data.

    `su`, `sudo` and cron do not set XDG_RUNTIME_DIR, so the path that a login shell would use is included.
    """
    name = _socket_name(data)
    owners = [os.getuid()]
    for folder in (data / "state", data):
        with contextlib.suppress(OSError):  # not set up, or not visible to this account
            owners.append(folder.stat().st_uid)
    with contextlib.suppress(ValueError):
        owners.append(int(os.environ.get(SERVICE_UID_VARIABLE, "")))
    folders = [(_own_folder(), os.getuid())]
    for uid in dict.fromkeys(owners):
        folders += [(Path(f"/run/user/{uid}/holdshelf"), uid), (_temporary_folder(uid), uid)]
    found = {}
    if (system := _system_owner()) is not None:
        found[SYSTEM_FOLDER / name] = system
    for folder, uid in dict.fromkeys(folders):
        try:
            if _belongs_to(folder, uid):
                found[folder / name] = uid
        except OSError:
            continue
    return found


def _system_owner() -> int | None:
    """Return the owner of the system service's folder; None if there is no such folder that only its owner can write in."""
    try:
        uid = SYSTEM_FOLDER.lstat().st_uid
        return uid if _belongs_to(SYSTEM_FOLDER, uid) else None
    except OSError:
        return None


class Place(NamedTuple):
    """A service that an account without ``--data`` may mean. ``data`` None: not where the unit sets it up."""

    words: str
    data: Path | None
    sockets: dict[Path, int]


def places() -> list[Place]:
    """Return the user's own data folder if set up, then the system's; also any other service listening in the system folder."""
    found = []
    own = own_data()
    # Not Path.exists: a home folder that is not accessible counts as none.
    if own != MACHINE_DATA and os.path.exists(own / "state"):  # noqa: PTH110
        found.append(Place(str(own), own, candidates(own)))
    known = candidates(MACHINE_DATA)
    system = _system_owner()
    others: list[Path] | None = []
    try:
        if system is not None:
            others = sorted(path for path in SYSTEM_FOLDER.iterdir() if path.suffix == ".sock" and path not in known)
    except OSError:
        others = None  # whoever may not look into it may not connect either, and connecting reports that
    if os.path.lexists(MACHINE_DATA) or others is None:
        found.append(Place(str(MACHINE_DATA), MACHINE_DATA, known))
    found += [Place(str(path), None, {path: system}) for path in others or () if system is not None]
    return found
