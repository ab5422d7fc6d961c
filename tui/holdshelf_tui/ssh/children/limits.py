"""What a session's process gives up before it does anything for anybody: memory without bound, files, the network, programs,
new processes, core dumps, attachment.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import tempfile
from collections.abc import Mapping

from holdshelf_core.api.confine import confine_to_reading

ADDRESS_SPACE_BYTES = 2 << 30
OPEN_FILES = 256


def give_up_rights(environment: Mapping[str, str]) -> None:
    """Replace the environment; put the limits on. To be called first, while one thread runs."""
    os.environ.clear()
    os.environ.update(environment)
    os.umask(0o077)
    tempfile.gettempdir()  # found by writing there, which ends here; the service's socket may lie in it
    # The fork server heeds no Ctrl+C and takes no SIGTERM for itself: a session does.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    for what, most in (
        (resource.RLIMIT_AS, ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))
    confine_to_reading()
