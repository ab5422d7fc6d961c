"""Holds when things go wrong, through the real service: roll-off, a full disk, lost papers, a deleted folder, a log that
cannot be written. What is held is there afterwards, and what is not there is said."""

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
from typing import Any

import av
import numpy as np
import pytest

from holdshelf_core.api import types_board, types_commission
from holdshelf_core.api import types_holds as types
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_core.api.types_looks import GrantRow, PurposeOpen
from holdshelf_core.settings import Settings
from holdshelf_storage.footage import Footage, SegmentFacts
from holdshelf_storage.ledger import Ledger
from holdshelf_storage.register import Register
from holdshelf_storage.volume import Volume
from tests.looking import BOOT, FPS, HEIGHT, NS, OPTIONS, SECONDS, WIDTH, commissioned, record, seed
from tests.people import People
from tests.rig.faults import LoopImage, SizedTmpfs, fill
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


def settings(service: Service, budget_bytes: int | None = None) -> None:
    made = Settings(Register.open(service.data / "state"))
    made.set_segment_s(2)
    if budget_bytes is not None:
        made.set_budget_bytes(budget_bytes)


def place(by: Client, *spans: types.SpanAsk, reference: str = "26-1") -> types.HoldRow:
    return by.act("hold.place", types.HoldPlace("investigation", reference, list(spans)), types.HoldRow)


def show(by: Client, hold: str) -> types.HoldRow:
    return by.act("hold.show", types.HoldAsk(hold), types.HoldRow)


def holds(by: Client) -> dict[str, types.HoldRow]:
    return {row.id: row for row in by.act("hold.list", types.HoldListAsk(), types.HoldList).holds}


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


def entries(service: Service, action: str, subject: str = "") -> list[dict[str, Any]]:
    rows = service.act("log.show", types_board.LogShow(action=action, most=500), types_board.LogRows).entries
    return [row.entry for row in rows if not subject or row.entry.get("subject") == subject]


def await_entries(service: Service, action: str, subject: str = "", seconds: float = 30) -> list[dict[str, Any]]:
    """Those entries, once there are any: the log may not be writable yet, and reading it is written down as well."""

    def found() -> list[dict[str, Any]] | None:
        try:
            return entries(service, action, subject) or None
        except Unavailable:
            return None

    return wait_for(f"an entry {action}", found, seconds, every=0.5)


# --- roll-off -------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
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
            service.act("capacity.set", asked, types_commission.CapacityRow)

        wait_for("the oldest roll off", lambda: len(erased(service).get("lobby", ())) >= 4)
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
        wait_for("the sweeper is past what is held", lambda: max(erased(service)["lobby"]) > last + 10, 60)
        after = sums(service, "lobby")
        assert {name: after.get(name) for name in held} == held
        assert [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in show(dora, row.id).coverage] == [
            (c.kind, c.start_utc_ns, c.end_utc_ns) for c in row.coverage
        ]
        # Nobody picks: beside what is held, everything older than the youngest that went has gone.
        present = {int(p.name.split("_")[0]) for camera in ("lobby", "desk") for p in service.files(camera)}
        youngest = max(seq for seqs in erased(service).values() for seq in seqs)
        assert {seq for seq in present if seq < youngest} == {int(name.split("_")[0]) for name in held}
        assert service.verify().problems == []


# --- a full disk ----------------------------------------------------------------------------------------------------------


@pytest.mark.timeout(240)
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
            warning = wait_for("the warning", lambda: service.repairs().get("holds_fill_the_disk"), 25)
            assert "all_room_is_held" not in service.repairs()
            assert "on hold will have taken all the room" in warning.sentence
            assert "hold archive" in warning.next_step
            stops = dora.act("hold.list", types.HoldListAsk(), types.HoldList).recording_stops_days
            assert stops is not None
            assert stops < 1
            before = sums(service, "lot")
            # Then it is full.
            wait_for("recording stops", lambda: [g for g in service.gaps(door) if g.reason == "disk full"] or None, 60)
            assert "all_room_is_held" in service.repairs()
            (gap,) = [g for g in service.gaps(door) if g.reason == "disk full"]
            assert gap.end_utc_ns is None
            assert sums(service, "lot") == before
            assert erased(service) == {}
            told = show(dora, until.id).coverage
            assert ("gap", "disk full") in [(row.kind, row.reason) for row in told]
            # An archive makes room, and recording goes on.
            asked = types.HoldArchive(lot.id, str(other.mount_point))
            service.client.act("hold.archive", asked, types.HoldRow, timeout_s=60)
            service.await_recording(door, seconds=40)
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
    assert dora.act("purpose.open", asked, GrantRow).id
    for stopped in (service.kill, service.stop):
        stopped()
        shutil.rmtree(service.data / "media/footage", ignore_errors=True)
        service.start()
        repair = wait_for("it is put back", lambda: service.repairs().get("footage_put_back"), 15)
        assert repair.sentence.startswith(f"{len(before)} held files had disappeared")
        assert sums(service, "lobby") == before
        assert service.files("desk") == [], "nobody held those"
        assert service.verify().problems == []
    again = show(people.client("dora"), row.id)
    assert [(c.kind, c.start_utc_ns, c.end_utc_ns) for c in again.coverage] == wanted


