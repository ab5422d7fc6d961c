"""Holds while the access log cannot be written, through the real service: on a full disk and a read-only one they are placed
all the same, nothing else is done, and the entries follow."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.access_log.types import LogVerify
from holdshelf_core.actions.authorizer import MOST_QUEUED_BY_READING
from holdshelf_core.api.errors import Unavailable
from holdshelf_core.holds import types
from holdshelf_core.looks.types import PurposeOpen
from tests.core.holds.acts import await_entries, holds, place, settings, show
from tests.looking import commissioned, record, seed
from tests.people import People
from tests.rig.faults import LoopImage, fill
from tests.rig.processes import living
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for


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
            self.dora.act(self.purpose)
        except Unavailable as error:
            assert "access log cannot be written" in str(error)
            return True
        return False

    def check_refusals_and_place(self, reference: str) -> types.HoldRow:
        """Looks and lifts are refused, recording goes on, a hold is placed all the same."""
        with pytest.raises(Unavailable, match="access log cannot be written"):
            self.dora.act(types.HoldLift(self.old.id, "closed"))
        repair = wait_for("a repair", lambda: self.service.repairs().get("access_log"))
        assert repair.severity == "error"
        # `record` is an act that needs no log: a file that begins now is finished.
        began = time.time_ns()
        row = place(self.dora, types.SpanAsk("lobby", self.made.start_utc_ns), reference=reference)
        assert row.queued
        assert row.held_bytes > 0
        facts = json.loads((self.service.data / "media/shelf" / row.id / "hold.json").read_text())
        assert facts["hold"]["reference"] == reference
        wait_for("a file of now", lambda: any(s.start_utc_ns > began for s in self.service.segments(self.door)))
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

    wait_for("nothing can be written", full, every=0.2)
    return fillers


@pytest.mark.timeout(600)
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
    wait_for("the repair's end", lambda: "access_log" not in service.repairs())
    # Again, and now the service is killed before there is room.
    fillers = _fill_up(rig, disk)
    lost = rig.check_refusals_and_place("26-8")
    service.kill()
    service.start()
    assert rig.people.client("dora"), "somebody who comes now may place a hold, though no log-in can be written"
    for filler in fillers:
        filler.unlink()
    united = await_entries(service, "hold.united", seconds=90)
    assert [e["subject"] for e in united] == [lost.id]
    found = holds(rig.people.client("dora"))
    assert set(found) == {rig.old.id, waiting.id, lost.id}
    assert (found[lost.id].reference, found[lost.id].placed_by) == ("26-8", waiting.placed_by)
    assert service.act(LogVerify()).problems == []


@pytest.mark.timeout(600)
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
    wait_for("its workers end", lambda: not living(workers))
    disk.mend()
    service.start()
    (entry,) = await_entries(service, "hold.united")
    assert entry["subject"] == placed.id
    found = holds(rig.people.client("dora"))
    assert set(found) == {rig.old.id, placed.id}
    assert service.act(LogVerify()).problems == []


@pytest.mark.timeout(600)
def test_p16_while_the_log_cannot_be_written_who_may_place_holds_sees_them_and_the_entries_follow(
    own_disk: tuple[StateOnItsOwnDisk, LoopImage],
) -> None:
    rig, disk = own_disk
    service, people = rig.service, rig.people
    people.appoint("sam", "Sam Roe", rig.dora, "archive", cameras=["lobby"])
    people.appoint("hal", "Hal Orr", rig.dora, "hold", cameras=["lobby"])
    sam = people.client("sam")
    fillers = _fill_up(rig, disk)
    dora, hal = people.client("dora"), people.client("hal")
    placed = place(dora, types.SpanAsk("lobby", rig.made.start_utc_ns), reference="26-9")
    for client in (dora, hal):
        shown = show(client, placed.id)
        assert (shown.state, shown.queued, shown.reference) == ("active", True, "26-9")
        assert {key: one.queued for key, one in holds(client).items()} == {rig.old.id: False, placed.id: True}
    # Nothing else opens up: neither for whoever may place none, nor another act of those who may.
    for client in (sam, service.client):
        with pytest.raises(Unavailable, match="access log cannot be written"):
            holds(client)
        with pytest.raises(Unavailable, match="access log cannot be written"):
            show(client, placed.id)
    assert rig.is_refused()
    with pytest.raises(Unavailable, match="access log cannot be written"):
        dora.act(types.HoldLift(rig.old.id, "closed"))
    # However often they are looked at, what waits is bounded, and leaves room for holds.
    with pytest.raises(Unavailable, match="access log cannot be written"):
        for _ in range(MOST_QUEUED_BY_READING + 1):
            show(dora, placed.id)
    assert place(hal, types.SpanAsk("lobby", rig.made.start_utc_ns), reference="26-10").queued
    for filler in fillers:
        filler.unlink()
    (entry,) = await_entries(service, "hold.place", placed.id)
    assert entry["outcome"] == "queued"
    assert {one["outcome"] for one in await_entries(service, "hold.show", placed.id)} == {"queued"}
    wait_for("the log is whole again", lambda: "access_log" not in service.repairs())
    assert not show(dora, placed.id).queued
    assert service.act(LogVerify()).problems == []
