"""Requests and answers of the local API on purposes, looks and pictures. Times are UTC ns, spans half-open."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import MOVEMENT, PICTURES, Act, ActSpec, Done, Read, ReadSpec, Shows
from holdshelf_core.api.boxes import MovingBox

MOST_SIDE_BY_SIDE = 4
"""Cameras of one look whose pictures are shown at once."""


class PurposeRow(msgspec.Struct, frozen=True):
    """One purpose on the list."""

    id: str
    words: str
    consults: list[str] = []
    """Roles that are consulted before such a look."""


class PurposeOpen(Act["GrantRow"], frozen=True):
    """Open a look for a purpose, the one prompt before the first picture (P12).

    ``mode`` archive | live. Archive: ``start_utc_ns`` and ``end_utc_ns``, or ``at_utc_ns`` for 15 minutes on either side.
    """

    spec = ActSpec("purpose.open", changes=True, shows=Shows(PICTURES))

    cameras: list[str]
    purpose: str = ""
    incident: str = ""
    note: str = ""
    mode: str = "archive"
    at_utc_ns: int | None = None
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    consulted: list[str] = []
    """Roles that were consulted before, where the policy asks for it: whoever looks says so."""


class BreakGlass(Act["GrantRow"], frozen=True):
    """Open an imminent-danger look: live and the last minutes, time-limited, reviewed by two officials afterwards."""

    spec = ActSpec("break_glass", changes=True, shows=Shows(PICTURES))

    cameras: list[str]
    why: str
    incident: str = ""


class PurposeWiden(Act["GrantRow"], frozen=True):
    """Add cameras or time to a look under the same purpose; sending it is the confirmation."""

    spec = ActSpec("purpose.widen", changes=True, shows=Shows(PICTURES))

    grant: str
    cameras: list[str] = []
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None


class ShareOpen(Act["GrantRow"], frozen=True):
    """View what was shared (P14); of a screen, begin to show its live pictures, until its end today."""

    spec = ActSpec("share.open", "share.view", shows=Shows(PICTURES))

    share: str


class GrantAsk(msgspec.Struct, frozen=True):
    """A look to close, or whose live pictures to renew."""

    grant: str


class PurposeClose(GrantAsk, Act[Done], frozen=True):
    """Close a look before it ends: no further picture is shown under it."""

    spec = ActSpec("purpose.close", "door", timeout_s=3)


class LiveRenew(GrantAsk, Act["GrantRow"], frozen=True):
    """Continue live pictures of an open look."""

    spec = ActSpec("live.renew", "look.live", shows=Shows(PICTURES))


class GrantRow(msgspec.Struct, frozen=True):
    """An open look. ``kind`` look | break_glass | share.

    Its pictures are requested by the actions look.still, look.strip, look.live; those of a share by share.still, share.strip,
    and of a screen by share.live.
    """

    id: str
    kind: str
    mode: str
    person: str
    purpose: str
    incident: str
    cameras: list[str]
    start_utc_ns: int | None
    """Start of the recorded span that may be looked at; None: live pictures only."""
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
    """Id of the flag that opening or widening it raised, '' for none."""
    warning: str = ""
    """What to phrase differently next time (a name in the note, P21), '' for nothing."""


class StillAsk(msgspec.Struct, frozen=True):
    """Request the picture at a time inside an open look. ``boxes``: burned in as well, to see how they would leave."""

    grant: str
    camera: str
    at_utc_ns: int
    max_width: int = 1920
    boxes: tuple[MovingBox, ...] = ()


class ShareStill(StillAsk, Act["PictureRow"], frozen=True):
    """Return the picture at a time of a share."""

    spec = ActSpec("share.still", "share.view", shows=Shows(PICTURES))


class LookStill(StillAsk, Act["PictureRow"], frozen=True):
    """Return the picture at a time inside an open look."""

    spec = ActSpec("look.still", "look.archive", shows=Shows(PICTURES))


class StripAsk(msgspec.Struct, frozen=True):
    """``count`` times spread evenly over a span inside an open look (its whole span when none is given). ``boxes``: see a
    still."""

    grant: str
    camera: str
    count: int = 12
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    max_width: int = 320
    boxes: tuple[MovingBox, ...] = ()


class ShareStrip(StripAsk, Act["Strip"], frozen=True):
    """Return a strip of pictures of a share."""

    spec = ActSpec("share.strip", "share.view", timeout_s=120, shows=Shows(PICTURES))


class LookStrip(StripAsk, Act["Strip"], frozen=True):
    """Return a strip of pictures inside an open look."""

    spec = ActSpec("look.strip", "look.archive", timeout_s=120, shows=Shows(PICTURES))


class LiveAsk(msgspec.Struct, frozen=True):
    """The newest picture. ``after_utc_ns``: nothing unless there is one newer than this."""

    grant: str
    camera: str
    max_width: int = 1280
    after_utc_ns: int | None = None


class LookLive(LiveAsk, Act["PictureRow"], frozen=True):
    """Return the newest picture of an open live look."""

    spec = ActSpec("look.live", shows=Shows(PICTURES))


class ShareLive(LiveAsk, Act["PictureRow"], frozen=True):
    """Return the newest picture of a screen's camera."""

    spec = ActSpec("share.live", "share.view", shows=Shows(PICTURES))


