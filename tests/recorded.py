"""What a camera's files must be after any fault: they decode, hold video alone, and stand in the order of sending."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av

from tests.rig.hashes import recorded_hashes


def assert_recorded_in_order(files: Sequence[Path], sent: list[str]) -> None:
    """Each file is an unbroken stretch of what was sent, behind the one before it: nothing twice, nothing out of place."""
    at = 0
    for path in files:
        with av.open(str(path)) as container:
            assert [stream.type for stream in container.streams] == ["video"]
            assert sum(1 for _ in container.decode(video=0)) > 0
        recorded = recorded_hashes(path)
        while sent[at : at + len(recorded)] != recorded:
            at += 1
            assert at < len(sent), f"{path} holds what was not sent after the file before it"
        at += len(recorded)