# --- a log that cannot be written --------------------------------------------------------------------------------------------


class StateOnItsOwnDisk:
    """A service whose state lies on a small disk, with one camera that records and one hold that could be lifted."""

    def __init__(self, tmp_path: Path, disk: LoopImage, server: RtspServer) -> None:
        self.service = Service(tmp_path / "data", mint=True)
        settings(self.service)
        self.made = record(self.service.data, ["lobby"])
        seed(self.service.data, commissioned("lobby"))
        self.service.start()
        people = People(self.service)
        self.dora = people.name_director()
        self.people = people
        self.door = self.service.add(server.url("door"), "Door")
        self.service.await_recording(self.door)
        self.old = place(self.dora, types.SpanAsk("lobby", self.made.start_utc_ns, self.made.end_utc_ns))
        self.purpose = PurposeOpen(
            ["lobby"], "violation", "26-3", start_utc_ns=self.made.start_utc_ns, end_utc_ns=self.made.end_utc_ns
        )

    def is_refused(self) -> bool:
        """Whether a look is; anything else than a sentence that says so fails."""
        try:
            self.dora.act("purpose.open", self.purpose, GrantRow)
        except Unavailable as error:
            assert "access log cannot be written" in str(error)
            return True
        return False

    def check_refusals_and_place(self, reference: str) -> types.HoldRow:
        """Looks and lifts are refused, recording goes on, a hold is placed all the same."""
        with pytest.raises(Unavailable, match="access log cannot be written"):
            self.dora.act("hold.lift", types.HoldLift(self.old.id, "closed"), types.HoldRow)
        assert self.service.repairs()["access_log"].severity == "error"
        # `record` is an act that needs no log: a file that begins now is finished.
        began = time.time_ns()
        row = place(self.dora, types.SpanAsk("lobby", self.made.start_utc_ns), reference=reference)
        assert row.queued
        assert row.held_bytes > 0
        facts = json.loads((self.service.data / "media/shelf" / row.id / "hold.json").read_text())
        assert facts["hold"]["reference"] == reference
        wait_for("a file of now", lambda: any(s.start_utc_ns > began for s in self.service.segments(self.door)), 30)
        return row


@pytest.fixture
def own_disk(tmp_path: Path) -> Iterator[tuple[StateOnItsOwnDisk, LoopImage]]:
    with LoopImage(110, mount_point=tmp_path / "data/state") as disk, RtspServer([Mount("door")]) as server:
        shutil.rmtree(disk.mount_point / "lost+found")
        rig = StateOnItsOwnDisk(tmp_path, disk, server)
        try:
            yield rig, disk
        finally:
            rig.service.close_door()
            rig.service.close()


def _fill_up(rig: StateOnItsOwnDisk, disk: LoopImage) -> list[Path]:
    """Until not even the reserve is left; the fillers."""
    fillers: list[Path] = []

    def full() -> bool:
        filler = fill(disk.mount_point)
        filler = filler.rename(filler.with_name(f"filler-{len(fillers)}"))
        fillers.append(filler)
        return rig.is_refused()

    wait_for("nothing can be written", full, 30, every=0.2)
    return fillers


@pytest.mark.timeout(240)
def test_p16_on_a_full_state_disk_a_hold_is_placed_and_its_entry_follows(
    own_disk: tuple[StateOnItsOwnDisk, LoopImage],
) -> None:
    rig, disk = own_disk
    service = rig.service
    fillers = _fill_up(rig, disk)
    waiting = rig.check_refusals_and_place("26-7")
    for filler in fillers:
        filler.unlink()
    (entry,) = await_entries(service, "hold.place", waiting.id)
    assert entry["outcome"] == "queued"
    assert "access_log" not in service.repairs()
    # Again, and now the service is killed before there is room.
    fillers = _fill_up(rig, disk)
    lost = rig.check_refusals_and_place("26-8")
    service.kill()
    service.start()
    with pytest.raises(HoldshelfError):
        rig.people.client("dora")
    for filler in fillers:
        filler.unlink()
    united = await_entries(service, "hold.united", seconds=90)
    assert [e["subject"] for e in united] == [lost.id]
    found = holds(rig.people.client("dora"))
    assert set(found) == {rig.old.id, waiting.id, lost.id}
    assert (found[lost.id].reference, found[lost.id].placed_by) == ("26-8", waiting.placed_by)
    assert service.act("log.verify", types_board.LogVerify(), types_board.LogVerified).problems == []


@pytest.mark.timeout(240)
def test_p16_on_a_read_only_state_disk_a_hold_is_placed_and_survives_a_kill(
    own_disk: tuple[StateOnItsOwnDisk, LoopImage],
) -> None:
    rig, disk = own_disk
    service = rig.service
    disk.force_read_only()
    wait_for("looks are refused", rig.is_refused)
    placed = rig.check_refusals_and_place("26-7")
    workers = service.worker_pids()
    service.kill()
    wait_for("its workers end", lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))
    disk.mend()
    service.start()
    (entry,) = await_entries(service, "hold.united")
    assert entry["subject"] == placed.id
    found = holds(rig.people.client("dora"))
    assert set(found) == {rig.old.id, placed.id}
    assert service.act("log.verify", types_board.LogVerify(), types_board.LogVerified).problems == []
