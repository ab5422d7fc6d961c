"""What becomes of a bundle that is not finished: called off, right ended, service killed, disk full. Nothing is left of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from bench.export import facts_of
from holdshelf_core.access_log.older_state import COMPARING
from holdshelf_core.api.errors import Conflict, Refused
from holdshelf_core.operations import offline
from holdshelf_core.people import types as types_people
from holdshelf_core.releases import types
from holdshelf_core.releases.bundle import Order, make
from holdshelf_core.releases.facts import MASKED, ORIGINAL
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.errors import DiskFull
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume
from tests.bundles import approved, await_export, export, nobody_else, officer, officer_checks, spans_of
from tests.core.releases.test_bundle import MASK
from tests.looking import NS, commissioned, record, seed
from tests.people import People
from tests.rig.faults import LoopImage
from tests.rig.processes import wait_dead
from tests.scenes.rig import ZONE, Library
from tests.service import Service, wait_for
from tests.storage.anchors.anchoring import anchored_book

SLOW, BY_RITA, SHORT, REFUSED, LAST, UNSAID, URGENT = (f"R-2026-{number:04d}" for number in (1, 2, 3, 4, 5, 7, 8))


def _house(folder: Path, media: Path | None = None, size: tuple[int, int] = (1280, 720)) -> Library:
    """Two cameras in HD, of which a masked copy takes a while; short ones beside it."""
    service = Service(folder / "data", media=media, mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned("lobby", "desk", masks=(MASK,)))
    start = (time.time_ns() // NS - 3600) * NS
    made = record(service.data, ("lobby", "desk"), start, size=size, detailed=size[0] > 640)
    long, short = spans_of(made, "lobby", "desk"), spans_of(made, "lobby", start_s=0, end_s=20)
    rows = [approved(long, number=number) for number in (1, 2, 4)]
    rows += [approved(short, original=True, number=number) for number in (3, 5)]
    _, _, before = approved(short, number=7)
    rows.append(("releases", UNSAID, msgspec.structs.replace(before, others=None)))
    _, _, row = approved(long, number=8)
    danger = {"basis": "emergency", "paper": None, "approved_by": "", "others": None, "why": "a child is missing"}
    rows.append(("releases", URGENT, msgspec.structs.replace(row, **danger)))
    seed(service.data, rows)
    service.start()
    people = People(service)
    return Library(service, people, made, folder, people.name_director())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = _house(tmp_path_factory.mktemp("called-off"))
    try:
        yield made
    finally:
        made.service.__exit__(None, None, None)


def _lies_there(house: Library) -> list[str]:
    folder = house.service.data / "media" / "bundles"
    return sorted(os.listdir(folder)) if folder.exists() else []


def _second_names(house: Library) -> int:
    """Of files of footage, which the making of a bundle keeps by another name meanwhile."""
    footage = house.service.data / "media" / "footage"
    return sum(path.stat().st_nlink - 1 for path in footage.rglob("*.mp4"))


def _workers(house: Library) -> list[int]:
    command = ["pgrep", "-f", "-P", str(house.service.service_pid()), "holdshelf_core.releases.worker"]
    shown = subprocess.run(command, capture_output=True, check=False)
    return [int(pid) for pid in shown.stdout.split()]


def _under_way(house: Library, release: str) -> types.ExportRow:
    """Once frames of it are made."""

    def probe() -> types.ExportRow | None:
        rows = house.director.read(types.ReadExports())
        return next((r for r in rows if r.release == release and r.state == "making" and r.done_bytes), None)

    return wait_for(f"{release} is being made", probe)


def test_called_off_it_leaves_nothing_and_can_be_made_again(house: Library) -> None:
    making, calling_off = types.ReleaseExport(SLOW), types.ReleaseExportCancel(SLOW)
    begun = house.director.act(making)
    assert begun.state in ("queued", "making")
    row = _under_way(house, SLOW)
    assert 0 < row.done_bytes < row.total_bytes
    assert row.step.endswith(".mp4")
    assert _workers(house)
    assert _second_names(house) > 0
    with pytest.raises(Conflict, match="already being made"):
        house.director.act(making)
    house.director.act(calling_off)
    ended = await_export(house, SLOW, 60)
    assert (ended.state, ended.step) == ("cancelled", "Not made: Dora Reed called it off.")
    assert _lies_there(house) == []
    assert _second_names(house) == 0
    wait_for("its worker is gone", lambda: _workers(house) == [])
    shown = house.director.act(types.ReleaseShow(SLOW))
    assert (shown.state, shown.bundle) == ("approved", None)
    assert house.entries("release.not_exported")[-1]["subject"] == SLOW
    with pytest.raises(Conflict, match="No bundle"):
        house.director.act(calling_off)


def test_scene_2_an_export_is_called_off_when_the_right_behind_it_ends(house: Library) -> None:
    """The one under way, and the one that waits behind it."""
    letter = house.people.appoint("rita", "Rita Orr", house.director, "release")
    rita = house.people.client("rita")
    rita.act(types.ReleaseExport(BY_RITA))
    _under_way(house, BY_RITA)
    waits = rita.act(types.ReleaseExport(SHORT))
    assert waits.state == "queued"
    house.director.act(types_people.AppointmentEnd(letter, "left us"))
    for release in (BY_RITA, SHORT):
        ended = await_export(house, release, 60)
        assert ended.state == "cancelled"
        assert "right" in ended.step
    assert _lies_there(house) == []


def test_a_seats_no_calls_it_off(house: Library) -> None:
    house.director.act(types.ReleaseExport(REFUSED))
    _under_way(house, REFUSED)
    house.director.act(types.ReleaseRefuse(REFUSED, "the case is closed"))
    ended = await_export(house, REFUSED, 60)
    assert (ended.state, "not approved" in ended.step) == ("cancelled", True)
    assert _lies_there(house) == []
    said = house.director.act(types.ReleaseShow(REFUSED)).refusals
    assert [(no.gate, no.sentence) for no in said] == [(0, "the case is closed")]


def test_whether_others_are_seen_is_not_answered_while_a_bundle_is_made_that_would_say_otherwise(
    house: Library,
) -> None:
    """In imminent danger one is made before it is answered; no other, also when it was approved before anybody was asked."""
    with pytest.raises(Refused, match="Nobody has said yet whether other people are seen"):
        house.director.act(types.ReleaseExport(UNSAID))
    house.director.act(types.ReleaseExport(URGENT))
    _under_way(house, URGENT)
    with pytest.raises(Conflict, match="is being made, with what is answered so far"):
        nobody_else(house.director, URGENT)
    house.director.act(types.ReleaseExportCancel(URGENT))
    await_export(house, URGENT, 60)
    assert nobody_else(house.director, URGENT).others is not None


def test_killed_in_the_middle_it_leaves_nothing_and_what_was_whole_stays(house: Library) -> None:
    whole = export(house, SHORT)
    kept = [SHORT, f"{SHORT}.parts"]
    house.director.act(types.ReleaseExport(SLOW))
    _under_way(house, SLOW)
    workers = _workers(house)
    house.service.kill()
    assert ".making" in _lies_there(house)
    # A folder that has its place and that no entry tells of: killed between the two.
    shutil.copytree(house.service.data / "media" / "bundles" / SHORT, house.service.data / "media" / "bundles" / SLOW)
    house.service.start()
    wait_for("it is taken away", lambda: (_lies_there(house), _second_names(house)) == (kept, 0))
    assert all(wait_dead(pid) for pid in workers)
    house.director = house.people.client("dora")
    again = house.director.act(types.ReleaseShow(SHORT))
    assert again.bundle == whole.bundle
    assert house.director.act(types.ReleaseShow(SLOW)).state == "approved"
    assert "begun" not in str(house.director.read(types.ReadExports()))


def test_a_service_that_stops_takes_a_half_made_one_away_and_waits_for_nothing_more(house: Library) -> None:
    """SIGTERM, as at each update of the program."""
    kept = _lies_there(house)
    house.director.act(types.ReleaseExport(SLOW))
    _under_way(house, SLOW)
    workers = _workers(house)
    assert house.service.stop() == 0
    assert (_lies_there(house), _second_names(house)) == (kept, 0)
    assert all(wait_dead(pid) for pid in workers)
    house.service.start()
    house.director = house.people.client("dora")
    assert house.entries("release.not_exported")[-1]["subject"] == SLOW
    assert house.director.act(types.ReleaseShow(SLOW)).state == "approved"


def test_a_lapsed_paper_opens_nothing_any_more_at_the_last_step_either(house: Library) -> None:
    """Both gates are asked for each copy that leaves."""
    service = house.service
    service.stop()
    table, key, row = approved(spans_of(house.made, "lobby", end_s=20), number=6)
    lapsed = msgspec.structs.replace(row.paper, valid_until_utc_ns=row.requested_utc_ns + NS)  # type: ignore[attr-defined]
    seed(service.data, [(table, key, msgspec.structs.replace(row, paper=lapsed))])
    service.start()
    house.director = house.people.client("dora")
    with pytest.raises(Refused, match="lapsed"):
        house.director.act(types.ReleaseExport(key))
    assert house.director.act(types.ReleaseShow(key)).state == "stopped"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_without_room_it_is_refused_in_a_sentence_and_footage_stays(tmp_path: Path, small_disk: Path) -> None:
    media = small_disk / "media"
    media.mkdir()
    house = _house(tmp_path, media, (320, 240))
    try:
        footage = sorted(p for p in media.rglob("SEQ*") if p.is_file()) or sorted(media.rglob("*.mp4"))
        assert footage
        filler = small_disk / "filler"
        filler.write_bytes(bytes((160 - 66) << 20))
        house.director.act(types.ReleaseExport(LAST))
        ended = await_export(house, LAST)
        assert ended.state == "failed"
        assert "no footage is erased for it" in ended.step
        assert "MB" in ended.step
        assert _lies_there(house) == []
        assert sorted(media.rglob("*.mp4")) == footage
        filler.unlink()
        made = export(house, LAST)
        assert made.bundle is not None
        done = officer_checks(officer(tmp_path), media / "bundles" / LAST, made.bundle.fingerprint, made.bundle.files)
        assert done.returncode == 0, done.stderr
    finally:
        house.service.__exit__(None, None, None)


def test_a_disk_that_fills_up_in_the_middle_gets_its_room_back(tmp_path: Path, small_disk: Path) -> None:
    """Somebody else fills it, behind the back of what was reckoned with."""
    data = small_disk / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    made = record(data, ("lobby",), (time.time_ns() // NS - 3600) * NS, size=(640, 360), detailed=True)
    (span,) = spans_of(made, "lobby", end_s=20)
    volume, log = Volume.attach(data / "state", data / "media"), AccessLog.open(data / "state")
    footage = Footage(volume, Ledger(volume))
    filler = small_disk / "filler"
    try:
        book = anchored_book(log, volume, footage)
        for kind in (ORIGINAL, MASKED):
            filler.unlink(missing_ok=True)
            before = shutil.disk_usage(small_disk).used
            filler.write_bytes(bytes(shutil.disk_usage(small_disk).free - (300 << 10)))
            facts, stop = facts_of(kind, span), threading.Event()
            key = ReleaseKey.generate()
            order = Order(facts, footage, log, key, [], lambda: 1 << 40, stop, lambda *_: None, book)
            with pytest.raises(DiskFull):
                make(order)
            filler.unlink()
            assert os.listdir(data / "media" / "bundles") == []
            assert abs(shutil.disk_usage(small_disk).used - before) < 64 << 10
            assert make(order).videos == 1, "with room, it is made"
            shutil.rmtree(data / "media" / "bundles")
        assert all(path.stat().st_nlink == 1 for path in (data / "media" / "footage").rglob("*.mp4"))
    finally:
        log.close()
        volume.detach()


def _unless_comparing(house: Library, release: str) -> types.ReleaseRow | None:
    """Its bundle; None while a disk that has just come back is held against the access log."""
    try:
        return export(house, release)
    except Refused as refused:
        assert COMPARING.removesuffix(".") in str(refused)  # its clause stands before the period
        return None


def test_a_disk_that_is_let_go_of_in_the_middle_leaves_nothing_on_it_nor_under_it(tmp_path: Path) -> None:
    with LoopImage(900) as disk:
        media = disk.mount_point / "media"
        media.mkdir()
        house = _house(tmp_path, media)
        try:
            house.director.act(types.ReleaseExport(SLOW))
            _under_way(house, SLOW)
            disk.unmount(lazy=True)
            ended = await_export(house, SLOW, 60)
            assert (ended.state, "media disk" in ended.step) == ("cancelled", True), ended
            assert list(disk.mount_point.iterdir()) == []
            disk.mount()
            wait_for("the disk is taken back", lambda: "media_volume" not in house.service.repairs())
            wait_for("nothing is left of it", lambda: (os.listdir(media / "bundles"), _second_names(house)) == ([], 0))
            assert (
                wait_for("the log compared, and a bundle", lambda: _unless_comparing(house, SHORT)).bundle is not None
            )
        finally:
            house.service.__exit__(None, None, None)
