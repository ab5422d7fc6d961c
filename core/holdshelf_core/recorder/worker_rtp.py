"""RTP payloads to access units: H.264 (RFC 6184) and H.265 (RFC 7798), as they come over one TCP connection.

Pure Python over bytes, and a tenth of what libavformat costs for the same (ADR 7): it copies each payload once, and
asks the kernel for many packets at a time. What cannot be an access unit is dropped whole, never passed on torn.
"""

from __future__ import annotations

import struct

from holdshelf_core.recorder.worker_nal import is_parameter_set
from holdshelf_core.recorder.worker_source import Picture

_HEADER = struct.Struct(">BBHI")
MAX_UNIT_BYTES = 32 << 20
_WRAP = 1 << 32


class Depacketizer:
    """Feed it RTP packets in order; it hands back access units.

    ``reordered`` becomes True when time stamps go back: B-frames, for which a decoding order must be worked out.
    ``damaged`` counts access units that were dropped because a packet of theirs was missing.
    """

    def __init__(self, codec: str, payload_type: int) -> None:
        self._codec = codec
        self._hevc = codec == "hevc"
        self._payload_type = payload_type
        # The picture so far, as an MP4 sample: before each NAL unit stands its length, filled in when it is over.
        self._parts: list[bytes] = []
        self._size = 0
        self._nal_at, self._nal_size = -1, 0
        self._sets: list[bytes] = []
        self._is_key = self._has_sets = self._has_slice = self._broken = self._in_fragment = False
        self._stamp: int | None = None
        self._last_given: int | None = None
        self._next_seq: int | None = None
        self._first_stamp = 0
        self._ticks = 0
        self._last_stamp = 0
        self._source: bytes | None = None
        self.markers_lie = False
        self.reordered = False
        self.damaged = 0

    def drain(self, data: bytes, position: int) -> tuple[int, list[Picture]]:
        """All interleaved packets (RFC 2326 § 10.12) from ``position`` on: where it stopped, and what they completed.

        It stops at an unfinished packet, or at a byte that is not "$": then an RTSP message begins there.
        Nine of ten packets are the middle of a fragmented slice, just the one that is expected: they have the short way.
        """
        units: list[Picture] = []
        size = len(data)
        fu_header_bytes, fu_kind, fu_mask = (3, 49 << 1, 0x7E) if self._hevc else (2, 28, 0x1F)
        while size - position >= 4:
            if data[position] != 0x24:
                break
            start = position + 4
            end = start + (data[position + 2] << 8 | data[position + 3])
            if end > size:
                break
            if data[position + 1] == 0:
                if self._in_fragment and end - start > 16:
                    flags, kind, seq, stamp = _HEADER.unpack_from(data, start)
                    if (
                        flags == 0x80
                        and kind == self._payload_type  # no marker
                        and seq == self._next_seq
                        and stamp == self._stamp
                        and data[start + 12] & fu_mask == fu_kind
                        and not data[start + 11 + fu_header_bytes] & 0xC0  # neither its start nor its end
                        and data[start + 8 : start + 12] == self._source
                    ):
                        self._parts.append(data[start + 12 + fu_header_bytes : end])
                        taken = end - start - 12 - fu_header_bytes
                        self._size += taken
                        self._nal_size += taken
                        self._next_seq = (seq + 1) & 0xFFFF
                        position = end
                        if self._size <= MAX_UNIT_BYTES:
                            continue
                units += self.feed(data, start, end)
            position = end
        return position, units

    def feed(self, data: bytes, start: int, end: int) -> list[Picture]:  # noqa: PLR0912 - one pass, one packet
        """One RTP packet, ``data[start:end]``. Returns the access units that it completes (0, 1 or 2)."""
        if end - start < 12:
            return []
        flags, kind, seq, stamp = _HEADER.unpack_from(data, start)
        if flags >> 6 != 2 or kind & 0x7F != self._payload_type:
            return []
        ssrc = data[start + 8 : start + 12]
        if self._source is None:
            self._source = ssrc
        elif ssrc != self._source:
            return []  # another sender mixed in: not this stream's
        position = start + 12 + 4 * (flags & 0x0F)
        if flags & 0x10:  # header extension (RFC 3550 § 5.3.1)
            if position + 4 > end:
                return []
            position += 4 + 4 * int.from_bytes(data[position + 2 : position + 4])
        if flags & 0x20:  # padding
            end -= data[end - 1]
        if position >= end:
            self._next_seq = (seq + 1) & 0xFFFF
            return []
        done: list[Picture] = []
        if self._stamp is not None and stamp != self._stamp:
            self._finish(done)
        elif self._stamp is None and stamp == self._last_given:
            # More of a picture that its marker said was over: from now on only a new time stamp ends one.
            self.markers_lie = True
        if self._next_seq is not None and seq != self._next_seq:
            self._broken = True
            self._in_fragment = False
        self._next_seq = (seq + 1) & 0xFFFF
        self._stamp = stamp
        if self._hevc:
            self._take_hevc(data, position, end)
        else:
            self._take_h264(data, position, end)
        if self._size > MAX_UNIT_BYTES:
            self._drop_parts()
            self._broken = True
        # Some cameras set the marker on parameter sets as well: a picture needs a slice.
        if kind & 0x80 and not self.markers_lie and (self._has_slice or self._broken):
            self._finish(done)
        return done

    def _take_h264(self, data: bytes, position: int, end: int) -> None:
        header = data[position]
        kind = header & 0x1F
        if kind == 28:  # FU-A
            if position + 2 > end:
                self._broken = True
                return
            fragment = data[position + 1]
            if fragment & 0x80:
                self._in_fragment = True
                self._begin(
                    fragment & 0x1F, bytes(((header & 0xE0) | (fragment & 0x1F),)), data[position + 2 : position + 3]
                )
            elif not self._in_fragment:
                self._broken = True  # its beginning is missing
                return
            self._append(data[position + 2 : end])
            if fragment & 0x40:
                self._in_fragment = False
        elif kind == 24:  # STAP-A
            position += 1
            while position + 2 <= end:
                size = int.from_bytes(data[position : position + 2])
                position += 2
                if not size or position + size > end:
                    self._broken = True
                    return
                self._begin(data[position] & 0x1F, data[position : position + size], data[position + 1 : position + 2])
                position += size
        elif 0 < kind < 24:
            self._begin(kind, data[position:end], data[position + 1 : position + 2])
        else:
            self._broken = True  # interleaved modes are never offered to us (packetization-mode 2)

    def _take_hevc(self, data: bytes, position: int, end: int) -> None:
        if position + 3 > end:
            self._broken = True
            return
        kind = data[position] >> 1 & 0x3F
        if kind == 49:  # FU
            fragment = data[position + 2]
            if fragment & 0x80:
                self._in_fragment = True
                inner = fragment & 0x3F
                header = bytes(((data[position] & 0x81) | inner << 1, data[position + 1]))
                self._begin(inner, header)
            elif not self._in_fragment:
                self._broken = True
                return
            self._append(data[position + 3 : end])
            if fragment & 0x40:
                self._in_fragment = False
        elif kind == 48:  # AP
            position += 2
            while position + 2 <= end:
                size = int.from_bytes(data[position : position + 2])
                position += 2
                if size < 2 or position + size > end:
                    self._broken = True
                    return
                self._begin(data[position] >> 1 & 0x3F, data[position : position + size])
                position += size
        elif kind < 48:
            self._begin(kind, data[position:end])
        else:
            self._broken = True

    def _begin(self, kind: int, data: bytes, lead: bytes = b"") -> None:
        """A NAL unit starts. ``lead`` is the first byte after an H.264 NAL header."""
        if self._hevc:
            self._is_key |= 16 <= kind <= 21
            self._has_slice |= kind < 32
        else:
            self._has_sets |= kind == 7
            # first_mb_in_slice 0 and slice_type I (2 or 7), § 7.3.3: beside its parameter sets it is a place to start,
            # as cameras without IDR pictures have them.
            intra = kind == 1 and lead and (lead[0] >> 4 == 0b1011 or lead[0] == 0b10001000)
            self._is_key |= kind == 5 or bool(self._has_sets and intra)
            self._has_slice |= 1 <= kind <= 5
        if is_parameter_set(kind, self._codec) and len(data) > 2:
            self._sets.append(data)
        self._close_nal()
        self._nal_at = len(self._parts)
        self._parts.append(b"")
        self._append(data)

    def _append(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        self._nal_size += len(data)

    def _close_nal(self) -> None:
        if self._nal_at >= 0:
            self._parts[self._nal_at] = self._nal_size.to_bytes(4)
        self._nal_at, self._nal_size = -1, 0

    def _finish(self, done: list[Picture]) -> None:
        stamp = self._stamp
        whole = self._has_slice and not self._broken and not self._in_fragment
        if stamp is not None and whole:
            if self._last_given is None:
                self._first_stamp = self._last_stamp = stamp
            step = (stamp - self._last_stamp) % _WRAP
            if step >= _WRAP // 2:
                step -= _WRAP
                self.reordered = True
            self._ticks += step
            self._last_stamp = stamp
            self._close_nal()
            done.append(Picture(b"".join(self._parts), self._ticks, None, self._is_key, frozenset(self._sets)))
        elif self._broken:
            self.damaged += 1
        self._last_given = stamp if whole or self._broken else self._last_given
        self._drop_parts()
        self._is_key = self._has_sets = self._has_slice = self._broken = self._in_fragment = False
        self._stamp = None

    def _drop_parts(self) -> None:
        self._parts, self._sets = [], []
        self._size, self._nal_at, self._nal_size = 0, -1, 0
