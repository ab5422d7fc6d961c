"""People, seats, letters of appointment and shares in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from holdshelf_core.api.types_people import AppointmentRow, PersonRow, SeatRow, ShareRow
from holdshelf_tui.hold_words import exact
from holdshelf_tui.words import counted, moment

SEATS = (("director", "Library Director"), ("chair", "Chair of the Library Board"), ("mayor", "Mayor"))
SEAT_WORDS = dict(SEATS)
RIGHTS = (
    ("live", "live: look at live pictures"),
    ("archive", "archive: look at recordings"),
    ("hold", "hold: place holds"),
    ("share", "share: share a recording, view only"),
    ("release", "release: request releases"),
    ("commission", "commission: masks, signs, cameras for use"),
)
STATE_WORDS = {"active": "in force", "coming": "yet to begin", "ended": "ended"}
SHEET_WORDS = {"out": "to be given back", "overdue": "OVERDUE", "back": "given back"}
"""Of a printed still."""


def last_day(end_utc_ns: int | None) -> str:
    """The last day before that instant; 'no end set'."""
    return "no end set" if end_utc_ns is None else moment(end_utc_ns - 1).strftime("%b %-d, %Y")


def until_words(end_utc_ns: int | None) -> str:
    """'until Dec 31, 2026', 'no end set'."""
    return last_day(end_utc_ns) if end_utc_ns is None else f"until {last_day(end_utc_ns)}"


def is_words(person: PersonRow) -> str:
    """What a person is here now, or why nothing."""
    if person.left_utc_ns is not None:
        return "has left"
    active = [role.words for role in person.roles if role.state == "active"]
    return ", ".join(active) or (person.why_not or "enrolled; no right now")


def keys_words(person: PersonRow) -> str:
    """'1 key', 'no key yet'."""
    if person.keys:
        return counted(len(person.keys), "key")
    return f"account {person.account}" if person.account else "no key yet"


def person_lines(person: PersonRow) -> list[str]:
    """What the register knows of a person."""
    lines = [f"{person.name}, logs in as {person.login}" + (f", {person.email}" if person.email else "")]
    lines += [f"  {role.words}: {STATE_WORDS[role.state]}, {until_words(role.end_utc_ns)}" for role in person.roles]
    lines += [f"  key {key.fingerprint} ({key.kind}), since {last_day(key.added_utc_ns + 1)}" for key in person.keys]
    if person.why_not:
        lines.append(f"  {person.why_not}")
    return lines


def seat_cells(seat: SeatRow) -> tuple[str, ...]:
    """Seat, holder, state, from, until."""
    until = seat.ended_utc_ns if seat.ended_utc_ns is not None else seat.end_utc_ns
    return (
        SEAT_WORDS.get(seat.seat, seat.seat),
        seat.name,
        STATE_WORDS[seat.state],
        last_day(seat.start_utc_ns + 1),
        last_day(until),
    )


def cameras_words(cameras: Sequence[str] | None, names: Mapping[str, str]) -> str:
    """'all cameras', or their names."""
    return "all cameras" if cameras is None else ", ".join(names.get(camera, camera) for camera in cameras) or "none"


def letter_cells(letter: AppointmentRow, names: Mapping[str, str]) -> tuple[str, ...]:
    """Person, rights, cameras, state, last day."""
    return (
        letter.name,
        ", ".join(letter.rights),
        cameras_words(letter.cameras, names),
        STATE_WORDS[letter.state],
        last_day(letter.end_utc_ns),
    )


def share_cells(share: ShareRow, names: Mapping[str, str]) -> tuple[str, ...]:
    """With whom, what, state, expiry."""
    kind = share.name if share.kind == "view" else f"{share.name} (sheet no. {share.copy})"
    what = f"{names.get(share.camera, share.camera)}, {exact(share.start_utc_ns, share.end_utc_ns)}"
    state = STATE_WORDS.get(share.state) or SHEET_WORDS.get(share.state, share.state)
    return (kind, what, state, last_day(share.expires_utc_ns))
