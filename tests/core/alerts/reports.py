"""Reports as the service makes them, for the tests of the ways."""

from __future__ import annotations

from holdshelf_core.alerts.allowed import RECORDED, REVIEWS_OVERDUE, CameraState, Condition, Report

NS = 1_000_000_000
AT_NS = 1_795_000_000 * NS
LOBBY = CameraState("lobby", "Front entrance", True, True, RECORDED, 14.2634, AT_NS - 1_232_000 * NS, 250_000.0, 99.5)
STACKS = CameraState("stacks", "Stacks {{ 1 }} “north”", True, True, RECORDED, 9.9512, AT_NS - 860_000 * NS, 180_000.0)


def report(*cameras: CameraState, conditions: tuple[Condition, ...] = (), head: str = "812 3fa9c1") -> Report:
    """The state of a recorder with these cameras."""
    return Report(
        at_utc_ns=AT_NS,
        started_utc_ns=AT_NS - 7_000 * NS,
        version="0.1.0",
        disk_writable=True,
        disk_size_bytes=4_000_000_000_000,
        disk_free_bytes=1_234_567_890_123,
        budget_bytes=3_000_000_000_000,
        used_bytes=2_100_000_000_000,
        reserved_bytes=77_000_000_000,
        days_kept=9.9512,
        oldest_utc_ns=AT_NS - 1_232_000 * NS,
        days_forecast=15.37,
        floor_days=7.0,
        log_size=812,
        log_head=head,
        cameras=cameras,
        conditions=conditions,
    )


def silent(camera: CameraState) -> CameraState:
    """The camera, unplugged."""
    return CameraState(
        camera.id, camera.name, False, False, "camera_unreachable", camera.days_kept, camera.oldest_utc_ns, 0.0, 80.0
    )


def broken() -> Report:
    """One camera unplugged, one recorded, reviews overdue."""
    return report(
        silent(LOBBY),
        STACKS,
        conditions=(
            Condition("camera_silent", "error", "lobby", AT_NS - 20 * NS),
            Condition(REVIEWS_OVERDUE, "warning", "", AT_NS - 90_000 * NS, 2),
        ),
    )
