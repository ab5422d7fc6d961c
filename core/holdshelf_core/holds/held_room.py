"""How fast held footage grows, and the warnings about it (P15, P16)."""

from __future__ import annotations

from holdshelf_core.buffer.forecast import Forecast
from holdshelf_core.integration.repairs import RepairRegistry
from holdshelf_core.times import DAY_NS
from holdshelf_storage.footage.footage import Footage

FORECAST_REPAIR = "holds_fill_the_disk"
WARN_DAYS = 14.0
ALARM_DAYS = 3.0
RATE_DAYS = 7


def bytes_per_day(footage: Footage, camera: str, now_utc_ns: int) -> float:
    """Return what a camera recently recorded per day; 0 for one that no longer records."""
    usage = footage.usage().cameras.get(camera)
    if usage is None or usage.newest_utc_ns is None or usage.newest_utc_ns < now_utc_ns - DAY_NS:
        return 0.0
    days = [
        day
        for name in footage.recorded_days(camera)[-RATE_DAYS:]
        if (day := footage.day_usage(camera, name)) is not None
    ]
    recorded = sum(day.recorded_ns for day in days)
    return sum(day.allocated_bytes for day in days) * DAY_NS / recorded if recorded > 0 else 0.0


def async_warn(seen: Forecast, repairs: RepairRegistry) -> str:
    """Raise the repair that warns days before held footage fills the room, or clear it. Returns a short result."""
    days = seen.recording_stops_days
    if days is None or days > WARN_DAYS:
        repairs.async_delete(FORECAST_REPAIR)
        return f"{seen.held_bytes / 1e9:.1f} GB held" + (f", room for {days:.0f} days" if days is not None else "")
    when = when_words(days)
    repairs.async_create(
        FORECAST_REPAIR,
        camera_id=None,
        severity="error" if days < ALARM_DAYS else "warning",
        sentence=f"Recording stops {when}: holds will have filled the disk ({seen.held_bytes / 1e9:.1f} GB).",
        next_step="Archive a hold to another disk (`holdshelf hold archive`), have holds reviewed, or allow more space.",
    )
    return f"recording stops {when}"


def when_words(days: float) -> str:
    """Return e.g. 'in about 3.0 days'."""
    if days <= 0:
        return "now"
    if days >= 1:
        return f"in about {days:.1f} days"
    return f"in about {days * 24:.0f} hours" if days * 24 >= 1.5 else "within the hour"
