"""A read-only volume: without a service, on another machine, from a read-only mount or a copy. Takes no lock."""

import os
from pathlib import Path

from holdshelf_storage.errors import VolumeMismatch, VolumeMissing
from holdshelf_storage.volume.volume import IDENTITY, Identity, Volume, read_identity


class ReadOnlyVolume(Volume):
    """The interface of a volume for code that reads footage. Writing raises: the descriptors are read-only."""

    def __init__(self, media: Path, state: Path | None) -> None:
        """Raises VolumeMissing, VolumeMismatch, FormatNewer, DiskWriteError."""
        self.media = media
        self.state = state if state is not None else Path(os.devnull)
        try:
            self.root_fd = os.open(media, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise VolumeMissing(f"{media} cannot be opened ({(error.strerror or '').lower()}).") from None
        try:
            self.identity = self._identity()
        except BaseException:
            self.detach()
            raise

    def _identity(self) -> Identity:
        found = read_identity(IDENTITY, "media", self.root_fd, str(self.media))
        if found is None:
            raise VolumeMissing(f"{self.media} holds no footage of Holdshelf; give the folder that holds `footage`.")
        if str(self.state) != os.devnull:
            wanted = read_identity(self.state / IDENTITY, "state")
            if wanted is None:
                raise VolumeMissing(f"{self.state} is not a state folder; give the folder that holds `access`.")
            if wanted.volume != found.volume:
                raise VolumeMismatch(f"{self.media} and {self.state} do not belong together.")
        return found

    def detach(self) -> None:
        """Closes the descriptor."""
        fd, self.root_fd = self.root_fd, -1
        if fd >= 0:
            os.close(fd)
