"""A socket of datagrams: how many it holds, how many it dropped, and how long they may gather in it."""

from __future__ import annotations

import socket
import time

_PACKET_BYTES = 2304  # of the buffer, whatever its size
_SO_MEMINFO, _SK_MEMINFO_DROPS = 55, 8
_KNOWN_AFTER_S = 3.0


def capacity_packets(own: socket.socket) -> int:
    """Return how many packets its receive buffer holds."""
    return own.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // _PACKET_BYTES


def count_drops(own: socket.socket) -> int:
    """Return how many datagrams the kernel dropped so far, for lack of room in the socket."""
    info = own.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
    return int.from_bytes(info[4 * _SK_MEMINFO_DROPS : 4 * _SK_MEMINFO_DROPS + 4], "little")


class Burst:
    """Computes how long datagrams may gather: as long as the socket surely holds the largest burst seen plus what arrives
    meanwhile."""

    def __init__(self, capacity: int, cap_s: float) -> None:
        self._capacity, self._cap_s = capacity, cap_s
        self._largest = 0.0
        self._per_s = 0.0
        self._gather_s = 0.0
        self._at_s = time.monotonic()
        self._since_s = self._at_s

    def gather_s(self, count: int, now_s: float) -> float:
        """Return it, now that ``count`` were read together; 0: not at all."""
        elapsed_s = max(now_s - self._at_s, 0.001)
        self._at_s = now_s
        self._largest = max(count - self._per_s * self._gather_s, self._largest * 0.999)
        self._per_s += (count / elapsed_s - self._per_s) * min(1.0, elapsed_s / 3)
        if now_s - self._since_s < _KNOWN_AFTER_S:
            return 0.0  # its key frames are not known yet
        room = self._capacity * 0.75 - self._largest
        self._gather_s = max(0.0, min(self._cap_s, room / max(self._per_s, 1.0)))
        return self._gather_s
