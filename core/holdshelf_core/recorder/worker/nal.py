"""NAL units (H.264 § 7.3.1, H.265 § 7.3.1.1): splitting, joining, and detecting parameter sets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

MAX_SETS = 64
MAX_SET_BYTES = 16 << 10
_SETS = {"h264": frozenset({7, 8}), "hevc": frozenset({32, 33, 34})}


def kind_of(nal: bytes, codec: str) -> int:
    """Return nal_unit_type; -1 for an empty one."""
    if not nal:
        return -1
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def split_annexb(data: bytes) -> list[bytes]:
    """Return the NAL units of a byte stream (Annex B), without start codes and trailing zeros."""
    nals = []
    position = data.find(b"\0\0\1")
    while position >= 0:
        start = position + 3
        position = data.find(b"\0\0\1", start)
        nal = data[start : position if position >= 0 else len(data)].rstrip(b"\0")
        if nal:
            nals.append(nal)
    return nals


def annexb(nals: Iterable[bytes]) -> bytes:
    """Return them as a byte stream."""
    return b"".join(b"\0\0\0\1" + nal for nal in nals)


def split_sample(data: bytes) -> list[bytes]:
    """Return the NAL units of an MP4 sample."""
    nals, position = [], 0
    while position + 4 <= len(data):
        end = position + 4 + int.from_bytes(data[position : position + 4])
        nals.append(data[position + 4 : end])
        position = end
    return nals


def parameter_sets(nals: Iterable[bytes], codec: str) -> frozenset[bytes]:
    """Return the SPS, PPS (and VPS) among them, limited in number and size."""
    found = (nal for nal in nals if kind_of(nal, codec) in _SETS[codec] and len(nal) <= MAX_SET_BYTES)
    return frozenset(islice(found, MAX_SETS))


def is_parameter_set(kind: int, codec: str) -> bool:
    """Return whether a nal_unit_type is SPS, PPS or VPS."""
    return kind in _SETS[codec]


def is_slice(nal: bytes, codec: str) -> bool:
    """Return whether it contains picture data (VCL)."""
    kind = kind_of(nal, codec)
    return 1 <= kind <= 5 if codec == "h264" else 0 <= kind < 32


def is_leading(sample: bytes, codec: str) -> bool:
    """Return whether an MP4 sample is a picture that may be shown before the key frame sent ahead of it: a B picture (H.264,
    § 7.3.3, by its first slice), RADL or RASL (H.265, § 7.4.2.2)."""
    nal = next((nal for nal in split_sample(sample) if is_slice(nal, codec)), b"")
    if codec == "hevc":
        return 6 <= kind_of(nal, codec) <= 9
    # Behind first_mb_in_slice 0, slice_type B: 1 or 6 (ue(v), 010 or 00111).
    return kind_of(nal, codec) == 1 and len(nal) > 1 and (nal[1] >> 4 == 0b1010 or nal[1] >> 2 == 0b100111)


def are_complete(sets: Iterable[bytes], codec: str) -> bool:
    """Return whether SPS and PPS (and VPS) are all there."""
    return {kind_of(nal, codec) for nal in sets} >= _SETS[codec]


def completed(sets: frozenset[bytes], others: Iterable[bytes], codec: str) -> frozenset[bytes]:
    """Return ``sets`` plus those of ``others`` whose kind it lacks."""
    kinds = {kind_of(nal, codec) for nal in sets}
    return sets | {nal for nal in others if kind_of(nal, codec) not in kinds}
