"""Holds when things go wrong, through the real service: roll-off, a full disk, lost papers, a deleted folder. What is held is
there afterwards, and what is not there is said. `test_holds_without_log` has the log that cannot be written."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest

from holdshelf_core.access_log import types as types_register
from holdshelf_core.buffer import types as types_commission
from holdshelf_core.holds import types
from holdshelf_core.looks.types import PurposeOpen
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume
from tests.core.holds.acts import await_entries, entries, holds, place, settings, show
from tests.looking import BOOT, FPS, HEIGHT, NS, OPTIONS, SECONDS, WIDTH, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.faults import LoopImage, SizedTmpfs
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

MB = 1 << 20
STEP_NS = SECONDS * NS
BOOTED_NS = time.time_ns() - 100 * 86_400 * NS


@functools.cache
def fat_mp4() -> bytes:
    """Twenty seconds of noise: about a megabyte."""
    out, chance = io.BytesIO(), np.random.default_rng(4)
    with av.open(out, "w", format="mp4", options=OPTIONS) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "g": str(FPS), "qp": "44"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for _ in range(SECONDS * FPS):
            noise = chance.integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return out.getvalue()


def fat_file(footage: Footage, camera: str, start_utc_ns: int) -> None:
    """A closed file of twenty seconds that takes room."""
    segment = footage.open_segment(camera)
    data = fat_mp4()
    with open(segment.fd, "wb", closefd=False) as file:
        file.write(data)
    facts = SegmentFacts(
        start_utc_ns=start_utc_ns, duration_ns=STEP_NS, run="run-1", boot=BOOT, start_boot_ns=start_utc_ns - BOOTED_NS,
        sha256=hashlib.sha256(data).hexdigest(), bytes=len(data), codec="h264", width=WIDTH, height=HEIGHT,
        frames=SECONDS * FPS, activity=[100] * SECONDS,
    )  # fmt: skip
    footage.close_segment(segment, facts)


def fat_footage(service: Service, cameras: Sequence[str], files: int) -> int:
    """So many megabytes of each camera, turn about, the last of them half an hour old; returns when they begin."""
    start = time.time_ns() - (files + 90) * STEP_NS
    volume = Volume.attach(service.data / "state", service.data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        footage.recover()
        for number in range(files):
            for camera in cameras:
                fat_file(footage, camera, start + number * STEP_NS)
    finally:
        volume.detach()
    return start


def erased(service: Service) -> dict[str, list[int]]:
    """Sequences by camera, as the ledger lists what went."""
    found: dict[str, list[int]] = {}
    kept: set[int] = set()
    for path in sorted((service.data / "state/ledger").glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            for day in line.get("days", ()):
                found.setdefault(day["camera"], []).extend(day["seqs"])
            kept.update(line.get("kept", ()))
    return {camera: [seq for seq in seqs if seq not in kept] for camera, seqs in found.items()}


def sums(service: Service, camera: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in service.files(camera):
        with contextlib.suppress(FileNotFoundError):  # it rolls off just now
            found[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


# --- roll-off -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_scene_4_a_hold_five_minutes_before_roll_off_keeps_every_remaining_frame(tmp_path: Path) -> None:
    """Two cameras roll off together while a third records; one of the two is held up to five minutes after what is oldest."""
    service = Service(tmp_path / "data", mint=True)
    start = fat_footage(service, ("lobby", "desk"), 150)
    settings(service, 345 * MB)
    with RtspServer([Mount("door")]) as server, service:
        dora = People(service).name_director()
        service.await_recording(service.add(server.url("door"), "Door"))
        budget = 345

        def lower() -> None:
            nonlocal budget
            budget -= 9
            asked = types_commission.CapacitySet("the disk is needed", budget_bytes=budget * MB)
            service.act(asked)

        def rolled_off() -> bool:
            if len(erased(service).get("lobby", ())) >= 4:
                return True
            lower()  # what recording takes by itself is too little for a test
            return False

        wait_for("the oldest roll off", rolled_off, 300, every=1.0)
        lower()  # the sweeper has more to do at its next turn
        oldest = min(int(path.name.split("_")[0]) for path in service.files("lobby"))
        first = start + (oldest - 1) // 2 * STEP_NS
        row = place(dora, types.SpanAsk("lobby", start, first + 300 * NS))
        gone, kept = row.coverage
        assert (gone.kind, gone.reason, gone.start_utc_ns) == ("erased", "erased on schedule", start)
        assert (kept.kind, kept.end_utc_ns) == ("recorded", first + 300 * NS)
        # To the second: what was gone ends where the first file begins that is there.
        assert gone.end_utc_ns == kept.start_utc_ns
        assert (kept.start_utc_ns - start) % STEP_NS == 0
        held = {name: sha for name, sha in sums(service, "lobby").items()
                if start + (int(name.split("_")[0]) - 1) // 2 * STEP_NS < first + 300 * NS}  # fmt: skip
        assert len(held) >= 8  # on a busy machine more had gone before the hold
        while budget > 256 + 9:
            lower()
        last = max(int(name.split("_")[0]) for name in held)
        wait_for("the sweeper is past what is held", lambda: max(erased(service)["lobby"]) > last + 10)
        after = sums(service, "lobby")
        assert {name: after.get(name) for name in held} == held
        assert [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in show(dora, row.id).coverage] == [
            (c.kind, c.start_utc_ns, c.end_utc_ns) for c in row.coverage
        ]

        # Nobody picks: beside what is held, everything older than the youngest that went has gone.
        def has_only_what_is_held() -> bool:
            youngest = max(
                seq for seqs in erased(service).values() for seq in seqs
            )  # the ledger says so before they go
            present = {int(p.name.split("_")[0]) for camera in ("lobby", "desk") for p in service.files(camera)}
            return {seq for seq in present if seq < youngest} == {int(name.split("_")[0]) for name in held}

        wait_for("nothing else that is older is left", has_only_what_is_held)
        assert service.verify().problems == []


# --- a full disk ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(600)
def test_scene_5_a_disk_full_of_held_footage_stops_recording_with_a_warning_before_and_an_honest_gap(
    tmp_path: Path,
) -> None:
    with LoopImage(130) as disk, SizedTmpfs(200) as other, RtspServer([Mount("door", media="h264_bigkey")]) as server:
        media = disk.mount_point / "media"
        media.mkdir()
        service = Service(tmp_path / "data", media=media, mint=True)
        settings(service)
        start = fat_footage(service, ["lot"], 61)
        with service:
            dora = People(service).name_director()
            lot = place(dora, types.SpanAsk("lot", start, start + 61 * STEP_NS))
            wait_for("it is shelved", lambda: show(dora, lot.id).shelved)
            door = service.add(server.url("door"), "Door")
            service.await_recording(door)
            until = place(dora, types.SpanAsk(door, time.time_ns()))
            # The warning, while there is room left.
            warning = wait_for("the warning", lambda: service.repairs().get("holds_fill_the_disk"))
            assert "holds will have filled the disk" in warning.sentence
            assert "hold archive" in warning.next_step
            stops = dora.act(types.HoldListAsk()).recording_stops_days
            assert stops is not None
            assert stops < 1
            before = sums(service, "lot")
            # Then it is full.
            wait_for("recording stops", lambda: [g for g in service.gaps(door) if g.reason == "disk full"] or None, 300)
            alarm = wait_for("the alarm", lambda: service.repairs().get("all_room_is_held"))
            assert warning.since_utc_ns < alarm.since_utc_ns, "it was warned of while there was room left"
            (gap,) = [g for g in service.gaps(door) if g.reason == "disk full"]
            assert gap.end_utc_ns is None
            assert sums(service, "lot") == before
            assert erased(service) == {}
            told = show(dora, until.id).coverage
            assert ("gap", "disk full") in [(row.kind, row.reason) for row in told]
            # An archive makes room, and recording goes on.
            asked = types.HoldArchive(lot.id, str(other.mount_point))
            service.client.act(asked, timeout_s=HANG_S)
            service.await_recording(door)
            assert set(erased(service)) == {"lot"}
            wait_for("the repair's end", lambda: "all_room_is_held" not in service.repairs())
            (gap,) = [g for g in service.gaps(door) if g.reason == "disk full"]
            assert gap.end_utc_ns is not None
            first = show(dora, lot.id).coverage[0]
            assert (first.kind, first.reason) == ("erased", "erased on schedule; kept in the archive")
            assert service.verify().problems == []


# --- lost papers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def quiet(tmp_path: Path) -> Iterator[tuple[Service, types.HoldRow, People]]:
    """A service without a camera, with two hours of footage of which five minutes are held and shelved."""
    service = Service(tmp_path / "data", mint=True)
    made = record(service.data, ["lobby", "desk"])
    seed(service.data, commissioned("lobby", "desk"))
    with service:
        people = People(service)
        dora = people.name_director()
        row = place(dora, types.SpanAsk("lobby", made.start_utc_ns, made.end_utc_ns))
        wait_for("it is shelved", lambda: show(dora, row.id).shelved)
        yield service, row, people


def test_p16_no_loss_of_the_register_forgets_a_hold(quiet: tuple[Service, types.HoldRow, People]) -> None:
    service, row, people = quiet
    register = service.data / "state/register.json"
    last = register.with_name("register.last.json")
    wait_for("both copies", lambda: last.exists() and row.id.encode() in register.read_bytes())
    older = {path: path.read_bytes() for path in (register, last)}
    second = place(people.client("dora"), types.SpanAsk("desk", row.spans[0].start_utc_ns), reference="26-2")
    for loss in ("deleted", "truncated", "rolled back"):
        # No time for anything to be written behind: the second hold was just placed.
        service.kill()
        if loss == "deleted":
            for path in older:
                path.unlink(missing_ok=True)
        elif loss == "truncated":
            for path in filter(Path.exists, older):
                path.write_bytes(path.read_bytes()[: len(path.read_bytes()) // 2])
        else:
            for path, content in older.items():
                path.write_bytes(content)
        service.start()
        found = holds(people.client("dora"))
        assert set(found) == {row.id, second.id}, loss
        assert found[second.id].reference == "26-2"
        assert all(one.state == "active" and one.held_bytes > 0 for one in found.values()), loss
    assert entries(service, "hold.united") == [], "the log knew them all"


def test_p16_a_lost_state_folder_forgets_no_hold_and_gives_no_number_twice(
    quiet: tuple[Service, types.HoldRow, People],
) -> None:
    service, row, _ = quiet
    service.stop()
    state = service.data / "state"
    for path in state.iterdir():
        if path.name == "volume.json":
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    service.start()
    # The volume has seen another log: that there was one is accepted on the Board's paper.
    accept = types_register.LogAccept(PAPER, "the state's disk died")
    service.act(accept)
    # Before the service has taken the old one back, somebody places a new one.
    dora = People(service).name_director()
    new = place(dora, types.SpanAsk("desk", row.spans[0].start_utc_ns), reference="26-9")
    assert new.id != row.id
    (entry,) = await_entries(service, "hold.united")
    assert entry["subject"] == row.id
    back = show(dora, row.id)
    assert (back.state, back.reference, back.spans) == ("active", row.reference, row.spans)
    assert [c.kind for c in back.coverage] == ["recorded", "gap", "recorded"]


def test_the_shelf_survives_rm_rf_footage_and_gives_it_back(quiet: tuple[Service, types.HoldRow, People]) -> None:
    service, row, people = quiet
    wanted = [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in row.coverage]
    before = sums(service, "lobby")
    dora = people.client("dora")
    # While the service runs: what is held can still be seen and read.
    shutil.rmtree(service.data / "media/footage")
    assert [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in show(dora, row.id).coverage] == wanted
    asked = PurposeOpen(["lobby"], "violation", "26-3", start_utc_ns=wanted[0][1], end_utc_ns=wanted[-1][2])
    assert dora.act(asked).id
    for stopped in (service.kill, service.stop):
        stopped()
        shutil.rmtree(service.data / "media/footage", ignore_errors=True)
        service.start()
        repair = wait_for("it is put back", lambda: service.repairs().get("footage_put_back"))
        assert repair.sentence.startswith(f"{len(before)} files on hold had disappeared")
        assert sums(service, "lobby") == before
        assert service.files("desk") == [], "nobody held those"
        assert service.verify().problems == []
    again = show(people.client("dora"), row.id)
    assert [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in again.coverage] == wanted
