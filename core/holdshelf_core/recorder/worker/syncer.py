"""Has what was written reach the disk: grouped fdatasync of all open segments of a worker."""

from __future__ import annotations

import threading
from collections.abc import Callable

from holdshelf_core.recorder.worker.segment import Sink

SYNC_PERIOD_S = 0.75


class Syncer(threading.Thread):
    """Grouped fdatasync: every sink with unsynced bytes, one after another, every 0.75 s, off the camera threads."""

    def __init__(self, sinks: Callable[[], list[tuple[str, int, Sink]]], torn: Callable[[str, int, int], None]) -> None:
        super().__init__(name="syncer", daemon=True)
        self._sinks = sinks
        self._torn = torn
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Run until stopped. A failed sync disables its sink: after that error the kernel may have dropped the pages."""
        while not self._stop_event.wait(SYNC_PERIOD_S):
            sinks = self._sinks()
            # First have the kernel start writing for all files, then wait: one journal commit of the file system serves all,
            # where separate syncs would each need their own.
            for _camera, _seq, sink in sinks:
                sink.start_writing()
            for camera, seq, sink in sinks:
                try:
                    sink.sync()
                except OSError as error:
                    self._torn(camera, seq, error.errno or 5)

    def stop(self) -> None:
        """Stop at the next wake-up."""
        self._stop_event.set()
