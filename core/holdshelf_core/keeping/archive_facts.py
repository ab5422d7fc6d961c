"""archive.json on the shelf of a hold: which copies on other disks there are, and which of them the log knows. Pure.

Only what a copy lists that the log knows may ever be let go; a file that is missing or cannot be read lets nothing go.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage import journal
from holdshelf_storage.ledger_lines import merged


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """One archive of a hold, as the shelf's archive.json lists it."""

    folder: str
    at_utc_ns: int
    files: int
    bytes: int
    sums_sha256: str
    """SHA-256 of the copy's top SHA256SUMS."""
    segments: dict[str, list[int]]
    """Sequences by camera."""
    spans: dict[str, list[tuple[int, int]]]
    """The stretches that they fill, by camera."""
    held: tuple[HoldSpan, ...] = ()
    """What the hold kept when it was archived: what is asked for later has no copy."""
    confirmed: bool = False
    """The access log has it: only then anything is let go."""


class ArchiveFile(msgspec.Struct, frozen=True):
    """archive.json on the shelf."""

    archives: list[Copied] = []


def read_archives(data: bytes | None) -> list[Copied]:
    """What archive.json lists; nothing when it is missing or cannot be read (then nothing is let go)."""
    if data is None:
        return []
    try:
        return msgspec.json.decode(data, type=ArchiveFile).archives
    except journal.UNREADABLE:
        return []


def with_archive(archives: list[Copied], copied: Copied) -> bytes:
    """The bytes of archive.json with one archive more; one at the same folder that the log lacks is replaced."""
    kept = [one for one in archives if one.confirmed or one.folder != copied.folder]
    return msgspec.json.encode(ArchiveFile([*kept, copied])) + b"\n"


def confirmed(archives: list[Copied], copies: Collection[str]) -> tuple[bytes, bool]:
    """(the bytes of archive.json with those confirmed that the log knows, by ``sums_sha256``; whether that changed any)."""
    changed = [
        msgspec.structs.replace(one, confirmed=True) if one.sums_sha256 in copies and not one.confirmed else one
        for one in archives
    ]
    return msgspec.json.encode(ArchiveFile(changed)) + b"\n", changed != archives


def copied_sequences(archives: list[Copied]) -> dict[str, frozenset[int]]:
    """Sequences by camera of all confirmed archives."""
    found: dict[str, set[int]] = {}
    for one in archives:
        if one.confirmed:
            for camera, seqs in one.segments.items():
                found.setdefault(camera, set()).update(seqs)
    return {camera: frozenset(seqs) for camera, seqs in found.items()}


def copied_of(archives: list[Copied]) -> tuple[HoldSpan, ...]:
    """The spans that confirmed archives were made of."""
    return tuple(dict.fromkeys(span for one in archives if one.confirmed for span in one.held))


def copied_spans(archives: list[Copied]) -> dict[str, list[tuple[int, int]]]:
    """Stretches by camera of all confirmed archives."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in archives:
        if one.confirmed:
            for camera, spans in one.spans.items():
                found.setdefault(camera, []).extend((start, end) for start, end in spans)
    return {camera: merged(spans) for camera, spans in found.items()}
