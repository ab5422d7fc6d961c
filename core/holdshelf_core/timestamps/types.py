"""Requests and answers of the local API on time stamps of the access log's head."""

from __future__ import annotations

from typing import Final

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.witnesses.types import Asked

MAX_STAMP_BYTES: Final = 64 << 10
"""A longer one is none: neither kept nor read."""


class Stamped(msgspec.Struct, frozen=True):
    """That a time stamp server vouches for a head of ``entries`` entries: by its word, it existed at that time."""

    entries: int
    utc_ns: int
    server: str
    """Host and port that were asked."""


class StampServer(msgspec.Struct, frozen=True):
    """Who stamps: its address, and the certificates (PEM) of the authority that its own must come from.

    ``certificates``: SHA-256 of each, in hex. ``policy``: the object identifier by which it has to stamp; '' for the one that it
    goes by itself.
    """

    url: str
    ca: str
    certificates: tuple[str, ...]
    policy: str = ""


class TimestampView(msgspec.Struct, frozen=True):
    """The server (None: none is asked), how it answered last, and what it has stamped.

    ``kept``: how many stamped heads are kept here. ``newest``: the one of this log with the most entries.
    """

    server: StampServer | None
    asked: Asked
    kept: int = 0
    newest: Stamped | None = None


class StampFiles(msgspec.Struct, frozen=True):
    """What `openssl ts -verify` takes: the head as it was stamped, the stamp (a TimeStampResp, DER), and the authority (PEM)."""

    head: str
    stamp: bytes
    ca: str
    entries: int
    utc_ns: int


class Stamps(msgspec.Struct, frozen=True):
    """What goes into a bundle: the stamp of its own head, and the first stamped head that covers the entries of its footage."""

    now: StampFiles | None = None
    earlier: StampFiles | None = None


class Stamp(msgspec.Struct, frozen=True):
    """A time stamp that holds: the time in it, and the name in the certificate that signed it (a stranger's text).

    ``root``: SHA-256 of the root that this certificate comes from, in hex.
    """

    utc_ns: int
    signer: str
    root: str


class ReadTimestamp(Read[TimestampView], frozen=True):
    """Return who stamps, and what is stamped."""

    spec = ReadSpec("/timestamp", "")


class ReadStamp(Read[StampFiles], frozen=True):
    """Return a stamped head: the newest, or of those that cover this entry the oldest."""

    spec = ReadSpec("/timestamp/stamp", "")

    entry: int = 0


class TimestampSet(Act["TimestampDone"], frozen=True):
    """Have a server put its time on the access log's head from now on."""

    spec = ActSpec("timestamp.set", "witness.manage", changes=True)

    url: str
    ca: str
    policy: str = ""


class TimestampRemove(Act["TimestampDone"], frozen=True):
    """Ask no time stamp server any more. What is kept stays."""

    spec = ActSpec("timestamp.remove", "witness.manage", changes=True)


class TimestampNow(Act[TimestampView], frozen=True):
    """Have the current head stamped."""

    spec = ActSpec("timestamp.now", "witness.manage", timeout_s=120)


class TimestampDone(msgspec.Struct, frozen=True):
    """What came of it, in one sentence, and the number of the entry."""

    seq: int
    sentence: str
    certificates: tuple[str, ...] = ()
    """SHA-256 of each certificate of the authority, to be compared with what the authority says of itself."""
