"""RTP payloads to access units: H.264 (RFC 6184) and H.265 (RFC 7798), as they come over one TCP connection.

Pure Python over bytes, and a tenth of what libavformat costs for the same (ADR 7): it copies each payload once, and
asks the kernel for many packets at a time. What cannot be an access unit is dropped whole, never passed on torn.
"""

from __future__ import annotations

import struct

from holdshelf_core.recorder.worker_nal import split_annexb
from holdshelf_core.recorder.worker_source import Picture
from holdshelf_core.recorder.worker_units import MAX_UNIT_BYTES, PART_BYTES, Assembler

_HEADER = struct.Struct(">BBHI")
_WRAP = 1 << 32
# So long another sender's packets may come alone before they are taken for the stream that goes on under a new name.
STRANGER_S = 2
MAX_OTHER_CHANNEL = 15  # other streams of the camera's, or of an old session
# How an RTSP message begins: a camera's answer, or a request of its own.
MESSAGE_STARTS = (
    *(b"RTSP/", b"OPTIONS ", b"ANNOUNCE ", b"DESCRIBE ", b"REDIRECT ", b"TEARDOWN "),
    *(b"GET_PARAMETER ", b"SET_PARAMETER ", b"PAUSE ", b"PLAY "),
)


def begins_something(data: bytes, position: int, channel: int) -> bool:
    """Whether a packet or an RTSP message can begin here (fewer bytes than are needed to tell: it can).

    Strict enough that the middle of a packet seldom passes: one that was cut short is told by what follows it.
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
    # Neither RTP nor RTCP: some makers send a word of their own. Then another packet follows it.
    after = position + 4 + size
    return after >= len(data) or data[after] == 0x24


def _payload(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Where a packet's payload begins and ends (RFC 3550 § 5.1); it ends before it begins when the packet is wrong."""
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
    """Feed it RTP packets in order; it hands back access units.

    ``reordered`` becomes True when time stamps go back (B-frames). ``damaged`` counts access units that were dropped
    because a packet of theirs was missing. ``replaced`` becomes True when the sender (SSRC) has given way to another.
    ``source`` is the SSRC that was announced, if any: others' packets, as live555 of old mixes them in, are left out.
    With ``doubt_markers`` a marker is believed only after it has told the truth a few times; ask ``waiting`` then.
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

    def drain(self, data: bytes, position: int) -> tuple[int, list[Picture]]:
        """All interleaved packets (RFC 2326 § 10.12) from ``position`` on: where it stopped, and what they completed.

        ``holes`` tells before which of these (by number) something is missing.

        It stops at an unfinished packet, or at a byte that is not "$": then an RTSP message begins there, or the
        camera cut a packet short. Nine of ten packets are the middle of a fragmented slice, just the one that is
        expected: they have the short way.
        """
        units: list[Picture] = []
        holes = self.holes = [0] if self.damaged != self._damaged_told else []
        size = len(data)
        channel = self.channel
        fu_header_bytes, fu_kind, fu_mask = (3, 49 << 1, 0x7E) if self._hevc else (2, 28, 0x1F)
        while size - position >= 4:
            if data[position] != 0x24:
                break
            start = position + 4
            end = start + (data[position + 2] << 8 | data[position + 3])
            if end > size:
                break
            if data[position + 1] == channel:
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
                        self._size += taken + PART_BYTES
                        self._nal_size += taken
                        self._next_seq = (seq + 1) & 0xFFFF
                        position = end
                        if self._size <= MAX_UNIT_BYTES:
                            continue
                given = self.feed(data, start, end)
                if given and end < size and not self._goes_on(data, end):
                    # Cut short by the camera, and filled up with what follows: its picture is not what it seems.
                    self.damaged += len(given)
                    given = []
                if self.damaged != self._damaged_told:
                    self._damaged_told = self.damaged
                    holes.append(len(units))
                units += given
            position = end
        self._damaged_told = self.damaged
        return position, units

    def feed(self, data: bytes, start: int, end: int) -> list[Picture]:
        """One RTP packet, ``data[start:end]``. Returns the access units that it completes."""
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
        if position != end:  # an empty packet says nothing but its marker
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
        """Whether what follows a packet is what should: a packet that it swallowed is missing by its number."""
        if not begins_something(data, position, self.channel):
            return False
        if (
            data[position : position + 2] != bytes((0x24, self.channel))
            or data[position + 12 : position + 16] != self._source
        ):
            return True
        return data[position + 6 : position + 8] == (self._next_seq or 0).to_bytes(2)

    def _is_ours(self, ssrc: bytes, stamp: int) -> bool:
        """Whether an SSRC that was not met before is the stream's own."""
        if self._source is None and ssrc not in self._strangers and self._announced in (None, ssrc):
            self._source = ssrc
            return True
        if self._stranger is None or self._stranger[0] != ssrc:
            self._stranger = (ssrc, stamp)
        elif self._stranger_ticks <= (stamp - self._stranger[1]) % _WRAP < _WRAP // 2:
            if self._source is None and ssrc not in self._strangers:
                self._source = ssrc  # what was announced was wrong: this one comes alone
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
        """A piece of a NAL unit. Fragments that are empty, or start and end in one, are sent by some cameras."""
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
        """NAL units with their 16 bit lengths before them; zeros at the end are filling."""
        while position + 2 <= end:
            size = int.from_bytes(data[position : position + 2])
            position += 2
            if size < least or position + size > end:
                self._broken |= any(data[position - 2 : end])
                return
            self._take_nal(data[position : position + size])
            position += size

    def _take_odd(self, data: bytes, position: int, end: int) -> None:
        """A byte stream with start codes, as some cameras send it; else what was never offered to us (RFC 6184 § 5.2)."""
        head = data[position : min(end, position + 4)]
        nals = split_annexb(data[position:end]) if head == b"\0\0\0\1" or head[:3] == b"\0\0\1" else []
        for nal in nals:
            self._take_nal(nal)
        if not nals:
            self._broken = True

    # --- for a transport that loses packets ------------------------------------------------------------------------

    def is_within(self, stamp: int) -> bool:
        """Whether a picture of this time stamp is under way."""
        return self._stamp == stamp

    def expect(self, seq: int) -> None:
        """The next packet is this one: what stood between belongs to no picture."""
        self._next_seq = seq

    def abandon(self, next_seq: int, torn_stamp: int | None) -> None:
        """Give up the picture under way. ``torn_stamp``: the one of this time stamp lacks its beginning."""
        self._drop_unit()
        self._late_start = False
        self._stamp, self._broken = torn_stamp, torn_stamp is not None
        self._next_seq = next_seq

    def rename(self, payload_type: int) -> None:
        """The same codec under another payload type from now on."""
        self._payload_type = payload_type
