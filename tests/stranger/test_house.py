"""The people of a campaign's installation: what they do when the service warns them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from holdshelf_core.holds.types import HoldList, HoldListAsk
from tests.service import wait_for
from tests.stranger.house import HELD_SHARE, Installation

YEAR_S = 365 * 86_400.0
FULL = "all_room_is_held"


@pytest.mark.timeout(600)
def test_holds_leave_room_to_record_when_the_clock_is_a_year_ahead(tmp_path: Path) -> None:
    """Else nothing that was lifted is let go, the budget fills with held footage, and each fault after that looks like one
    that recording does not survive."""
    with Installation(tmp_path, random.Random(1), budget_mb=40) as house:
        house.clock.set_offset(YEAR_S)
        wait_for("the clocks are seen to disagree", lambda: "clock_disagreement" in house.service.repairs())
        for camera in ("a", "c"):
            placed = house.people.run(
                "dora", "hold", "place", "--ground", "investigation", "--reference", "26-1", "--camera", camera,
                "--from", house._ago(5), "--until-lifted",
            )  # fmt: skip
            assert placed.code == 0, placed.said

        def listed() -> HoldList:
            return house.service.act(HoldListAsk())

        wait_for("much is held", lambda: listed().held_bytes > house.budget_bytes * HELD_SHARE, every=0.5)
        house.keep_room()
        assert "clock_disagreement" not in house.service.repairs()
        held = {row.spans[0].camera: row for row in listed().holds}
        assert held["a"].state == "grace", "the larger of the two"
        house.await_recording()
        # A start does at once what comes up each minute.
        house.stop()
        house.start()
        assert house.note_recording() == [], "what is not seen to record again is not claimed to be recorded"
        house.await_recording()
        wait_for("it is let go", lambda: "a" not in {row.spans[0].camera for row in listed().holds})
        oldest = house.service.files("a")[0]
        wait_for("the oldest is swept", lambda: not oldest.exists(), every=0.5)
        assert FULL not in house.service.repairs()
        assert all(row.state == "recording" for row in house.service.client.status().cameras)
