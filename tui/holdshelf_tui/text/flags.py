"""What was flagged for review, in words."""

from __future__ import annotations

from holdshelf_core.people.types import FlagRow
from holdshelf_tui.text.time_format import day, told_clock, when

FLAG_WORDS = {
    "break_glass": "an imminent-danger look",
    "wandering": "a look that wandered from camera to camera",
    "paper_approval": "an approval on signed paper",
    "key_by_admin": "a key that the admin installed",
    "seat_by_admin": "a seat that the admin named or ended",
    "key_by_seat": "a key that another seat changed",
    "seat_by_seat": "a seat that another seat named or ended",
    "away_by_seat": "an absence that somebody else entered",
    "hold_archived": "a hold that was copied to another disk",
    "log_repaired": "a new access log that was begun",
    "clock_by_admin": "a time that the admin confirmed",
    "counsel_word": "counsel's determination",
    "emergency_release": "a release in an emergency",
    "register_settled": "a register that was corrected from the access log",
    "older_log": "server data older than what was seen before",
    "backup_restored": "a backup that was restored",
    "register_unproven": "a register that the access log could not confirm",
    "media_replaced": "a media disk that was lost and replaced",
    "media_adopted": "a media disk that was adopted after a restore",
}

# Of whose doing: "Review Dora Reed's …".
_DOINGS = {
    "break_glass": "imminent-danger look",
    "wandering": "look that wandered from camera to camera",
    "paper_approval": "approval on signed paper",
    "hold_archived": "copy of a hold to another disk",
    "clock_by_admin": "clock confirmation",
    "counsel_word": "entry of counsel's determination",
    "emergency_release": "release in an emergency",
}


def flag_words(kind: str) -> str:
    """What was flagged, as a person would say it; an unknown kind as it is, with spaces."""
    return FLAG_WORDS.get(kind, kind.replace("_", " "))


def flag_review_words(flag: FlagRow, now_utc_ns: int) -> str:
    """'Review Dora Reed's imminent-danger look of 5:54 pm', with its day when that is over."""
    is_today = day(flag.at_utc_ns) == day(now_utc_ns)
    at = told_clock(flag.at_utc_ns, seconds=False) if is_today else when(flag.at_utc_ns)
    of = f": {flag.note}" if flag.note else ""
    if doing := _DOINGS.get(flag.kind):
        return f"Review {flag.name}'s {doing} of {at}{of}"
    return f"Review {flag_words(flag.kind)}: {flag.name}, {at}{of}"
