"""One worker and many cameras: where there is no thread for one more, it is told and tried again, and the others go on."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from holdshelf_core.integration import reasons
from holdshelf_core.processes import worker_link
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.recorder.worker.main import STACK_BYTES
from tests.rig.hang import HANG_S
from tests.rig.processes import memory_bytes
from tests.service import free_port, wait_for

MANY, MORE = 300, 30
DESCRIPTORS_OF_ONE = 5


class Alone:
    """A worker process, confined as the service has it, without a service."""

    def __init__(self) -> None:
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "holdshelf_core.recorder.worker.main", str(theirs.fileno()), "-", "rtsp"],
            pass_fds=(theirs.fileno(),),
        )
        theirs.close()
        self._link.settimeout(HANG_S)
        assert isinstance(self.heard(), worker_link.Ready)

    def heard(self) -> object:
        return wire.decode_to_service(self._link.recv(worker_link.MAX_MESSAGE_BYTES))

    def dialed(self) -> str:
        """The camera, if that is what it says next."""
        message = self.heard()
        return message.camera if isinstance(message, wire.Dialing) else ""

    def has_no_thread_for(self, camera: str) -> bool:
        """Have one more camera recorded."""
        self.record(camera)
        while True:
            match self.heard():
                case wire.Dialing(camera=told) if told == camera:
                    return False
                case wire.Lost(camera=told, reason=reasons.RECORDER_BUSY) if told == camera:
                    return True

    def record(self, camera: str) -> None:
        url = f"rtsp://127.0.0.1:{free_port()}/x"  # nobody answers: what counts is that it is dialed
        self._link.send(wire.encode(wire.Record(camera, url, None, None, "tcp", "boot", 60.0)))

    def close(self) -> None:
        self._link.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture
def worker() -> Iterator[Alone]:
    alone = Alone()
    yield alone
    alone.close()


def test_three_hundred_cameras_are_dialed_by_one_worker(worker: Alone) -> None:
    """Seen: the stacks of 256 took all the memory that it may have, and both workers of two cores ended again and again."""
    assert resource.prlimit(worker.process.pid, resource.RLIMIT_NOFILE)[0] >= MANY * DESCRIPTORS_OF_ONE
    for number in range(MANY):
        worker.record(f"camera-{number}")
    left = {f"camera-{number}" for number in range(MANY)}

    def all_dialed() -> bool:
        left.discard(worker.dialed())
        return not left

    wait_for("all are dialed", all_dialed, every=0)
    assert worker.process.poll() is None


def test_cameras_without_a_thread_are_told_and_begin_when_there_is_one(worker: Alone) -> None:
    pid = worker.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (memory_bytes(pid, "VmSize") + 8 * STACK_BYTES, before[1]))
    # One after the other: nothing else that a camera needs is then short of memory, but a thread's stack.
    busy = next(camera for camera in (f"camera-{number}" for number in range(MORE)) if worker.has_no_thread_for(camera))
    resource.prlimit(pid, resource.RLIMIT_AS, before)
    wait_for("it is dialed", lambda: worker.dialed() == busy, every=0)
    assert worker.process.poll() is None
