"""The service's own processes that end again and again, as repairs: of recorders, of pictures, of the SSH door.

Each is begun anew, so nothing else may tell: between two ends a camera is recorded, and the door is open. What sends alerts, and
what keeps holds elsewhere, say it of their ways and their store (`processes.online_process`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from holdshelf_core.api.server import ApiServer
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.frame import Frame
from holdshelf_core.integration.repairs import Severity
from holdshelf_core.looks.pictures import Pictures
from holdshelf_core.recorder.recorder import Recorder

STEP: Final = "`journalctl -u holdshelf -p warning` may say why. Please report this."
MOST_NAMED: Final = 3


class Child(NamedTuple):
    """A kind of process. ``fails``: whether one after another ends. ``sentence``: what to say then."""

    issue: str
    severity: Severity
    fails: Callable[[], object]
    sentence: Callable[[], str]


class ChildWatch:
    """Tells of them. ``async_watch`` runs on the loop, every second or so."""

    def __init__(
        self, frame: Frame, recorder: Recorder, pictures: Pictures, server: ApiServer, entries: Entries
    ) -> None:
        self._repairs, self._children = frame.repairs, _all(recorder, pictures, server, entries)

    def async_watch(self) -> None:
        """Have those that fail now as repairs, and no others."""
        for child in self._children:
            if child.fails():
                self._repairs.async_create(
                    child.issue, camera_id=None, severity=child.severity, sentence=child.sentence(), next_step=STEP
                )
            else:
                self._repairs.async_delete(child.issue)


def _all(recorder: Recorder, pictures: Pictures, server: ApiServer, entries: Entries) -> tuple[Child, ...]:
    return (
        Child(
            "recorders_end",
            "error",
            recorder.workers.failing,
            lambda: _recorders([entries.async_get(camera).title for camera in sorted(recorder.workers.failing())]),
        ),
        Child(
            "pictures_end",
            "warning",
            lambda: pictures.failing_since_utc_ns,
            lambda: "The processes that make pictures keep crashing, so nobody can look. Recording continues.",
        ),
        Child(
            "door_ends",
            "error",
            lambda: server.door_fails,
            lambda: "The SSH door keeps crashing, and people who are logged in get disconnected. Recording continues.",
        ),
        Child(
            "door_sessions",
            "error",
            lambda: server.sessions_fail,
            lambda: "The SSH door cannot begin sessions: nobody gets in over the network. Recording continues.",
        ),
    )


def _recorders(cameras: list[str]) -> str:
    named = ", ".join(cameras[:MOST_NAMED])
    more = f" and {len(cameras) - MOST_NAMED} more" if len(cameras) > MOST_NAMED else ""
    return f"The process that records {named}{more} ends again and again, so there are gaps."
