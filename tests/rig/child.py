"""How the rig talks with its processes of stand-in cameras: a JSON line to the process, a JSON line back; and what each sent."""

from __future__ import annotations

import contextlib
import json
import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.rig.hang import HANG_S
from tests.rig.media import Media
from tests.rig.parts import RigError

LOG_RECORD = struct.Struct("<QIIQQ")  # as gst_rtsp_server.LOG_RECORD and whep_peer.LOG_RECORD


@dataclass(frozen=True)
class Sent:
    """One access unit as it was handed to the stream. `generation` grows each time the stream is prepared anew."""

    sequence: int
    unit: int
    generation: int
    is_key: bool
    sha256: str
    utc_ns: int
    boot_ns: int
    shown: int
    """Its place in the order of showing, by the sequence of the first: with B-frames that of sending is another."""


def exchange(
    process: subprocess.Popen[str], lock: threading.Lock, message: dict[str, Any], who: str, log_path: Path
) -> dict[str, Any]:
    """The answer to a message. Raises RigError with the last words of the process, `who`, when it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    with lock:
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except OSError:
            line = ""
    if not line:
        raise RigError(f"{who} ended: {log_path.read_text()[-2000:].strip() or 'without a word'}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def ask_to_quit(process: subprocess.Popen[str], wait_s: float = HANG_S) -> None:
    """Waits for its end so long; it may still run afterwards."""
    with contextlib.suppress(OSError):
        assert process.stdin is not None
        process.stdin.write('{"do": "quit"}\n')
        process.stdin.flush()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)


def read_sent(log: Path, medium: Media) -> list[Sent]:
    """What a camera wrote down, without a record that is only half there."""
    data = log.read_bytes()
    whole = len(data) - len(data) % LOG_RECORD.size
    found = []
    for sequence, unit, generation, utc_ns, boot_ns in LOG_RECORD.iter_unpack(data[:whole]):
        of = medium.units[unit]
        shown = sequence + of.shown - unit
        found.append(Sent(sequence, unit, generation, of.is_key, of.sha256, utc_ns, boot_ns, shown))
    return found
