"""Waits that end at a moment of the wall clock do so under `make test-dates`, too, where the date is false (docs/adr/0072)."""

import subprocess
import sys

import pytest

from tests.rig.hang import HANG_S

# By ctypes: Python itself waits by the monotonic clock. A zeroed condition and mutex are ready to use.
WAITS = """
import ctypes, errno, time

class Moment(ctypes.Structure):
    _fields_ = (("s", ctypes.c_long), ("ns", ctypes.c_long))

libc = ctypes.CDLL(None)
condition, mutex = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)

def ends(clock):
    s, ns = divmod(time.clock_gettime_ns(clock) + 50_000_000, 1_000_000_000)
    return ctypes.byref(Moment(s, ns))

WALL, MONOTONIC, ABSOLUTE = time.CLOCK_REALTIME, time.CLOCK_MONOTONIC, 1
libc.pthread_mutex_lock(mutex)
ended = {
    "condition": libc.pthread_cond_timedwait(condition, mutex, ends(WALL)),
    "condition by the wall clock": libc.pthread_cond_clockwait(condition, mutex, WALL, ends(WALL)),
    "condition by the monotonic clock": libc.pthread_cond_clockwait(condition, mutex, MONOTONIC, ends(MONOTONIC)),
}
assert set(ended.values()) == {errno.ETIMEDOUT}, ended
assert libc.clock_nanosleep(WALL, ABSOLUTE, ends(WALL), None) == 0
"""


def test_waits_until_a_moment_of_the_wall_clock_end() -> None:
    """FFmpeg waits so for its being told to end: the peer of a bench did not end under a date more than a year ahead."""
    try:
        subprocess.run([sys.executable, "-c", WAITS], check=True, timeout=HANG_S)
    except subprocess.TimeoutExpired:
        pytest.fail("a wait until a moment of the wall clock does not end")
