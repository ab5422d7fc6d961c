"""What waits for the person who sits here: a second person's word, reviews that are due, signs to be looked at.

Only what they can do something about. It is gathered from the same views that the tabs show; the service decides anew
whenever it is acted on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.cameras.checklist_types import ReadChecklist, SubjectRow
from holdshelf_core.cameras.commission_types import EntranceRow, ReadEntrances
from holdshelf_core.holds.types import HoldListAsk, HoldRow
from holdshelf_core.people.types import FlagRow, ReadFlags
from holdshelf_core.policy.governing import own_board
from holdshelf_core.releases.types import ReleaseListAsk, ReleaseRow
from holdshelf_core.reports.report_types import KeptReports, ReadReports
from holdshelf_tui.session.link import Link, Who
from holdshelf_tui.text.first_day import (
    ADMIN,
    READS,
    SEAT,
    FirstDay,
    FirstDayFacts,
    first_day,
    over_words,
    progress_words,
)
from holdshelf_tui.text.flags import flag_review_words
from holdshelf_tui.text.holds import review_words, stops_soon, stops_words
from holdshelf_tui.text.people import last_day
from holdshelf_tui.text.releases import AWAITED, answer_words
from holdshelf_tui.text.time_format import DAY_NS, quarter_words

ENDS_SOON_DAYS = 14
ANSWER_SOON_DAYS = 3
READY = "report:"
"""Before a quarter, where a duty is its report."""
TICKS = "checklist"
"""Key of the duty that is done by entering ticks of the checklist."""
ENTRANCES = "entrances"
"""Key of the first day's step that registers entrances and attests their signs."""
FIRST_DAY = "first-day"
"""In place of a tab: the list of the first day, which leads on."""


@dataclass(frozen=True, slots=True)
class Duty:
    """``tab`` and ``key``: where it is done."""

    tab: str
    key: str
    words: str


async def async_first_day(link: Link) -> FirstDay:
    """How far the first day is. Raises HoldshelfError."""
    return first_day(FirstDayFacts(*[await link.read(asked) for asked in READS]))


def first_day_duties(day: FirstDay, who: Who) -> list[Duty]:
    """One, until everything is done; who cannot do the next step is told who can."""
    if day.is_over:
        return []
    words = over_words(day, ADMIN if who.admin else SEAT)
    return [Duty(FIRST_DAY, "", f"The first day: {progress_words(day)}. {words}")]


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits, by kind. ``complete``: each kind was answered just now."""

    kinds: Mapping[str, list[Duty]]
    complete: bool = True

    @property
    def duties(self) -> list[Duty]:
        """As one list, what waits longest first within its kind."""
        return [duty for duties in self.kinds.values() for duty in duties]


NOTHING = Waiting({}, complete=False)


async def async_gather(link: Link, who: Who, *, now_utc_ns: int, known: Waiting = NOTHING) -> Waiting:
    """Ask for all of it. Raises Unreachable.

    ``known``: the answer before. A kind that cannot be asked now stays as it was known, and a first day that is over is not asked
    for again.
    """
    found: dict[str, list[Duty]] = {}
    complete = True
    for kind, ask in _kinds(link, who, now_utc_ns).items():
        before = known.kinds.get(kind)
        if kind == FIRST_DAY and before == []:
            found[kind] = before
            continue
        try:
            found[kind] = await ask()
        except Unreachable:
            raise
        except HoldshelfError:
            complete = False
            if before is not None:
                found[kind] = before
    return Waiting(found | {"appointments": _ending(who, now_utc_ns)}, complete)


def _kinds(link: Link, who: Who, now_utc_ns: int) -> dict[str, Callable[[], Awaitable[list[Duty]]]]:
    """What may wait for them, in the order of the list, and how it is asked for."""
    asked: dict[str, Callable[[], Awaitable[list[Duty]]]] = {}

    async def day() -> list[Duty]:
        return first_day_duties(await async_first_day(link), who)

    async def holds() -> list[Duty]:
        answer = await link.act(HoldListAsk(refresh=True, most=0))
        return room_duties(answer.recording_stops_days, who) + hold_duties(answer.holds, who)

    async def releases() -> list[Duty]:
        answer = await link.act(ReleaseListAsk(refresh=True))
        return release_duties(
            answer.releases, who, now_utc_ns=now_utc_ns, takes_another="release.approve" not in link.policy.alone
        )

    async def flags() -> list[Duty]:
        return flag_duties(await link.read(ReadFlags(only_open=True)), who, now_utc_ns=now_utc_ns)

    async def reports() -> list[Duty]:
        return report_duties(await link.read(ReadReports()))

    async def entrances() -> list[Duty]:
        return entrance_duties(await link.read(ReadEntrances()))

    async def checklist() -> list[Duty]:
        return checklist_duties(await link.read(ReadChecklist()), who)

    if who.seat or who.admin:
        asked[FIRST_DAY] = day
    if who.person is None:
        return asked
    asked |= {"holds": holds} if who.may("hold.see") else {}
    asked |= {"releases": releases} if who.may("release.see") else {}
    asked |= {"flags": flags} if who.may("flag.review") else {}
    asked |= {"reports": reports} if who.may("report.see") else {}
    asked |= {ENTRANCES: entrances} if who.may("entrance.attest") else {}
    return asked | ({TICKS: checklist} if who.may("checklist.enter") else {})


def room_duties(stops_days: float | None, who: Who) -> list[Duty]:
    """That what is on hold will fill the disk: to whoever can have holds lifted. The admin has a repair for it."""
    if not stops_soon(stops_days) or not who.may("hold.lift"):
        return []
    words = f"{stops_words(stops_days)} Lift what is no longer needed, or have the admin give more room"
    return [Duty("holds", "", words)]


def hold_duties(holds: Iterable[HoldRow], who: Who) -> list[Duty]:
    """Lifts that wait for another word than the asker's, and reviews that are overdue."""
    me = who.person.id if who.person is not None else ""
    found = []
    for hold in holds:
        if hold.state == "lifting" and who.may("hold.lift.approve") and hold.lift_by != me:
            asker = hold.lift_by_name or "Somebody"
            which = f"{hold.id}, no. {hold.reference}"
            found.append(Duty("holds", hold.id, f"{asker} asks to lift {which}: approve or refuse"))
    for hold in holds:
        if hold.overdue and "hold" in who.rights:
            found.append(Duty("holds", hold.id, f"Review of {hold.id}, no. {hold.reference}, is {review_words(hold)}"))
    return found


