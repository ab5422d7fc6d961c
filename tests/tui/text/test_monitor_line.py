"""What a monitor is told: the worst first, all of it counted, and nothing hidden behind what only a seat can clear."""

from __future__ import annotations

import msgspec
import pytest

from holdshelf_core.alerts.conditions import KIND_OF, audience_of
from holdshelf_core.api.types import CameraRow, DiskRow, RepairRow, Status
from holdshelf_core.integration.repairs import Repair
from holdshelf_tui.text.monitor_line import monitor_line

DISK = DiskRow("/media", "", 10, 5, 9, 4, 0, True, None)
CAMERAS = [
    msgspec.convert(
        {**dict.fromkeys(CameraRow.__struct_fields__, ""), "id": camera, "name": camera, "state": state}
        | dict.fromkeys(("width", "height", "segments", "bytes", "added_utc_ns"), 0)
        | {"recorded_s": 1.0, "days_kept": 1.0, "bytes_per_s": 1.0, "oldest_utc_ns": None, "last_gap": None},
        CameraRow,
    )
    for camera, state in (("lobby", "away"), ("desk", "recording"))
]


def line(*repairs: tuple[str, str | None, str, str]) -> tuple[int, str]:
    """Of repairs as (id, camera, severity, sentence), the oldest first."""
    rows = [
        RepairRow(*one, "Do it.", since, audience_of(Repair(one[0], one[1], "error", "", "", since)))
        for since, one in enumerate(repairs)
    ]
    return monitor_line(Status("1", 1, [], 0, 0, DISK, CAMERAS, rows))


def test_the_worst_leads_whatever_is_older_and_all_are_counted() -> None:
    losses = ("losses:desk", "desk", "warning", "Desk loses footage.")
    silent = ("camera_silent:lobby", "lobby", "error", "Lobby cannot be reached.")
    assert line(losses, silent) == (
        2,
        "CRITICAL: Lobby cannot be reached. (1 error, 1 warning; 1 of 2 cameras recording)",
    )
    disk = ("media_volume", None, "error", "The disk is missing.")
    assert line(losses, silent, disk)[1].startswith("CRITICAL: The disk is missing. (2 errors, 1 warning; ")
    assert line(losses) == (1, "WARNING: Desk loses footage. (1 warning; 1 of 2 cameras recording)")
    assert line() == (0, "OK: 1 of 2 cameras recording")


@pytest.mark.parametrize("severity", ["notice", "warning"])
def test_what_only_a_seat_can_clear_hides_no_fault(severity: str) -> None:
    review = ("hold_review:H-2026-0001", None, severity, "The review of hold H-2026-0001 was due.")
    assert line(review) == (0, "OK: 1 of 2 cameras recording; 1 step waits for a seat")
    silent = ("camera_silent:lobby", "lobby", "error", "Lobby cannot be reached.")
    code, told = line(review, silent)
    assert code == 2
    assert told.startswith("CRITICAL: Lobby cannot be reached. (1 error; ")


def test_every_repair_has_somebody_who_can_clear_it() -> None:
    seats = {key for key in KIND_OF if audience_of(Repair(f"{key}:x", None, "error", "", "", 1)) == "seats"}
    assert seats == {"answer", "checklist", "commission", "entrance", "hold_review", "release", "sheet"}
