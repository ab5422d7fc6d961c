"""What may leave: the fields of the report, walked, and each repair as one of its kinds, without a word of its own."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import msgspec

from holdshelf_core.alerts.allowed import KINDS, OTHER, CameraState, Condition, Report
from holdshelf_core.alerts.conditions import KIND_OF, audience_of, conditions_of, waiting_of
from holdshelf_core.alerts.report import report_of
from holdshelf_core.api.types import CameraRow, DiskRow, GapRow, Status
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.integration.repairs import CameraCondition, Repair, RepairRegistry, Severity
from holdshelf_core.policy import example
from holdshelf_core.policy.state import State
from holdshelf_core.policy_file.first import first_policy

ROOT = Path(__file__).parents[3]
ALLOWED = {
    Report: {
        "at_utc_ns", "started_utc_ns", "version", "disk_writable", "disk_size_bytes", "disk_free_bytes", "budget_bytes",
        "used_bytes", "reserved_bytes", "days_kept", "oldest_utc_ns", "days_forecast", "floor_days", "log_size", "log_head",
        "cameras", "conditions",
    },
    CameraState: {
        "id", "name", "recording", "connected", "reason", "days_kept", "oldest_utc_ns", "bytes_per_s", "coverage",
    },
    Condition: {"kind", "severity", "camera", "since_utc_ns", "count"},
}  # fmt: skip


def repair(issue_id: str, camera: str | None = None, severity: Severity = "error", since: int = 5) -> Repair:
    return Repair(issue_id, camera, severity, "H-2026-0001 of Dora Reed", "Ask p3 about 26-114.", since)


def test_the_report_has_these_fields_and_no_other() -> None:
    """A new one is a decision: it is listed here, too, and in docs/alerts.md."""
    assert {kind: set(kind.__struct_fields__) for kind in ALLOWED} == ALLOWED


def test_of_a_repair_its_kind_its_camera_and_its_time_leave_and_none_of_its_words() -> None:
    made = conditions_of(
        [
            repair("hold_review:H-2026-0001", severity="warning", since=9),
            repair("hold_review:H-2026-0002", severity="error", since=7),
            repair("camera_silent:lobby", "lobby"),
            repair("sheet:V-2026-0003", "lobby"),
            repair("something_new:dora", "lobby"),
        ]
    )
    assert [(one.key, one.count, one.since_utc_ns) for one in made] == [
        ("camera_silent:lobby", 1, 5),
        (OTHER, 1, 5),
        ("papers_overdue", 1, 5),
        ("reviews_overdue", 2, 7),
    ]
    sent = msgspec.json.encode(made).decode()
    assert not re.search("2026|Dora|p3|26-114|dora", sent), sent


def test_of_what_waits_for_a_second_person_the_number_leaves() -> None:
    house = example.house(first_policy())
    lifting = sum(hold.state == "lifting" for hold in house.holds.values())
    asked = sum(release.state == "requested" for release in house.releases.values())
    assert lifting and house.flags
    (one,) = waiting_of(house, 7)
    assert one == Condition("approvals_waiting", "notice", "", 7, lifting + asked + len(house.flags))
    assert waiting_of(State(), 7) == ()


def test_the_document_lists_every_condition() -> None:
    page = (ROOT / "docs" / "alerts.md").read_text()
    assert [name for name, kind in KINDS.items() if f"| `{name}` | {kind.words}" not in page] == []


def repairs_in(room: str) -> set[str]:
    found: set[str] = set()
    for file in (ROOT / room).rglob("*.py"):
        text = file.read_text()
        found |= set(re.findall(r'^[A-Z_]*REPAIR = "(\w+):?"', text, re.M))
        found |= set(re.findall(r'^_ISSUES? = "(\w+):"', text, re.M))
        found |= set(
            re.findall(
                r'(?:issue = |issue, \w+ = |return |^ +)f"(\w+):\{[\w.]*(?:entry_id|camera|name|number|key|id)\}"',
                text,
                re.M,
            )
        )
    return found


def test_every_repair_of_the_core_has_a_kind() -> None:
    found = repairs_in("core/holdshelf_core")
    assert {"camera_silent", "losses", "media_volume", "floor", "sound", "entry", "release"} <= found
    assert found <= set(KIND_OF)
    assert set(KIND_OF.values()) <= set(KINDS)


def test_an_integration_says_what_its_repairs_are_told_as_and_the_core_knows_none_of_their_names() -> None:
    theirs = repairs_in("onvif/holdshelf_onvif")
    assert "onvif_profile" in theirs and not theirs & set(KIND_OF)
    conditions = get_args(CameraCondition.__value__)
    assert set(conditions) <= set(KINDS)
    registry = RepairRegistry(EventBus(lambda: 5), lambda: 5)
    for kind in conditions:
        registry.async_create(f"theirs_{kind}:lobby", camera_id="lobby", sentence="", next_step="", condition=kind)
    assert [one.key for one in conditions_of(registry.async_all())] == [f"{kind}:lobby" for kind in conditions]
    assert [audience_of(one) for one in registry.async_all()] == [KINDS[kind].audience for kind in conditions]


def test_the_words_of_a_kind_take_a_camera_and_a_count_alone() -> None:
    for kind in KINDS.values():
        fields = {name for words in (kind.words, kind.next_step) for _, name, _, _ in Formatter().parse(words) if name}
        assert fields <= {"camera", "count", "id"}, kind


def test_a_report_tells_state_and_neither_address_nor_detail() -> None:
    camera = CameraRow(
        "lobby", "Front entrance", "seating", "onvif", "192.0.2.7", "loaded", "unreachable", "camera unreachable",
        "no answer from rtsp://u:secret@192.0.2.7", "h264", 1280, 720, 60.0, 5, 3.5, 4, 5, 6.0, None, 1,
    )  # fmt: skip
    status = Status("0.1", 1, [2], 3, 10, DiskRow("/srv/media", "", 9, 8, 7, 6, 5, True, 4.0), [camera], [])
    told = report_of(status, conditions_of([repair("camera_silent:lobby", "lobby")]), coverage={"lobby": 99.5})
    assert told.problem and told.days_kept == 3.5 and told.oldest_utc_ns == 5
    assert told.cameras[0] == CameraState(
        "lobby", "Front entrance", False, False, "camera_unreachable", 3.5, 5, 6.0, 99.5
    )
    assert not re.search("192|secret|/srv", msgspec.json.encode(told).decode())


def test_a_camera_that_is_alarmed_about_is_told_as_not_recorded_by_each_way_at_that_moment() -> None:
    """Its connection may still be open, and be waited for: reports of the network come, and no pictures."""
    since, gap = 1000, GapRow("lobby", 500, 600, 0.1, "reconnected")
    row = CameraRow(
        "lobby", "Front entrance", "seating", "onvif", "192.0.2.7", "loaded", "recording", "", "", "h264", 1280, 720, 60.0,
        5, 3.5, 4, 5, 6.0, gap, 1,
    )  # fmt: skip
    disk = DiskRow("/srv/media", "", 9, 8, 7, 6, 5, True, 4.0)
    alarm = (Condition("camera_silent", "error", "lobby", since),)

    def told(row: CameraRow, conditions: tuple[Condition, ...] = alarm) -> tuple[bool, bool, str]:
        (camera,) = report_of(Status("0.1", 1, [2], 3, 10, disk, [row], []), conditions).cameras
        return camera.recording, camera.connected, camera.reason

    assert told(row, ()) == (True, True, "recorded")
    assert told(row) == (False, False, "no_frames")
    assert told(row, (Condition("camera_silent", "error", "stacks", since),)) == (True, True, "recorded")
    away = msgspec.structs.replace(row, state="away", reason="disk full")
    assert told(away) == (False, True, "disk_full"), "its own reason is known"
    back = msgspec.structs.replace(row, last_gap=GapRow("lobby", 900, since + 5, 0.1, "camera unreachable"))
    assert told(back) == (True, True, "recorded"), "the alarm ends when that has lasted for a moment"
