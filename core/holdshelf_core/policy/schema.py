"""The policy file's tables and their fields, as msgspec reads them. What they mean together is checked by ``check``.

Words are tables by language: ``words.en = "Library Director"``. References are keys of the file's own rows, or of the kernel's
lists (acts, rights, duties, areas).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

type ByLanguage = dict[str, str]
type LengthOfTime = Annotated[
    str, msgspec.Meta(description="a length of time", examples=["72 hours", "5 business days"])
]
"""A length of time, as ``lengths`` reads it."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: an unknown field is a mistake, never ignored."""


class Contact(_Table, frozen=True):
    """Whom anybody may ask about the cameras."""

    title: ByLanguage
    """Of a position, not a person's name."""
    address: str
    telephone: str


class Library(_Table, frozen=True):
    """Whose policy it is, and how its papers are written."""

    name: str
    board: ByLanguage = {}
    """What the library calls the body that governs it, with its article; {} for 'the Board'."""
    languages: tuple[str, ...] = ("en",)
    """The first one is that of the screens and of what has no words in another."""
    page: Literal["letter", "a4"] = "letter"
    dates: Literal["mdy", "dmy", "ymd"] = "mdy"
    clock: Literal[12, 24] = 12
    length: Literal["ft", "m"] = "ft"
    closing: str = ""
    """When the library closes, as 20:00: then screens end that end with closing."""
    closed: tuple[str, ...] = ("saturday", "sunday")
    """What is no business day: days of the week, and dates (2026-12-25, or 12-25 of each year)."""
    authority: ByLanguage = {}
    """Under which law the cameras record, as the sign says it."""
    purposes: ByLanguage = {}
    """What the cameras are for, as the sign says it."""
    contact: Contact | None = None


class Clause(_Table, frozen=True):
    """One clause in the library's own numbering. ``duty``: the kernel's duty that it states, or several; '' for none."""

    id: str
    says: ByLanguage
    duty: str | tuple[str, ...] = ""
    title: ByLanguage = {}
    alone: ByLanguage = {}
    """What it says in place of that where the Board has one person do what takes two."""

    @property
    def duties(self) -> tuple[str, ...]:
        """Each duty that it states."""
        return (self.duty,) if isinstance(self.duty, str) and self.duty else tuple(self.duty)


class StandsIn(_Table, frozen=True):
    """For whom a role acts, and after how long an absence."""

    role: str = msgspec.field(name="for")
    after: LengthOfTime = ""
    """A length; '' for as soon as the absence is entered."""


class Role(_Table, frozen=True):
    """A position. Its holders have terms; with ``on_paper`` it has none here, and acts by signed paper only."""

    key: str
    words: ByLanguage
    short: ByLanguage = {}
    """Where several are listed: "the Director, Chair or Mayor"; as ``words`` where it is not given."""
    rights: tuple[str, ...] = ()
    decides: tuple[str, ...] = ()
    """Acts that it decides: ``release.approve``, ``hold.lift``, …"""
    receives: tuple[str, ...] = ()
    """What it takes and passes on to whoever decides."""
    stands_in: StandsIn | None = None
    classes: tuple[str, ...] = ()
    """Classes of camera it is bound to; () for all."""
    shift: LengthOfTime = ""
    """How long a live look of its holder goes on: watching is its duty. '' for the Board's minutes, as of everybody."""
    on_paper: bool = False
    speaks_for_board: bool = False


class Steps(_Table, frozen=True):
    """What stands before an act, and the clause that asks for it."""

    steps: tuple[str, ...]
    clause: str = ""


class CameraClass(_Table, frozen=True):
    """A class of camera, by the kinds of place that belong to it."""

    key: str
    places: tuple[str, ...]
    words: ByLanguage = {}


class Place(_Table, frozen=True):
    """A kind of place: permitted, or private beside the kernel's own."""

    key: str
    words: ByLanguage
    private: bool = False
    note: bool = False
    """Which and why must be said."""


class Purpose(_Table, frozen=True):
    """What somebody may look, share or hold for."""

    key: str
    words: ByLanguage
    short: ByLanguage = {}
    """Beside a bar of the quarterly report; as ``words``, cut, where it is not given."""
    clause: str = ""
    uses: tuple[Literal["look", "share"], ...] = msgspec.field(default=("look",), name="for")
    roles: tuple[str, ...] = ()
    """Who may have it; () for all who may look."""
    classes: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


class Keeping(_Table, frozen=True):
    """How long footage is kept, beside the room there is."""

    at_least: LengthOfTime = ""
    at_most: LengthOfTime = ""


