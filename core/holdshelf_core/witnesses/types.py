"""Requests and answers of the local API on witnesses; and what a witness of ours says of itself."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Act, ActSpec, Read, ReadSpec


class WitnessedRow(msgspec.Struct, frozen=True):
    """That a witness signed a head: until then it was shown no other history of this log."""

    name: str
    utc_ns: int


class TrustedLog(msgspec.Struct, frozen=True):
    """A log that a witness of ours countersigns. ``entries`` 0, ``short`` '', ``at_utc_ns`` None: it has not asked yet."""

    name: str
    key: str
    entries: int
    short: str
    at_utc_ns: int | None


class Witness(msgspec.Struct, frozen=True):
    """Who is asked to countersign: the name in their key, the address that takes heads, and the key."""

    name: str
    url: str
    key: str


class Asked(msgspec.Struct, frozen=True):
    """How a witness answered last. ``ok`` None: it was not asked yet."""

    ok: bool | None = None
    since_utc_ns: int = 0
    """Since when it is so."""
    sentence: str = ""
    """Why it has not signed, in our words; '' when it has."""
    contradicts: bool = False
    """It holds another history of this log, or more of it."""


class WitnessRow(msgspec.Struct, frozen=True):
    """A witness, how it answered, and the highest head that it has signed (0, None: none yet)."""

    witness: Witness
    asked: Asked
    entries: int = 0
    signed_utc_ns: int | None = None


class WitnessesView(msgspec.Struct, frozen=True):
    """All witnesses. ``needed``: how many of them have to sign. ``entries``: how many entries so many have signed."""

    rows: list[WitnessRow]
    needed: int
    entries: int


class ReadWitnesses(Read[WitnessesView], frozen=True):
    """Return the witnesses."""

    spec = ReadSpec("/witnesses", "")


class WitnessAdd(Act["WitnessDone"], frozen=True):
    """Have somebody countersign the access log's head from now on."""

    spec = ActSpec("witness.add", "witness.manage", changes=True)

    url: str
    key: str


class WitnessRemove(Act["WitnessDone"], frozen=True):
    """Ask a witness no longer."""

    spec = ActSpec("witness.remove", "witness.manage", changes=True)

    name: str


class WitnessPolicy(Act["WitnessDone"], frozen=True):
    """Say how many of the witnesses have to sign. Fewer are a repair; nothing waits for them."""

    spec = ActSpec("witness.policy", "witness.manage", changes=True)

    needed: int


class WitnessAsk(Act[WitnessesView], frozen=True):
    """Ask all witnesses now to countersign the head of now."""

    spec = ActSpec("witness.ask", "witness.manage", timeout_s=120)


class WitnessDone(msgspec.Struct, frozen=True):
    """What came of it, in one sentence, and the number of the entry."""

    seq: int
    name: str
    sentence: str
