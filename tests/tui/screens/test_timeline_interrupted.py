"""The timeline when something comes between: imminent danger, and a service that starts again. Each with one of its own."""

from __future__ import annotations

import time
from pathlib import Path

from holdshelf_tui.screens.live import LivePane
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import MINUTE_NS, NS
from tests.tui.screens.timeline_rig import go, open_look, painted, timeline
from tests.tui.stage import Stage, our_app, screen_text, settled, until, until_shown


async def test_p12_in_imminent_danger_the_last_minutes_are_seen_at_once_and_survive_the_live_tab(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path, cameras={"lobby": "Front entrance"}, start_utc_ns=time.time_ns() - 5 * MINUTE_NS) as own:
        async with own.seated("dora") as pilot:
            pane = await timeline(pilot)
            go(pane, own.made.start_utc_ns - 3 * 60 * MINUTE_NS, 1)
            began_utc_ns = time.time_ns()
            await pilot.press("o")
            await until_shown(pilot, "Why are you looking?")
            await pilot.click("#danger")
            await until_shown(pilot, "You can look at once")
            await until(pilot, "its first field", lambda: getattr(pilot.app.focused, "id", "") == "why")
            await pilot.press(*"a fight", "enter")
            looks = our_app(pilot).looks
            (look,) = await until(pilot, "the look", looks.all)
            assert look.kind == "break_glass"
            await until(pilot, "the last minutes", lambda: pane.query_one("#pictures").display)
            assert began_utc_ns - 30 * NS <= pane.view.cursor_utc_ns <= time.time_ns()
            await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
            await until(pilot, "no question", lambda: "Pictures need a purpose" not in screen_text(pilot))
            home = await settled(pilot)
            live = await home.go("live")
            assert isinstance(live, LivePane)
            await until(pilot, "live", lambda: live.cameras)
            shown = await until_shown(pilot, "ends in 9:")
            assert "Front entrance" in shown and "● imminent danger · lobby" not in shown
            await home.go("timeline")
            await until(pilot, "still there", lambda: pane.query_one("#pictures").display)
            assert [row.id for row in looks.all()] == [look.id]
            go(pane, own.made.start_utc_ns - 3 * 60 * MINUTE_NS, 1)
            await until_shown(pilot, "Your look in imminent danger shows Front entrance")


async def test_a_restart_ends_the_look_and_one_enter_opens_it_again(tmp_path: Path) -> None:
    with Stage(tmp_path) as own:
        app = own.app("dora", has_door=True)
        async with app.run_test(size=(80, 24)) as pilot:
            pane = await timeline(pilot)
            go(pane, own.made.start_utc_ns + 50 * NS, 2)
            look = await open_look(pilot)
            await painted(pilot, pane.query_one("#still", PictureView))
            own.service.kill()
            banner = await until_shown(pilot, "restarting")
            assert "tell the admin" in banner and "its log" not in banner, "what a Director can do"
            assert pane.query_one("#still", PictureView).has_picture, "what is shown stays as it was"
            own.service.start()
            app.link.renew(own.service.open_session("dora", own.people.fingerprints["dora"])["token"])
            await until_shown(pilot, "Open it again")
            await until(pilot, "no picture", lambda: not pane.query_one("#still", PictureView).has_picture)
            await until_shown(pilot, "Open it again (Enter or o)")
            before = pane.view.cursor_utc_ns
            await pilot.press("right")
            await until(pilot, "the strip kept the keys", lambda: pane.view.cursor_utc_ns == before + NS)
            await pilot.press("enter")
            again = await until(pilot, "another look", lambda: app.looks.all() and app.looks.all()[0])
            assert again.id != look.id
            assert (again.purpose, again.incident, again.start_utc_ns) == (
                look.purpose,
                look.incident,
                look.start_utc_ns,
            )
            await painted(pilot, pane.query_one("#still", PictureView))