class Ground(_Table, frozen=True):
    """What somebody may place a hold on."""

    key: str
    words: ByLanguage
    clause: str = ""
    at_most: LengthOfTime = ""
    """Its hold's last day; '' until it is lifted."""


class AnswerBy(_Table, frozen=True):
    """When a request must be answered."""

    answer: LengthOfTime
    once_more: LengthOfTime = ""


class Basis(_Table, frozen=True):
    """What a release rests on: from whom, with which paper, through which steps."""

    key: str
    words: ByLanguage
    short: ByLanguage = {}
    """Beside a bar of the quarterly report; as ``words``, cut, where it is not given."""
    clause: str = ""
    classes: tuple[str, ...] = ()
    asker: str = msgspec.field(default="anyone", name="from")
    needs: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    clock: AnswerBy | None = None
    hide: Literal["", "others"] = ""
    ground: str = ""
    """What a hold for it rests on; '' for the file's first ground."""
    caution: ByLanguage = {}
    """Kept on record with each release on this basis."""


class Screen(_Table, frozen=True):
    """A screen that shows live pictures to an audience."""

    key: str
    audience: tuple[Literal["staff", "anyone"], ...] = msgspec.field(name="for")
    classes: tuple[str, ...]
    ends: str
    """When each day: ``closing`` or a time as 21:00."""
    clause: str = ""
    plain_sight: bool = False
    """Attested: it shows only what is seen from where it hangs."""


class Check(_Table, frozen=True):
    """Something that people do at intervals, and attest: a point of the checklist for the building."""

    key: str
    words: ByLanguage
    """What is true when it is ticked."""
    clause: str = ""
    every: LengthOfTime = ""
    """A length; '' for as often as the Board sets it (``house_check_days``)."""
    by: str = ""
    """The role that does it; '' for whoever enters the checklist."""
    by_adoption: bool = False
    """Adopting a policy is its first time."""
    of_the_text: bool = False
    """About one adopted text: it does not carry over to the next one."""


class Range(_Table, frozen=True):
    """A setting of the Board: what it is, and within what it may be set."""

    value: int | bool | str
    least: int | None = None
    most: int | None = None


class Sign(_Table, frozen=True):
    """The entrance sign in one language, in place of Holdshelf's own. Its texts may hold {library}, {authority}, {purposes} and
    {contact}."""

    headline: tuple[str, ...]
    """One sentence in lines of about one length: they are set as large as the page is wide."""
    lines: tuple[str, ...] = ()


class Case(_Table, frozen=True):
    """One question and its answer, asked whenever the file is checked."""

    who: str
    act: str
    expect: Literal["yes", "no"]
    clause: str = ""
    basis: str = ""
    purpose: str = ""
    ground: str = ""
    camera: str = ""
    """A class of camera, or a kind of place."""
    away: dict[str, LengthOfTime] = {}
    """Who is away for how long: ``away.director = "71 hours"``."""
    given: tuple[str, ...] = ()
    """What is on paper, and which steps were taken."""
    says: str = ""
    """What the case shows, in words."""


class PolicyFile(_Table, frozen=True):
    """The whole file."""

    format: int
    library: Library
    clause: tuple[Clause, ...] = ()
    role: tuple[Role, ...] = ()
    second: dict[str, tuple[str, ...]] = {}
    """Which roles are the second person of an act; an empty list for none."""
    steps: dict[str, tuple[str, ...] | Steps] = {}
    """By act: whose consent it takes, and who is consulted before it, in order; as a list, or as a table with its clause."""
    camera_class: tuple[CameraClass, ...] = msgspec.field(default=(), name="class")
    place: tuple[Place, ...] = ()
    purpose: tuple[Purpose, ...] = ()
    keeping: Keeping = Keeping()
    ground: tuple[Ground, ...] = ()
    basis: tuple[Basis, ...] = ()
    screen: tuple[Screen, ...] = ()
    check: tuple[Check, ...] = ()
    setting: dict[str, Range] = {}
    sign: dict[str, Sign] = {}
    words: dict[str, dict[str, str]] = {}
    """By language: words of the catalog that this library says otherwise."""
    case: tuple[Case, ...] = ()

    def before(self, act: str) -> Steps:
        """Return the steps before an act; those of a plain list cite no clause."""
        given = self.steps.get(act, _NO_STEPS)
        return Steps(steps=given) if isinstance(given, tuple) else given


_NO_STEPS = Steps(steps=())


def json_schema() -> dict[str, Any]:
    """Return the schema for editors."""
    return msgspec.json.schema(PolicyFile)
