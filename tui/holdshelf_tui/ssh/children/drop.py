"""The drop: the one folder of a person's SFTP that takes something, the photo or scan of a paper that was brought to the desk.

One paper lies there at a time, and the next one takes its place. Nothing is given back. Pieces go to the service as they come: no
byte of a paper stays in this process.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from dataclasses import dataclass

from asyncssh import constants as c
from asyncssh import sftp

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.outbox.types import ReadPapers, SentPaper
from holdshelf_tui.session.paper_upload import PaperUpload
from holdshelf_tui.text.desk import kept_words, sent_words
from holdshelf_tui.text.words import inert

DROP = "/drop"
PART = ".filepart"
"""WinSCP sends under this name, removes what has the right one, and gives it the right one then."""
NOT_GIVEN_BACK = "A paper that was sent is not given back: its fingerprint is on record."
FROM_ITS_BEGINNING = "A paper is sent from its beginning to its end: send it again, without resuming."
WHOLE, EITHER = c.FXF_WRITE | c.FXF_CREAT, c.FXF_TRUNC | c.FXF_EXCL
"""How one is opened that is sent from its beginning; `scp` leaves the cutting off to the end."""
MOST_NAME_CHARS = 120


@dataclass(slots=True)
class Coming:
    """A paper that a client is sending. ``failed``: why nothing more of it is taken."""

    path: str
    upload: PaperUpload
    failed: sftp.SFTPError | None = None


class Drop:
    """What lies in the drop, and what comes in. ``tell``: a sentence for the person, beside the client's own words."""

    def __init__(
        self, client: Client, error_of: Callable[[HoldshelfError], sftp.SFTPError], tell: Callable[[str], object]
    ) -> None:
        self._client, self._error_of, self._tell = client, error_of, tell
        self._part = ""
        """Under which name the last one came that was not its own."""

    @staticmethod
    def holds(path: str) -> bool:
        """Whether a path is of something in the drop."""
        return posixpath.dirname(path) == DROP

    def listed(self) -> list[tuple[str, SentPaper]] | None:
        """(path, paper) of the one that lies there, if any; None: this person has no drop."""
        try:
            paper = self._client.read(ReadPapers()).sent
        except HoldshelfError:
            return None
        return [] if paper is None else [(self._part or f"{DROP}/{_name(paper.name)}", paper)]

    def open(self, path: str, pflags: int) -> Coming:
        """Begin to take a paper. Raises SFTPError."""
        if pflags & ~EITHER != WHOLE:
            raise sftp.SFTPPermissionDenied(NOT_GIVEN_BACK if pflags == c.FXF_READ else FROM_ITS_BEGINNING)
        try:
            upload = PaperUpload(self._client, posixpath.basename(path).removesuffix(PART)[:MOST_NAME_CHARS])
        except HoldshelfError as error:
            raise self._refused(error) from None
        return Coming(path, upload)

    def write(self, coming: Coming, offset: int, data: bytes) -> int:
        """What comes next of it. Raises SFTPError; all that follows is refused then, too."""
        if coming.failed is not None:
            raise coming.failed
        try:
            if offset != coming.upload.size:
                raise sftp.SFTPFailure(FROM_ITS_BEGINNING)
            coming.upload.write(data)
        except HoldshelfError as error:
            coming.failed = self._refused(error)
            raise coming.failed from None
        except sftp.SFTPError as error:
            coming.failed = error
            raise
        return len(data)

    def close(self, coming: Coming) -> None:
        """All of it came: its fingerprint is recorded before this returns. Raises SFTPError."""
        if coming.failed is not None:
            raise coming.failed
        try:
            paper = coming.upload.finish()
        except HoldshelfError as error:
            raise self._refused(error) from None
        self._part = coming.path if coming.path.endswith(PART) else ""
        self._tell(f"{sent_words(paper)}. {kept_words(paper)}")

    def removes(self, path: str) -> bool:
        """Whether a client may take this for gone: what has the right name, while the next one lies there under another."""
        return bool(self._part) and path == self._part.removesuffix(PART)

    def renames(self, old: str, new: str) -> bool:
        """Whether it is given its right name by this."""
        if not self._part or (old, new) != (self._part, self._part.removesuffix(PART)):
            return False
        self._part = ""
        return True

    def _refused(self, error: HoldshelfError) -> sftp.SFTPError:
        # OpenSSH's client shows a code's own words, and not ours: they go beside them.
        self._tell(str(error))
        return self._error_of(error)


def _name(name: str) -> str:
    return inert(name.replace("/", " "), MOST_NAME_CHARS).strip(" .") or "paper"
