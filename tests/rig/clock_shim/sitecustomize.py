"""The wall clock of a recorder worker under `FakeClock`: once it is confined, libfaketime cannot read its file any more.

Python imports this by itself when its folder is on PYTHONPATH. The offset is mapped before the worker confines itself; other
processes are left to libfaketime. Must never do anything outside of `FakeClock.environment`.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time

if "holdshelf_core.recorder.worker.main" in sys.orig_argv and "HOLDSHELF_TEST_CLOCK" in os.environ:
    with open(os.environ["HOLDSHELF_TEST_CLOCK"], "rb") as file:
        _shared = mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ)
    _true_ns = time.time_ns

    def _time_ns() -> int:
        return _true_ns() + round(struct.unpack("d", _shared[:8])[0] * 1e9)

    time.time_ns = _time_ns
    time.time = lambda: _time_ns() / 1e9