class PictureRow(msgspec.Struct, frozen=True):
    """A picture, or the reason why there is none (``jpeg`` empty, ``missing`` the reason)."""

    camera: str
    at_utc_ns: int
    """The requested time; for a live picture, the time of the request."""
    shown_utc_ns: int = 0
    jpeg: bytes = b""
    width: int = 0
    height: int = 0
    log_seq: int = 0
    """The entry that covers it; also in the legend."""
    mask_version: int = 0
    damaged: bool = False
    missing: str = ""
    picture_height: int = 0
    """Without the legend, which is below it."""


class Strip(msgspec.Struct, frozen=True):
    """The pictures of a strip, by time."""

    pictures: list[PictureRow]
    pictures_left: int


class ActivityAsk(Act["Activity"], frozen=True):
    """Return how much moved, without pictures: one camera over a span, in ``buckets`` equal parts."""

    spec = ActSpec("activity.see", "look.archive", shows=Shows(MOVEMENT))

    camera: str
    start_utc_ns: int
    end_utc_ns: int
    buckets: int = 288


class RecordedRow(msgspec.Struct, frozen=True):
    """An unbroken stretch that can be viewed now."""

    start_utc_ns: int
    end_utc_ns: int


class MissingRow(msgspec.Struct, frozen=True):
    """A stretch that cannot be viewed: ``kind`` gap | erased | missing, and the reason. ``end_utc_ns`` None: ongoing."""

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
    """An event that the camera reported: ``kind`` motion | tamper | signal_loss | digital_input; ``end_utc_ns`` None: ongoing."""

    kind: str
    start_utc_ns: int
    end_utc_ns: int | None


class Activity(msgspec.Struct, frozen=True):
    """The data of an activity strip.

    ``activity``: one byte per bucket, the largest of its seconds on a logarithmic scale of encoded bytes per second (0 nothing,
    12 = 16 B/s, 255 = 40 MB/s); also 0 where nothing was recorded, which ``missing`` distinguishes.
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
    """Events of one kind closer than a bucket are merged."""
    recovered: list[RecordedRow] = []
    """Those of ``recorded`` that were recovered from the camera's own recording."""


class ReadLooks(Read[list[GrantRow]], frozen=True):
    """Return the caller's open looks."""

    spec = ReadSpec("/rules/looks", "")


class ReadPurposes(Read[list[PurposeRow]], frozen=True):
    """Return the list of purposes (P12)."""

    spec = ReadSpec("/rules/purposes", "")
