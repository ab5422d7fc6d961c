"""RTSP whose pictures come by UDP, to this machine alone or to a multicast group (RFC 2326 § 12.39).

The worker's loop reads it like the other connections, but it cannot wait long: what finds no room in the socket is lost. So it
says how long its packets may gather, and otherwise wakes the loop. What is lost leaves a hole up to the next key frame.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from holdshelf_core.integration.reasons import (
    MEDIA_UNREACHABLE,
    MULTICAST_ONLY,
    NO_FRAMES,
    STREAM_ENDED,
    TRANSPORT_REFUSED,
)
from holdshelf_core.recorder.worker.datagrams import Burst, capacity_packets, count_drops
from holdshelf_core.recorder.worker.message import ports_of, value_of
from holdshelf_core.recorder.worker.ports import Address, Pair, join, open_pair
from holdshelf_core.recorder.worker.reading import PACE_CAP_S
from holdshelf_core.recorder.worker.reorder import CHANNEL, FRAME, HEADER, Reorder
from holdshelf_core.recorder.worker.rtcp import ReceiverReports
from holdshelf_core.recorder.worker.rtp import Depacketizer
from holdshelf_core.recorder.worker.rtsp import MAX_TURN_BYTES, RtspSource
from holdshelf_core.recorder.worker.source import Hole, Picture, SourceError

MAX_TURN_PACKETS = 1500
MAX_DATAGRAM_BYTES = 65_535
# How often what is not pictures is read: the RTSP connection, reports. A goodbye may wait that long.
LISTEN_S = 0.25
MAX_REPORTS_AT_ONCE, MAX_REPORT_BYTES = 32, 2048
LOOSEN_AFTER_S = 3.0
# While nothing may gather: the packets of a burst are read together after this time, and the loop is woken by the first.
TOGETHER_S = 0.001
WAKE_S = 0.1
RATE_AFTER_S = 2.0
LOSSY_S = 10.0
"""A socket that overflowed is read without delay for this long."""


class UdpSource(RtspSource):
    """An open connection with its one video stream (see ``worker.source.Source``)."""

    def __init__(self, url: str, username: str | None, password: str | None, *, by_group: bool = False) -> None:
        """Connect, up to PLAY; ``by_group``: by multicast. Raises SourceError within about twice ``OPEN_TIMEOUT_S``."""
        self._by_group = by_group
        self._pair: Pair | None = None
        self._source: Address | None = None
        self._is_reading = False
        try:
            super().__init__(url, username, password)
        except BaseException:
            self._close_pair()
            raise
        self.gather_bytes = 0

    # --- the dialogue -----------------------------------------------------------------------------------------

    def _wanted_transport(self) -> str:
        if isinstance(self._socket, ssl.SSLSocket):
            raise SourceError(TRANSPORT_REFUSED, "its stream is encrypted, and by UDP it would not be")
        if self._by_group:
            return "RTP/AVP;multicast"
        self._close_pair()
        self._pair = open_pair(self._socket)
        return f"RTP/AVP;unicast;client_port={self._pair.numbers}"

    def _accept(self, transport: str) -> int:
        said = transport.lower()
        self._reports = ReceiverReports(self._sender_reports)
        if "interleaved" in said:
            raise SourceError(TRANSPORT_REFUSED, "it sends over the connection itself (TCP) only")
        if self._by_group:
            self._join(transport)
        elif "multicast" in said:
            raise SourceError(TRANSPORT_REFUSED, MULTICAST_ONLY)
        else:
            self._hold_to(*ports_of(transport, "server_port"))
        return CHANNEL

    def _join(self, transport: str) -> None:
        track = self._track
        group = value_of(transport, "destination") or track.group
        ports = ports_of(transport, "port")
        if not ports[0]:
            ports = track.port, track.port + 1
        self._pair = join(self._socket, group.partition("/")[0], ports, value_of(transport, "ttl"), track.sources)

    def _hold_to(self, rtp_port: int, rtcp_port: int) -> None:
        assert self._pair is not None
        if rtp_port:
            self._pair.hold_to(rtp_port, rtcp_port)
            # Opens the way through a firewall between the two before the camera's first packet.
            self._pair.send(self._reports.opening(), self._reports.write(0, None, time.monotonic()))

    def _begin_reading(self) -> None:
        super()._begin_reading()
        assert self._pair is not None
        track = self._track
        announced = (int.from_bytes(self._announced) or None) if self._announced else None
        self._reorder = Reorder(track.payload_type, announced)
        # The reordering knows the sender: whatever it passes on is the stream.
        self._depacketizer = Depacketizer(
            track.codec, track.payload_type, channel=CHANNEL, ticks_per_s=track.ticks_per_s, doubt_markers=True
        )
        self._rtp = self._pair.rtp
        self._burst, self._drops = Burst(capacity_packets(self._rtp), PACE_CAP_S), count_drops(self._rtp)
        self._in_burst, self._gather_s, self._prompt_until_s = 0, 0.0, 0.0
        self._burst_s = self._listen_s = self._began_s = time.monotonic()
        self._is_loose = self._by_group
        self._is_reading = True
        self._received_bytes = 0

    # --- media ------------------------------------------------------------------------------------------------

    def _take(self, items: list[Picture | Hole], room: memoryview) -> int:
        now_s = time.monotonic()
        if now_s > self._alive_at:
            self._keep_alive()
        received, packets = self._receive(items, room, now_s)
        if self._reorder.replaced:
            raise SourceError(STREAM_ENDED, "another sender (SSRC) has taken the stream over")
        self._check_silence(now_s)
        if not self.has_more:
            for stretch in self._reorder.tick(now_s):
                self._feed(items, stretch)
            self._set_rest(packets, now_s)
        if now_s >= self._listen_s:
            self._listen_s = now_s + LISTEN_S
            received += self._listen(items, room, now_s)
        return received

    def _receive(self, items: list[Picture | Hole], room: memoryview, now_s: float) -> tuple[int, int]:
        """Take what has arrived, of whoever. Returns how many bytes and packets that was.

        Each packet is received into the room behind the place for its frame: those that come in order are a stretch there.
        """
        receive, reorder, frame, unpack = self._rtp.recvfrom_into, self._reorder, FRAME.pack_into, HEADER.unpack_from
        received = packets = at = in_order = 0
        source, ssrc, expected = self._source, reorder.ssrc, reorder.next_in_order
        last = len(room) - MAX_DATAGRAM_BYTES - 4
        while packets < MAX_TURN_PACKETS and received < MAX_TURN_BYTES:
            packets += 1
            try:
                size, address = receive(room[at + 4 :], MAX_DATAGRAM_BYTES)
            except BlockingIOError:
                packets -= 1
                break
            except OSError:
                break  # one of ours was refused there (ICMP), which says nothing of what comes: the next turn reads on
            received += size
            if size < 12 or (address != source and not self._is_from_camera(address)):
                continue
            flags, kind, seq, _stamp, sender = unpack(room, at + 4)
            is_next = seq == expected and sender == ssrc and flags >> 6 == 2 and not 192 <= kind <= 223
            if is_next:
                frame(room, at, 0x24, CHANNEL, size)
                at += 4 + size
                in_order += 1
                expected = (seq + 1) & 0xFFFF
                if at <= last:
                    continue
            packet = b"" if is_next else bytes(room[at + 4 : at + 4 + size])
            if in_order:
                reorder.passed(in_order, expected, now_s)
                self._feed(items, bytes(room[:at]))
                at = in_order = 0
            if packet and 192 <= kind <= 223:
                self._hear([packet])
            elif packet:
                for stretch in reorder.take(packet, now_s):
                    self._feed(items, stretch)
                if source is None and reorder.ssrc == sender:
                    source = self._latch(address)
                ssrc, expected = reorder.ssrc, reorder.next_in_order
        if in_order:
            reorder.passed(in_order, expected, now_s)
            self._feed(items, bytes(room[:at]))
        self.has_more = packets >= MAX_TURN_PACKETS or received >= MAX_TURN_BYTES
        self._received_bytes += received
        return received, packets

    def _is_from_camera(self, address: Address) -> bool:
        """Return whether an address may be that of the pictures' sender: the first one at the camera is."""
        assert self._pair is not None
        return self._source is None and address[0] == self._pair.host

    def _latch(self, address: Address) -> Address:
        """Listen to this address alone from now on; the kernel drops what others send, except to a group."""
        self._source = address
        if not self._by_group:
            with contextlib.suppress(OSError):
                self._rtp.connect(address)
        return address

    def _feed(self, items: list[Picture | Hole], stretch: bytes) -> None:
        depacketizer = self._depacketizer
        _, units = depacketizer.drain(stretch, 0)
        if units:
            self._budget.saw_picture()
        if units or depacketizer.holes:
            items.extend(self._order.follow(units, depacketizer.holes))

    def _finish(self, items: list[Picture | Hole]) -> None:
        for stretch in self._reorder.give_up():
            self._feed(items, stretch)
        if self._depacketizer.waiting:
            self._depacketizer.tear()  # the rest of a picture may be what was lost
        super()._finish(items)

    def _set_rest(self, packets: int, now_s: float) -> None:
        """Set how long packets may gather from now on, or that the next one is to wake the loop."""
        self._in_burst += packets
        if packets and (drops := count_drops(self._rtp)) != self._drops:
            self._drops = drops
            self._gather_s, self._prompt_until_s = 0.0, now_s + LOSSY_S
        if packets and not self._gather_s and now_s - self._burst_s < WAKE_S:
            self.rest = -1, TOGETHER_S
            return
        if self._in_burst:
            gather_s = self._burst.gather_s(self._in_burst, now_s)
            self._gather_s = 0.0 if now_s < self._prompt_until_s else gather_s
        self._in_burst, self._burst_s = 0, now_s
        self.rest = (-1, self._gather_s) if self._gather_s > TOGETHER_S else (self._rtp.fileno(), WAKE_S)

    def _check_silence(self, now_s: float) -> None:
        silent_s = now_s - (self._reorder.packet_s or self._began_s)
        if silent_s > self._patience_s and not self._reorder.packet_s:
            raise SourceError(MEDIA_UNREACHABLE, f"it plays, and nothing of it comes to {self._ways()}")
        if silent_s > self._patience_s:
            raise TimeoutError
        if silent_s > LOOSEN_AFTER_S and not (self._is_loose or self._reorder.packet_s):
            assert self._pair is not None
            self._is_loose = True
            self._pair.loosen()
            self._rtp, self._drops = self._pair.rtp, 0

    def _ways(self) -> str:
        assert self._pair is not None
        group = self._pair.group
        return f"the group {group}" if group else f"the UDP ports {self._pair.numbers} of this machine"

    def _sockets(self) -> tuple[socket.socket, ...]:
        return (self._socket, self._rtp)

    # --- what is said beside ------------------------------------------------------------------------------------

    def _listen(self, items: list[Picture | Hole], room: memoryview, now_s: float) -> int:
        """Read the RTSP connection and the camera's reports, and send ours when due. Returns how many bytes it read."""
        pair, reports = self._pair, self._reports
        assert pair is not None
        received = 0
        for _ in range(MAX_REPORTS_AT_ONCE):
            try:
                report, address = pair.rtcp.recvfrom(MAX_REPORT_BYTES)
            except OSError:
                break
            received += len(report)
            if address[0] == pair.host:
                self._hear([report])
            elif self._by_group:
                self._sender_reports.count(report)
        if reports.due_s is None or now_s >= reports.due_s:
            if reports.due_s is not None and self._reorder.packet_s:
                pair.send(b"", reports.write(self._reorder.ssrc, self._reorder, now_s))
            elapsed_s = now_s - self._began_s
            reports.plan(now_s, self._received_bytes / elapsed_s if elapsed_s > RATE_AFTER_S else 0.0)
        try:
            got = self._socket.recv_into(room)
        except BlockingIOError:
            return received
        if not got:
            raise SourceError(STREAM_ENDED if self._order.seen else NO_FRAMES, "the camera closed the connection")
        self._buffer += bytes(room[:got])
        self._parse(items)
        return received + got

    def close(self) -> None:
        """Disconnect with an RTCP goodbye and TEARDOWN, and close the UDP ports. Never raises."""
        if self._pair is not None and self._is_reading:
            goodbye = self._reports.write(self._reorder.ssrc, self._reorder, time.monotonic(), goodbye=True)
            self._pair.send(b"", goodbye)
        super().close()
        self._close_pair()

    def _close_pair(self) -> None:
        if self._pair is not None:
            self._pair.close()
