"""What more than one file needs: running picture workers, a clip of thirty numbered frames, its segment; a house to look at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pytest_asyncio.plugin import PytestAsyncioFunction

from holdshelf_core.api.client import Client
from holdshelf_core.looks import types
from holdshelf_core.looks.pictures import Burn, OpenPicture, Pictures
from holdshelf_core.policy import model
from tests.core.looks.clips import Clip, counting, encode, opened
from tests.core.looks.looks_rig import CAMERAS, MASK, TIMES
from tests.looking import MINUTE_NS, NS, Recorded, commissioned, record, record_one, seed
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The async tests of a file run in one loop, as the workers that they share belong to one."""
    for item in items:
        if isinstance(item, PytestAsyncioFunction) and item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.fixture(scope="session")
def clip() -> Clip:
    """Three seconds of H.264, 320 × 180, ten frames and one key frame a second."""
    return encode(counting())


@pytest.fixture
def segment(clip: Clip, tmp_path: Path) -> OpenPicture:
    return opened(clip.write(tmp_path / "segment.mp4"), 3)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def picture_workers() -> AsyncIterator[Pictures]:
    """Started once for a file.

    No clock ends a picture here: what is hostile has to meet a bound, and what is honest gets its time.
    """
    made = Pictures(timeout_s=HANG_S)
    made.open()
    await made.async_confinement()
    yield made
    await made.async_stop()


@pytest_asyncio.fixture(loop_scope="module")
async def pictures(picture_workers: Pictures) -> AsyncIterator[Pictures]:
    yield picture_workers
    picture_workers.forget_viewer("v")


@pytest.fixture
def burn() -> Burn:
    return Burn(library="Town Library", camera_name="Front desk", person="Ada Director", log_seq=4711)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("looks") / "data"


@pytest.fixture(scope="module")
def service(data: Path) -> Iterator[Service]:
    """With footage of an hour ago, for a file's tests: `made` says when; of the attic there is some of now."""
    running = Service(data, mint=True)
    rows = [
        *commissioned(*(c for c in (*CAMERAS, "porch") if c != "desk")),
        *commissioned("desk", masks=(MASK,), version=3),
    ]
    seed(data, [*rows, ("commissions", "attic", model.Commission("attic"))])
    TIMES[:] = [record(data, CAMERAS)]
    record_one(data, "porch", TIMES[0].start_utc_ns, seconds=240)
    # Its last picture is of this moment: a look at what was a quarter of an hour ago at most reaches it in whatever test.
    TIMES.append(record(data, ["attic"], time.time_ns() - 5 * MINUTE_NS - NS))
    with running:
        yield running


@pytest.fixture(scope="module")
def made(service: Service) -> Recorded:
    return TIMES[0]


@pytest.fixture(scope="module")
def people(service: Service) -> People:
    found = People(service)
    director = found.name_director()
    found.name("chair", "carl", "Carl Moss", director)
    found.name("mayor", "may", "May Fox", director)
    return found


@pytest.fixture(scope="module")
def dora(people: People) -> Client:
    return people.client("dora")


@pytest.fixture
def director(dora: Client) -> Iterator[Client]:
    """The Director's session; what a test left open is closed after it."""
    client = dora
    yield client
    for row in client.read(types.ReadLooks()):
        client.act(types.PurposeClose(row.id))
