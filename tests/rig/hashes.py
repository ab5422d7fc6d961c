"""Compares encoded pictures: what a stand-in camera sent with what lies in a recorded file.

What is compared. An access unit's hash covers its *coded picture and its messages*: every slice (H.264 NAL types 1–5,
H.265 types 0–31) and every SEI, in order, each as its length and its bytes without start code or length prefix. Left
out, because a correct stream copy may drop, move or repeat them: parameter sets (SPS, PPS, VPS: the MP4 keeps
them in the sample description and may keep them in band too), access unit delimiters, filler data and
end-of-sequence marks.
`parameter_sets` gives the parameter sets by themselves, so that a test can hold that each one was kept.

Must never touch NAL contents (no unescaping): equality here is equality of bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

type Codec = Literal["h264", "hevc"]


class HashError(Exception):
    """A file or a unit that cannot be compared; the text says why."""


def annexb_nal_units(data: bytes) -> list[bytes]:
    """NAL units of an Annex B byte stream (ITU-T H.264 B.1), without start codes and trailing zero bytes."""
    found = []
    start = data.find(b"\0\0\1")
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        nal = data[start + 3 : following if following >= 0 else len(data)]
        if nal := nal.rstrip(b"\0"):
            found.append(nal)
        start = following
    return found


def avcc_nal_units(data: bytes, length_size: int = 4) -> list[bytes]:
    """NAL units of a sample in an MP4 (ISO 14496-15: each behind its length). Raises HashError when lengths lie."""
    found = []
    position = 0
    while position < len(data):
        size = int.from_bytes(data[position : position + length_size])
        position += length_size
        if size == 0 or position + size > len(data):
            raise HashError(f"A sample of {len(data)} bytes holds a NAL unit that claims {size} at {position}.")
        found.append(data[position : position + size])
        position += size
    return found


def nal_units(data: bytes, length_size: int | None = None) -> list[bytes]:
    """NAL units of an access unit: behind lengths of `length_size` bytes, or, when that is None, in Annex B form."""
    return annexb_nal_units(data) if length_size is None else avcc_nal_units(data, length_size)


def nal_type(nal: bytes, codec: Codec) -> int:
    """The NAL unit type: H.264 7.3.1, H.265 7.3.1.2."""
    return nal[0] & 0x1F if codec == "h264" else (nal[0] >> 1) & 0x3F


def is_slice(nal: bytes, codec: Codec) -> bool:
    """True for a coded slice."""
    kind = nal_type(nal, codec)
    return 1 <= kind <= 5 if codec == "h264" else kind <= 31


def is_parameter_set(nal: bytes, codec: Codec) -> bool:
    """True for SPS, PPS, VPS."""
    return nal_type(nal, codec) in ((7, 8, 13, 15) if codec == "h264" else (32, 33, 34))


def _compared(nal: bytes, codec: Codec) -> bool:
    return is_slice(nal, codec) or nal_type(nal, codec) in ((6,) if codec == "h264" else (39, 40))


def _first_slice(nal: bytes, codec: Codec) -> bool:
    """True for the slice that opens a picture: first_mb_in_slice = 0, first_slice_segment_in_pic_flag = 1."""
    header = 1 if codec == "h264" else 2
    return is_slice(nal, codec) and len(nal) > header and bool(nal[header] & 0x80)


def hash_of_nals(nals: Iterable[bytes], codec: Codec) -> str:
    """SHA-256, hexadecimal, over what the module compares of these NAL units."""
    digest = hashlib.sha256()
    for nal in nals:
        if _compared(nal, codec):
            digest.update(len(nal).to_bytes(4))
            digest.update(nal)
    return digest.hexdigest()


def unit_hash(unit: bytes, codec: Codec, length_size: int | None = None) -> str:
    """The hash of one access unit, Annex B or behind lengths."""
    return hash_of_nals(nal_units(unit, length_size), codec)


def access_units(stream: bytes, codec: Codec) -> list[bytes]:
    """Cuts an Annex B stream into access units (Annex B, 4-byte start codes), pictures of one layer only."""
    units: list[bytearray] = []
    open_for_slices = False
    for nal in annexb_nal_units(stream):
        if _first_slice(nal, codec):
            if not open_for_slices:
                units.append(bytearray())
            open_for_slices = False
        elif not is_slice(nal, codec) and not open_for_slices:
            units.append(bytearray())
            open_for_slices = True
        elif not units:
            raise HashError("The stream does not begin with the first slice of a picture.")
        units[-1] += b"\0\0\0\1" + nal
    return [bytes(unit) for unit in units]


def is_key(unit: bytes, codec: Codec) -> bool:
    """True when an Annex B access unit is a picture at which decoding can start (IDR; H.265 also BLA and CRA)."""
    kinds = (5,) if codec == "h264" else range(16, 24)
    return any(nal_type(nal, codec) in kinds for nal in annexb_nal_units(unit))


def recorded_hashes(paths: str | Path | Sequence[str | Path]) -> list[str]:
    """Hashes of all access units of recorded MP4 files, in the order of `paths`, in decoding order within each.

    Raises HashError for a file that is no MP4 with exactly one H.264 or H.265 track.
    """
    each = [paths] if isinstance(paths, str | Path) else paths
    return [sha256 for path in each for sha256 in _file_hashes(Path(path))]


def is_run_of(recorded: list[str], sent: list[str]) -> bool:
    """`recorded` stands in `sent` without a hole."""
    return any(sent[at : at + len(recorded)] == recorded for at in range(len(sent) - len(recorded) + 1))


def parameter_sets(path: str | Path) -> set[bytes]:
    """All parameter sets of a recorded MP4: those of its sample description and those in band."""
    with av.open(str(path)) as container:
        stream, codec, length_size = _only_video(container, Path(path))
        found = set(_description_sets(bytes(stream.codec_context.extradata or b""), codec))
        for packet in container.demux(stream):
            found.update(n for n in nal_units(bytes(packet), length_size) if is_parameter_set(n, codec))
    return found


def _file_hashes(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        stream, codec, length_size = _only_video(container, path)
        return [unit_hash(bytes(packet), codec, length_size) for packet in container.demux(stream) if packet.size]


def _only_video(container: InputContainer, path: Path) -> tuple[VideoStream, Codec, int | None]:
    """The one track of a file, its codec, and the bytes of its NAL lengths (None: Annex B)."""
    if len(container.streams) != 1 or len(container.streams.video) != 1:
        raise HashError(f"{path} holds {len(container.streams)} tracks; a recording holds one, of pictures.")
    stream = container.streams.video[0]
    codecs: dict[str, Codec] = {"h264": "h264", "hevc": "hevc"}
    name = codecs.get(stream.codec_context.name)
    if name is None:
        raise HashError(f"{path} holds {stream.codec_context.name}; only H.264 and H.265 can be compared.")
    extradata = bytes(stream.codec_context.extradata or b"")
    if extradata[:1] != b"\x01":
        return stream, name, None
    return stream, name, (extradata[4 if name == "h264" else 21] & 3) + 1  # lengthSizeMinusOne, ISO 14496-15


def _description_sets(extradata: bytes, codec: Codec) -> list[bytes]:
    """Parameter sets of a sample description: avcC (ISO 14496-15, 5.3.3.1) or hvcC (8.3.3.1)."""
    if extradata[:1] != b"\x01":
        return [nal for nal in annexb_nal_units(extradata) if is_parameter_set(nal, codec)]
    found = []
    if codec == "h264":
        position = 5
        for mask in (0x1F, 0xFF):
            count = extradata[position] & mask
            position += 1
            for _ in range(count):
                size = int.from_bytes(extradata[position : position + 2])
                found.append(extradata[position + 2 : position + 2 + size])
                position += 2 + size
        return found
    position = 23
    for _ in range(extradata[22]):
        count = int.from_bytes(extradata[position + 1 : position + 3])
        position += 3
        for _ in range(count):
            size = int.from_bytes(extradata[position : position + 2])
            found.append(extradata[position + 2 : position + 2 + size])
            position += 2 + size
    return found
