"""What service and worker say to each other: whole messages, with their descriptors, or nothing."""

from __future__ import annotations

import os
import socket
import tempfile
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.processes import worker_link
from holdshelf_core.recorder.worker import protocol as wire
from tests.rig.hang import HANG_S

NUMBERS = st.integers(0, 2**63 - 1)
TEXT = st.text(max_size=60)


def _filled[T: msgspec.Struct](kind: type[T]) -> st.SearchStrategy[T]:
    """Any message of a kind, its numbers as large as a message can carry."""
    by_type = {wire.Name: TEXT, wire.Words: TEXT, wire.Number: NUMBERS, wire.Side: st.integers(0, 65_536)}
    by_type[int] = st.integers(-(2**63), 2**63 - 1)
    numbers = st.lists(NUMBERS, max_size=60)
    return st.builds(kind, *(by_type.get(field.type, numbers) for field in msgspec.structs.fields(kind)))


BEATS = st.builds(wire.Beat, TEXT, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
TO_SERVICE = st.one_of(
    st.builds(wire.Want, TEXT),
    st.builds(wire.Lost, TEXT, TEXT, TEXT, st.floats(0, 1e6)),
    st.builds(wire.Torn, TEXT, NUMBERS, NUMBERS, st.booleans()),
    st.builds(wire.Progress, st.lists(BEATS, max_size=20)),
    _filled(wire.Closed),
    _filled(wire.Started),
)


@pytest.fixture
def link() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.settimeout(HANG_S)
        theirs.settimeout(HANG_S)
        yield ours, theirs


@given(TO_SERVICE)
def test_what_a_worker_says_is_what_the_service_hears(message: wire.ToService) -> None:
    assert wire.decode_to_service(wire.encode(message)) == message


@given(st.binary(max_size=300))
def test_nonsense_from_a_worker_is_a_message_error_and_nothing_else(packet: bytes) -> None:
    """A worker talks to hostile cameras; the service ends it for MsgspecError and must meet no other."""
    try:
        wire.decode_to_service(packet)
    except msgspec.MsgspecError:
        pass
    except UnicodeDecodeError as error:  # a ValueError that is no MsgspecError would pass the service's boundary
        raise AssertionError(packet) from error


@pytest.mark.parametrize(
    "message",
    [
        wire.Lost("door", "x" * 301, "", 1.0),
        wire.Lost("door", "no frames", "x" * 10_000, 1.0),
        wire.Want("x" * 65),
        wire.Resolve("x" * 254),
        wire.Resolve(""),
        wire.Started("door", -1, 0, 0, "r", "h264", 1, 1),
        wire.Started("door", 1, 0, 0, "r", "h264", 1 << 20, 1),
        wire.Closed("door", 1, 0, 0, 0, "r", "b", 1, "s", "h264" * 20, 1, 1, 1, []),
        wire.Closed("door", 1, 0, 0, 0, "r", "b", 1, "s", "h264", 1, 1, 1, [1] * 3_601),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_no_honest_worker_would_say_is_nonsense(message: wire.ToService) -> None:
    with pytest.raises(msgspec.ValidationError):
        wire.decode_to_service(wire.encode(message))


def test_what_only_the_service_may_say_is_nonsense_from_a_worker() -> None:
    for message in (worker_link.Quit(), wire.Grant("door", 1), wire.Cut("door", 1), wire.Forget("door")):
        with pytest.raises(msgspec.ValidationError):
            wire.decode_to_service(wire.encode(message))


def test_a_granted_segments_descriptor_travels_with_its_message(link: tuple[socket.socket, socket.socket]) -> None:
    service, worker = link
    with tempfile.TemporaryFile() as file:
        wire.send(service, wire.Grant("door", 7), (file.fileno(),))
        received = wire.receive_in_worker(worker)
        assert received is not None
        message, fd = received
        assert message == wire.Grant("door", 7)
        assert fd is not None
        try:
            assert os.path.sameopenfile(fd, file.fileno())
        finally:
            os.close(fd)


def test_messages_keep_their_bounds_and_their_order(link: tuple[socket.socket, socket.socket]) -> None:
    service, worker = link
    sent: list[wire.ToWorker] = [
        wire.Record("door", "rtsp://192.0.2.7/" + "x" * 4000, "viewer", "pw", "tcp", "boot", 60.0),
        wire.Forget("door"),
        wire.Deny("hall", "disk full"),
        worker_link.Quit(),
    ]
    for message in sent:
        wire.send(service, message)
    assert [wire.receive_in_worker(worker) for _ in sent] == [(message, None) for message in sent]


def test_a_message_is_received_into_memory_that_is_there_already(link: tuple[socket.socket, socket.socket]) -> None:
    """Seen: a worker at its memory's limit ended, and with it all its cameras, since nothing was left for one more message."""
    service, worker = link
    for _ in range(2):
        wire.send(service, wire.Forget("door"))
    wire.receive_in_worker(worker)
    tracemalloc.start()
    try:
        wire.receive_in_worker(worker)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < worker_link.MAX_MESSAGE_BYTES / 4


def test_the_end_of_the_service_is_told_as_none(link: tuple[socket.socket, socket.socket]) -> None:
    service, worker = link
    service.close()
    assert wire.receive_in_worker(worker) is None


def test_a_second_of_the_most_cameras_a_worker_has_fits_in_one_message() -> None:
    beats = [wire.Beat("x" * 46, 2**62, 2**62, 2**62, 2**62, 2**62) for _ in range(256)]
    closed = wire.Closed("x" * 46, 1, 2, 3, 4, "r" * 12, "b" * 36, 5, "s" * 64, "hevc", 6, 7, 8, [2**40] * 3600)
    for message in (wire.Progress(beats), closed):
        assert len(wire.encode(message)) < worker_link.MAX_MESSAGE_BYTES
