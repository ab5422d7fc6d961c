"""A person's outbox, and papers that are delivered there or to a printer, as the API tells them. Times in UTC
nanoseconds.
"""

from __future__ import annotations

import msgspec

OUTBOX, PRINTER = "outbox", "printer"
MAX_CONTENT_BYTES = 8 << 20
"""Of a paper that is delivered."""
FULL_WIDTH = 3840
"""Of a still to the outbox: no camera's picture is wider, and none is made wider than it is."""
MAX_READ_BYTES = 1 << 20
"""Of one piece of a file that is fetched."""


class OutboxRow(msgspec.Struct, frozen=True):
    """One file. ``path`` '/prints/2026-11-25 Policy.pdf'; ``kind`` readme | bundle | print | still."""

    path: str
    size: int
    modified_utc_ns: int
    kind: str
    until_utc_ns: int | None = None
    """When it goes; None: it is always there."""


class OutboxTree(msgspec.Struct, frozen=True):
    """All that this person may fetch now."""

    rows: list[OutboxRow]
    used_bytes: int = 0
    """By prints and stills; bundles are the library's."""
    most_bytes: int = 0
    most_files: int = 0
    days: int = 0
    preparing: tuple[str, ...] = ()
    """Releases whose zip is not ready yet: its checksum is being taken."""
    seq: int = 0


class OutboxEnter(msgspec.Struct, frozen=True):
    """A client has opened the outbox."""


class OutboxAsk(msgspec.Struct, frozen=True):
    """One file, by its path."""

    path: str


class OutboxFetch(msgspec.Struct, frozen=True):
    """A file that is being fetched: its entry is in the log. ``handle`` is good for this session alone."""

    handle: str
    path: str
    size: int
    modified_utc_ns: int
    sha256: str
    seq: int


class HandleAsk(msgspec.Struct, frozen=True):
    """A file that is not fetched any further."""

    handle: str


class Closed(msgspec.Struct, frozen=True):
    """How many bytes of it were handed out."""

    bytes: int


class DeliverAsk(msgspec.Struct, frozen=True):
    """A paper that was made: ``to`` outbox | printer. What it is the service sees from its first bytes: PDF, HTML or text."""

    paper: str
    """One of paper_types.PAPERS."""
    file_name: str
    """What it would be called; the service gives it its name."""
    to: str
    content: bytes
    printer: str = ""
    """'' the one that CUPS takes when none is named."""
    subject: str = ""
    """The release or the hold that it is about."""


class Delivered(msgspec.Struct, frozen=True):
    """``where``: '/prints/2026-11-25 Policy.pdf', or the printer with CUPS's number of the job."""

    seq: int
    where: str


class PrinterRow(msgspec.Struct, frozen=True):
    """A printer that papers may go to."""

    name: str
    state: str
    """CUPS's words: 'is idle.  enabled since …', '' when it says nothing."""
    is_default: bool = False


class Printers(msgspec.Struct, frozen=True):
    """``problem``: why there are none, in a sentence."""

    printers: list[PrinterRow]
    problem: str = ""
    only: tuple[str, ...] = ()
    """What the Board's setting lets papers go to; () all that CUPS knows."""
