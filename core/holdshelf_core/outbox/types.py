"""Requests and answers of the local API on a person's outbox, and on papers delivered there or to a printer. Times are UTC ns."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import COPIES, PICTURE_PAPERS, Act, ActSpec, Done, Read, ReadSpec, Shows
from holdshelf_core.looks.types import LiveAsk, StillAsk

OUTBOX, PRINTER = "outbox", "printer"
MAX_CONTENT_BYTES = 8 << 20
"""Maximum for a delivered paper."""
FULL_WIDTH = 3840
"""Width of a still for the outbox: no camera's picture is wider, and smaller ones are not scaled up."""
MAX_READ_BYTES = 1 << 20
"""Maximum chunk of a fetched file."""


class OutboxRow(msgspec.Struct, frozen=True):
    """One file. ``path`` '/prints/2026-11-25 Policy.pdf'; ``kind`` readme | bundle | print | still."""

    path: str
    size: int
    modified_utc_ns: int
    kind: str
    until_utc_ns: int | None = None
    """When it expires; None: never."""


class OutboxTree(msgspec.Struct, frozen=True):
    """Everything that this person may fetch now."""

    rows: list[OutboxRow]
    used_bytes: int = 0
    """Used by papers and stills; bundles count as the library's."""
    most_bytes: int = 0
    most_files: int = 0
    days: int = 0
    preparing: tuple[str, ...] = ()
    """Releases whose zip is not ready yet: its checksum is being computed."""
    seq: int = 0


class OutboxEnter(Act[OutboxTree], frozen=True):
    """Open one's own outbox."""

    spec = ActSpec("outbox.enter", "outbox")


class OutboxAsk(msgspec.Struct, frozen=True):
    """One file, by its path."""

    path: str


class OutboxRemove(OutboxAsk, Act[Done], frozen=True):
    """Remove a file from one's own outbox."""

    spec = ActSpec("outbox.remove", "outbox")


class OutboxFetchAsk(OutboxAsk, Act["OutboxFetch"], frozen=True):
    """Begin to fetch a file from one's own outbox."""

    spec = ActSpec("outbox.fetch", "outbox", shows=Shows(COPIES, "kind", ("still", "bundle", "print", "")))


class OutboxFetch(msgspec.Struct, frozen=True):
    """A fetch in progress, with its entry in the log. ``handle`` is valid in this session only."""

    handle: str
    path: str
    size: int
    modified_utc_ns: int
    sha256: str
    seq: int


class CloseFetch(Read["Closed"], frozen=True):
    """End a fetch, complete or not; its handle is then unknown."""

    spec = ReadSpec("/outbox/close", "", method="POST")

    handle: str


class Closed(msgspec.Struct, frozen=True):
    """How many bytes of it were sent."""

    bytes: int


class DeliverAsk(Act["Delivered"], frozen=True):
    """Deliver a finished paper: ``to`` outbox | printer. The service detects its type by its first bytes: PDF, HTML or text."""

    spec = ActSpec("print.deliver", "print", timeout_s=120, shows=Shows(COPIES, "paper", PICTURE_PAPERS))

    paper: str
    """One of ``paper_types.PAPERS``."""
    file_name: str
    """Suggested name; the service chooses the final one."""
    to: str
    content: bytes
    printer: str = ""
    """'' for CUPS's default."""
    subject: str = ""
    """The release or hold that it concerns."""


class Delivered(msgspec.Struct, frozen=True):
    """``where``: '/prints/2026-11-25 Policy.pdf', or the printer with CUPS's job id."""

    seq: int
    where: str


class PrinterRow(msgspec.Struct, frozen=True):
    """A printer that papers may go to."""

    name: str
    state: str
    """CUPS's text, e.g. 'is idle.  enabled since …'; '' when it gives none."""
    is_default: bool = False


class Printers(msgspec.Struct, frozen=True):
    """``problem``: why there are none, in a sentence."""

    printers: list[PrinterRow]
    problem: str = ""
    only: tuple[str, ...] = ()
    """The printers that the Board's setting allows; () for all that CUPS knows."""


class ReadOutbox(Read[OutboxTree], frozen=True):
    """Return the contents of one's own outbox."""

    spec = ReadSpec("/outbox", "outbox")


class ReadPrinters(Read[Printers], frozen=True):
    """Return the printers that papers may go to."""

    spec = ReadSpec("/printers", "print")


class OutboxStill(StillAsk, Act[Delivered], frozen=True):
    """Put a full-size still into one's own outbox."""

    spec = ActSpec("outbox.still", "look.archive", shows=Shows(COPIES))


class OutboxLive(LiveAsk, Act[Delivered], frozen=True):
    """Put the newest picture, full size, into one's own outbox."""

    spec = ActSpec("outbox.live", "look.live", shows=Shows(COPIES))


# --- papers at a desk -------------------------------------------------------------------------------------------------

MAX_SCAN_BYTES = 24 << 20
"""Maximum for the photo or scan of a paper."""
MAX_PIECE_BYTES = 60 << 10
"""Maximum piece of one that is being sent: what a request may have, with room for its head."""
PIECE_PATH = "/papers/piece"


class BeginPaper(Read["PaperBegun"], frozen=True):
    """Begin to send the photo or scan of a paper; its pieces go to ``PIECE_PATH``, in order. One at a time for each person."""

    spec = ReadSpec("/papers/begin", "release.see", method="POST")

    name: str
    """As its sender calls it."""


class PaperBegun(msgspec.Struct, frozen=True):
    """A paper that is being sent. ``handle`` is valid in this session only."""

    handle: str


class PieceTaken(msgspec.Struct, frozen=True):
    """How many bytes have arrived."""

    bytes: int


class TakePaper(Act["SentPaper"], frozen=True):
    """Take the paper that was sent: its fingerprint is recorded, and its content kept sealed or thrown away."""

    spec = ActSpec("paper.take", "release.see")

    handle: str


class SentPaper(msgspec.Struct, frozen=True):
    """The last paper that a person sent. ``kind`` JPEG | PNG | PDF | HEIC."""

    sha256: str
    kind: str
    size: int
    name: str
    at_utc_ns: int
    seq: int
    sealed_until_utc_ns: int | None = None
    """Until when its content is kept; None: it was thrown away."""


class SealedPaper(msgspec.Struct, frozen=True):
    """A paper whose content is kept, sealed."""

    sha256: str
    kind: str
    size: int
    kept_utc_ns: int
    until_utc_ns: int


class Papers(msgspec.Struct, frozen=True):
    """``sent``: the caller's last one, while it can be named. ``sealed``: all that are kept, for the holder of a seat."""

    sent: SentPaper | None = None
    sealed: list[SealedPaper] = []
    days: int = 0
    """For how many days papers are kept sealed, as the Board set it; 0: they are thrown away."""


class ReadPapers(Read[Papers], frozen=True):
    """Return the paper that the caller sent last, and which are kept."""

    spec = ReadSpec("/papers", "release.see")


class OpenPaper(Act[Delivered], frozen=True):
    """Put a sealed paper into one's own outbox."""

    spec = ActSpec("paper.open", "release.see", timeout_s=120)

    sha256: str
    """At least its first eight digits."""
    why: str
