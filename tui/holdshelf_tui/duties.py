"""What waits for the person who sits here: a second person's word, reviews that are due, signs to be looked at.

Only what they can do something about. It is gathered from the same views that the tabs show; the service decides anew
whenever it is acted on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.paper_report import KeptReports
from holdshelf_core.api.types_checklist import SubjectRow
from holdshelf_core.api.types_commission import EntranceRow
from holdshelf_core.api.types_holds import HoldList, HoldListAsk, HoldRow
from holdshelf_core.api.types_people import FlagRow
from holdshelf_core.api.types_releases import ReleaseList, ReleaseListAsk, ReleaseRow
from holdshelf_tui.hold_words import review_words
from holdshelf_tui.link import Link, Who
from holdshelf_tui.papers.report_words import quarter_words
from holdshelf_tui.words import NS, day, moment, told_clock, when

ENDS_SOON_DAYS = 14
READY = "report:"
"""Before a quarter, where a duty is its report."""
TICKS = "checklist"
"""Key of the duty that is done by entering ticks of the checklist."""
FLAG_WORDS = {
    "break_glass": "a look at once, in imminent danger",
    "wandering": "a look that wandered from camera to camera",
    "paper_approval": "an approval on signed paper",
    "key_by_admin": "a key that the admin installed",
    "seat_by_admin": "a seat that the admin named or ended",
    "key_by_seat": "a key that another seat changed",
    "seat_by_seat": "a seat that another seat named or ended",
    "hold_archived": "a hold that was copied to another disk",
    "log_repaired": "an access log that was begun anew",
    "clock_by_admin": "a time that the admin confirmed",
    "counsel_word": "counsel's determination",
    "emergency_release": "a release in an emergency",
}


# Of whose doing: "Review Dora Reed's …".
_DOINGS = {
    "break_glass": "imminent-danger look",
    "wandering": "look that wandered from camera to camera",
    "paper_approval": "approval on signed paper",
    "hold_archived": "copy of a hold to another disk",
    "clock_by_admin": "word on the time",
    "counsel_word": "entry of counsel's determination",
    "emergency_release": "release in an emergency",
}


@dataclass(frozen=True, slots=True)
class Duty:
    """``tab`` and ``key``: where it is done."""

    tab: str
    key: str
    words: str


def flag_words(kind: str) -> str:
    """What was flagged."""
    return FLAG_WORDS.get(kind, kind.replace("_", " "))


async def async_gather(link: Link, who: Who, *, now_utc_ns: int) -> list[Duty]:
    """All of it, what waits longest first within its kind. What cannot be asked now is left out. Raises Unreachable."""
    duties: list[Duty] = []
    if who.person is None:
        return duties
    if who.seat or who.designee:
        with _left_out():
            answer = await link.act("hold.list", HoldListAsk(), HoldList)
            duties += hold_duties(answer.holds, who)
    if who.seat:
        with _left_out():
            releases = await link.act("release.list", ReleaseListAsk(), ReleaseList)
            duties += release_duties(releases.releases, who)
        with _left_out():
            flags = await link.get("/rules/flags", list[FlagRow])
            duties += flag_duties(flags, who, now_utc_ns=now_utc_ns)
        with _left_out():
            duties += report_duties(await link.get("/rules/reports", KeptReports))
    if who.seat or "commission" in who.rights:
        with _left_out():
            duties += entrance_duties(await link.get("/rules/entrances", list[EntranceRow]))
        with _left_out():
            duties += checklist_duties(await link.get("/rules/checklist", list[SubjectRow]), who)
    return [*duties, *_ending(who, now_utc_ns)]


@contextlib.contextmanager
def _left_out() -> Iterator[None]:
    try:
        yield
    except Unreachable:
        raise
    except HoldshelfError:
        pass


def hold_duties(holds: Iterable[HoldRow], who: Who) -> list[Duty]:
    """Lifts that wait for another word than the asker's, and reviews that are overdue."""
    me = who.person.id if who.person is not None else ""
    found = []
    for hold in holds:
        if hold.state == "lifting" and who.seat and hold.lift_by != me:
            asker = hold.lift_by_name or "Somebody"
            found.append(Duty("holds", hold.id, f"{asker} asks for {hold.id} to be lifted: approve or refuse"))
    for hold in holds:
        if hold.overdue and "hold" in who.rights:
            found.append(Duty("holds", hold.id, f"Review of {hold.id} is {review_words(hold)}"))
    return found


