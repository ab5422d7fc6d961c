"""The grammar of times for screens: off the event loop, since dateparser may have to be loaded."""

from __future__ import annotations

import asyncio
from datetime import tzinfo

from holdshelf_tui.text.time_parse import Moments, parse
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns


async def async_parse(text: str, now_utc_ns: int, *, zone: tzinfo | None = None) -> Moments:
    """See `time_parse.parse`, which this calls in a thread."""
    return await asyncio.to_thread(parse, text, now_utc_ns, zone=zone)


async def async_start(text: str, now_utc_ns: int, *, future: bool = False) -> int:
    """See `time_span.start_utc_ns`, which this calls in a thread."""
    return await asyncio.to_thread(start_utc_ns, text, now_utc_ns, future=future)


async def async_end(text: str, start: int | None, now_utc_ns: int) -> int:
    """See `time_span.end_utc_ns`, which this calls in a thread."""
    return await asyncio.to_thread(end_utc_ns, text, start, now_utc_ns)
