"""What the service and the worker process say to one another: JSON, a line each, over two pipes (ADR 59)."""

from __future__ import annotations

from typing import Final

import msgspec

from holdshelf_core.offsite.types import BadObject, BranchHold, BranchRow, Health, Place
from holdshelf_core.processes.online_link import Ready

MOST_BAD: Final = 1000
"""So many bad objects are named in one message; the others are asked for by the page."""


class Setup(msgspec.Struct, tag="setup", frozen=True):
    """Service → worker, first of all. ``shelf`` '': only look at the bucket, say so, and end."""

    folder: str
    """Its own, which exists."""
    shelf: str
    place: Place
    name_key: str
    """Hex: names of objects are made with it, so that they tell the store's keepers nothing."""
    new_county: bool = False
    """Only of a look: its county key is new, so no other branch may be there."""


class Wanted(msgspec.Struct, tag="wanted", frozen=True):
    """Service → worker: which holds are in force, and which the log calls lifted and the shelf has let go."""

    holds: tuple[str, ...]
    lifted: tuple[str, ...] = ()
    head: str = ""
    """The access log's signed head of now; '' not to be had."""
    rows: tuple[BranchHold, ...] = ()
    """Those in force as the branch's index names them, without counts."""


class KeepHead(msgspec.Struct, tag="head", frozen=True):
    """Service → worker: keep this head. ``name``: hour and size, sorts by time."""

    name: str
    head: str


class Logged(msgspec.Struct, tag="logged", frozen=True):
    """Service → worker: the access log has it that this hold is gone from the store."""

    hold: str


class Verify(msgspec.Struct, tag="verify", frozen=True):
    """Service → worker: ask the store for each object."""

    number: int
    full: bool


class NextBad(msgspec.Struct, tag="next_bad", frozen=True):
    """Service → worker: name the next bad objects that the `Verify` of this number found, from ``after`` on."""

    number: int
    verify: int
    after: int


class ListBranches(msgspec.Struct, tag="list", frozen=True):
    """Service → worker: open the index of each branch."""

    number: int


class Looked(msgspec.Struct, tag="looked", frozen=True):
    """Worker → service: what is wrong with the bucket; '' nothing."""

    sentence: str


class Does(msgspec.Struct, tag="does", frozen=True):
    """Worker → service: how the store does."""

    health: Health


class Removed(msgspec.Struct, tag="removed", frozen=True):
    """Worker → service: nothing of this lifted hold is left in the store. Said again until ``Logged``."""

    hold: str
    objects: int


class Verified(msgspec.Struct, tag="verified", frozen=True):
    """Worker → service: what `Verify` found; ``fault``: why it could not be asked to the end."""

    number: int
    objects: int
    heads: int
    bytes: int
    bad_count: int
    bad: tuple[BadObject, ...]
    """The first ones."""
    fault: str = ""
    after: int = 0
    """Where the next ones begin; 0: these are all."""


class NamedBad(msgspec.Struct, tag="named_bad", frozen=True):
    """Worker → service: what `NextBad` asked for; ``fault``: why it cannot be told. ``after`` as in `Verified`."""

    number: int
    bad: tuple[BadObject, ...]
    after: int = 0
    fault: str = ""


class Branch(msgspec.Struct, tag="branch", frozen=True):
    """Worker → service: one branch that `ListBranches` found."""

    number: int
    row: BranchRow


class Listed(msgspec.Struct, tag="listed", frozen=True):
    """Worker → service: that were all; ``fault``: why the store could not be asked to the end."""

    number: int
    fault: str = ""


type ToWorker = Setup | Wanted | KeepHead | Logged | Verify | NextBad | ListBranches
type FromWorker = Looked | Does | Removed | Verified | NamedBad | Branch | Listed

to_worker: Final = msgspec.json.Decoder(Setup | Wanted | KeepHead | Logged | Verify | NextBad | ListBranches)
to_service: Final = msgspec.json.Decoder(Ready | Looked | Does | Removed | Verified | NamedBad | Branch | Listed)