def report_duties(kept: KeptReports) -> list[Duty]:
    """The latest quarter's report, until this person has seen it."""
    return [
        Duty(
            "papers",
            f"{READY}{row.quarter}",
            f"The report for the {quarter_words(row.quarter)} {own_board('is ready for the Board')}",
        )
        for row in kept.reports[:1]
        if not row.read
    ]


def release_duties(
    releases: Iterable[ReleaseRow], who: Who, *, now_utc_ns: int, takes_another: bool = True
) -> list[Duty]:
    """Releases that wait for the word of whoever approves, another than the asker if it ``takes_another``; one's own of which
    nobody said whether others are seen; and those whose answer is due."""
    me = who.person.id if who.person is not None else ""
    rows = list(releases)
    own = [
        Duty("releases", row.id, f"Are other people seen in {row.id}{_number(row)}? Say so, or mask them")
        for row in rows
        if row.state == "requested" and row.requested_by == me and row.needs_others
    ]
    soon = now_utc_ns + ANSWER_SOON_DAYS * DAY_NS
    decides = who.may("release.approve")
    own += [
        Duty("releases", row.id, f"{row.id}{_number(row)}: {answer_words(row)}")
        for row in rows
        if row.due_utc_ns is not None
        and row.state in AWAITED
        and row.due_utc_ns <= soon
        and (decides or row.requested_by == me)
    ]
    if not decides:
        return own
    return own + [
        Duty(
            "releases",
            row.id,
            f"{row.requested_by_name} requests the release {row.id}{_number(row)}: "
            f"{'see whether others are in it, then ' if row.needs_others else ''}approve or refuse",
        )
        for row in rows
        if row.state == "requested" and (row.requested_by != me or not takes_another)
    ]


def _number(row: ReleaseRow) -> str:
    return f", no. {row.reference}" if row.reference else ""


def flag_duties(flags: Iterable[FlagRow], who: Who, *, now_utc_ns: int) -> list[Duty]:
    """Flagged acts of others that this person has not reviewed yet."""
    me = who.person.id if who.person is not None else ""
    return [
        Duty("log", flag.id, flag_review_words(flag, now_utc_ns))
        for flag in sorted(flags, key=lambda row: row.at_utc_ns)
        if flag.open and me not in (flag.person, flag.about) and me not in flag.reviewed_by
    ]


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
    soon = now_utc_ns + ENDS_SOON_DAYS * DAY_NS
    return [
        Duty("people", role.id, f"Your time as {role.words} ends on {last_day(role.end_utc_ns)}")
        for role in who.person.roles
        if role.state == "active" and role.end_utc_ns is not None and role.end_utc_ns < soon
    ]
