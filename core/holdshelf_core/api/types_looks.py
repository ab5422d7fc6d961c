"""Purposes, looks and pictures, as asked for and answered over the local socket. Times are UTC ns, spans half open."""

from __future__ import annotations

import msgspec


class PurposeRow(msgspec.Struct, frozen=True):
    """One line of the pick-list."""

    id: str
    words: str


class PurposeOpen(msgspec.Struct, frozen=True):
    """The one prompt before the first picture (P12).

    ``mode`` archive | live. Archive: ``start_utc_ns`` and ``end_utc_ns``, or ``at_utc_ns`` for 15 minutes on either side.
    """

    cameras: list[str]
    purpose: str = ""
    incident: str = ""
    note: str = ""
    mode: str = "archive"
    at_utc_ns: int | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class BreakGlass(msgspec.Struct, frozen=True):
    """A look at once, in imminent danger: live and the last minutes, time-boxed, reviewed by two seats afterwards."""

    cameras: list[str]
    why: str
    incident: str = ""


class PurposeWiden(msgspec.Struct, frozen=True):
    """More cameras or a longer span under the same purpose; sending it is the confirm."""

    grant: str
    cameras: list[str] = []
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class ShareOpen(msgspec.Struct, frozen=True):
    """View what was shared (P14)."""

    share: str


class GrantAsk(msgspec.Struct, frozen=True):
    """Close a look, or renew its live pictures."""

    grant: str


class GrantRow(msgspec.Struct, frozen=True):
    """An open look. ``kind`` look | break_glass | share.

    Its pictures are asked for by the actions look.still, look.strip, look.live; those of a share by share.still, share.strip.
    """

    id: str
    kind: str
    mode: str
    person: str
    purpose: str
    incident: str
    cameras: list[str]
    start_utc_ns: int | None
    """None: live only."""
    end_utc_ns: int | None
    opened_utc_ns: int
    ends_utc_ns: int
    seq: int
    """Number of its log entry."""
    pictures: int = 0
    pictures_left: int = 0
    widenings: int = 0
    live_until_utc_ns: int | None = None
    live_s: float = 0.0
    share: str = ""
    flag: str = ""
    """Id of the flag that its opening or widening raised, '' none."""
    warning: str = ""
    """What should be put differently the next time (a name in the note, P21), '' nothing."""


class StillAsk(msgspec.Struct, frozen=True):
    """One picture at a time inside an open look."""

    grant: str
    camera: str
    at_utc_ns: int
    max_width: int = 1920


class StripAsk(msgspec.Struct, frozen=True):
    """``count`` instants spread evenly over a span inside an open look (its whole span when none is given)."""

    grant: str
    camera: str
    count: int = 12
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    max_width: int = 320


class LiveAsk(msgspec.Struct, frozen=True):
    """The newest picture. ``after_utc_ns``: nothing unless there is one younger than this."""

    grant: str
    camera: str
    max_width: int = 1280
    after_utc_ns: int | None = None


class PictureRow(msgspec.Struct, frozen=True):
    """A picture, or why there is none (``jpeg`` empty, ``missing`` says why)."""

    camera: str
    at_utc_ns: int
    """What was asked for; of a live picture, when it was asked."""
    shown_utc_ns: int = 0
    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    log_seq: int = 0
    """The entry that covers it: it stands in the legend too."""
    mask_version: int = 0
    damaged: bool = False
    missing: str = ""


class Strip(msgspec.Struct, frozen=True):
    """The pictures of a strip, by time."""

    pictures: list[PictureRow]
    pictures_left: int


class ActivityAsk(msgspec.Struct, frozen=True):
    """How much moved, without a picture: of one camera over a span, in ``buckets`` equal parts."""

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    buckets: int = 288


class RecordedRow(msgspec.Struct, frozen=True):
    """An unbroken stretch that can be looked at now."""

    start_utc_ns: int
    end_utc_ns: int


class MissingRow(msgspec.Struct, frozen=True):
    """A stretch that cannot: ``kind`` gap | erased, and why. ``end_utc_ns`` None: it goes on."""

    kind: str
    start_utc_ns: int
    end_utc_ns: int | None
    reason: str


class HeldRow(msgspec.Struct, frozen=True):
    """A hold over part of the span; ``end_utc_ns`` None: until lifted."""

    hold: str
    start_utc_ns: int
    end_utc_ns: int | None


class EventMark(msgspec.Struct, frozen=True):
    """What the camera itself told: ``kind`` motion | tamper | signal_loss | digital_input; ``end_utc_ns`` None: it goes on."""

    kind: str
    start_utc_ns: int
    end_utc_ns: int | None


class Activity(msgspec.Struct, frozen=True):
    """What an activity strip is drawn from.

    ``activity``: one byte per bucket, the largest of its seconds on a logarithmic scale of encoded bytes per second
    (0 nothing, 12 = 16 B/s, 255 = 40 MB/s); 0 also where nothing was recorded, which ``missing`` tells apart.
    """

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    bucket_ns: int
    activity: bytes
    recorded: list[RecordedRow]
    missing: list[MissingRow]
    held: list[HeldRow]
    events: list[EventMark] = []
    """Those of one kind that lie closer than a bucket are one."""
