"""The first day: what leads from an empty server to one in use, in order. Each step ticks itself off; none comes back.

Pure. What it is made from are reads that the admin and every seat may make.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from holdshelf_core.acts import Read
from holdshelf_core.api.types import ReadStatus, Status
from holdshelf_core.cameras.checklist_types import ReadChecklist, SubjectRow
from holdshelf_core.cameras.commission_types import EntranceRow, ReadEntrances
from holdshelf_core.people.board_types import (
    AdoptedRow,
    BoardSetting,
    PolicyLists,
    PolicyRole,
    ReadBoard,
    ReadPolicy,
    ReadPolicyLists,
)
from holdshelf_core.people.types import ReadSeats, SeatRow
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.numbering import renumbered

ADMIN, SEAT = "admin", "seat"
READS: Final[tuple[Read[Any], ...]] = (
    ReadStatus(),
    ReadSeats(),
    ReadBoard(),
    ReadPolicy(),
    ReadEntrances(),
    ReadChecklist(),
    ReadPolicyLists(),
)
"""In the order of `FirstDayFacts`."""


@dataclass(frozen=True, slots=True)
class FirstDayFacts:
    """What the service says now."""

    status: Status
    seats: Sequence[SeatRow]
    board: Sequence[BoardSetting]
    policy: AdoptedRow
    entrances: Sequence[EntranceRow]
    checklist: Sequence[SubjectRow]
    lists: PolicyLists

    def setting(self, key: str) -> Any:
        """A setting of the Board; None: there is none of that name."""
        return next((row.value for row in self.board if row.key == key), None)


@dataclass(frozen=True, slots=True)
class Step:
    """One step. ``who`` may do it: `ADMIN`, `SEAT`. ``tab`` and ``key``: where, on the screens; ``command``: without them."""

    id: str
    words: str
    why: str
    who: tuple[str, ...]
    tab: str
    key: str
    command: str
    is_done: Callable[[FirstDayFacts], bool]


def _is_reviewed(facts: FirstDayFacts) -> bool:
    points = [point for row in facts.checklist if row.kind == "house" for point in row.points]
    return any(point.id == "board-review" and point.seen_utc_ns is not None for point in points)


def _seconds(lists: PolicyLists) -> list[PolicyRole]:
    """Roles with holders that can be the second person beside the first."""
    counted = {*lists.second.get("release.approve", ()), *lists.second.get("hold.lift", ())}
    return [role for role in lists.roles if not role.on_paper and role.key in counted and role.words != lists.first]


def _in_use(facts: FirstDayFacts) -> bool:
    return any(camera.commission in ("approved", "retired") for camera in facts.status.cameras)


_STEPS: tuple[Step, ...] = (
    Step(
        "cameras",
        "Add the cameras",
        "Recording begins at once; nobody can look yet.",
        (ADMIN,),
        "add",
        "",
        "holdshelf camera add --all-discovered",
        lambda facts: bool(facts.status.cameras),
    ),
    Step(
        "director",
        "Name the {first}",
        "You need their public key. `holdshelf person invite LOGIN` prints a card that shows them how to make it.",
        (ADMIN,),
        "people",
        "people",
        "holdshelf seat name {first_key} --person LOGIN --name NAME --key FILE",
        lambda facts: any(seat.seat == key for seat in facts.seats for key, _ in facts.lists.seats[:1]),
    ),
    Step(
        "library",
        "Say the library's name",
        "Every paper, sign and picture carries it.",
        (SEAT,),
        "people",
        "library",
        "holdshelf board set library NAME --why REASON",
        lambda facts: bool(facts.setting("library")),
    ),
    Step(
        "contact",
        "Say whom the public asks",
        "A name, phone number or email address, on every paper (P19).",
        (SEAT,),
        "people",
        "contact",
        "holdshelf board set contact WORDS --why REASON",
        lambda facts: bool(facts.setting("contact")),
    ),
    Step(
        "policy",
        "Adopt the policy, and say how the statute is treated",
        "The Board's own text, printed word for word (P17, P20), and the statute's check of a release (P13).",
        (ADMIN, SEAT),
        "people",
        "policy",
        "holdshelf policy adopt FILE --version NAME --adopted-on DAY",
        lambda facts: bool(facts.policy.sha256),
    ),
    Step(
        "second",
        "Name a second person: the {second}",
        "Releasing footage and lifting a hold each take two people (P13, P16), unless the Board decides otherwise.",
        (SEAT,),
        "people",
        "seats",
        "holdshelf seat name {second_key} --person LOGIN --name NAME",
        lambda facts: (
            len({seat.seat for seat in facts.seats}) > 1
            or not _seconds(facts.lists)
            or (facts.setting("second_person_lift") is False and facts.setting("second_person_release") is False)
        ),
    ),
    Step(
        "entrances",
        "Register each entrance and attest its sign",
        "Until every sign is attested, or waived for some days, no camera can be approved (P3).",
        (SEAT,),
        "papers",
        "entrances",
        "holdshelf entrance add NAME",
        lambda facts: _in_use(facts) or (bool(facts.entrances) and all(entrance.ready for entrance in facts.entrances)),
    ),
    Step(
        "commission",
        "Bring the cameras into use",
        "Masks, a reference still, approval (P4, P6). From then on a recording can be looked at, for a reason.",
        (SEAT,),
        "cameras",
        "",
        "holdshelf camera commission CAMERA",
        _in_use,
    ),
    Step(
        "review",
        "Go through the Board's settings, and attest the review",
        "Check the Board's settings under People, such as days until a hold's review. Then check off house.board-review.",
        (SEAT,),
        "people",
        "second_person_lift",
        "holdshelf board show, then holdshelf checklist enter house.board-review",
        _is_reviewed,
    ),
)


@dataclass(frozen=True, slots=True)
class FirstDay:
    """The steps, each with whether it is done."""

    steps: Sequence[tuple[Step, bool]]

    @property
    def done(self) -> int:
        """How many of the steps are done."""
        return sum(done for _, done in self.steps)

    @property
    def is_over(self) -> bool:
        """All of it is done: the server is in use."""
        return self.done == len(self.steps)

    def next_for(self, who: str) -> Step | None:
        """The first that is not done and is theirs: `ADMIN` or `SEAT`."""
        return next((step for step, done in self.steps if not done and who in step.who), None)


def told(lists: PolicyLists) -> list[Step]:
    """The steps, with the policy's roles and clauses."""
    seconds = _seconds(lists)
    words = {
        "first": lists.first,
        "first_key": next((key for key, _ in lists.seats), "ROLE"),
        "second": listed([role.short for role in seconds], "or the") or "one who decides",
        "second_key": next((role.key for role in seconds), "ROLE"),
    }
    return [
        replace(
            step,
            words=own_board(step.words).format(**words),
            why=own_board(renumbered(step.why)),
            command=step.command.format(**words),
        )
        for step in _STEPS
    ]


def first_day(facts: FirstDayFacts) -> FirstDay:
    """How far it is."""
    return FirstDay([(step, step.is_done(facts)) for step in told(facts.lists)])


def who_words(step: Step) -> str:
    """'the admin', 'those who hold a seat', or both."""
    words = {ADMIN: "the admin", SEAT: "those who hold a seat"}
    return " or ".join(words[who] for who in step.who)


def progress_words(day: FirstDay) -> str:
    """'3 of 9 steps are done'."""
    return f"{day.done} of {len(day.steps)} steps {'is' if day.done == 1 else 'are'} done"


def over_words(day: FirstDay, who: str) -> str:
    """What comes next, or that this server is in use."""
    if day.is_over:
        return "All steps are done: this server is in use."
    step = day.next_for(who)
    if step is not None:
        return f"Next for you: {step.words}."
    other = next(step for step, done in day.steps if not done)
    return f"Next: {other.words}. That is for {who_words(other)}."
