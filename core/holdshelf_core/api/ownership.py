"""Ensures that root does not change the ownership of a data folder.

Files that root writes belong to root, and the service's account could no longer read its register. So root is refused everything
that writes in another account's folder, and is shown the command that does it as that account. One rule for all commands;
`backup` to an outside folder and `restore`, which sets the owner of what it writes, are exempt.
"""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from holdshelf_core.errors import Conflict
from holdshelf_core.paths import DataPaths

UNIT_FILES = (
    Path("/etc/systemd/system/holdshelf.service"),
    Path("/usr/lib/systemd/system/holdshelf.service"),
    Path("/lib/systemd/system/holdshelf.service"),
)
FILE_SYSTEMS_OWN = "lost+found"
MOST_FILES = 5_000
"""Files of STATE to check; it usually has a few hundred."""


def owner_of(data: Path) -> int | None:
    """Return the account that owns the folder; None: it does not exist, or is not visible."""
    found = None
    for folder in (data, DataPaths(data).state):
        try:
            uid = folder.stat().st_uid
        except OSError:
            continue
        if uid != 0:
            return uid
        found = uid
    return found


def name_of(uid: int) -> str:
    """Return the account's name, or its number if it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def as_owner(data: Path, words: Sequence[str]) -> str:
    """Return the command `holdshelf WORDS` on that folder as its owner, as root types it. ``words`` may name the folder
    already."""
    named = any(word == "--data" or word.startswith("--data=") for word in words)
    typed = [*words, *(() if named else ("--data", str(data)))]
    return f"`runuser -u {name_of(owner_of(data) or 0)} -- holdshelf {shlex.join(typed)}`"


def check_writer(data: Path, words: Sequence[str]) -> None:
    """Check before the command ``words`` writes in ``data``. Raises Conflict when root asks and another account owns it."""
    owner = owner_of(data)
    if os.geteuid() != 0 or not owner:
        return
    step = f"Type it as that account: {as_owner(data, words)}."
    if words[:1] == ["serve"] and has_unit():
        step = "Its unit starts it: `systemctl start holdshelf`."
    raise Conflict(
        f"{data} belongs to the account {name_of(owner)}; anything root writes there becomes unreadable for that account.",
        step,
    )


def has_unit() -> bool:
    """Return whether Holdshelf is installed as a systemd service here."""
    return any(path.exists() for path in UNIT_FILES)


def start_advice(data: Path) -> str:
    """Return how this account can start the service on that folder without breaking anything."""
    owner, own = owner_of(data), os.geteuid()
    if has_unit() and owner != own:
        return (
            "Start it: `systemctl start holdshelf`."
            if own == 0
            else "Have the admin start it: `systemctl start holdshelf`."
        )
    serve = f"`holdshelf serve --data {shlex.quote(str(data))}`"
    if owner in (None, own):
        return f"Start it: {serve} (or its systemd unit)."
    if own == 0:
        return f"Start it: {as_owner(data, ['serve'])} (or its systemd unit)."
    return f"Have it started by the account {name_of(owner or 0)}, with {serve} (or its systemd unit)."


def not_usable(data: Path, uid: int) -> tuple[str, str] | None:
    """Return which files another account took over, and how root gives them back; None when all is well.

    ``uid``: the account that owns the folder. Checks STATE, and what is being written in MEDIA.
    """
    foreign = [path for path in _looked_at(DataPaths(data)) if _is_foreign(path, uid)]
    if not foreign:
        return None
    more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    other, whose = name_of(foreign[0].lstat().st_uid), name_of(uid)
    places = shlex.join([str(DataPaths(data).state), os.path.realpath(DataPaths(data).media)])
    return (
        f"{foreign[0]}{more} belongs to {other}, not to {whose}, whose service cannot use it.",
        f"As root: `chown -hR --from={other} {whose}: {places}`.",
    )


def check_files(data: Path) -> None:
    """Check before the service opens STATE. Raises Conflict when it has another account's files that this one cannot use."""
    uid = os.geteuid()
    if uid == 0 or owner_of(data) != uid:
        return
    foreign = [path for path in _state(DataPaths(data)) if _is_foreign(path, uid) and not _may_use(path)]
    if foreign:
        amiss = not_usable(data, uid)
        assert amiss is not None
        raise Conflict(*amiss)


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK | (os.X_OK if path.is_dir() else 0))


def _is_foreign(path: Path, uid: int) -> bool:
    try:
        return path.lstat().st_uid != uid
    except OSError:
        return False


def _state(paths: DataPaths) -> Iterator[Path]:
    """Yield STATE and everything in it, including what was set aside."""
    yield paths.state
    seen = 0
    for root, folders, files in os.walk(paths.state):
        for name in (*folders, *files):
            seen += 1
            if seen > MOST_FILES:
                return
            yield Path(root, name)


def _looked_at(paths: DataPaths) -> Iterator[Path]:
    yield from _state(paths)
    media = Path(os.path.realpath(paths.media))
    yield media
    # A separate file system has a folder owned by root that is not footage.
    yield from (path for path in _entries(media) if path.name != FILE_SYSTEMS_OWN)
    for camera in _entries(media / "footage"):
        inside = sorted(_entries(camera))
        yield camera
        # Whole days that root recorded come last, and what it was writing is in `open`.
        for folder in inside[-3:]:
            yield folder
            yield from _entries(folder)


def _entries(folder: Path) -> list[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(folder)]
    except OSError:
        return []
