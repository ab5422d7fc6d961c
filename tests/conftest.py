"""Shared fixtures: the real service on a folder of its own."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# The zone of the machine is none of the tests' business. First of all, since much reads it once, when it is imported.
os.environ["TZ"] = "UTC"
time.tzset()

from tests.order import longest_first  # noqa: E402
from tests.rig.forked import own_status  # noqa: E402
from tests.rig.hang import HANG_S  # noqa: E402
from tests.rig.open_checkout import open_checkout  # noqa: E402
from tests.service import Service  # noqa: E402

open_checkout()

# A shell ignores Ctrl+C for what it starts in the background, and so would everything that tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# An example takes as long as the machine lets it. In CI hypothesis takes the same examples each time.
hypothesis.settings.register_profile(
    "holdshelf", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("holdshelf")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Among several workers. Alone, files run in the order of their names."""
    if hasattr(config, "workerinput"):
        longest_first(items)


def pytest_collection_finish() -> None:
    """All tests, and what they import, stay to the end: to look through them for garbage again and again takes a tenth of
    the time of the tests of screens, which make and leave thousands of objects each. What they leave is looked for less
    often, too."""
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


_MADE: dict[pytest.FixtureDef[Any], set[Path]] = {}
"""Folders of fixtures that serve more than one test."""


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> Iterator[Any]:
    if fixturedef.scope == "function" or "tmp_path_factory" not in fixturedef.argnames:
        return (yield)
    root: Path = request.getfixturevalue("tmp_path_factory").getbasetemp()
    before = set(root.iterdir())
    try:
        return (yield)
    finally:
        _MADE[fixturedef] = set(root.iterdir()) - before


def pytest_fixture_post_finalizer(fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest) -> None:
    """Their folders go with them, as those of single tests do, unless some test has failed: then they may say why."""
    for folder in _MADE.pop(fixturedef, set()):
        if not request.session.testsfailed:
            shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """A thread that outlives its file takes its time from all that the same process runs later."""
    before = set(threading.enumerate())
    yield
    ends = time.monotonic() + HANG_S
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("Dummy-"):
            continue  # Python does not know its beginning (a tracer at the end of a thread, a library): it cannot be joined
        thread.join(max(0.0, ends - time.monotonic()))
        assert not thread.is_alive(), f"{thread} is left"


@pytest.fixture(scope="module", autouse=True)
def _the_umask_is_left_alone() -> Iterator[None]:
    """What all that the same process makes later is open to others or not by it."""
    before = own_status("Umask")
    yield
    assert own_status("Umask") == before


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A running service with an empty data folder."""
    with Service(tmp_path / "data") as running:
        yield running
