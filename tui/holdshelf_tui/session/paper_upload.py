"""Sends the photo or scan of a paper to the service, piece by piece, as it comes: nothing of it stays here."""

from __future__ import annotations

from holdshelf_core.api.client import Client
from holdshelf_core.outbox.types import MAX_PIECE_BYTES, PIECE_PATH, BeginPaper, PieceTaken, SentPaper, TakePaper


class PaperUpload:
    """One paper, from its first byte to its last. Methods raise HoldshelfError; the paper is given up then."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._handle = client.read(BeginPaper(name)).handle
        self._waiting = bytearray()
        self.size = 0
        """Bytes that came so far."""

    def write(self, data: bytes) -> None:
        """Take the next bytes of the paper, in order; whole pieces are sent."""
        self._waiting += data
        self.size += len(data)
        while len(self._waiting) >= MAX_PIECE_BYTES:
            self._send()

    def _send(self) -> None:
        piece = bytes(self._waiting[:MAX_PIECE_BYTES])
        offset = self.size - len(self._waiting)
        self._client.send(PIECE_PATH, piece, PieceTaken, handle=self._handle, offset=offset)
        del self._waiting[: len(piece)]

    def finish(self) -> SentPaper:
        """All of it was written: have it taken."""
        while self._waiting:
            self._send()
        return self._client.act(TakePaper(self._handle))
