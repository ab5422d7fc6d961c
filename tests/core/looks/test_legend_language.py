"""The legend below each picture is in the first language of the policy in force, wherever the picture is made."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import av
import msgspec
import numpy as np
import pytest
from PIL import Image

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.cameras.commission_types import CommissionStill
from holdshelf_core.looks.legend import draw_legend
from holdshelf_core.looks.legend_words import legend_words
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.looks.types import LookStrip
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.times import parse_rfc3339
from tests.bundles import approved, bundle_of, export, manifest_of, spans_of
from tests.core.looks.looks_rig import look, still
from tests.looking import NS, Recorded, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.rtsp import Mount, RtspServer
from tests.scenes.rig import Library
from tests.service import Service

SIZE = (640, 360)
RELEASE = "R-2026-0001"
LANGUAGES = ("en", "es", "fr")
Gray = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """The first library's policy, adopted in Spanish."""
    folder = tmp_path_factory.mktemp("legend")
    service = Service(folder / "data", mint=True)
    seed(service.data, commissioned("lobby"))
    made = record(service.data, ("lobby",), (time.time_ns() // NS - 3600) * NS, size=SIZE)
    seed(service.data, [approved(spans_of(made, "lobby", start_s=0, end_s=10), number=1)])
    with service:
        people = People(service)
        library = Library(service, people, made, folder, people.name_director())
        spanish = re.sub(r"\.en( ?=)", r".es\1", FIRST.read_text()).replace('languages = ["en"]', 'languages = ["es"]')
        service.client.act(PolicyAdopt("El texto.", "1", "2026-01-01", "enforce", PAPER, spanish))
        yield library


@pytest.fixture
def director(house: Library) -> Client:
    return house.director


@pytest.fixture
def made(house: Library) -> Recorded:
    return house.made


def language_of(band: Gray, burn: Burn, shown_utc_ns: int, release: str = "") -> str:
    """In whose words the legend is that stands in this band: by far the nearest of those that would be drawn there."""
    off: dict[str, float] = {}
    for language in LANGUAGES:
        person = legend_words(language).release.format(id=release) if release else burn.person
        own = msgspec.structs.replace(burn, language=language, person=person)
        drawn = np.asarray(draw_legend(own, shown_utc_ns, band.shape[1], damaged=False))
        if drawn.shape == band.shape:
            off[language] = float(np.abs(drawn.astype(int) - band.astype(int)).mean())
    nearest, *others = sorted(off, key=lambda language: off[language])
    assert all(2 * off[nearest] < off[other] for other in others), off
    return nearest


def band_of(jpeg: bytes, picture_height: int) -> Gray:
    return np.asarray(Image.open(BytesIO(jpeg)).convert("L"))[picture_height:]


def test_of_a_still_and_of_a_strip(director: Client, made: Recorded) -> None:
    grant = look(director, made)
    picture = still(director, grant, made.start_utc_ns + 5 * NS)
    asked = LookStrip(grant.id, "lobby", 1, made.start_utc_ns, made.start_utc_ns + NS, 480)
    (one,) = director.act(asked).pictures
    for row in (picture, one):
        burn = Burn(library="Library", camera_name="lobby", person="Dora Reed", log_seq=row.log_seq)
        assert language_of(band_of(row.jpeg, row.picture_height), burn, row.shown_utc_ns) == "es"


def test_of_the_still_by_which_a_camera_is_approved(house: Library, director: Client) -> None:
    with RtspServer([Mount("door")]) as rig:
        camera = house.service.add(rig.url("door"), "Door", area="entrance")
        house.service.await_recording(camera)
        row = director.act(CommissionStill(camera, masked=False))
    burn = Burn(library="", camera_name="Door", person="Dora Reed", log_seq=row.seq)
    assert language_of(band_of(row.jpeg, row.picture_height), burn, row.shown_utc_ns) == "es"


def test_of_a_masked_copy(house: Library) -> None:
    export(house, RELEASE)
    bundle = bundle_of(house, RELEASE)
    (video,) = manifest_of(bundle)["videos"]
    with av.open(str(bundle / video["file"])) as container:
        frame = next(container.decode(video=0)).to_ndarray(format="gray")
    rows = house.service.act(LogShow(action="release.export")).entries
    (seq,) = (row.seq for row in rows if row.entry["action"] == "release.export")
    burn = Burn(library="Library", camera_name="lobby", person="", log_seq=seq)
    assert language_of(frame[SIZE[1] :], burn, parse_rfc3339(video["in_point"]), RELEASE) == "es"
