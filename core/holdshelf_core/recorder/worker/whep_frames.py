"""SRTP datagrams to access units: reordered, lost ones requested again, and nothing incomplete passed on.

Packets wait at most ``GIVE_UP_S`` for those before them. Packets still missing then are lost: their picture is dropped, and
everything that depends on it, up to the next complete key frame (requested by PLI). A ``Hole`` takes its place, so that the
footage has a gap there and never a picture that only looks complete. Runs in the camera's thread.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pylibsrtp
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    RtcpByePacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    clamp_packets_lost,
)

from holdshelf_core.recorder.worker.nal import kind_of
from holdshelf_core.recorder.worker.rtp import Depacketizer
from holdshelf_core.recorder.worker.source import Hole, Picture

GIVE_UP_S = 0.6
NACK_AFTER_S = 0.01
"""Packets may arrive out of order; only after this time one counts as missing."""
NACK_AGAIN_S = 0.06
MAX_NACKS = 200
MAX_HELD = 8192
MAX_AHEAD = 4096
PLI_FIRST_S, PLI_CAP_S = 0.7, 5.0
REPORT_S = 1.0
TELL_S = 2.0
"""A lasting hole is reported again this often."""
CHANGED_AFTER_S = 1.5
"""A different sender is accepted once the known one has been silent for this long."""
# The NAL units that begin an access unit with parameter sets (SPS, VPS) or a delimiter.
_FIRST_KINDS = {"h264": frozenset({7, 9}), "hevc": frozenset({32, 35})}
_SEQ = 0x10000


@dataclass(slots=True)
class _Missing:
    since_s: float
    asked_s: float = 0.0


class Frames:
    """One peer's packets. ``codecs`` by payload type; ``unprotect…`` decrypt and raise pylibsrtp.Error or ValueError."""

    def __init__(
        self,
        codecs: dict[int, str],
        unprotect: Callable[[bytes], bytes],
        unprotect_rtcp: Callable[[bytes], bytes],
        send_rtcp: Callable[[bytes], None],
        ssrcs: tuple[int, ...] = (),
    ) -> None:
        self._codecs = codecs
        self._unprotect, self._unprotect_rtcp, self._send_rtcp = unprotect, unprotect_rtcp, send_rtcp
        self._ssrc_told = ssrcs[0] if ssrcs else 0
        self._own_ssrc = secrets.randbits(32)
        self._ssrc: bytes | None = None
        self._depacketizer: Depacketizer | None = None
        self._damaged = 0
        self._expected = 0
        self._highest = 0
        self._held: dict[int, bytes] = {}
        self._missing: dict[int, _Missing] = {}
        # For receiver reports (RFC 3550 § 6.4.1).
        self._cycles = self._first_seq = self._received = 0
        self._reported = (0, 0)
        self._sender_report: tuple[int, float] = (0, 0.0)
        self._report_at_s = 0.0
        self._pli_at_s, self._pli_wait_s = 0.0, PLI_FIRST_S
        self._hole_told_s = 0.0
        self._started = False
        self._waits_for_key = True
        self.packet_at_s = 0.0
        """When the stream's last packet arrived (monotonic); 0 before the first."""
        self.codec = next(iter(codecs.values()))
        self.ended = ""
        """Why the peer's stream has ended, in words; '' while it has not."""
        self.lost_packets = 0
        self.asked_packets = 0

    @property
    def certificate_sei(self) -> bytes:
        """Return the last message in which the peer sent its signing certificates; empty for none."""
        return self._depacketizer.certificate_sei if self._depacketizer is not None else b""

    @property
    def incomplete(self) -> bool:
        """Return whether packets or a key frame are awaited, so that data should be read at once."""
        return bool(self._missing) or self._waits_for_key

    def take(self, datagrams: Iterable[bytes], now_s: float) -> list[Picture | Hole]:
        """Process datagrams in order of arrival. Returns the pictures that they complete."""
        out: list[Picture | Hole] = []
        unprotect, ssrc = self._unprotect, self._ssrc
        for datagram in datagrams:
            if len(datagram) < 12:
                continue
            if 192 <= datagram[1] <= 223:
                self._take_rtcp(datagram, now_s)
                continue
            try:
                packet = unprotect(datagram)
            except (pylibsrtp.Error, ValueError):
                continue  # forged, repeated, or truncated
            if packet[8:12] != ssrc:
                if not self._adopt(packet, now_s):
                    continue
                ssrc = self._ssrc
            self._received += 1
            seq = packet[2] << 8 | packet[3]
            if seq == self._expected and not self._held:
                self._expected = (seq + 1) % _SEQ
                if seq == self._highest + 1:  # no wrap, nothing missing: nine of ten
                    self._highest = seq
                else:
                    self._note(seq, now_s)
                self._feed(packet, out)
            else:
                self._hold(seq, packet, now_s, out)
            self.packet_at_s = now_s
        return out

    def _adopt(self, packet: bytes, now_s: float) -> bool:
        """Decide whether to accept a packet of an unknown sender."""
        if len(packet) < 12 or packet[1] & 0x7F not in self._codecs:
            return False
        if self._ssrc is not None:
            # When a running session's source is replaced, it is reconnected: nothing of the old one can continue.
            if now_s - self.packet_at_s > CHANGED_AFTER_S:
                self.ended = "the peer goes on with another stream"
            return False
        self._ssrc = packet[8:12]
        self._expected = self._first_seq = packet[2] << 8 | packet[3]
        self._highest = (self._expected - 1) % _SEQ
        self._use(packet[1] & 0x7F)
        return True

    def _use(self, payload_type: int) -> None:
        self.codec = self._codecs[payload_type]
        self._payload_type = payload_type
        self._depacketizer = Depacketizer(self.codec, payload_type)
        self._damaged = 0

    # --- order ------------------------------------------------------------------------------------------------

    def _note(self, seq: int, now_s: float) -> None:
        """Record the highest sequence number, and what is missing below it."""
        ahead = (seq - self._highest) % _SEQ
        if not 0 < ahead < _SEQ // 2:
            self._missing.pop(seq, None)
            return
        if seq < self._highest:
            self._cycles += 1
        for number in range(1, min(ahead, MAX_AHEAD)):
            self._missing[(self._highest + number) % _SEQ] = _Missing(now_s)
        self._highest = seq

    def _hold(self, seq: int, packet: bytes, now_s: float, out: list[Picture | Hole]) -> None:
        ahead = (seq - self._expected) % _SEQ
        if ahead >= _SEQ // 2:
            return  # too late, or twice
        self._note(seq, now_s)
        self._held[seq] = packet
        if ahead >= MAX_AHEAD or len(self._held) > MAX_HELD:
            self._skip(out)
        self._drain(out)

    def _drain(self, out: list[Picture | Hole]) -> None:
        held = self._held
        while held and (packet := held.pop(self._expected, None)) is not None:
            self._missing.pop(self._expected, None)
            self._expected = (self._expected + 1) % _SEQ
            self._feed(packet, out)

    def _skip(self, out: list[Picture | Hole]) -> None:
        """Give up what is missing before the first buffered packet."""
        following = min(self._held, key=lambda seq: (seq - self._expected) % _SEQ)
        while self._expected != following:
            self._missing.pop(self._expected, None)
            self.lost_packets += 1
            self._expected = (self._expected + 1) % _SEQ
        self._tear(out)
        assert self._depacketizer is not None
        # The picture that continues here lacks its beginning, unless it visibly begins here.
        packet = self._held[following]
        self._depacketizer.abandon(following, None if self._begins(packet) else int.from_bytes(packet[4:8]))

    def _begins(self, packet: bytes) -> bool:
        """Return whether the packet is the first of an access unit: it contains a delimiter or the first parameter set."""
        assert self._depacketizer is not None
        if self._depacketizer.is_within(int.from_bytes(packet[4:8])):
            return False
        position = 12 + 4 * (packet[0] & 0x0F)
        if packet[0] & 0x10:
            position += 4 + 4 * int.from_bytes(packet[position + 2 : position + 4])
        kind = kind_of(packet[position : position + 1], self.codec)
        if kind == (24 if self.codec == "h264" else 48):  # an aggregation: its first NAL unit stands behind a length
            position += 3 if self.codec == "h264" else 4
            kind = kind_of(packet[position : position + 1], self.codec)
        return kind in _FIRST_KINDS[self.codec]

    # --- pictures ---------------------------------------------------------------------------------------------

    def _feed(self, packet: bytes, out: list[Picture | Hole]) -> None:
        payload_type = packet[1] & 0x7F
        depacketizer = self._depacketizer
        assert depacketizer is not None
        if payload_type != self._payload_type:
            if payload_type not in self._codecs:
                depacketizer.expect(((packet[2] << 8 | packet[3]) + 1) % _SEQ)
                return
            if self._codecs[payload_type] != self.codec:
                self.ended = "the peer goes on with another codec"
                return
            # The same codec under another payload type (another profile or packetization mode).
            self._payload_type = payload_type
            depacketizer.rename(payload_type)
        pictures = depacketizer.feed(packet, 0, len(packet))
        if depacketizer.damaged != self._damaged:
            self._damaged = depacketizer.damaged
            # Before or after a picture of the same packet: either way, anything but a key frame may depend on it.
            self._tear(out)
            self._give(pictures, out)
            self._tear(out)
        elif pictures:
            self._give(pictures, out)

    def _give(self, pictures: list[Picture], out: list[Picture | Hole]) -> None:
        for picture in pictures:
            if self._waits_for_key:
                if not picture.is_key:
                    continue
                self._waits_for_key = False
                self._started = True
                self._pli_wait_s = PLI_FIRST_S
            out.append(picture)

    def _tear(self, out: list[Picture | Hole]) -> None:
        if not self._waits_for_key:
            self._waits_for_key = True
            self._hole_told_s = 0.0
            out.append(Hole(lasting=False))

    # --- time -------------------------------------------------------------------------------------------------

    def tick(self, now_s: float) -> list[Picture | Hole]:
        """Call after each read, even an empty one: give up overdue packets, send requests and reports."""
        out: list[Picture | Hole] = []
        while (first := self._missing.get(self._expected)) is not None and now_s - first.since_s > GIVE_UP_S:
            self._skip(out)
            self._drain(out)
        if self._missing:
            self._ask(now_s)
        if self._waits_for_key:
            if self._started:
                self._hole_told_s = self._hole_told_s or now_s
                if now_s - self._hole_told_s > TELL_S:
                    self._hole_told_s = now_s
                    out.append(Hole(lasting=True))
            self._ask_for_key(now_s)
        if now_s - self._report_at_s > REPORT_S and self._ssrc is not None:
            self._report_at_s = now_s
            self._report(now_s)
        return out

    def _ask(self, now_s: float) -> None:
        due = [
            seq
            for seq, missing in self._missing.items()
            if now_s - missing.since_s >= NACK_AFTER_S and now_s - missing.asked_s >= NACK_AGAIN_S
        ][:MAX_NACKS]
        if not due or self._ssrc is None:
            return
        for seq in due:
            self._missing[seq].asked_s = now_s
        self.asked_packets += len(due)
        media = int.from_bytes(self._ssrc)
        self._send_rtcp(bytes(RtcpRtpfbPacket(RTCP_RTPFB_NACK, self._own_ssrc, media, sorted(due))))

    def _ask_for_key(self, now_s: float) -> None:
        media = int.from_bytes(self._ssrc) if self._ssrc is not None else self._ssrc_told
        if media and now_s - self._pli_at_s >= (self._pli_wait_s if self._pli_at_s else 0):
            # Increasingly rare: a key frame is large, and one that the line cannot carry must not be requested endlessly.
            if self._pli_at_s:
                self._pli_wait_s = min(PLI_CAP_S, self._pli_wait_s * 1.5)
            self._pli_at_s = now_s
            self._send_rtcp(bytes(RtcpPsfbPacket(RTCP_PSFB_PLI, self._own_ssrc, media)))

    def _report(self, now_s: float) -> None:
        assert self._ssrc is not None
        expected = self._cycles * _SEQ + self._highest - self._first_seq + 1
        expected_now, received_now = expected - self._reported[0], self._received - self._reported[1]
        self._reported = (expected, self._received)
        lost_now = max(0, expected_now - received_now)
        stamp, came_s = self._sender_report
        report = RtcpReceiverInfo(
            ssrc=int.from_bytes(self._ssrc),
            fraction_lost=min(255, (lost_now << 8) // expected_now) if expected_now > 0 else 0,
            packets_lost=clamp_packets_lost(expected - self._received),
            highest_sequence=(self._cycles * _SEQ + self._highest) & 0xFFFFFFFF,
            jitter=0,
            lsr=stamp,
            dlsr=int((now_s - came_s) * 65_536) & 0xFFFFFFFF if stamp else 0,
        )
        self._send_rtcp(bytes(RtcpRrPacket(self._own_ssrc, [report])))

    def _take_rtcp(self, datagram: bytes, now_s: float) -> None:
        try:
            packets = RtcpPacket.parse(self._unprotect_rtcp(datagram))
        except (pylibsrtp.Error, ValueError, struct.error, IndexError):
            return  # forged or malformed: it contains no picture
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and packet.ssrc.to_bytes(4) == self._ssrc:
                self._sender_report = ((packet.sender_info.ntp_timestamp >> 16) & 0xFFFFFFFF, now_s)
            elif isinstance(packet, RtcpByePacket) and self._ssrc in [source.to_bytes(4) for source in packet.sources]:
                self.ended = "the peer said goodbye"
