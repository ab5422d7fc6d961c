"""The parameter sets of a decoder configuration record (14496-15: avcC § 5.3.3, hvcC § 8.3.3), in the form used in a frame.

A reused decoder gets them again, as a stream may have replaced them in between. The record comes from a file and may be arbitrary
data; the result is sets that lie within it, or None.
"""

from __future__ import annotations

MAX_SETS = 64
_AVC_HEAD, _HVC_HEAD = 6, 23


def parameter_sets(configuration: bytes, codec: str, nal_length_bytes: int) -> bytes | None:
    """Return each set preceded by its length, in ``nal_length_bytes`` as in the file's frames; None when the record is
    incomplete."""
    if nal_length_bytes not in (1, 2, 4):
        return None
    found = _avc(configuration) if codec == "h264" else _hvc(configuration)
    if not found or any(len(one) >= 1 << 8 * nal_length_bytes for one in found):
        return None
    return b"".join(len(one).to_bytes(nal_length_bytes) + one for one in found)


def _avc(record: bytes) -> list[bytes]:
    if len(record) < _AVC_HEAD + 1:
        return []
    found: list[bytes] = []
    at = _take(record, _AVC_HEAD, record[5] & 0x1F, found)
    if at is None or at >= len(record) or _take(record, at + 1, record[at], found) is None:
        return []
    return found


def _hvc(record: bytes) -> list[bytes]:
    if len(record) < _HVC_HEAD:
        return []
    found: list[bytes] = []
    at: int | None = _HVC_HEAD
    for _ in range(record[22]):
        if at is None or at + 3 > len(record):
            return []
        at = _take(record, at + 3, int.from_bytes(record[at + 1 : at + 3]), found)
    return found if at is not None else []


def _take(record: bytes, at: int, count: int, found: list[bytes]) -> int | None:
    """Append ``count`` sets starting at ``at``; return where they end, None when they exceed the record."""
    for _ in range(count):
        size = int.from_bytes(record[at : at + 2])
        if len(found) >= MAX_SETS or size == 0 or at + 2 + size > len(record):
            return None
        found.append(record[at + 2 : at + 2 + size])
        at += 2 + size
    return at
