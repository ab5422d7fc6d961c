"""RTCP (RFC 3550 § 6): hears a sender's reports and its goodbye, and writes a receiver's reports at the standard's pace."""

from __future__ import annotations

import random
import secrets
import struct
from collections import deque
from typing import Protocol

from holdshelf_core.times import NS

_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
LEAST_INTERVAL_S = 5.0
_BANDWIDTH_SHARE = 0.05  # of the session's, for all its reports
_RECEIVERS_SHARE = 0.75  # of that, while senders are few
_COMPENSATION = 1.21828  # e − 3/2, § 6.3.1
MAX_MEMBERS = 1000
_NTP_EPOCH_S = 2_208_988_800
_LATEST = 4


class PacketCounts(Protocol):
    """What a report says of a sender's packets; ``Reorder`` counts it."""

    received: int

    @property
    def highest(self) -> int:
        """Return the extended highest number received."""

    @property
    def expected_packets(self) -> int:
        """Return how many packets there should have been."""


class SenderReports:
    """What a camera's RTCP tells: its clock, its goodbye, and who else receives the stream."""

    def __init__(self) -> None:
        self.said_goodbye = False
        """The sender of the pictures has left (BYE)."""
        self.members: set[int] = set()
        self.report: tuple[int, float] = (0, 0.0)
        """The middle of the last sender report's NTP time, and when it arrived (monotonic)."""
        self._ahead_ns: deque[int] = deque(maxlen=_LATEST)

    @property
    def clock_ahead_ns(self) -> int | None:
        """Return how far the sender's clock is ahead of ours; None before it told. Reports arrive late, never early."""
        return max(self._ahead_ns, default=None)

    def take(self, compound: bytes, sender: int | None, now_s: float, utc_ns: int) -> None:
        """Process one datagram or interleaved packet. ``sender``: whose report counts. Invalid data is ignored."""
        at = 0
        while len(compound) - at >= 8 and compound[at] >> 6 == 2:
            kind, words = compound[at + 1], int.from_bytes(compound[at + 2 : at + 4])
            end = at + 4 + 4 * words
            if end > len(compound):
                return
            ssrc = int.from_bytes(compound[at + 4 : at + 8])
            if kind in (_SR, _RR) and len(self.members) < MAX_MEMBERS:
                self.members.add(ssrc)
            if kind == _SR and end - at >= 28 and sender in (None, ssrc):
                self._take_report(compound[at + 8 : at + 16], now_s, utc_ns)
            elif kind == _BYE:
                last = min(end, at + 4 + 4 * (compound[at] & 0x1F))
                gone = {int.from_bytes(compound[place : place + 4]) for place in range(at + 4, last, 4)}
                self.members -= gone
                self.said_goodbye |= sender in gone
            at = end

    def count(self, compound: bytes) -> None:
        """Note that another one receives the stream, too (in a group)."""
        if len(compound) >= 8 and compound[0] >> 6 == 2 and compound[1] == _RR and len(self.members) < MAX_MEMBERS:
            self.members.add(int.from_bytes(compound[4:8]))

    def _take_report(self, ntp: bytes, now_s: float, utc_ns: int) -> None:
        self.report = int.from_bytes(ntp[2:6]), now_s
        seconds, fraction = struct.unpack(">II", ntp)
        if not seconds:
            return  # it has no clock
        ours_s, ours_ns = divmod(utc_ns, NS)
        # The era of NTP that is nearest to our clock: its seconds wrap in 2036.
        ahead_s = (seconds - ours_s - _NTP_EPOCH_S + (1 << 31)) % (1 << 32) - (1 << 31)
        self._ahead_ns.append(ahead_s * NS + (fraction * NS >> 32) - ours_ns)


class ReceiverReports:
    """Writes a receiver's own reports, and says when the next one is due (RFC 3550 § 6.2 to § 6.4)."""

    def __init__(self, sender_reports: SenderReports) -> None:
        self._sender_reports = sender_reports
        self._ssrc = secrets.randbits(32)
        self._name = f"{secrets.token_hex(6)}@holdshelf".encode()  # says nothing of this machine
        self._reported = (0, 0)
        self._average_bytes = 128.0
        self.due_s: float | None = None
        """When the next one is to be sent (monotonic)."""

    def plan(self, now_s: float, media_bytes_per_s: float) -> None:
        """Set when the next report is due (§ 6.3.1): the more members, the rarer. 0 bytes a second: not known yet."""
        is_first = self.due_s is None
        members = len(self._sender_reports.members) + 1
        share = media_bytes_per_s * _BANDWIDTH_SHARE * (_RECEIVERS_SHARE if members > 4 else 1.0)
        usual_s = max(LEAST_INTERVAL_S / (1 + is_first), self._average_bytes * members / share if share else 0.0)
        self.due_s = now_s + usual_s * random.uniform(0.5, 1.5) / _COMPENSATION  # noqa: S311  (pace, not a secret)

    def write(self, sender: int, numbers: PacketCounts | None, now_s: float, *, goodbye: bool = False) -> bytes:
        """Return a compound packet: receiver report, name, and the goodbye. ``numbers`` None: nothing arrived yet.

        The jitter in it is 0: packets are read in batches, which tells nothing about the network.
        """
        block = b""
        if numbers is not None and numbers.expected_packets:
            expected, received = numbers.expected_packets, numbers.received
            expected_now, received_now = expected - self._reported[0], received - self._reported[1]
            self._reported = expected, received
            lost_now = max(0, expected_now - received_now)
            fraction = min(255, (lost_now << 8) // expected_now) if expected_now > 0 else 0
            lost = max(-(1 << 23), min((1 << 23) - 1, expected - received)) & 0xFFFFFF
            stamp, came_s = self._sender_reports.report
            since = int((now_s - came_s) * 65_536) & 0xFFFFFFFF if stamp else 0
            block = struct.pack(">IIIIII", sender, fraction << 24 | lost, numbers.highest & 0xFFFFFFFF, 0, stamp, since)
        report = struct.pack(">BBHI", 0x80 | bool(block), _RR, 1 + len(block) // 4, self._ssrc) + block
        item = struct.pack(">IBB", self._ssrc, 1, len(self._name)) + self._name
        item += bytes(4 - len(item) % 4)
        packet = report + struct.pack(">BBH", 0x81, _SDES, len(item) // 4) + item
        if goodbye:
            packet += struct.pack(">BBHI", 0x81, _BYE, 1, self._ssrc)
        self._average_bytes += (len(packet) + 28 - self._average_bytes) / 16  # with its IP and UDP headers
        return packet

    def opening(self) -> bytes:
        """Return an RTP packet without content: sent once, it opens the way back through a firewall."""
        return struct.pack(">BBHII", 0x80, 0, 0, 0, self._ssrc)
