"""Requests and answers of the local API on the off-site store; and its settings, as the worker process gets them."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec

DOCTOR_STEP = "holds elsewhere"
"""What `doctor` calls the store."""


class Place(msgspec.Struct, frozen=True):
    """The bucket, how it is reached, and for whom what goes there is sealed."""

    url: str
    bucket: str
    prefix: str
    """Of this recorder alone, '' or ending in '/'."""
    access_key: str
    recipient: str
    """The recovery key's public part, ``age1…``."""
    region: str = ""
    ca_pem: str = ""
    """The certificates of who signed the store's; '' those that the system trusts."""
    limit_bytes_per_s: int = 0
    """0: none."""
    hours: str = ""
    """Local time in which anything is sent, '22:00-06:00'; '' always."""
    heads_days: int = 730
    """How long a head may not be deleted, by anybody."""
    secret: str = ""
    """The access key's: only on its way from the terminal and to the worker. Never in an answer, sealed in the register."""
    branch: str = ""
    """The branch's name in the county's list; '': it is not in it."""
    county: str = ""
    """The county key's public part, ``age1…``: the branch's index is sealed for it."""
    county_key: str = ""
    """The county key itself, which opens every branch's index; '': this recorder may not. Treated as ``secret``."""

    def without_secrets(self) -> Place:
        """Return what may be told and stored as it is."""
        return msgspec.structs.replace(self, secret="", county_key="")

    @property
    def target(self) -> str:
        """Where it goes, for people: nothing secret."""
        return f"{self.bucket}/{self.prefix} at {self.url}"


class Health(msgspec.Struct, frozen=True):
    """How the store does. ``ok`` None: not tried yet."""

    ok: bool | None = None
    since_utc_ns: int = 0
    """Since when it is so."""
    sentence: str = ""
    """Why it fails, in our words: never what the other side said, never a secret. '' while it works."""
    held: int = 0
    """Segments on hold here and now, of all holds in force."""
    waiting: int = 0
    """Of these, how many are not confirmed there."""
    waiting_since_utc_ns: int = 0
    """When the one that waits longest was put on hold; 0: none waits."""
    holds: int = 0
    removing: int = 0
    """Lifted holds that are not gone from there yet."""
    heads_waiting: int = 0
    paused: bool = False
    """Outside the hours."""
    index_utc_ns: int = 0
    """When the branch's index was last put; 0: not since the worker began."""
    lost: int = 0
    """Objects of holds in force that the store had confirmed, lost, and does not have anew."""
    gone: int = 0
    """Of these, how many are not on the shelf here either, so that they cannot be put there again."""


class OffsiteSetup(Act["OffsiteDone"], frozen=True):
    """Keep holds and heads in this bucket too, after it was looked at. An empty ``secret`` keeps the one that is known."""

    spec = ActSpec("offsite.setup", "offsite.manage", changes=True, timeout_s=120)

    place: Place
    new_county: bool = False
    """The county key was made just now: refused where another branch is in the bucket already."""


class OffsiteStop(Act["OffsiteDone"], frozen=True):
    """Send nothing more there. What is there stays."""

    spec = ActSpec("offsite.stop", "offsite.manage", changes=True, timeout_s=60)


class OffsiteVerify(Act["OffsiteVerified"], frozen=True):
    """Ask the store for each object that it confirmed. ``full``: read each one back whole."""

    spec = ActSpec("offsite.verify", "offsite.manage", timeout_s=86_400)

    full: bool = False


class OffsiteList(Act["BranchList"], frozen=True):
    """Return what each branch in the bucket has on hold: for the seats with the case numbers, for the admin how many."""

    spec = ActSpec("offsite.list", timeout_s=300)

    case: str = ""
    """Only holds for this case or incident number; '' all."""


class OffsiteDone(msgspec.Struct, frozen=True):
    """What came of it, in one sentence, and the number of the entry."""

    seq: int
    sentence: str


class BadObject(msgspec.Struct, frozen=True):
    """An object that is not there as it was confirmed, or is no longer protected. ``hold`` '': a head of the log."""

    hold: str
    path: str
    """Of the hold: CAMERA/DAY/NAME, or hold.json …"""
    object: str
    """Its key in the bucket."""
    why: str


class OffsiteVerified(msgspec.Struct, frozen=True):
    """What the store has. ``bad``: the first page of ``bad_count``."""

    seq: int
    objects: int
    heads: int
    bytes: int
    bad_count: int
    bad: tuple[BadObject, ...]
    fault: str = ""
    """Why it could not be asked to the end."""
    after: int = 0
    """Where the next page of bad objects begins: ask for it with `ReadBad`; 0: there is none."""


class BadPage(msgspec.Struct, frozen=True):
    """Some more bad objects. ``after`` as in `OffsiteVerified`."""

    bad: tuple[BadObject, ...]
    after: int = 0


class ReadBad(Read[BadPage], frozen=True):
    """Return the bad objects from there on that the verification with this entry found, if it was the last one."""

    spec = ReadSpec("/offsite/bad", timeout_s=600)

    seq: int
    after: int


class OffsiteRow(msgspec.Struct, frozen=True):
    """The store and how it does. ``place.secret`` is ''."""

    place: Place
    health: Health


class ReadOffsite(Read[OffsiteRow | None], frozen=True):
    """Return the store that is set up; None: none is."""

    spec = ReadSpec("/offsite")


class BranchSpan(msgspec.Struct, frozen=True):
    """A held span of a branch; ``end_utc_ns`` None: until the hold is lifted."""

    camera: str
    """The name that people there know it by, not its id."""
    start_utc_ns: int
    end_utc_ns: int | None = None


class BranchHold(msgspec.Struct, frozen=True):
    """A hold in a branch's index: what is kept for which case, no note and no person."""

    hold: str
    reference: str
    """Case or incident number."""
    ground: str
    state: str
    placed_utc_ns: int
    spans: tuple[BranchSpan, ...]
    segments: int = 0
    """On the branch's shelf."""
    waiting: int = 0
    """Of these, not confirmed in the store."""


class BranchIndex(msgspec.Struct, frozen=True):
    """What a branch puts into the bucket for the others, sealed for the county key."""

    holdshelf: int
    """The form's number: 1. Whoever reads another one lists the branch as unreadable."""
    branch: str
    prefix: str
    """The recorder's own: an index that lies under another one's name is not believed."""
    at_utc_ns: int
    good_s: int
    """For how long it counts as new."""
    holds: tuple[BranchHold, ...]


class BranchRow(msgspec.Struct, frozen=True):
    """A branch in the bucket. ``why`` '': its index is new and was opened; else why it is not to be relied on."""

    branch: str
    """'' where its index cannot be opened."""
    prefix: str
    at_utc_ns: int
    why: str
    hold_count: int
    segments: int
    waiting: int
    holds: tuple[BranchHold, ...]
    """For the admin none: case numbers are not the admin's to read in other branches."""
    ours: bool = False
    is_open: bool = True
    """Whether its index could be opened."""


class BranchList(msgspec.Struct, frozen=True):
    """The branches in the bucket, by prefix, and the number of the entry."""

    seq: int
    branches: list[BranchRow]
    fault: str = ""
    """Why the store could not be asked to the end."""


class CountyRow(msgspec.Struct, frozen=True):
    """This recorder's part in the county's list."""

    branch: str
    reads: bool
    """Whether it has the county key."""


class ReadCounty(Read[CountyRow | None], frozen=True):
    """Return this recorder's part in the county's list; None: it has none."""

    spec = ReadSpec("/offsite/county", "offsite.list")
