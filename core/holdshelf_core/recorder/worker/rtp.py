"""RTP payloads to access units: H.264 (RFC 6184) and H.265 (RFC 7798), over one TCP connection.

Pure Python over bytes, at a tenth of libavformat's cost (ADR 7): it copies each payload once, and reads many packets at a time.
Incomplete access units are dropped entirely, never passed on damaged.
"""

from __future__ import annotations

import struct

from holdshelf_core.recorder.worker.nal import split_annexb
from holdshelf_core.recorder.worker.source import Picture
from holdshelf_core.recorder.worker.units import MAX_UNIT_BYTES, PART_BYTES, Assembler

_HEADER = struct.Struct(">BBHI")
# Of an interleaved packet with a fragment (FU-A, FU): its headers in one go, where the payload begins, and which kind is one.
_H264_FU = struct.Struct(">BBHBBHIIBB"), 4 + 12 + 2, 28, 0x1F
_HEVC_FU = struct.Struct(">BBHBBHIIBxB"), 4 + 12 + 3, 49 << 1, 0x7E
_WRAP = 1 << 32
# How long another sender's packets must come alone before they count as the continued stream under a new SSRC.
STRANGER_S = 2
MAX_OTHER_CHANNEL = 15  # other streams of the camera, or of an old session
# How an RTSP message begins: a camera's answer, or its own request.
MESSAGE_STARTS = (
    *(b"RTSP/", b"OPTIONS ", b"ANNOUNCE ", b"DESCRIBE ", b"REDIRECT ", b"TEARDOWN "),
    *(b"GET_PARAMETER ", b"SET_PARAMETER ", b"PAUSE ", b"PLAY "),
)


def begins_something(data: bytes, position: int, channel: int) -> bool:
    """Return whether a packet or an RTSP message can begin here (also when there are too few bytes to tell).

    Strict enough that the middle of a packet seldom passes: a truncated packet is detected by what follows it.
    """
    lines = data[position : position + 8]
    position += len(lines) - len(lines.lstrip(b"\r\n"))  # empty lines between messages
    head = data[position : position + 14]
    if not head.startswith(b"$"):
        return any(start.startswith(head) or head.startswith(start) for start in MESSAGE_STARTS)
    if len(head) < 5:
        return True
    if head[1] not in (channel, channel + 1) and head[1] > MAX_OTHER_CHANNEL:
        return False
    size = int.from_bytes(head[2:4])
    if size < 12 or head[4] >> 6 == 2:
        return True
    # Neither RTP nor RTCP: some makers send data of their own. Then another packet follows it.
    after = position + 4 + size
    return after >= len(data) or data[after] == 0x24


