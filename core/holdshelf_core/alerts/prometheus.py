"""The report as metrics for Prometheus: names, units and types by its conventions. Pure. The allow-list has each name.

Text format: https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4, for node_exporter's textfile collector), or
OpenMetrics 1.0, which adds units and an end. Times are Unix seconds, days are seconds, shares are ratios of 0 to 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from holdshelf_core.alerts.allowed import KINDS, METRICS_PREFIX, CameraState, Condition, Report, family
from holdshelf_core.inert import inert
from holdshelf_core.times import DAY_NS, NS

TEXT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"
DAY_S: Final = DAY_NS // NS
_UNITS: Final = ("bytes", "seconds", "ratio")

type Labels = dict[str, str]


class Metric(NamedTuple):
    """A metric family, all gauges: they are states. ``samples``: (labels, value)."""

    name: str
    samples: list[tuple[Labels, float]]


def exposition(report: Report, *, openmetrics: bool = False) -> str:
    """Return the text that Prometheus reads. Raises NotAllowed for a name or label that is not on the allow-list."""
    lines: list[str] = []
    for metric in metrics_of(report):
        if not metric.samples:
            continue
        for labels, _ in metric.samples:
            words = family(metric.name, labels).help
        name = METRICS_PREFIX + metric.name
        lines.append(f"# HELP {name} {words}")
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
    yield Metric("conditions", [(_condition_labels(one), one.count) for one in report.conditions])
    yield Metric(
        "condition_since_timestamp_seconds",
        [(_condition_labels(one), one.since_utc_ns / NS) for one in report.conditions],
    )
    yield from _of_cameras(report.cameras)


def _of_recorder(report: Report) -> Iterator[Metric]:
    yield Metric("build_info", [({"version": report.version}, 1)])
    yield _one("start_time_seconds", report.started_utc_ns / NS)
    yield _one("report_timestamp_seconds", report.at_utc_ns / NS)
    yield _one("problem", report.problem)
    yield _one("access_log_entries", report.log_size)


def _of_disk(report: Report) -> Iterator[Metric]:
    yield _one("disk_writable", report.disk_writable)
    if report.disk_size_bytes:
        yield _one("disk_size_bytes", report.disk_size_bytes)
        yield _one("disk_free_bytes", report.disk_free_bytes)
        yield _one("footage_budget_bytes", report.budget_bytes)
        yield _one("footage_used_bytes", report.used_bytes)
        yield _one("footage_reserved_bytes", report.reserved_bytes)
    yield _one("kept_seconds", report.days_kept * DAY_S if report.cameras else None)
    yield _one("kept_forecast_seconds", _days_s(report.days_forecast))
    yield _one("kept_floor_seconds", _days_s(report.floor_days))
    yield _one("oldest_footage_timestamp_seconds", _seconds(report.oldest_utc_ns))


def _of_cameras(cameras: tuple[CameraState, ...]) -> Iterator[Metric]:
    def each(name: str, values: Iterable[tuple[CameraState, float | None]]) -> Metric:
        return Metric(name, [({"camera": one.id}, value) for one, value in values if value is not None])

    yield Metric("camera_info", [({"camera": one.id, "name": one.name}, 1) for one in cameras])
    yield each("camera_recording", ((one, one.recording) for one in cameras))
    yield each("camera_connected", ((one, one.connected) for one in cameras))
    yield Metric(
        "camera_unrecorded_info",
        [({"camera": one.id, "reason": one.reason}, 1) for one in cameras if not one.recording],
    )
    yield each("camera_kept_seconds", ((one, one.days_kept * DAY_S) for one in cameras))
    yield each("camera_oldest_footage_timestamp_seconds", ((one, _seconds(one.oldest_utc_ns)) for one in cameras))
    yield each("camera_average_bytes_per_second", ((one, one.bytes_per_s) for one in cameras))
    yield each(
        "camera_yesterday_coverage_ratio",
        ((one, None if one.coverage is None else one.coverage / 100) for one in cameras),
    )


def _one(name: str, value: float | None) -> Metric:
    return Metric(name, [] if value is None else [({}, value)])


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
