"""Reads a time stamp: has a confined process look at the bytes, which a stranger made, and says in words what is wrong with them.

Needs no service. Blocks for the time that a Python process takes to start.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from typing import Final

import msgspec

from holdshelf_core.errors import Unavailable
from holdshelf_core.timestamps.types import MAX_STAMP_BYTES, Stamp

MODULE: Final = "holdshelf_core.timestamps.reader"
READ_S: Final = 60.0
MAX_DATA_BYTES: Final = 256 << 10
MAX_ANSWER_BYTES: Final = 64 << 10
WORDS: Final = {
    "unreadable": "is no time stamp, or is damaged",
    "modified": "was granted with changes, which were not asked for",
    "signer": "does not say by which one certificate it was signed",
    "imprint": "is of something else than this head",
    "nonce": "answers another request than ours",
    "policy": "was made by another policy than the one that was asked for",
    "authority": "is signed with a certificate that does not come from the authority that was chosen",
    "expired": "is signed with a certificate that was not valid at the time it says",
    "purpose": "is signed with a certificate that is not for time stamps",
    "signature": "bears a signature that is not right",
}
"""By code: the end of a sentence that begins with "its time stamp" or so."""


class Task(msgspec.Struct, frozen=True):
    """To the process. ``nonce`` None: that of a stamp whose request is not at hand; ``policy`` '': any."""

    stamp: bytes
    data: bytes
    ca: str
    nonce: str | None = None
    policy: str = ""


class Found(msgspec.Struct, frozen=True):
    """From the process. ``code``: what is wrong, of WORDS or with ``words`` of its own; '' for a stamp that holds."""

    code: str
    words: str = ""
    utc_ns: int = 0
    signer: str = ""
    root: str = ""


class BadStamp(Exception):
    """`str()` is the end of a sentence that begins with "the time stamp" or so. ``code``: of WORDS, or ``refused``."""

    def __init__(self, code: str, words: str = "") -> None:
        super().__init__(words or WORDS[code])
        self.code = code


def read_stamp(stamp: bytes, data: bytes, ca: str, *, nonce: int | None = None, policy: str = "") -> Stamp:
    """Check a TimeStampResp over ``data`` against an authority's certificates. Raises BadStamp; Unavailable when it could not
    be looked at."""
    if len(stamp) > MAX_STAMP_BYTES or len(data) > MAX_DATA_BYTES:
        raise BadStamp("unreadable")
    found = _asked(Task(stamp, data, ca, None if nonce is None else str(nonce), policy))
    if found.code:
        raise BadStamp(found.code, found.words)
    return Stamp(found.utc_ns, found.signer, found.root)


def _asked(task: Task) -> Found:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours:
        try:
            with theirs:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", MODULE, str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        except OSError as error:
            raise Unavailable(f"The time stamp was not checked: {error.strerror}.") from None
        try:
            raw = _exchanged(ours, msgspec.json.encode(task))
            if not raw and process.wait(READ_S) > 0:
                # The bytes themselves end it by a signal at most: `reader.look_at` answers to whatever a library raises.
                raise Unavailable("The time stamp was not checked: the process that reads it did not start.")
            return msgspec.json.decode(raw, type=Found)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise Unavailable(f"The time stamp was not checked within {READ_S:.0f} s.") from None
        except msgspec.MsgspecError:
            return Found("unreadable")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


def _exchanged(link: socket.socket, message: bytes) -> bytes:
    link.settimeout(READ_S)
    answer = b""
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        link.sendall(message)
        link.shutdown(socket.SHUT_WR)
        while len(answer) <= MAX_ANSWER_BYTES and (part := link.recv(1 << 16)):
            answer += part
    return answer
