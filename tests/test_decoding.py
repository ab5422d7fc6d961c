"""What comes from outside and is no JSON is one kind of error: whoever reads it needs to know no other."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from holdshelf_core.looks import picture_protocol
from holdshelf_core.recorder.worker import protocol
from holdshelf_core.releases import worker_protocol as derive_protocol
from holdshelf_storage.decoding import JsonDecoder, MsgpackDecoder, decode_json, decode_request
from tests.rig.hang import HANG_S

HOSTILE_BODIES = [
    b'{"camera":"\xff"}',
    b'{"\xff":1}',
    b"\xff\xfe{}",
    b'{"camera":"\\ud800"}',
    b'{"a":' * 40_000,
    b"[" * 100_000,
    b'{"x":' + b"[" * 60_000,
    b'{"a":NaN}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 5_000 + b"}",
    b'"' + b"x" * 60_000 + b'"',
    b"null",
    b"",
]


class Any3(msgspec.Struct):
    camera: str = ""
    a: int = 0


@pytest.mark.parametrize("raw", [raw for raw in HOSTILE_BODIES if raw[:1] != b'"'], ids=lambda raw: repr(raw[:20]))
@pytest.mark.parametrize("read", [decode_json, lambda raw, kind: JsonDecoder(kind).decode(raw), decode_request])
def test_json_that_cannot_be_read_is_one_kind_of_error(raw: bytes, read: object) -> None:
    try:
        read(raw, Any3)  # type: ignore[operator]
    except msgspec.MsgspecError:
        return
    assert raw in (b'{"camera":"\\ud800"}', b'{"\xff":1}'), "read without an error"


def test_a_request_holds_no_number_that_no_clock_counts_to() -> None:
    assert decode_request(b'{"a":%d}' % (2**63 - 1), Any3).a == 2**63 - 1
    for number in (2**63, 2**64, 10**40):
        with pytest.raises(msgspec.MsgspecError, match="too large"):
            decode_request(b'{"a":%d}' % number, Any3)


@pytest.mark.parametrize(
    "packet", [b"\x81\xa4type\xa1\xff", b"\x91" * 50_000, b"\x82\xa4type\xa4Lost\xa1\xff\xc0", b"\xc1", b""]
)
@pytest.mark.parametrize(
    "decode", [protocol.decode_to_service, picture_protocol.decode_to_service, derive_protocol.decode_to_maker]
)
def test_a_worker_that_sends_nonsense_is_told_by_one_kind_of_error(packet: bytes, decode: object) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(packet)  # type: ignore[operator]
    with pytest.raises(msgspec.MsgspecError):
        MsgpackDecoder(dict[str, str]).decode(packet)


TWO_THREADS = """
import threading
import msgspec
from holdshelf_storage.decoding import decode_json

begun, go = threading.Event(), threading.Event()

def slow():
    begun.set()
    go.wait(60)
    return int

class Inner(msgspec.Struct):
    number: "slow()"

class Outer(msgspec.Struct):
    inner: Inner

found = []
def read():
    found.append(decode_json(b'{"inner":{"number":7}}', Outer).inner.number)

threads = [threading.Thread(target=read) for _ in range(2)]
threads[0].start()
begun.wait(60)
threads[1].start()
threads[1].join(0.2)  # as long as it takes where it does not wait for the first: then this process dies
go.set()
for one in threads:
    one.join(60)
print(found)
"""


def test_a_kind_that_two_threads_decode_for_the_first_time_at_once_is_read_by_both() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWO_THREADS], capture_output=True, text=True, timeout=HANG_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, "[7, 7]\n"), done.stderr
