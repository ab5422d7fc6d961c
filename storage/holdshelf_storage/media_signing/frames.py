"""Reads a segment's pictures for their signatures: whether there are some, and the NAL units of each picture."""

import base64
import binascii
from collections.abc import Iterator
from typing import Final, NamedTuple

from holdshelf_storage.media_signing.sei import (
    MAX_KEPT_BYTES,
    MAX_SEI_BYTES,
    Unreadable,
    form_of,
    is_certificate,
    is_sei,
    read,
)
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.mp4.boxes import read_exactly
from holdshelf_storage.mp4.fragments import Sample, Track

_HEAD_BYTES: Final = 512
_UUID_WITHIN: Final = 400
MAX_PICTURE_BYTES: Final = 64 << 20


class Recognized(NamedTuple):
    """What signs a file's pictures."""

    form: str
    """`onvif`, `axis`, or '' for nothing."""
    hash_name: str
    """How the first document that says so hashes; '' if none does."""
    certificate: bytes = b""
    """That document, if it is the one with the camera's certificates."""


def recognize(fd: int) -> Recognized:
    """Looks for the first signature among a file's pictures, and reads little else: an SEI comes before its picture's slices.

    Raises BadMp4, DiskWriteError.
    """
    track = fmp4.read_header(fd).video
    found = Recognized("", "")
    if track is None or track.codec not in ("h264", "hevc") or not track.nal_length_bytes:
        return found
    for sample in fmp4.samples(fd):
        for nal in _before_slices(fd, sample, track):
            form = form_of(nal, track.codec)
            if form == "onvif":
                hash_name = _hash_name(nal, track.codec)
                found = Recognized(form, hash_name, nal if is_certificate(nal, track.codec) else b"")
                if hash_name:
                    return found
            elif form and not found.form:
                found = Recognized(form, "")
    return found


def _hash_name(nal: bytes, codec: str) -> str:
    try:
        return read(nal, codec).hash_name
    except Unreadable:
        return ""


def _before_slices(fd: int, sample: Sample, track: Track) -> Iterator[bytes]:
    """The SEIs at a picture's head; of one that is no signature, its beginning only."""
    size = track.nal_length_bytes
    head = read_exactly(fd, min(sample.size, _HEAD_BYTES), sample.offset)
    head_at, at = 0, 0
    while at + size < sample.size:
        if at + size + 2 > head_at + len(head):
            head_at, head = at, read_exactly(fd, min(sample.size - at, _HEAD_BYTES), sample.offset + at)
        begin = at - head_at + size
        length = int.from_bytes(head[begin - size : begin])
        nal = head[begin : begin + min(length, _UUID_WITHIN)]
        if _is_slice(nal, track.codec):
            return
        if is_sei(nal, track.codec):
            if len(nal) < min(length, _UUID_WITHIN):
                nal = read_exactly(fd, min(length, _UUID_WITHIN, sample.size - at - size), sample.offset + at + size)
            if form_of(nal, track.codec) and length <= min(MAX_SEI_BYTES, sample.size - at - size):
                nal = read_exactly(fd, length, sample.offset + at + size)
            yield nal
        at += size + length


def _is_slice(nal: bytes, codec: str) -> bool:
    if not nal:
        return False
    return 1 <= (nal[0] & 0x1F) <= 5 if codec == "h264" else (nal[0] >> 1 & 0x3F) < 32


def nal_units(fd: int, sample: Sample, length_bytes: int) -> list[bytes]:
    """A picture's NAL units; none where the file's header cannot be read so far as to tell them apart. Raises DiskWriteError."""
    if not length_bytes or sample.size > MAX_PICTURE_BYTES:
        return []
    data = read_exactly(fd, sample.size, sample.offset)
    found, at = [], 0
    while at + length_bytes < len(data):
        end = at + length_bytes + int.from_bytes(data[at : at + length_bytes])
        found.append(data[at + length_bytes : end])
        at = end
    return found


def kept(text: str) -> bytes:
    """The SEI with certificates that a file's header holds (`signing`); b'' for none."""
    try:
        nal = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""
    return nal if len(nal) <= MAX_KEPT_BYTES else b""
