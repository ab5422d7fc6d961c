"""Real encoded pictures, signed as the ONVIF specification says, and checked as `footage verify` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from holdshelf_storage.media_signing.check import StretchCheck
from holdshelf_storage.media_signing.result import Signed
from tests.rig.hashes import Codec, annexb_nal_units, is_slice
from tests.rig.media import media
from tests.rig.media_signing import Identity, Signer, identity

NS = 1_000_000_000
FPS = 15
GOP = 15
START_NS = 1_790_000_000 * NS
MEDIA: dict[Codec, str] = {"h264": "h264_small", "hevc": "h265_360p"}

type Stream = list[list[bytes]]


def pictures(codec: Codec, count: int, first: int = 0) -> Stream:
    """Access units of a real encoder, as NAL units: a key picture each second."""
    medium = media(MEDIA[codec])
    data = medium.data.read_bytes()
    return [
        annexb_nal_units(data[unit.offset : unit.offset + unit.size]) for unit in medium.units[first : first + count]
    ]


def signed_stream(codec: Codec, count: int = 6 * GOP, camera: Identity | None = None, **options: Any) -> Stream:
    """A stream that its camera signed."""
    return Signer(codec, camera or identity("front door"), **options).sign(pictures(codec, count))


def at_ns(number: int) -> int:
    """When a picture is shown."""
    return START_NS + number * NS // FPS


def checked(
    codec: Codec, stream: Sequence[Sequence[bytes]], numbers: Sequence[int] | None = None, **options: Any
) -> Signed:
    """What is found of a stream's signatures. `numbers`: of its pictures, where some are left out."""
    check = StretchCheck(codec, **options)
    for number, nals in zip(numbers or range(len(stream)), stream, strict=True):
        check.add(list(nals), at_ns(number))
    return check.end()


def changed(stream: Stream, number: int, codec: Codec) -> Stream:
    """The stream with one byte of one picture changed."""
    nals = list(stream[number])
    at = next(place for place, nal in enumerate(nals) if is_slice(nal, codec))
    nal = bytearray(nals[at])
    nal[len(nal) // 2] ^= 0x10
    nals[at] = bytes(nal)
    return [*stream[:number], nals, *stream[number + 1 :]]
