"""Settings of the Board, the adopted policy, prints, the access log and backups, over the local socket."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.times import parse_rfc3339


class Empty(msgspec.Struct, frozen=True):
    """A request without anything to say."""


class BoardSet(msgspec.Struct, frozen=True):
    """Change one setting. ``paper_sha256``: the Board's minutes, needed unless the Chair asks."""

    key: str
    value: str
    why: str
    paper_sha256: str = ""


class BoardSetting(msgspec.Struct, frozen=True):
    """One setting as it is."""

    key: str
    value: Any
    default: Any
    what: str


class PolicyAdopt(msgspec.Struct, frozen=True):
    """The library's own text, verbatim."""

    text: str
    version: str
    adopted_on: str
    statute: str = "enforce"
    paper_sha256: str = ""
    """The Board's minutes or counsel's determination, where the statute is to be advice."""


class AdoptedRow(msgspec.Struct, frozen=True):
    """Which text is in force; empty fields: none adopted."""

    version: str = ""
    adopted_on: str = ""
    sha256: str = ""
    statute: str = "enforce"
    text: str = ""


class MayAsk(msgspec.Struct, frozen=True):
    """What the policy would say, without doing it. ``at_utc_ns``: at another time."""

    person: str
    action: str
    cameras: list[str] = []
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    purpose: str = ""
    at_utc_ns: int | None = None


class MayAnswer(msgspec.Struct, frozen=True):
    """Allowed, and as whom; or the clause, the sentence, and who can help."""

    allowed: bool
    acting_as: str
    clause: str
    sentence: str
    who_can_help: str


class LogShow(msgspec.Struct, frozen=True):
    """Entries of the access log; the last ``most`` that match."""

    first: int = 1
    last: int | None = None
    person: str = ""
    camera: str = ""
    action: str = ""
    since_utc_ns: int | None = None
    until_utc_ns: int | None = None
    most: int = 200


def at_utc_ns(entry: dict[str, Any]) -> int | None:
    """When an entry was written; None where it does not say so in its form."""
    try:
        return parse_rfc3339(str(entry.get("at", "")))
    except ValueError:
        return None


class LogEntryRow(msgspec.Struct, frozen=True):
    """One entry: the public line as an object, and the texts behind its commitments but for ``changes``."""

    seq: int
    entry: dict[str, Any]
    texts: dict[str, str]
    words: str


class LogRows(msgspec.Struct, frozen=True):
    """Entries, with the head at that time."""

    entries: list[LogEntryRow]
    size: int
    head: str


class LogVerify(msgspec.Struct, frozen=True):
    """Verify the whole log, against a head and with a public key that somebody outside kept ('' neither)."""

    against: str = ""
    key: str = ""


class LogVerified(msgspec.Struct, frozen=True):
    """What was found. ``against``: what the head from outside showed, a sentence."""

    entries: int
    head: str
    problems: list[str]
    against: str = ""
    key: str = ""


class LogExport(msgspec.Struct, frozen=True):
    """A copy of entries ``first`` to ``last`` (None: the newest) that a stranger can check.

    ``public``: without private texts.
    """

    public: bool = True
    first: int = 1
    last: int | None = None


class LogExported(msgspec.Struct, frozen=True):
    """The copy, as docs/access-log.md describes it; ``size``: entries of the whole log."""

    text: str
    first: int
    last: int
    size: int


class LogHead(msgspec.Struct, frozen=True):
    """The signed head (C2SP checkpoint) and the key that signs it."""

    head: str
    size: int
    public_key: str
    problem: str = ""


class LogRepair(msgspec.Struct, frozen=True):
    """Set a damaged log aside and go on with a new one that names it."""

    why: str


class BackupMake(msgspec.Struct, frozen=True):
    """Write a backup to a new file."""

    file: str
