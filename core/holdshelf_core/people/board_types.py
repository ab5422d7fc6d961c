"""Requests and answers of the local API on the Board's settings, the adopted policy, and what the policy allows."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.acts import Act, ActSpec, Done, Read, ReadSpec


class BoardSet(Act[Done], frozen=True):
    """Change one setting. ``paper_sha256``: the Board's minutes, required unless the Chair does it."""

    spec = ActSpec("board.set", changes=True)

    key: str
    value: str
    why: str
    paper_sha256: str = ""


class BoardSetting(msgspec.Struct, frozen=True):
    """One setting as it is. ``least`` and ``most`` bound a whole number; ``choices`` are all that there are, or []."""

    key: str
    value: Any
    default: Any
    what: str
    least: int | None = None
    most: int | None = None
    choices: list[str] = []


class PolicyAdopt(Act["AdoptedRow"], frozen=True):
    """Adopt the library's own text, verbatim."""

    spec = ActSpec("policy.adopt", changes=True)

    text: str
    version: str
    adopted_on: str
    statute: str = "enforce"
    paper_sha256: str = ""
    """The Board's minutes or counsel's determination, required to make the statute advisory."""


class AdoptedRow(msgspec.Struct, frozen=True):
    """The text in force; empty fields: none adopted."""

    version: str = ""
    adopted_on: str = ""
    sha256: str = ""
    statute: str = "enforce"
    text: str = ""
    warning: str = ""
    """On adoption: phrases in the text that contradict the policy itself."""


class MayAnswer(msgspec.Struct, frozen=True):
    """The policy's answer: allowed, and in which role; or the clause, the sentence, and who can help."""

    allowed: bool
    acting_as: str
    clause: str
    sentence: str
    who_can_help: str


class ReadBoard(Read[list[BoardSetting]], frozen=True):
    """Return the Board's settings."""

    spec = ReadSpec("/rules/board", "")


class ReadPolicy(Read[AdoptedRow], frozen=True):
    """Return the adopted policy, with its text."""

    spec = ReadSpec("/rules/policy", "")


class ReadMay(Read[MayAnswer], frozen=True):
    """Return what the policy would decide. ``cameras`` and ``rights`` are comma-separated."""

    spec = ReadSpec("/rules/may", "person.see")

    person: str
    action: str
    cameras: str = ""
    start_utc_ns: int | None = None
    end_utc_ns: int | None = None
    purpose: str = ""
    incident: str = ""
    target: str = ""
    rights: str = ""
    at_utc_ns: int | None = None
