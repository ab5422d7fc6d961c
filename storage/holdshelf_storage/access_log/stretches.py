"""Long files of an access log, read by several processes: each proves stretches of lines and hashes them into subtrees.

    python -m holdshelf_storage.access_log.stretches FD     a helper; FD: its end of a SOCK_SEQPACKET pair

A helper receives a descriptor with each request, opens nothing and writes nothing. Like `blocks` it only ever confirms: for a
stretch that it cannot confirm, or when it ended, the asking process reads the lines itself. Why processes: decoding and short
hashes hold the interpreter lock, so threads would take turns; and the service's loop does not wait for a helper.
"""

import os
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from holdshelf_storage.access_log.blocks import BLOCK_BYTES, as_written, behind_an_entry, blocks
from holdshelf_storage.access_log.merkle import Tree, cover
from holdshelf_storage.access_log.policies import Named
from holdshelf_storage.errors import StorageError, translating
from holdshelf_storage.volume.journal import UNREADABLE

STRETCH_BYTES: Final = 1024 * 1024
WORTH_BYTES: Final = 16 * STRETCH_BYTES
"""Less is read before a helper has started."""
_MAX_HELPERS: Final = 4
_AHEAD: Final = 2
"""Requests that wait at a helper, so that it never waits for the next one."""
_NICE: Final = 5
_PATIENCE_S: Final = 60.0
"""A helper that has not answered by then is not waited for."""
_MAX_REQUEST_BYTES: Final = 1024
_MAX_ANSWER_BYTES: Final = 64 * 1024


class _Request(msgspec.Struct, array_like=True):
    number: int
    start: int
    end: int
    private: bool


class Stretch(msgspec.Struct, array_like=True):
    """Lines that are as the log writes them."""

    first: int
    """The number of the first entry; the others follow it one by one."""
    last: int
    end: int
    """The offset at which the last line ends."""
    month: str
    """Year and month of the first entry's time: 2026-11."""
    nodes: list[bytes]
    """The hashes of the subtrees that `merkle.cover` names for these entries."""
    rows: list[tuple[dict[str, Any], dict[str, Any] | None]]
    """Entries that change rows or state their root, with their private texts as stored."""
    policies: list[Named]
    """Which policies the entries name, and adopt."""


class _Answer(msgspec.Struct, array_like=True):
    number: int
    """Of its request: what was asked before may have been given up."""
    found: Stretch | None


def stretch(fd: int, start: int, end: int, *, private: bool) -> Stretch | None:
    """What is proven of the lines from `start` to `end`; None when they are not as the log writes them. Raises StorageError."""
    found: Stretch | None = None
    leaves: list[bytes] = []
    for at, block in blocks(fd, start, end):
        written = as_written(block, private=private)
        if written is None:
            return None
        if found is None:
            found = Stretch(written.first, written.first - 1, at, written.month, [], [], [])
        if written.first != found.last + 1:
            return None
        found.last += len(written.leaves)
        found.end = at + len(block)
        found.rows += written.rows
        found.policies += written.policies
        leaves += written.leaves
    if found is not None and found.first > 0:
        before = found.first - 1
        for first, last in cover(before, found.last):
            tree = Tree()
            tree.extend(leaves[first - before : last - before])
            found.nodes.append(tree.root())
    return found


class Helpers:
    """The helper processes of one verification. Close it, or use it as a context: they end. One thread at a time."""

    def __init__(self, size: int) -> None:
        """As many as are worth it for `size` bytes on this machine: none for a short log, or where only one core may be used.

        Whatever keeps a helper from starting leaves its work to the asking process.
        """
        self._links: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._number = 0
        cores = len(os.sched_getaffinity(0))
        if size < WORTH_BYTES or cores < 2:
            return
        try:
            for _ in range(min(cores, _MAX_HELPERS)):
                self._start()
        except OSError:
            self.close()

    def _start(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(_PATIENCE_S)
        self._links.append(ours)
        with theirs:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-m", __spec__.name, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,  # whatever happens to it: its work is done without it
                    process_group=0,  # whoever presses Ctrl+C ends us, and we end them
                )
            )

    def __enter__(self) -> "Helpers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the helper processes, whatever they are doing, and waits for that. Idempotent."""
        for link in self._links:
            link.close()
        for process in self._processes:
            process.kill()  # it may be in the middle of a stretch that nobody waits for
            process.wait()
        self._links, self._processes = [], []

    def stretches(self, fd: int, start: int, end: int, *, private: bool) -> Iterator[tuple[int, int, Stretch | None]]:
        """(start, end, what is proven) of one stretch after the other, which together are `start` to `end`.

        Raises StorageError.
        """
        asked: deque[tuple[_Request, socket.socket | None]] = deque()
        places = _places(fd, start, end) if self._links else iter([(start, end)])
        while True:
            while len(asked) < max(1, _AHEAD * len(self._links)) and (place := next(places, None)) is not None:
                self._number += 1
                request = _Request(self._number, *place, private)
                asked.append((request, self._send(fd, request)))
            if not asked:
                return
            request, link = asked.popleft()
            yield request.start, request.end, _received(link, request.number) if link is not None else None

    def _send(self, fd: int, request: _Request) -> socket.socket | None:
        """The helper that has the request; None when there is none."""
        if not self._links:
            return None
        link = self._links[request.number % len(self._links)]
        try:
            socket.send_fds(link, [msgspec.msgpack.encode(request)], [fd])
        except OSError:  # it ended
            return None
        return link


def _places(fd: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Stretches of whole entries; the last one goes to `end`."""
    at, to = start, start + STRETCH_BYTES
    while to < end:
        begin = max(at, to - 2 * BLOCK_BYTES)
        with translating("The access log could not be read"):
            data = os.pread(fd, to - begin, begin)
        cut = begin + behind_an_entry(data)
        if cut > begin:
            yield at, cut
            at = cut
        to += STRETCH_BYTES
    if at < end:
        yield at, end


def _received(link: socket.socket, number: int) -> Stretch | None:
    while True:
        try:
            answer = msgspec.msgpack.decode(link.recv(_MAX_ANSWER_BYTES), type=_Answer)
        except (OSError, *UNREADABLE):
            link.close()  # nothing more is asked of that one
            return None
        if answer.number == number:
            return answer.found


def _help(link: socket.socket) -> None:
    """Answers requests until the asking process hangs up."""
    os.nice(_NICE)
    while True:
        try:
            packet, fds, _, _ = socket.recv_fds(link, _MAX_REQUEST_BYTES, 1)
        except OSError:  # it hung up before it had heard all answers
            return
        if not packet:
            return
        request = msgspec.msgpack.decode(packet, type=_Request)
        try:
            found = stretch(fds[0], request.start, request.end, private=request.private)
        except StorageError:
            found = None
        finally:
            os.close(fds[0])
        answer = msgspec.msgpack.encode(_Answer(request.number, found))
        if len(answer) > _MAX_ANSWER_BYTES:
            answer = msgspec.msgpack.encode(_Answer(request.number, None))
        try:
            link.sendall(answer)
        except OSError:  # whoever asked is gone
            return


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as parent:
        _help(parent)
