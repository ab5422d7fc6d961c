"""Gaps are filled from what a camera has recorded itself: an ONVIF device with a card, the real service, its disk."""

from __future__ import annotations

import collections
import contextlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from holdshelf_core.buffer.types import SegmentRow
from holdshelf_core.holds.types import HoldAsk, HoldPlace, SpanAsk
from holdshelf_core.recorder.backfill import LEAST_NS
from holdshelf_tui.cli.app import app
from tests.core.cameras.test_cameras import entries
from tests.core.cameras.test_hostile_cameras import add_all, lost_no_frame
from tests.looking import commissioned, seed
from tests.people import People
from tests.rig import media
from tests.rig.card_camera import CardCamera
from tests.rig.hashes import recorded_hashes
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.service import NS, Service, wait_for
from tests.stranger.house import judge


@contextmanager
def with_card(
    *, ahead: timedelta = timedelta(0), sends: str = "h264_small"
) -> Iterator[tuple[CardCamera, OnvifDevice]]:
    """An ONVIF camera that records itself. ``ahead``: what its clock is."""
    with CardCamera(media.media(sends), clock_ns=ahead // timedelta(microseconds=1) * 1000) as card:
        device = OnvifDevice(profiles=[Profile("main", uri=card.live_url)], clock_offset=ahead)
        began = datetime.fromtimestamp(card.began_ns / NS, UTC)
        device.card = lambda: (began, device.now(), card.replay_url)
        with running(device):
            yield card, device


def recovered(service: Service, camera: str) -> list[SegmentRow]:
    return [row for row in service.segments(camera) if row.from_camera]


def test_what_a_camera_recorded_while_the_server_was_away_is_in_the_archive_bit_for_bit(tmp_path: Path) -> None:
    """While the service is stopped to have the camera approved for use, the camera goes on."""
    service = Service(tmp_path / "data", mint=True)

    def run(*words: str) -> str:
        return CliRunner().invoke(app, ["camera", *words, "--data", str(service.data)]).output

    with with_card(ahead=timedelta(hours=2, milliseconds=600)) as (card, device), service:
        camera = service.add(device.address, "Front", username="admin", password=device.password)
        service.await_recording(camera)
        service.stop()
        left = card.count()
        seed(service.data, commissioned(camera))
        # A shorter gap is not worth the camera's time: nothing would be asked for.
        wait_for("it has taken more by itself", lambda: card.count() > left + 2 * card.media.fps * LEAST_NS / NS)
        service.start()
        director = People(service).name_director()
        service.await_recording(camera)
        (row,) = wait_for("the gap is filled", lambda: recovered(service, camera) or None)

        def is_not_the_latest() -> bool:
            """It is told once the whole fetch has ended, a moment after its footage is there."""
            latest = service.camera(camera).last_gap
            return latest is None or latest.elapsed_s < 2

        wait_for("a gap that was filled is not the latest one", is_not_the_latest)
        # What is on hold there is the recovered footage, and it has its second name.
        hold = director.act(HoldPlace("investigation", "26-1", [SpanAsk(camera, row.start_utc_ns, row.end_utc_ns)]))
        kept = director.act(HoldAsk(hold.id)).coverage
        assert {(part.kind, part.reason) for part in kept} == {("recorded", "recovered from the camera")}
        shelf = service.data / "media" / "shelf" / hold.id
        wait_for("its second name", lambda: any(path.name in row.file for path in shelf.rglob("*.mp4")))
        assert '"recovered_s"' in run("diagnostics", camera, "--json")
        # It can be turned off, for good.
        assert service.camera(camera).backfill == "on"
        assert "is not asked for its own recording any more" in run("backfill", camera, "--off")
        assert service.camera(camera).backfill == "off"
        assert entries(service, "camera.backfill")
        (*_, before) = (one for one in service.segments(camera) if one.end_utc_ns <= row.start_utc_ns)
        service.stop()

        rows = sorted(service_rows(service, camera), key=lambda one: one.name.partition("_")[2])
        stored = recorded_hashes(rows)
        first_ns = began_of(rows[0])
        # By the camera's clock as it was known when it was asked.
        fetched_ns = row.start_utc_ns + offset_of(service.media / row.file)
        ended_ns = row.end_utc_ns + offset_of(service.media / row.file)
        taken = card.taken(first_ns + card.clock_ns, ended_ns - NS // 1000)
        lost = [one for one in taken if one.sha256 not in stored]
        # From where recording stopped to the next key frame, a second later; and what was still on its way when it stopped.
        (last,) = [one for one in taken if one.sha256 == recorded_hashes(service.media / before.file)[-1]][-1:]
        late_ns = max(0, before.end_utc_ns + card.clock_ns - last.at_ns - NS // int(card.media.fps))
        assert len(lost) <= 1.4 * card.media.fps + late_ns * card.media.fps / NS, [one.number for one in lost]
        assert all(last.at_ns < one.at_ns < fetched_ns for one in lost)
        assert card.setups.count("/replay/track1") == len(card.plays)
        assert row.start_utc_ns >= first_ns
        code, words = judge(service.data)
        assert code == 0, words
        assert "No violations" in words


def after_an_absence(folder: Path, away_s: float, others: int) -> dict[str, float]:
    """The network to one camera is away for so long, beside others that are recorded. Seconds and pictures of what came of it."""
    names = [f"other-{number}" for number in range(others)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(RtspServer([Mount(name, media="h264_small") for name in names]))
        card, device = stack.enter_context(with_card(sends="h264_720p"))
        service = stack.enter_context(Service(folder / "data"))
        camera = service.add(device.address, "Front", username="admin", password=device.password)
        service.await_recording(camera)
        service.stop()
        seed(service.data, commissioned(camera))
        service.start()
        cameras = add_all(service, {name: server.url(name) for name in names})
        service.await_recording(camera, *cameras.values())
        wait_for("the first gap is filled", lambda: recovered(service, camera))
        card.go_away()
        away_ns = time.time_ns()
        time.sleep(away_s)
        card.come_back()
        wait_for("it is recorded again", lambda: service.camera(camera).state == "recording", 120)

        def is_filled() -> bool:
            left = [gap for gap in service.gaps(camera) if gap.start_utc_ns > away_ns - 2 * NS]
            return sum(gap.elapsed_s for gap in left) < 4

        wait_for("the gap is filled", is_filled, 120 + away_s, 1.0)
        time.sleep(3)
        asked = time.time_ns()
        rows = [*service.segments(camera), *service.open_files(camera)]
        gaps = service.gaps(camera)
        assert service.stop() == 0
        lost_no_frame(service, server, cameras, least=100)
        # The medium begins anew each minute: what was taken then is compared with what was recovered of then alone.
        filled = [row for row in rows if row.from_camera and row.end_utc_ns > away_ns]
        stored = recorded_hashes(service.data / "media" / row.file for row in filled)
        taken = [one.sha256 for one in card.taken(away_ns, max(row.end_utc_ns for row in filled))]
        code, words = judge(service.data)
        assert code == 0, words
        first_ns = min(row.start_utc_ns for row in [*rows, *gaps])
        last_ns = max(row.end_utc_ns for row in rows)
        recorded_s = sum(row.end_utc_ns - row.start_utc_ns for row in rows if not row.from_camera) / NS
        recovered_s = sum(row.end_utc_ns - row.start_utc_ns for row in rows if row.from_camera) / NS
        there = collections.Counter(stored)
        there.subtract(collections.Counter(taken))
        return {
            "taken": len(taken),
            "missing": -sum(min(0, count) for count in there.values()),
            "elapsed_s": (last_ns - first_ns) / NS,
            "told_s": recorded_s + recovered_s + sum(gap.elapsed_s for gap in gaps),
            "recovered_s": recovered_s,
            "away_s": (asked - away_ns) / NS,
        }


@pytest.mark.soak  # most of a minute: the gap must be long enough for a kill in the middle of its fetch
@pytest.mark.timeout(600)
def test_a_service_killed_in_the_middle_of_a_fetch_keeps_what_is_whole_and_fetches_the_rest(tmp_path: Path) -> None:
    service = Service(tmp_path / "data")
    with with_card(sends="h264_720p") as (card, device), service:
        camera = service.add(device.address, "Front", username="admin", password=device.password)
        service.await_recording(camera)
        service.stop()
        seed(service.data, commissioned(camera))
        time.sleep(12)  # to be fetched for a second or two
        service.start()
        folder = service.data / "media" / "footage" / camera

        def is_fetching() -> bool:
            """Some of it is written to a file of its own, beside the one that is being recorded."""
            found = [path.read_bytes() for path in (folder / "open").glob("*.mp4")]
            return any(b'"from_camera"' in data and data.count(b"moof") >= 3 for data in found)

        wait_for("the fetch is under way", is_fetching, every=0.01)
        service.kill()
        service.start()
        service.await_recording(camera)
        first = [row for row in service.segments(camera) if row.from_camera]
        assert first, "what was whole was kept"
        assert all(row.recovered for row in first)

        def is_filled() -> bool:
            return sum(gap.elapsed_s for gap in service.gaps(camera) if gap.elapsed_s > 2.5) < 1

        wait_for("the rest is fetched", is_filled)
        rows = [row for row in service.segments(camera) if row.from_camera]
        service.stop()
        stored = recorded_hashes(service.data / "media" / row.file for row in rows)
        assert len(stored) - len(set(stored)) <= 2, "the clock was read anew, and is known to 0.1 s"
        began, ended = min(row.start_utc_ns for row in rows), max(row.end_utc_ns for row in rows)
        taken = {one.sha256 for one in card.taken(began - NS, ended + NS)}
        assert set(stored) <= taken
        code, words = judge(service.data)
        assert code == 0, words


@pytest.mark.soak  # ten minutes away, and as long to fetch them
@pytest.mark.timeout(1800)
def test_after_ten_minutes_without_network_the_archive_has_the_cameras_pictures(tmp_path: Path) -> None:
    """And fifteen others lose no frame meanwhile."""
    found = after_an_absence(tmp_path, 600, 15)
    assert found["missing"] <= found["taken"] / 100, found
    assert abs(found["told_s"] - found["elapsed_s"]) <= 1, found


def service_rows(service: Service, camera: str) -> list[Path]:
    return list((service.data / "media" / "footage" / camera).glob("*/*.mp4"))


def offset_of(path: Path) -> int:
    """How far ahead the camera's clock was taken to be for a recovered file, ns, by the file's own words."""
    with av.open(str(path)) as container:
        said: int = json.loads(container.metadata["comment"])["from_camera"]["offset_ns"]
        return said


def began_of(path: Path) -> int:
    """When a file's footage begins, UTC ns, by the name that it has."""
    at = datetime.strptime(f"{path.parent.name} {path.name.partition('_')[2]}", "%Y-%m-%d %H%M%S.%f%z.mp4")
    return int(at.timestamp() * 1000) * 1_000_000
