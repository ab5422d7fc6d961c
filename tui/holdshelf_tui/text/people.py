"""People, seats, letters of appointment and shares in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdshelf_core.people.types import AppointmentRow, LoginsRow, PersonRow, SeatRow, ShareRow
from holdshelf_tui.text.holds import exact
from holdshelf_tui.text.time_format import date_words, short_date, told_clock, when
from holdshelf_tui.text.words import counted

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
    return "no end set" if end_utc_ns is None else date_words(end_utc_ns - 1)


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
    lines += [f"  key {key.fingerprint} ({key.kind}), since {date_words(key.added_utc_ns)}" for key in person.keys]
    if person.why_not:
        lines.append(f"  {person.why_not}")
    return lines


def seat_cells(seat: SeatRow) -> tuple[str, ...]:
    """Seat, holder, state, from, until."""
    until = seat.ended_utc_ns if seat.ended_utc_ns is not None else seat.end_utc_ns
    return (
        seat.words,
        seat.name,
        STATE_WORDS[seat.state] if seat.away_since_utc_ns is None else f"away, {short_date(seat.away_since_utc_ns)}",
        date_words(seat.start_utc_ns),
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


def shared_lines(shares: Iterable[ShareRow], names: Mapping[str, str]) -> list[str]:
    """What a guest is told of each view that is open: which camera, which time, until when."""
    return [
        f"live pictures of the screen {share.screen}, until {share.ends} each day, "
        f"until {last_day(share.expires_utc_ns)}"
        if share.kind == "live"
        else f"{names.get(share.camera, share.camera)}, {exact(share.start_utc_ns, share.end_utc_ns)}: view only, "
        f"until {last_day(share.expires_utc_ns)}"
        for share in shares
        if share.state == "active"
    ]


def share_cells(share: ShareRow, names: Mapping[str, str]) -> tuple[str, ...]:
    """With whom, which camera, from when, state, expiry."""
    if share.kind == "live":
        return (
            share.name,
            f"screen {share.screen}",
            "live",
            STATE_WORDS.get(share.state, ""),
            last_day(share.expires_utc_ns),
        )
    kind = share.name if share.kind == "view" else f"{share.name} (sheet no. {share.copy})"
    begins = f"{short_date(share.start_utc_ns)}, {told_clock(share.start_utc_ns, seconds=False)}"
    state = STATE_WORDS.get(share.state) or SHEET_WORDS.get(share.state, share.state)
    return (kind, names.get(share.camera, share.camera), begins, state, last_day(share.expires_utc_ns))


def share_lines(share: ShareRow, names: Mapping[str, str], by: str) -> list[str]:
    """What exactly is shared, what for, by whom."""
    if share.kind == "live":
        return [f"The screen {share.screen} shows live pictures until {share.ends} each day", f"given by {by}"]
    what = f"{names.get(share.camera, share.camera)}, {exact(share.start_utc_ns, share.end_utc_ns)}"
    return [what, f"For: {share.purpose}; shared by {by}"]


def last_login_words(logins: LoginsRow | None) -> str:
    """When they were here before; '' when it is not known."""
    if logins is None or logins.before is None:
        return ""
    source = f" from {logins.before.source}" if logins.before.source else ""
    whom = "the admin of this server, and whoever holds a seat"
    return f"You were here before on {when(logins.before.at_utc_ns)}{source}. Not you? Tell {whom}."
