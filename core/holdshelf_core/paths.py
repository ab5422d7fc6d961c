"""The data folder: location of state and media."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class DataPaths:
    """DATA/state and DATA/media. DATA/media may be a symbolic link to another disk, made by ``init --media``."""

    data: Path

    @property
    def option(self) -> str:
        """The option that names it, as it can be typed: '--data /srv/holdshelf'."""
        return f"--data {shlex.quote(str(self.data))}"

    @property
    def state(self) -> Path:
        """Folder of register, ledger and keys."""
        return self.data / "state"

    @property
    def media(self) -> Path:
        """Folder of footage and shelf."""
        return self.data / "media"

    @property
    def heartbeat(self) -> Path:
        """File with the last time the service was known to run."""
        return self.state / "clock.json"


MACHINE_DATA = Path("/var/lib/holdshelf")
"""The system service's data folder, as set in its unit."""


def own_data() -> Path:
    """Return the data folder of a user who records without root, e.g. for a demo."""
    return Path(platformdirs.user_data_dir("holdshelf"))


def default_data() -> Path:
    """Return the data folder used without ``--data``: the system's for root and its owner, the user's own otherwise."""
    import os  # noqa: PLC0415

    uid = os.geteuid()
    if uid == 0:
        return MACHINE_DATA
    try:
        return MACHINE_DATA if MACHINE_DATA.stat().st_uid == uid else own_data()
    except OSError:
        return own_data()
