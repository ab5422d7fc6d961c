"""Lengths of time in nanoseconds. Imports nothing: commands load it, too."""

NS = 1_000_000_000
"""One second."""
MINUTE_NS, HOUR_NS, DAY_NS = 60 * NS, 3_600 * NS, 86_400 * NS
