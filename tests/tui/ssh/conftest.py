"""One house with its door for all tests here; each leaves nothing behind in it. It records where a test asks for ``camera``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.looking import Recorded
from tests.service import faults_in
from tests.tui.ssh.door_rig import DoorHouse, door_house, recording
from tests.tui.ssh.outbox_rig import outbox_house


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    with door_house(tmp_path_factory.mktemp("door")) as running:
        yield running


@pytest.fixture(scope="module")
def camera(house: DoorHouse) -> Iterator[str]:
    """One that records in that house while a file's tests last: a process keeps the house to its end."""
    with recording(house):
        yield house.camera
        house.service.remove(house.camera)


@pytest.fixture(scope="package")
def outbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DoorHouse, Recorded]]:
    with outbox_house(tmp_path_factory.mktemp("outbox")) as made:
        yield made
        made[0].await_no_children()
        assert faults_in(made[0].service.log()) == []


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Whatever a client did: no traceback, and no process left over."""
    if "house" not in request.fixturenames or "outbox" in request.fixturenames:
        yield
        return
    house: DoorHouse = request.getfixturevalue("house")
    before = len(house.service.log())
    yield
    house.await_no_children()
    assert faults_in(house.service.log()[before:]) == []
