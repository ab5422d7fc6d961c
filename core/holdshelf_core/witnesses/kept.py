"""STATE/witnessed.json: the highest head that each witness has signed, as a signed note with the log's signature and theirs.

    {"heads":{NAME:NOTE,…}}

It proves nothing that the notes do not prove themselves: what is not signed by log and witness is passed over. Losing it costs
one more question to each witness.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from holdshelf_core.times import NS
from holdshelf_storage.access_log.checkpoint import BadHead, Head, PublicKey, Signature, parse_note
from holdshelf_storage.access_log.cosignature import WitnessKey
from holdshelf_storage.atomic import write_atomic

_LOGGER = logging.getLogger(__name__)

NAME: Final = "witnessed.json"
MAX_BYTES: Final = 1 << 20


class Kept(NamedTuple):
    """A head that a witness has signed, when, and its signature. ``own``: the head with the log's signature alone."""

    head: Head
    own: str
    signature: Signature
    utc_s: int

    @property
    def note(self) -> str:
        """Return the head with both signatures."""
        return self.own + self.signature.line()

    @property
    def utc_ns(self) -> int:
        """Return when it was signed."""
        return self.utc_s * NS


class _File(msgspec.Struct):
    heads: dict[str, str]


def read(state: Path, log: PublicKey, keys: Iterable[WitnessKey]) -> dict[str, Kept]:
    """Return what each of these witnesses has signed of this log. Blocks."""
    try:
        with (state / NAME).open("rb") as file:
            heads = msgspec.json.decode(file.read(MAX_BYTES), type=_File).heads
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _LOGGER.warning("what witnesses have signed cannot be read, and they are asked again: %s", type(error).__name__)
        return {}
    found = {}
    for key in keys:
        note = heads.get(key.name)
        if note is not None:
            try:
                found[key.name] = kept(note, log, key)
            except BadHead:
                _LOGGER.warning("%s: its last signature does not belong to this log or key", key.name)
    return found


def kept(note: str, log: PublicKey, key: WitnessKey) -> Kept:
    """Return a head that both have signed. Raises BadHead."""
    head = log.check(note)
    for signature in parse_note(note).signatures:
        if (signature.name, signature.key_hash) == (key.name, key.key_hash):
            utc_s = key.check(head, signature)
            own = next(
                one for one in parse_note(note).signatures if one.key_hash == log.key_hash and one.name == head.origin
            )
            return Kept(head, f"{head.text()}\n{own.line()}", signature, utc_s)
    raise BadHead(f"bears no signature of {key.name}")


def write(state: Path, heads: dict[str, Kept]) -> None:
    """Replace the file. Blocks. Raises StorageError."""
    notes = {name: one.note for name, one in sorted(heads.items())}
    write_atomic(state / NAME, msgspec.json.encode(_File(notes)) + b"\n")
