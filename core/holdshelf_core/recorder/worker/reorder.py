"""RTP packets of one sender in the order of their numbers (RFC 3550 appendix A.1), for a transport that reorders and loses.

A packet waits at most ``GIVE_UP_S`` for those before it, in a bounded buffer. What is missing then is lost: the depacketizer sees
it by the number that follows, and drops the picture it belonged to. Packets are handed on framed as RTSP frames them on a TCP
connection, so that one code takes both apart.
"""

from __future__ import annotations

import struct

from holdshelf_core.recorder.worker.units import PART_BYTES

GIVE_UP_S = 0.2
"""A switch or an access point reorders by milliseconds. Nothing waits for these pictures but the disk."""
MAX_HELD, MAX_HELD_BYTES = 2048, 4 << 20
MAX_AHEAD = 3000  # RFC 3550's MAX_DROPOUT: more than this was not lost, but numbered anew
LATE_RUN = 16
"""This many packets in a row that are older than what was given up: the sender has numbered its packets anew."""
CHANGED_AFTER_S = 2.0
"""Another sender counts once the known one has been silent for this long."""
CHANNEL = 255
"""The channel in the frames: none that a camera chooses."""
HEADER = struct.Struct(">BBHII")
FRAME = struct.Struct(">BBH")
_SEQ = 0x10000


def framed(packet: bytes) -> bytes:
    """Return a datagram as an interleaved packet (RFC 2326 § 10.12)."""
    return FRAME.pack(0x24, CHANNEL, len(packet)) + packet


class Reorder:
    """One sender's packets. The caller passes on by itself what is ``next_in_order``, and says so (``passed``)."""

    def __init__(self, payload_type: int, announced: int | None) -> None:
        self._payload_type = payload_type
        self._announced = announced
        self._stranger: tuple[int, float] | None = None
        self._held_bytes = 0
        self._missing_since_s = 0.0
        self._bad_seq = -1
        self._late = 0
        self.held: dict[int, tuple[bytes, float]] = {}
        """Packets that wait, by number, with the time at which each arrived."""
        self.ssrc = -1
        """The sender; -1 before the first packet."""
        self.expected = -1
        self.packet_s = 0.0
        """When its last packet arrived (monotonic); 0 before the first."""
        self.replaced = False
        # For receiver reports (§ 6.4.1).
        self.cycles = self.received = 0
        self._first = 0

    @property
    def highest(self) -> int:
        """Return the extended highest number received; 0 before the first packet."""
        if self.expected < 0:
            return 0
        ahead = max(((seq - self.expected) % _SEQ for seq in self.held), default=-1)
        return max(0, self.cycles * _SEQ + self.expected + ahead)

    @property
    def next_in_order(self) -> int:
        """Return the number of a packet that the caller may pass on by itself; -1 when there is none."""
        return -1 if self.held else self.expected

    @property
    def expected_packets(self) -> int:
        """Return how many packets there should have been so far."""
        return self.highest - self._first + 1 if self.expected >= 0 else 0

    def passed(self, count: int, seq: int, now_s: float) -> None:
        """Note that ``count`` packets in order were passed on, up to before ``seq``, which is expected next."""
        self.received += count
        self._advance(seq)
        self.packet_s = now_s
        self._late = 0

    def take(self, packet: bytes, now_s: float) -> list[bytes]:
        """Take any packet of 12 bytes or more. Returns what can be passed on: stretches without a hole, each framed."""
        flags, kind, seq, _stamp, ssrc = HEADER.unpack_from(packet)
        if (
            flags >> 6 != 2
            or kind & 0x7F != self._payload_type
            or (ssrc != self.ssrc and not self._adopt(ssrc, seq, now_s))
        ):
            return []
        self.received += 1
        self.packet_s = now_s
        ahead = (seq - self.expected) % _SEQ
        if ahead >= MAX_AHEAD:
            return self._out_of_range(packet, seq, ahead)
        self._late, self._bad_seq = 0, -1
        if not ahead:
            return [self._release(packet)]
        if seq not in self.held:
            if not self.held:
                self._missing_since_s = now_s
            self.held[seq] = packet, now_s
            self._held_bytes += len(packet) + PART_BYTES
        return self.give_up() if len(self.held) > MAX_HELD or self._held_bytes > MAX_HELD_BYTES else []

    def tick(self, now_s: float) -> list[bytes]:
        """Call when nothing more has arrived: what is missing for too long is given up."""
        given: list[bytes] = []
        while self.held and now_s - self._missing_since_s > GIVE_UP_S:
            given.append(self._skip(min(self.held, key=lambda seq: (seq - self.expected) % _SEQ)))
        return given

    def give_up(self) -> list[bytes]:
        """Give up everything that is missing. Returns what was held."""
        given: list[bytes] = []
        for seq in sorted(self.held, key=lambda seq: (seq - self.expected) % _SEQ):
            if seq in self.held:
                given.append(self._skip(seq))
        return given

    def _adopt(self, ssrc: int, seq: int, now_s: float) -> bool:
        """Return whether a sender that is not the known one may be it."""
        if self._stranger is None or self._stranger[0] != ssrc:
            self._stranger = ssrc, now_s
        alone_s = now_s - max(self._stranger[1], self.packet_s)
        if self.ssrc < 0 and (self._announced in (None, ssrc) or alone_s > CHANGED_AFTER_S):
            self.ssrc, self._first = ssrc, seq
            self.expected = seq
            return True
        self.replaced |= self.ssrc >= 0 and alone_s > CHANGED_AFTER_S
        return False

    def _out_of_range(self, packet: bytes, seq: int, ahead: int) -> list[bytes]:
        """Process a packet that is late, or numbered anew: believed when the next number follows it (or many late ones)."""
        is_late = ahead >= _SEQ - MAX_AHEAD
        self._late += is_late
        if self._late < LATE_RUN and (is_late or seq != self._bad_seq):
            if not is_late:
                self._bad_seq = (seq + 1) % _SEQ
            return []
        given = self.give_up()
        self._late, self._bad_seq = 0, -1
        self.expected, self.cycles, self.received, self._first = seq, 0, 1, seq
        return [*given, self._release(packet)]

    def _skip(self, seq: int) -> bytes:
        self._advance(seq)
        packet, _ = self.held.pop(seq)
        self._held_bytes -= len(packet) + PART_BYTES
        return self._release(packet)

    def _release(self, packet: bytes) -> bytes:
        """Return the expected packet and those held that follow it."""
        parts = [framed(packet)]
        seq, held = (self.expected + 1) % _SEQ, self.held
        while held and (found := held.pop(seq, None)) is not None:
            parts.append(framed(found[0]))
            self._held_bytes -= len(found[0]) + PART_BYTES
            seq = (seq + 1) % _SEQ
        self._advance(seq)
        if held:
            self._missing_since_s = held[min(held, key=lambda each: (each - seq) % _SEQ)][1]
        return b"".join(parts)

    def _advance(self, seq: int) -> None:
        self.cycles += seq < self.expected
        self.expected = seq