def report_duties(kept: KeptReports) -> list[Duty]:
    """The latest quarter's report, until this person has seen it."""
    return [
        Duty(
            "papers", f"{READY}{row.quarter}", f"The report for the {quarter_words(row.quarter)} is ready for the Board"
        )
        for row in kept.reports[:1]
        if not row.read
    ]


def release_duties(releases: Iterable[ReleaseRow], who: Who) -> list[Duty]:
    """Releases that wait for another word than the asker's."""
    me = who.person.id if who.person is not None else ""
    return [
        Duty("releases", row.id, f"{row.requested_by_name} requests the release {row.id}: approve or refuse")
        for row in releases
        if row.state == "requested" and row.requested_by != me
    ]


def flag_duties(flags: Iterable[FlagRow], who: Who, *, now_utc_ns: int) -> list[Duty]:
    """Flagged acts of others that this person has not reviewed yet."""
    me = who.person.id if who.person is not None else ""
    return [
        Duty("log", flag.id, _review_words(flag, now_utc_ns))
        for flag in sorted(flags, key=lambda row: row.at_utc_ns)
        if flag.open and me not in (flag.person, flag.about) and me not in flag.reviewed_by
    ]


def _review_words(flag: FlagRow, now_utc_ns: int) -> str:
    """'Review Dora Reed's imminent-danger look of 5:54 pm', with its day when that is over."""
    is_today = day(flag.at_utc_ns) == day(now_utc_ns)
    at = told_clock(flag.at_utc_ns, seconds=False) if is_today else when(flag.at_utc_ns)
    if doing := _DOINGS.get(flag.kind):
        return f"Review {flag.name}'s {doing} of {at}"
    return f"Review {flag_words(flag.kind)}: {flag.name}, {at}"


def entrance_duties(entrances: Iterable[EntranceRow]) -> list[Duty]:
    """Signs that somebody should look at."""
    words = {
        "check due": "its check is due",
        "defect": "it has a defect",
        "not attested": "nobody has attested it yet",
        "waiver ended": "the time without a sign is over",
    }
    return [
        Duty("papers", row.id, f"Sign at {row.name}: {words[row.state]}") for row in entrances if row.state in words
    ]


def checklist_duties(rows: Iterable[SubjectRow], who: Who) -> list[Duty]:
    """Cameras, and for a seat the house, that are due on the checklist or have a defect. Signs are told one by one."""
    cameras = [row.name for row in rows if row.kind == "camera" and row.due]
    house = [
        f"house.{point.id}" for row in rows if row.kind == "house" and who.seat for point in row.points if point.due
    ]
    found = []
    for names, words in ((cameras, "Walk with the checklist"), (house, "On the checklist")):
        if names:
            more = f" and {len(names) - 2} more" if len(names) > 2 else ""
            found.append(Duty("papers", TICKS, f"{words}: {', '.join(names[:2])}{more}"))
    return found


def _ending(who: Who, now_utc_ns: int) -> list[Duty]:
    if who.person is None:
        return []
    soon = now_utc_ns + ENDS_SOON_DAYS * 86_400 * NS
    return [
        Duty("people", role.id, f"Your time as {role.words} ends on {moment(role.end_utc_ns).strftime('%b %-d, %Y')}")
        for role in who.person.roles
        if role.state == "active" and role.end_utc_ns is not None and role.end_utc_ns < soon
    ]
