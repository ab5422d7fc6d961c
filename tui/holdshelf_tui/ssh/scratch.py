"""Loaded before all else in the fork server, which ends with its door from here on, also while it loads the rest.

It is confined already: where files may be made is said, not tried.
"""

import ctypes
import signal

from holdshelf_tui.ssh.confined import use_scratch_folder

_PR_SET_PDEATHSIG = 1

ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
use_scratch_folder()
