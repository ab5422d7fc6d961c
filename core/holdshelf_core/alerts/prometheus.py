"""The report as metrics for Prometheus: names, units and types by its conventions. Pure; docs/metrics.md lists each.

Text format: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4, for node_exporter's textfile collector), or
OpenMetrics 1.0, which adds units and an end. Times are Unix seconds, days are seconds, shares are ratios of 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from holdshelf_core.alerts.allowed import KINDS, CameraState, Condition, Report
from holdshelf_core.inert import inert
from holdshelf_core.times import DAY_NS, NS

TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PREFIX: Final = "holdshelf_"
DAY_S: Final = DAY_NS // NS
_UNITS: Final = ("bytes", "seconds", "ratio")

type Labels = dict[str, str]


class Metric(NamedTuple):
    """A metric family, all gauges: they are states. ``samples``: (labels, value)."""

    name: str
    help: str
    samples: list[tuple[Labels, float]]


def exposition(report: Report, *, openmetrics: bool = False) -> str:
    """Return the text that Prometheus reads."""
    lines: list[str] = []
    for metric in metrics_of(report):
        if not metric.samples:
            continue
        name = PREFIX + metric.name
        lines.append(f"# HELP {name} {metric.help}")
        lines.append(f"# TYPE {name} gauge")
        unit = name.rpartition("_")[2]
        if openmetrics and unit in _UNITS:
            lines.append(f"# UNIT {name} {unit}")
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in metric.samples]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def metrics_of(report: Report) -> Iterator[Metric]:
    """Yield the families. What is not known now has no sample."""
    yield from _of_recorder(report)
    yield from _of_disk(report)
    yield Metric(
        "conditions",
        "What somebody must see to, by kind: of how many things it is so. Of the whole recorder where it names no camera.",
        [(_condition_labels(one), one.count) for one in report.conditions],
    )
    yield Metric(
        "condition_since_timestamp_seconds",
        "Since when it is so.",
        [(_condition_labels(one), one.since_utc_ns / NS) for one in report.conditions],
    )
    yield from _of_cameras(report.cameras)


def _of_recorder(report: Report) -> Iterator[Metric]:
    yield Metric("build_info", "The version that runs.", [({"version": report.version}, 1)])
    yield _one("start_time_seconds", "When the service started.", report.started_utc_ns / NS)
    yield _one("report_timestamp_seconds", "When these figures were made.", report.at_utc_ns / NS)
    yield _one("problem", "Whether anything is wrong. A step that a person has yet to take is not.", report.problem)
    yield _one("access_log_entries", "Entries of the access log.", report.log_size)


def _of_disk(report: Report) -> Iterator[Metric]:
    yield _one("disk_writable", "Whether footage can be written.", report.disk_writable)
    if report.disk_size_bytes:
        yield _one("disk_size_bytes", "Size of the media disk.", report.disk_size_bytes)
        yield _one("disk_free_bytes", "Free on the media disk, in steps of a hundredth of it.", report.disk_free_bytes)
        yield _one("footage_budget_bytes", "Disk space that footage may use.", report.budget_bytes)
        yield _one("footage_used_bytes", "Used by footage, from long averages.", report.used_bytes)
        yield _one("footage_reserved_bytes", "Kept free for files being written.", report.reserved_bytes)
    yield _one(
        "kept_seconds",
        "How far back footage reaches, of the camera with the least.",
        report.days_kept * DAY_S if report.cameras else None,
    )
    yield _one("kept_forecast_seconds", "For how long there is room, of all cameras.", _days_s(report.days_forecast))
    yield _one("kept_floor_seconds", "For how long footage is to be kept at least.", _days_s(report.floor_days))
    yield _one("oldest_footage_timestamp_seconds", "Start of the oldest footage.", _seconds(report.oldest_utc_ns))


def _of_cameras(cameras: Iterable[CameraState]) -> Iterator[Metric]:
    def each(name: str, words: str, values: Iterable[tuple[CameraState, float | None]]) -> Metric:
        return Metric(
            f"camera_{name}", words, [({"camera": one.id}, value) for one, value in values if value is not None]
        )

    cameras = tuple(cameras)
    yield Metric("camera_info", "The name of a camera.", [({"camera": one.id, "name": one.name}, 1) for one in cameras])
    yield each("recording", "Whether it is being recorded.", ((one, one.recording) for one in cameras))
    yield each(
        "connected",
        "Whether pictures arrive, also while they cannot be written.",
        ((one, one.connected) for one in cameras),
    )
    yield Metric(
        "camera_unrecorded_info",
        "Why it is not being recorded.",
        [({"camera": one.id, "reason": one.reason}, 1) for one in cameras if not one.recording and one.reason],
    )
    yield each("kept_seconds", "How far back its footage reaches.", ((one, one.days_kept * DAY_S) for one in cameras))
    yield each(
        "oldest_footage_timestamp_seconds",
        "Start of its oldest footage.",
        ((one, _seconds(one.oldest_utc_ns)) for one in cameras),
    )
    yield each(
        "average_bytes_per_second",
        "What it records, a long average: the rate of now would tell of movement.",
        ((one, one.bytes_per_s) for one in cameras),
    )
    yield each(
        "yesterday_coverage_ratio",
        "How much of yesterday is there: recorded, or recovered from the camera.",
        ((one, None if one.coverage is None else one.coverage / 100) for one in cameras),
    )


def _one(name: str, words: str, value: float | None) -> Metric:
    return Metric(name, words, [] if value is None else [({}, value)])


def _days_s(days: float | None) -> float | None:
    return None if days is None else days * DAY_S


def _seconds(utc_ns: int | None) -> float | None:
    return None if utc_ns is None else utc_ns / NS


def _condition_labels(one: Condition) -> Labels:
    labels: Labels = {"kind": one.kind, "severity": one.severity, "audience": KINDS[one.kind].audience}
    return {**labels, "camera": one.camera} if one.camera else labels


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    """A name may hold anything that a person typed; no control character reaches a terminal or a dashboard."""
    return inert(value).replace("\\", "\\\\").replace('"', '\\"')


def _number(value: float) -> str:
    """Whole numbers as such; others with milliseconds, which a double still holds of today's Unix time."""
    rounded = round(float(value), 6)
    return str(int(rounded)) if rounded.is_integer() else repr(rounded)
