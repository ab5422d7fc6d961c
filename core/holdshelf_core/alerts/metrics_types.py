"""Requests and answers of the local API on metrics."""

from __future__ import annotations

import msgspec

from holdshelf_core.acts import Read, ReadSpec


class MetricsText(msgspec.Struct, frozen=True):
    """What Prometheus reads."""

    text: str


class ReadMetrics(Read[MetricsText], frozen=True):
    """Return the metrics of now. ``openmetrics``: in that format, with units and an end."""

    spec = ReadSpec("/metrics")

    openmetrics: bool = False