def _payload(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Return where a packet's payload begins and ends (RFC 3550 § 5.1); the end precedes the start when the packet is invalid."""
    flags = data[start]
    position = start + 12 + 4 * (flags & 0x0F)
    if flags & 0x10:  # header extension (§ 5.3.1)
        if position + 4 > end:
            return end, start
        position += 4 + 4 * int.from_bytes(data[position + 2 : position + 4])
    if flags & 0x20:  # padding: its last byte counts it
        end = end - data[end - 1] if data[end - 1] else start
    return position, end


class Depacketizer(Assembler):
    """Takes RTP packets in order and returns access units.

    ``reordered`` becomes True when timestamps go back (B-frames). ``damaged`` counts access units dropped because a packet was
    missing. ``replaced`` becomes True when the sender (SSRC) was replaced by another. ``source`` is the announced SSRC, if any:
    others' packets, as old live555 versions mix in, are ignored. With ``doubt_markers`` a marker is trusted only after it proved
    right a few times; check ``waiting`` then.
    """

    def __init__(
        self,
        codec: str,
        payload_type: int,
        *,
        channel: int = 0,
        ticks_per_s: int = 90_000,
        source: bytes | None = None,
        strangers: frozenset[bytes] = frozenset(),
        doubt_markers: bool = False,
    ) -> None:
        super().__init__(codec, ticks_per_s, doubt_markers=doubt_markers)
        self._payload_type = payload_type
        self.channel = channel
        self.control: list[bytes] = []
        """RTCP packets that came on the next channel; whoever reads them empties it."""
        self._next_seq: int | None = None
        self._announced = source
        self._strangers = strangers
        self._source: bytes | None = None
        self._stranger: tuple[bytes, int] | None = None
        self._stranger_ticks = STRANGER_S * ticks_per_s
        self._late_start = False
        self._damaged_told = 0
        self.replaced = False
        self.holes: list[int] = []

    @property
    def sender(self) -> int | None:
        """Return the SSRC of the stream; None before its first packet."""
        return int.from_bytes(self._source) if self._source is not None else None

    def drain(self, data: bytes, position: int) -> tuple[int, list[Picture]]:
        """Process all interleaved packets (RFC 2326 § 10.12) from ``position`` on; return where it stopped, and what they
        completed.

        ``holes`` says before which of these (by index) something is missing.

        It stops at an incomplete packet, or at a byte that is not "$": then an RTSP message begins there, or the camera truncated
        a packet. Nine of ten packets are the expected middle of a fragmented slice: they take a fast path.
        """
        units: list[Picture] = []
        holes = self.holes = [0] if self.damaged != self._damaged_told else []
        size = len(data)
        channel = self.channel
        while size - position >= 4:
            if self._in_fragment:
                position = self._drain_middles(data, position)
                if size - position < 4:
                    break
            if data[position] != 0x24:
                break
            start = position + 4
            end = start + (data[position + 2] << 8 | data[position + 3])
            if end > size:
                break
            if data[position + 1] == channel:
                given = self.feed(data, start, end)
                if given and end < size and not self._goes_on(data, end):
                    # Truncated by the camera, and filled with what follows: its picture is invalid.
                    self.damaged += len(given)
                    given = []
                if self.damaged != self._damaged_told:
                    self._damaged_told = self.damaged
                    holes.append(len(units))
                units += given
            elif data[position + 1] == channel + 1:
                self.control.append(data[start:end])
            position = end
        self._damaged_told = self.damaged
        return position, units

    def _drain_middles(self, data: bytes, position: int) -> int:
        """Take the packets that are the expected middle of a fragmented slice, from ``position`` on; return where they end."""
        size = len(data)
        header, skip, fu_kind, fu_mask = _HEVC_FU if self._hevc else _H264_FU
        unpack, least = header.unpack_from, header.size
        channel, payload_type, stamp, next_seq = self.channel, self._payload_type, self._stamp, self._next_seq
        source = int.from_bytes(self._source or b"")
        parts, taken, room = self._parts, 0, MAX_UNIT_BYTES - self._size
        while size - position > least:
            dollar, sent_on, length, flags, kind, seq, sent, sender, indicator, fragment = unpack(data, position)
            end = position + 4 + length
            if (
                end > size
                or seq != next_seq
                or sent != stamp
                or fragment & 0xC0  # its start or its end
                or indicator & fu_mask != fu_kind
                or flags != 0x80
                or kind != payload_type  # no marker
                or sender != source
                or sent_on != channel
                or dollar != 0x24
                or length <= 16
                or room < 0
            ):
                break
            parts.append(data[position + skip : end])
            length -= skip - 4
            taken += length
            room -= length + PART_BYTES
            next_seq = (seq + 1) & 0xFFFF
            position = end
        self._nal_size += taken
        self._size, self._next_seq = MAX_UNIT_BYTES - room, next_seq
        return position

    def feed(self, data: bytes, start: int, end: int) -> list[Picture]:
        """Process one RTP packet, ``data[start:end]``. Returns the access units that it completes."""
        if end - start < 12:
            return []
        flags, kind, seq, stamp = _HEADER.unpack_from(data, start)
        if flags >> 6 != 2 or kind & 0x7F != self._payload_type:
            return []
        ssrc = data[start + 8 : start + 12]
        if ssrc != self._source and not self._is_ours(ssrc, stamp):
            return []
        self._stranger = None
        done = self._done = []
        if self._next_seq is not None and seq != self._next_seq:
            self.tear()
            self._late_start = False
        self._next_seq = (seq + 1) & 0xFFFF
        if self._stamp is not None and stamp != self._stamp:
            self._end_unit()
        position, end = _payload(data, start, end)
        if position != end:  # an empty packet carries only its marker
            self._stamp = stamp
            if position > end:
                self._broken = True
            elif self._hevc:
                self._take_hevc(data, position, end)
            else:
                self._take_h264(data, position, end)
            if self._size > MAX_UNIT_BYTES:
                self._drop_unit()
                self._broken = True
        if kind & 0x80 and self._stamp is not None:
            self._mark()
        return done

    def _goes_on(self, data: bytes, position: int) -> bool:
        """Return whether valid data follows a packet: a packet that it swallowed is missing by its number."""
        if not begins_something(data, position, self.channel):
            return False
        if (
            data[position : position + 2] != bytes((0x24, self.channel))
            or data[position + 12 : position + 16] != self._source
        ):
            return True
        return data[position + 6 : position + 8] == (self._next_seq or 0).to_bytes(2)

    def _is_ours(self, ssrc: bytes, stamp: int) -> bool:
        """Return whether a new SSRC belongs to the stream."""
        if self._source is None and ssrc not in self._strangers and self._announced in (None, ssrc):
            self._source = ssrc
            return True
        if self._stranger is None or self._stranger[0] != ssrc:
            self._stranger = (ssrc, stamp)
        elif self._stranger_ticks <= (stamp - self._stranger[1]) % _WRAP < _WRAP // 2:
            if self._source is None and ssrc not in self._strangers:
                self._source = ssrc  # the announced one was wrong: this one comes alone
                return True
            self.replaced = self._source is not None
        return False

    def _take_h264(self, data: bytes, position: int, end: int) -> None:
        header = data[position]
        kind = header & 0x1F
        if kind == 28:  # FU-A
            if position + 2 > end:
                self._broken = True
                return
            fragment = data[position + 1]
            kind = fragment & 0x1F
            self._take_fragment(fragment, kind, bytes(((header & 0xE0) | kind,)), data[position + 2 : end])
        elif kind == 24:  # STAP-A
            self._take_aggregate(data, position + 1, end, 1)
        elif 0 < kind < 24:
            self._take_nal(data[position:end])
        else:
            self._take_odd(data, position, end)

    def _take_hevc(self, data: bytes, position: int, end: int) -> None:
        if position + 2 > end:
            self._broken = True
            return
        kind = data[position] >> 1 & 0x3F
        if kind == 49:  # FU
            if position + 3 > end:
                self._broken = True
                return
            fragment = data[position + 2]
            kind = fragment & 0x3F
            header = bytes(((data[position] & 0x81) | kind << 1, data[position + 1]))
            self._take_fragment(fragment, kind, header, data[position + 3 : end])
        elif kind == 48:  # AP
            self._take_aggregate(data, position + 2, end, 2)
        elif kind < 48 and data[position : position + 2] != b"\0\0":
            self._take_nal(data[position:end])
        else:
            self._take_odd(data, position, end)

    def _take_fragment(self, fragment: int, kind: int, header: bytes, payload: bytes) -> None:
        """Process a fragment of a NAL unit. Some cameras send empty fragments, or ones that are both start and end."""
        if fragment & 0x80 or self._late_start:
            self._late_start = not payload and not fragment & 0x40
            if self._late_start:
                return
            self._begin(kind, header, payload[0] if payload else -1)
            self._in_fragment = True
        elif not self._in_fragment:
            self._broken = True  # its beginning is missing
            return
        self._append(payload)
        if fragment & 0x40:
            self._in_fragment = False
            self._close_nal()

    def _take_aggregate(self, data: bytes, position: int, end: int, least: int) -> None:
        """Process NAL units preceded by 16-bit lengths; zeros at the end are padding."""
        while position + 2 <= end:
            size = int.from_bytes(data[position : position + 2])
            position += 2
            if size < least or position + size > end:
                self._broken |= any(data[position - 2 : end])
                return
            self._take_nal(data[position : position + size])
            position += size

    def _take_odd(self, data: bytes, position: int, end: int) -> None:
        """Process a byte stream with start codes, as some cameras send; reject types never offered to us (RFC 6184 § 5.2)."""
        head = data[position : min(end, position + 4)]
        nals = split_annexb(data[position:end]) if head == b"\0\0\0\1" or head[:3] == b"\0\0\1" else []
        for nal in nals:
            self._take_nal(nal)
        if not nals:
            self._broken = True

    # --- for a transport that loses packets ------------------------------------------------------------------------

    def is_within(self, stamp: int) -> bool:
        """Return whether a picture with this timestamp is being assembled."""
        return self._stamp == stamp

    def expect(self, seq: int) -> None:
        """Expect this packet next: the ones skipped belong to no picture."""
        self._next_seq = seq

    def abandon(self, next_seq: int, torn_stamp: int | None) -> None:
        """Drop the picture being assembled. ``torn_stamp``: the one with this timestamp lacks its beginning."""
        self._drop_unit()
        self._late_start = False
        self._stamp, self._broken = torn_stamp, torn_stamp is not None
        self._next_seq = next_seq

    def rename(self, payload_type: int) -> None:
        """Accept the same codec under another payload type from now on."""
        self._payload_type = payload_type
