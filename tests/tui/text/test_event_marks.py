"""What a camera told stands on the timeline: a sign on the strip, words under it."""

from __future__ import annotations

import time
from typing import Any, cast

from textual.app import App, ComposeResult

from holdshelf_core.looks.types import Activity, ActivityAsk, EventMark
from holdshelf_tui.session.activity import COARSE_NS, ActivityMap
from holdshelf_tui.session.zoom import View
from holdshelf_tui.widgets.timeline_strip import TOLD, Marks, TimelineStrip

NS = 1_000_000_000
HOUR_NS = 3600 * NS
MIDNIGHT = (time.time_ns() // COARSE_NS - 2) * COARSE_NS


class FakeLink:
    """Answers one day in which a camera told of two things."""

    async def act(self, ask: ActivityAsk) -> Activity:
        told = [
            EventMark("motion", MIDNIGHT + 3 * HOUR_NS, MIDNIGHT + 3 * HOUR_NS + 60 * NS),
            EventMark("signal_loss", MIDNIGHT + 9 * HOUR_NS, None),
        ]
        span = ask.end_utc_ns - ask.start_utc_ns
        return Activity(
            ask.camera, ask.start_utc_ns, ask.end_utc_ns, span // ask.buckets, bytes(ask.buckets), [], [], [], told
        )


async def test_columns_and_words_say_what_the_camera_told() -> None:
    known = ActivityMap(cast(Any, FakeLink()))
    await known.async_ensure("door", MIDNIGHT, MIDNIGHT + COARSE_NS, fine=False)
    columns = known.columns("door", MIDNIGHT, MIDNIGHT + COARSE_NS, 24, fine=False)
    assert [number for number, column in enumerate(columns) if column.told] == [3, *range(9, 24)]
    words = known.words_at("door", MIDNIGHT + 3 * HOUR_NS)
    assert "the camera said: motion (" in words
    assert "its signal was lost (" in known.words_at("door", MIDNIGHT + 12 * HOUR_NS)
    assert "camera said" not in known.words_at("door", MIDNIGHT + 5 * HOUR_NS)


async def test_the_strip_shows_a_sign_for_it() -> None:
    known = ActivityMap(cast(Any, FakeLink()))
    await known.async_ensure("door", MIDNIGHT, MIDNIGHT + COARSE_NS, fine=False)

    class Shown(App[None]):
        def compose(self) -> ComposeResult:
            yield TimelineStrip(View(MIDNIGHT + HOUR_NS))

    async with Shown().run_test(size=(48, 8)) as pilot:
        strip = pilot.app.query_one(TimelineStrip)
        view = strip.view
        strip.show(known.columns("door", view.start_utc_ns, view.end_utc_ns, strip.width, fine=False), Marks(), None)
        await pilot.pause()
        lowest = str(strip.render()).splitlines()[-1]
    assert TOLD in lowest
