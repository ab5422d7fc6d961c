"""Makes a process ready for a camera's packets: everything is loaded, and then it is confined.

What a worker and the probe have in common. The probe imports this and not ``main``: each `camera add` waits for it.
"""

from __future__ import annotations

import importlib
import pkgutil
import ssl

import av
import av.codec

from holdshelf_core.processes.confinement import Confined, confine
from holdshelf_core.processes.confinement_filter import Work

MORE_MEMORY_BYTES = 2 << 30
"""Address space beyond its use when ready: stacks, arenas, and all cameras' pictures at their largest."""
OPEN_FILES = 4096
"""A camera has up to five: its sockets, the segment and a spare one."""
MAX_FILE_BYTES = 4 << 30
"""Of one segment: far beyond what a camera writes in a minute, so that one bug cannot fill a disk."""
# Modules that libraries import at first use, when no file can be opened any more.
_LATE = ("encodings.idna", "stringprep", "linecache", "traceback", "ssl", "tempfile", "random", "http.client", "select")
WHEP = "holdshelf_core.recorder.worker.whep"


def warm(kind: str) -> None:
    """Import and load everything needed later: once confined, this process opens nothing.

    For ``whep`` that includes ``worker.whep``, and what its ``preload()`` loads. No thread may be left running.
    """
    # PyAV imports some parts only when it first meets a stream or an error of their kind.
    for name in (*_LATE, *(module.name for module in pkgutil.walk_packages(av.__path__, "av."))):
        importlib.import_module(name)
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # makes OpenSSL read its configuration
    av.codec.Codec("h264", "r")
    av.codec.Codec("hevc", "r")
    if kind == "whep":
        importlib.import_module(WHEP).preload()


def confine_recorder(kind: str) -> Confined:
    """Confine this process permanently, for a kind of camera (``worker.names.kind_of``)."""
    work = Work.PEERING if kind == "whep" else Work.RECORDING
    return confine(more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES, work=work, file_bytes=MAX_FILE_BYTES)
