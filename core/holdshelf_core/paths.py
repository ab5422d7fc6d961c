"""The data folder: where state and media are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs


@dataclass(frozen=True, slots=True)
class DataPaths:
    """DATA/state and DATA/media. The latter may be a symbolic link that ``init --media`` made to another disk."""

    data: Path

    @property
    def state(self) -> Path:
        """Register, ledger, keys."""
        return self.data / "state"

    @property
    def media(self) -> Path:
        """Footage and shelf."""
        return self.data / "media"

    @property
    def heartbeat(self) -> Path:
        """The last moment that the service is known to have lived."""
        return self.state / "clock.json"


def default_data() -> Path:
    """Where data lies when nobody says: /var/lib/holdshelf for root, the user's data folder otherwise."""
    import os  # noqa: PLC0415

    if os.geteuid() == 0:
        return Path("/var/lib/holdshelf")
    return Path(platformdirs.user_data_dir("holdshelf"))
