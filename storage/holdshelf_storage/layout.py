"""Names on disk: cameras, days, segments, and the times they say. Pure, without I/O.

    footage/CAMERA/open/SEQ.mp4                        being written
    footage/CAMERA/YYYY-MM-DD/SEQ_HHMMSS.mmmZ.mp4      closed; day and time of day are those of its start, UTC

    shelf/HOLD/CAMERA/YYYY-MM-DD/SEQ_….mp4         a second name of a held segment

SEQ has ten digits or more, so that names sort as numbers do. Clocks may be absurd (a recorder whose battery is
flat starts in 1970): every time between the years 1 and 9999 has a name, others are moved to the nearest.
"""

import datetime as dt
import re

from holdshelf_storage import units
from holdshelf_storage.errors import BadCameraId, FootageError

FOOTAGE = "footage"
SHELF = "shelf"
OPEN = "open"
JOURNAL = "journal.jsonl"
SUMS = "SHA256SUMS"
LATEST = "latest"
HOLD_FILE = "hold.json"
ARCHIVE_FILE = "archive.json"
GONE_FILE = "gone.jsonl"

NS, DAY_NS = units.NS, units.DAY_NS
MAX_TIME_NS = 2**63 - 1
"""Times and durations are stored as integers that fit 64 bits signed: years 1678 to 2262."""
LONGEST_SEGMENT_NS = 900 * NS
"""Longer than any segment can be."""
MAX_SEQUENCE = 10**18 - 1

_CAMERA = re.compile(r"[a-z0-9][a-z0-9-]{0,63}", re.ASCII)
_HOLD = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SEGMENT = re.compile(r"(\d{10,18})_(\d\d)(\d\d)(\d\d)\.(\d{3})Z\.mp4", re.ASCII)
_OPEN = re.compile(r"(\d{10,18})\.mp4", re.ASCII)
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()
_LAST_ORDINAL = dt.date.max.toordinal()


def is_camera(name: str) -> bool:
    """Whether `name` is a camera id: 1 to 64 of a–z, 0–9 and -, not starting with -."""
    return _CAMERA.fullmatch(name) is not None


def check_camera(camera: str) -> str:
    """Return `camera` itself. Raises BadCameraId when it is not safe as a folder name."""
    if not isinstance(camera, str) or not is_camera(camera):
        raise BadCameraId(
            f"{camera!r:.80} is not a camera id; use 1 to 64 lower-case letters, digits and hyphens, not starting with a hyphen."
        )
    return camera


def check_time_ns(value_ns: int, what: str) -> int:
    """Return `value_ns` itself. Raises FootageError when it does not fit a signed 64-bit count of nanoseconds."""
    if not -MAX_TIME_NS <= value_ns <= MAX_TIME_NS:
        raise FootageError(f"{what} is {value_ns} ns, which is not a time; report this as a bug.")
    return value_ns


def is_day(name: str) -> bool:
    """Whether `name` is the name of a day's folder."""
    return _DAY.fullmatch(name) is not None


def day_of(utc_ns: int) -> str:
    """The UTC day, YYYY-MM-DD, of `utc_ns`."""
    ordinal = min(max(_EPOCH_ORDINAL + utc_ns // DAY_NS, 1), _LAST_ORDINAL)
    return dt.date.fromordinal(ordinal).isoformat()


def day_start_ns(day: str) -> int:
    """UTC nanoseconds of a day's first instant; 1970-01-01's for a name that is no date (2026-02-31)."""
    try:
        return (dt.date.fromisoformat(day).toordinal() - _EPOCH_ORDINAL) * DAY_NS
    except ValueError:
        return 0


def segment_name(seq: int, start_utc_ns: int) -> str:
    """The name of a closed segment in its day."""
    ms = start_utc_ns % DAY_NS // 1_000_000
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{seq:010d}_{hours:02d}{minutes:02d}{seconds:02d}.{ms:03d}Z.mp4"


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """(sequence, nanoseconds since the start of its day) of a closed segment's name; None for another name."""
    match = _SEGMENT.fullmatch(name)
    if match is None:
        return None
    seq, hours, minutes, seconds, ms = map(int, match.groups())
    return seq, ((hours * 60 + minutes) * 60 + seconds) * NS + ms * 1_000_000


def open_name(seq: int) -> str:
    """The name of an open segment in its camera's `open` folder."""
    return f"{seq:010d}.mp4"


def parse_open_name(name: str) -> int | None:
    """The sequence in an open segment's name; None for another name."""
    match = _OPEN.fullmatch(name)
    return int(match.group(1)) if match else None


def camera_path(camera: str) -> str:
    """The camera's folder below MEDIA."""
    return f"{FOOTAGE}/{camera}"


def open_path(camera: str, seq: int) -> str:
    """An open segment's path below MEDIA."""
    return f"{FOOTAGE}/{camera}/{OPEN}/{open_name(seq)}"


def day_path(camera: str, day: str) -> str:
    """A camera-day's folder below MEDIA."""
    return f"{FOOTAGE}/{camera}/{day}"


def is_hold(name: str) -> bool:
    """Whether `name` can be the id of a hold: 1 to 40 letters, digits and hyphens, beginning with no hyphen."""
    return _HOLD.fullmatch(name) is not None


def hold_path(hold: str) -> str:
    """A hold's folder below MEDIA. Raises FootageError when the id is not safe as a folder name."""
    if not is_hold(hold):
        raise FootageError(f"{hold!r:.60} is not a hold id; use 1 to 40 letters, digits and hyphens.")
    return f"{SHELF}/{hold}"


def shelf_day_path(hold: str, camera: str, day: str) -> str:
    """A hold's folder of one camera-day below MEDIA."""
    return f"{hold_path(hold)}/{check_camera(camera)}/{day}"


def clock_words(utc_ns: int) -> str:
    """'2026-11-24 14:00:00 UTC', for sentences."""
    day = day_of(utc_ns)
    seconds = (utc_ns - day_start_ns(day)) // NS
    return f"{day} {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d} UTC"
