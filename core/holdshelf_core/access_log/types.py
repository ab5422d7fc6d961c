"""Requests and answers of the local API on the access log, and on comparing the register with it."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec
from holdshelf_core.times import parse_rfc3339
from holdshelf_core.timestamps.types import Stamped
from holdshelf_core.witnesses.types import WitnessedRow


class RegisterCheck(Act["RegisterChecked"], frozen=True):
    """Verify every entry of the log and compare the register with it."""

    spec = ActSpec("register.check", timeout_s=3600)


class FieldRow(msgspec.Struct, frozen=True):
    """One field that differs. Texts that only officials may see are left out for the admin."""

    field: str
    by_log: str
    by_register: str


class DifferenceRow(msgspec.Struct, frozen=True):
    """One register row that differs from the log."""

    table: str
    key: str
    words: str
    fields: list[FieldRow]


class RegisterChecked(msgspec.Struct, frozen=True):
    """Result of the check. ``without_rights``: ids of the people these rows concern. ``problems``: of the log itself."""

    entries: int
    rows: list[DifferenceRow]
    without_rights: list[str]
    problems: list[str]


class RegisterSettle(Act["RegisterSettled"], frozen=True):
    """Change every differing row to what the log says."""

    spec = ActSpec("register.settle", changes=True, timeout_s=120)

    why: str


class RegisterSettled(msgspec.Struct, frozen=True):
    """The entry's number, and the changed rows in words."""

    seq: int
    rows: list[str]


class LogAccept(Act["LogAccepted"], frozen=True):
    """Continue with a state that is older than one seen before or came from a backup, as a paper of the Board allows."""

    spec = ActSpec("log.accept", changes=True, timeout_s=120)

    paper_sha256: str
    why: str


class LogAccepted(msgspec.Struct, frozen=True):
    """The entry's number, the flag for a second person to review, and what was accepted."""

    seq: int
    flag: str
    words: str


MOST_ROWS = 5_000
"""Entries that are answered at once."""


class LogShow(Act["LogRows"], frozen=True):
    """Return the last ``most`` matching entries of the access log.

    ``looks``: who looked: only entries that say that somebody saw footage, was given some or wanted it (``ActSpec.shows``). Their
    time is that at which they were written or that of the footage, and each is returned with the camera, time and incident that
    it is about. ``public``: without names and private texts.
    """

    spec = ActSpec("log.show", "log.see", timeout_s=120)

    first: int = 1
    last: int | None = None
    person: str = ""
    camera: str = ""
    action: str = ""
    since_utc_ns: int | None = None
    until_utc_ns: int | None = None
    most: int = 200
    looks: bool = False
    incident: str = ""
    public: bool = False


class LogEntryRow(msgspec.Struct, frozen=True):
    """One entry: the public line as an object, and the texts behind its commitments except ``changes``."""

    seq: int
    entry: dict[str, Any]
    texts: dict[str, str]
    came_of: str = ""
    """What came of an entry that let something out: '12 pictures', 'unknown, at most 64 pictures'; '' for any other."""
    shows: str = ""
    """Who looked: pictures | copies | movement. '' where that was not asked."""
    cameras: list[str] = []
    """Who looked: ids of what it is about, also where the entry itself names none. So are the fields below."""
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    incident: str = ""


class LogRows(msgspec.Struct, frozen=True):
    """Entries, with the log's head at that time.

    ``names``: of the cameras in them and, for officials and unless ``public``, of the people, by id; and of what was asked for,
    as it was typed. ``purposes``: the words of their purposes. ``left_out``: of ``looks``, how many more there are before these.
    """

    entries: list[LogEntryRow]
    size: int
    head: str
    names: dict[str, str] = {}
    purposes: dict[str, str] = {}
    left_out: int = 0


def instant(text: str) -> int:
    """Return a time as entries have it, in UTC ns. Raises ValueError."""
    return parse_rfc3339(text)


def at_utc_ns(entry: dict[str, Any]) -> int | None:
    """Return when an entry was written; None when its form does not say."""
    try:
        return instant(str(entry.get("at", "")))
    except ValueError:
        return None


class LogVerify(Act["LogVerified"], frozen=True):
    """Verify the whole log, optionally against a head and public key kept elsewhere ('' for none).

    ``witness_keys``: of witnesses that may have signed that head, beside those that the service asks itself.
    """

    spec = ActSpec("log.verify", timeout_s=3600)

    against: str = ""
    key: str = ""
    witness_keys: tuple[str, ...] = ()


class LogVerified(msgspec.Struct, frozen=True):
    """Result of verifying. ``against``: a sentence on the external head.

    ``register``: register rows that differ from the log, one sentence each. ``witnesses``: who signed the external head.
    ``unknown``: names on signatures of keys that are not known here, which prove nothing. ``media``: a sentence on what the media
    volume has seen, where it is compared and nothing is missing. ``policies``: entries that name a policy that was not in force,
    one sentence each.
    """

    entries: int
    head: str
    problems: list[str]
    against: str = ""
    key: str = ""
    register: list[str] = []
    witnesses: list[WitnessedRow] = []
    unknown: list[str] = []
    media: str = ""
    policies: list[str] = []


class LogExport(Act["LogExported"], frozen=True):
    """Export entries ``first`` to ``last`` (None: the newest) so that anyone can verify them.

    ``public``: without private texts. ``since_utc_ns``, ``until_utc_ns``: narrow this to the shortest range that contains every
    entry of that time.
    """

    spec = ActSpec("log.export")

    public: bool = True
    first: int = 1
    last: int | None = None
    since_utc_ns: int | None = None
    until_utc_ns: int | None = None


class OutboxLog(LogExport, Act["LogExported"], frozen=True):
    """Export the access log into the caller's outbox."""

    spec = ActSpec("outbox.log", "log.export", timeout_s=600)


class LogExported(msgspec.Struct, frozen=True):
    """Range of exported entries; ``size``: entries in the whole log. ``where``: whose outbox holds it, '' for none."""

    seq: int
    first: int
    last: int
    size: int
    where: str = ""


class LogHead(msgspec.Struct, frozen=True):
    """The signed head (C2SP checkpoint) and the key that signs it."""

    head: str
    size: int
    public_key: str
    problem: str = ""
    countersigned: str = ""
    """The highest head that a witness has signed, with its signatures; '' for none."""
    witnesses: list[WitnessedRow] = []
    """Whose signatures those are."""
    stamped: Stamped | None = None
    """The highest head that a time stamp server has stamped; None for none."""


class LogRepair(Act[LogHead], frozen=True):
    """Set a damaged log aside and go on with a new one that names it."""

    spec = ActSpec("log.repair", changes=True, timeout_s=120)

    why: str


class ReadHead(Read[LogHead], frozen=True):
    """The signed head of the access log."""

    spec = ReadSpec("/rules/head", "")
