"""How the service and a worker talk over their SOCK_SEQPACKET socket pair: one msgpack message per packet.

The kernel keeps the packets' boundaries, and a descriptor is sent with the message that it belongs to (SCM_RIGHTS). Each kind of
worker has its own messages (``recorder.worker.protocol``, ``looks.picture_protocol``, ``releases.worker_protocol``).
"""

from __future__ import annotations

import socket
import struct
from typing import Any

import msgspec

from holdshelf_storage.decoding import MsgpackDecoder

MAX_MESSAGE_BYTES = 160_000

_FD = struct.Struct("i")
_ENCODER = msgspec.msgpack.Encoder()


class Ready(msgspec.Struct, tag=True, frozen=True):
    """Worker → service: ready and confined. ``landlock_abi`` 0 and ``seccomp`` False: this kernel lacks them."""

    landlock_abi: int
    seccomp: bool


class Quit(msgspec.Struct, tag=True, frozen=True):
    """Service → worker: finish what is open and exit."""


class WorkerLink[W, S]:
    """The messages of one kind of worker: ``W`` to it, ``S`` from it, each a union of tagged structs."""

    def __init__(self, to_worker: Any, to_service: Any) -> None:
        """Take the two unions once more, as values: msgspec builds its decoders from them."""
        self._to_worker: MsgpackDecoder[W] = MsgpackDecoder(to_worker)
        self._to_service: MsgpackDecoder[S] = MsgpackDecoder(to_service)
        self._received = bytearray(MAX_MESSAGE_BYTES)

    def encode(self, message: W | S) -> bytes:
        """Return the packet of a message: at most MAX_MESSAGE_BYTES."""
        return _ENCODER.encode(message)

    def decode_to_service(self, packet: bytes) -> S:
        """Decode a worker's message. Raises msgspec.MsgspecError: then the worker is broken, or taken over, and must be ended."""
        return self._to_service.decode(packet)

    def send(self, link: socket.socket, message: W | S, fds: tuple[int, ...] = ()) -> None:
        """Send a message with its descriptors. Raises OSError."""
        packet = self.encode(message)
        if fds:
            socket.send_fds(link, [packet], list(fds))
        else:
            link.send(packet)

    def receive_in_worker(self, link: socket.socket) -> tuple[W, int | None] | None:
        """Wait for the service's next message and its descriptor; None when the service is gone."""
        # Into what is there already: a worker that has no memory left for one more thread can still be told what to do.
        length, ancillary, _flags, _address = link.recvmsg_into([self._received], socket.CMSG_SPACE(_FD.size))
        if not length:
            return None
        fd = next((_FD.unpack_from(data)[0] for _level, kind, data in ancillary if kind == socket.SCM_RIGHTS), None)
        return self._to_worker.decode(bytes(memoryview(self._received)[:length])), fd
