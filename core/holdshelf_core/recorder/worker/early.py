"""Media on a connection before its pictures are asked for: another session's, or the first key frame."""

from __future__ import annotations

from holdshelf_core.recorder.worker.units import PART_BYTES

MAX_EARLY_BYTES = 4 << 20
MAX_STRANGERS = 16


class EarlyPackets:
    """Packets that come while an answer is awaited: before PLAY it notes who sends them, from PLAY on it keeps them."""

    def __init__(self) -> None:
        self.strangers: set[bytes] = set()
        """Senders of before: live555 before 2017 keeps sending an old session's packets on a new connection."""
        self.packets: list[bytes] = []
        self.keeps = False
        self._bytes = 0

    def put(self, packet: bytes) -> None:
        """Note the packet's sender, or keep the packet from PLAY on. ``packet``: RTP, without its interleaving header."""
        if self.keeps:
            self._bytes += len(packet) + PART_BYTES
            if self._bytes <= MAX_EARLY_BYTES:
                self.packets.append(packet)
        elif len(self.strangers) < MAX_STRANGERS and len(packet) >= 16:
            self.strangers.add(packet[12:16])
