"""archive.json on a hold's shelf: which copies exist on other disks, and which of them the log confirms. Pure.

Only what a copy confirmed by the log lists may be released; a missing or unreadable file releases nothing.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from holdshelf_core.policy.model import HoldSpan
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.ledger.lines import merged
from holdshelf_storage.volume import journal


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """One archive of a hold, as listed in the shelf's archive.json."""

    folder: str
    at_utc_ns: int
    files: int
    bytes: int
    sums_sha256: str
    """SHA-256 of the copy's top SHA256SUMS."""
    segments: dict[str, list[int]]
    """Sequence numbers by camera."""
    spans: dict[str, list[tuple[int, int]]]
    """The stretches that they cover, by camera."""
    held: tuple[HoldSpan, ...] = ()
    """The spans of the hold when it was archived: what was added later has no copy."""
    confirmed: bool = False
    """Whether the access log has it: only then anything is released."""


class ArchiveFile(msgspec.Struct, frozen=True):
    """archive.json on the shelf."""

    archives: list[Copied] = []


def read_archives(data: bytes | None) -> list[Copied]:
    """Return the archives listed in archive.json; none when it is missing or unreadable (then nothing is released)."""
    if data is None:
        return []
    try:
        return decode_json(data, ArchiveFile).archives
    except journal.UNREADABLE:
        return []


def with_archive(archives: list[Copied], copied: Copied) -> bytes:
    """Return archive.json's bytes with one archive added; one in the same folder that the log lacks is replaced."""
    kept = [one for one in archives if one.confirmed or one.folder != copied.folder]
    return msgspec.json.encode(ArchiveFile([*kept, copied])) + b"\n"


def confirmed(archives: list[Copied], copies: Collection[str]) -> tuple[bytes, bool]:
    """Return (archive.json's bytes with the archives marked that the log confirms by ``sums_sha256``, whether any changed)."""
    changed = [
        msgspec.structs.replace(one, confirmed=True) if one.sums_sha256 in copies and not one.confirmed else one
        for one in archives
    ]
    return msgspec.json.encode(ArchiveFile(changed)) + b"\n", changed != archives


def copied_sequences(archives: list[Copied]) -> dict[str, frozenset[int]]:
    """Return sequence numbers by camera of all confirmed archives."""
    found: dict[str, set[int]] = {}
    for one in archives:
        if one.confirmed:
            for camera, seqs in one.segments.items():
                found.setdefault(camera, set()).update(seqs)
    return {camera: frozenset(seqs) for camera, seqs in found.items()}


def copied_of(archives: list[Copied]) -> tuple[HoldSpan, ...]:
    """Return the spans that confirmed archives were made from."""
    return tuple(dict.fromkeys(span for one in archives if one.confirmed for span in one.held))


def copied_spans(archives: list[Copied]) -> dict[str, list[tuple[int, int]]]:
    """Return stretches by camera of all confirmed archives."""
    found: dict[str, list[tuple[int, int]]] = {}
    for one in archives:
        if one.confirmed:
            for camera, spans in one.spans.items():
                found.setdefault(camera, []).extend((start, end) for start, end in spans)
    return {camera: merged(spans) for camera, spans in found.items()}
