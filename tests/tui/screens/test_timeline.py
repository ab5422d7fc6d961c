"""The timeline: found by the strip, looked at for a purpose, marked and held. Against the made footage, whose files brighten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from holdshelf_core.api.types_board import LogRows, LogShow
from holdshelf_core.api.types_holds import HoldList, HoldListAsk
from holdshelf_core.api.types_looks import GrantRow
from holdshelf_core.api.types_outbox import OutboxTree
from holdshelf_core.api.types_people import ShareRow
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.half_block import UPPER
from holdshelf_tui.widgets.picture import Picture
from holdshelf_tui.widgets.thumbnails import Thumbnails
from holdshelf_tui.widgets.timeline_strip import CURSOR, GAP, HELD, NOW, Marks, TimelineStrip
from holdshelf_tui.words import moment
from tests.looking import MINUTE_NS, NS, WIDTH, pixels
from tests.service import wait_for
from tests.tui.keyboard import fills, until_said
from tests.tui.stage import Stage, screen_text, settled, told, until, until_shown


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("timeline")) as running:
        yield running


async def timeline(pilot: Pilot[Any]) -> TimelinePane:
    home = await settled(pilot)
    pane = await home.go("timeline")
    assert isinstance(pane, TimelinePane)
    await until(pilot, "cameras", lambda: pane.cameras)
    await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
    return pane


def go(pane: TimelinePane, utc_ns: int, level: int) -> None:
    pane.view.go(utc_ns, time.time_ns(), level=level)
    pane._sync()


async def open_look(pilot: Pilot[Any], incident: str = "") -> GrantRow:
    """As a person does it: o, the incident's number, Enter."""
    await pilot.press("o")
    await until_shown(pilot, "Why do you look?")
    if incident:
        await pilot.press("tab")
        await until(pilot, "the incident's field", lambda: getattr(pilot.app.focused, "id", "") == "incident")
        await pilot.press(*incident)
    await pilot.press("enter")
    looks = pilot.app.looks  # type: ignore[attr-defined]
    return await until(pilot, "an open look", lambda: looks.all() and looks.all()[-1])


async def painted(pilot: Pilot[Any], picture: Picture) -> None:
    await until(pilot, "a painted picture", lambda: picture.has_picture and picture.painted.is_set())
    await pilot.pause(0.05)


def shades(picture: Picture) -> list[int]:
    """How bright the upper pixels of its first row of cells are, as they stand on the screen."""
    region = picture.region
    strip = picture.app.screen._compositor.render_strips()[region.y]
    row = strip.crop(region.x, region.x + (picture.shown_cells.columns if picture.shown_cells else 0))
    return [
        segment.style.color.triplet.red
        if character == UPPER and segment.style.color
        else segment.style.bgcolor.triplet.red
        for segment in row
        for character in segment.text
    ]


def ground(pilot: Pilot[Any], x: int, y: int) -> int:
    """How bright the ground of one cell is (the made pictures are all of one shade, so there is no other)."""
    (segment,) = pilot.app.screen._compositor.render_strips()[y].crop(x, x + 1)
    assert segment.style is not None and segment.style.bgcolor is not None and segment.style.bgcolor.triplet is not None
    return segment.style.bgcolor.triplet.red


def made_shade(stage: Stage, utc_ns: int) -> float:
    """What the made footage shows then: each file begins at 30 and brightens by 10 a second."""
    return 30 + 10 * ((utc_ns - stage.made.start_utc_ns) / NS % 20)


# --- without a purpose ---------------------------------------------------------------------------------------------


async def test_the_strip_needs_no_purpose_and_shows_gaps_and_movement(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.gap_utc_ns + 30 * NS, 1)
        screen = await until_shown(pilot, "camera unreachable")
        assert "not recorded" in screen
        assert GAP in screen
        assert CURSOR in screen
        assert "▅" in screen
        assert "for a purpose" in screen
        assert not pane.query_one("#pictures").display
        assert not pilot.app.looks.all()  # type: ignore[attr-defined]


async def test_zooming_goes_from_the_day_to_the_second_and_back(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        at = stage.made.start_utc_ns + 30 * NS
        go(pane, at, 0)
        for name in ("[Day]", "[Hour]", "[Minute]", "[Second]"):
            await until_shown(pilot, name)
            assert pane.view.start_utc_ns <= at < pane.view.end_utc_ns
            await pilot.press("enter")
        await pilot.press("right")
        assert pane.view.cursor_utc_ns == at + NS // 5
        await pilot.press("escape", "escape", "escape", "escape")
        await until_shown(pilot, "[Day]")
        assert pane.query_one("#out", Button).disabled
        pane.view.go(time.time_ns(), time.time_ns())
        await pilot.press("right", "right", "pagedown")
        await until_shown(pilot, NOW)
        assert pane.view.cursor_utc_ns <= time.time_ns(), "the cursor never passes now"


async def test_the_next_and_the_last_movement_are_found(stage: Stage) -> None:
    """In each file of twenty seconds something moves in the second half."""
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        made = stage.made
        go(pane, made.start_utc_ns + NS, 2)
        for expected in (10, 30, 50):
            await pilot.press("n")
            await until(
                pilot,
                f"second {expected}",
                lambda e=expected: abs(pane.view.cursor_utc_ns - made.start_utc_ns - e * NS) <= NS,
            )
        await pilot.press("p")
        await until(pilot, "back", lambda: abs(pane.view.cursor_utc_ns - made.start_utc_ns - 30 * NS) <= NS)
        go(pane, made.gap_utc_ns - 2 * NS, 2)
        await pilot.press("n")
        await until(pilot, "after the gap", lambda: pane.view.cursor_utc_ns >= made.resumed_utc_ns)


async def test_a_search_that_finds_nothing_says_how_far_it_went(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.end_utc_ns + 60 * NS, 2)
        await pilot.press("n")
        await until(pilot, "so far", lambda: "No movement was marked between this time and now." in told(pilot))
        go(pane, stage.made.start_utc_ns - 60 * NS, 2)
        await pilot.press("p")
        await until(pilot, "so far", lambda: "No movement was marked in the week before this time." in told(pilot))


async def test_after_a_gap_the_next_movement_is_the_first_recorded_moment(stage: Stage) -> None:
    """A recording need not begin with a second: the second that it begins in begins before it."""
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.gap_utc_ns + 50 * NS, 2)
        await pilot.press("n")
        await until(pilot, "it moved", lambda: pane.view.cursor_utc_ns >= stage.made.resumed_utc_ns)
        screen = await until_shown(pilot, "· recorded")
        assert "not recorded:" not in screen


async def test_before_the_first_recording_nothing_is_said_to_be_erased(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns - 10 * MINUTE_NS, 1)
        screen = await until_shown(pilot, "before this camera's first recording")
        assert "erased" not in screen
        await open_look(pilot)
        still = pane.query_one("#still", Picture)
        await until(pilot, "the reason", lambda: "before this camera's first recording" in still.words)


async def test_p12_an_open_timeline_leaves_one_line_in_the_log(stage: Stage) -> None:
    """However long it stands there, and however often something that moved is searched for."""
    client = stage.client("dora")

    def lines() -> int:
        return len(client.act("log.show", LogShow(action="activity.see", most=500), LogRows).entries)

    before = lines()
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + NS, 2)
        await until_shown(pilot, "· recorded")
        for block in pane._map._blocks.values():
            block.asked_s -= 100  # a minute later
        pane._sync()
        await until(pilot, "asked again", lambda: pane._want_activity.idle)
        days = {moment(at).date() for at in (stage.made.start_utc_ns, time.time_ns())}
        assert 1 <= lines() - before <= len(days)
        seen = lines()
        for block in pane._map._blocks.values():
            block.outdated = True
        pane._sync()
        await until(pilot, "asked again", lambda: pane._want_activity.idle)
        assert lines() == seen
        await pilot.press("n")
        await until(pilot, "it moved", lambda: pane.view.cursor_utc_ns > stage.made.start_utc_ns + NS)
        assert lines() <= seen + 1, "a week is one line"


# --- imminent danger -----------------------------------------------------------------------------------------------------


async def test_p12_in_imminent_danger_the_last_minutes_are_seen_at_once_and_survive_the_live_tab(
    tmp_path: Path,
) -> None:
    with Stage(tmp_path, cameras={"lobby": "Front entrance"}, start_utc_ns=time.time_ns() - 5 * MINUTE_NS) as own:
        async with own.seated("dora") as pilot:
            pane = await timeline(pilot)
            go(pane, own.made.start_utc_ns - 3 * 60 * MINUTE_NS, 1)
            await pilot.press("o")
            await until_shown(pilot, "Why do you look?")
            await pilot.click("#danger")
            await until_shown(pilot, "You look at once")
            await until(pilot, "its first field", lambda: getattr(pilot.app.focused, "id", "") == "why")
            await pilot.press(*"a fight", "enter")
            looks = pilot.app.looks  # type: ignore[attr-defined]
            (look,) = await until(pilot, "the look", looks.all)
            assert look.kind == "break_glass"
            await until(pilot, "the last minutes", lambda: pane.query_one("#pictures").display)
            assert abs(pane.view.cursor_utc_ns - time.time_ns()) < 30 * NS
            assert isinstance(pilot.app.focused, TimelineStrip)
            assert "Pictures are shown for a purpose" not in screen_text(pilot)
            home = await settled(pilot)
            live = await home.go("live")
            await until(pilot, "live", lambda: live is not None and live.cameras)  # type: ignore[attr-defined]
            shown = await until_shown(pilot, "ends by itself in")
            assert "Front entrance" in shown and "● imminent danger · lobby" not in shown
            await home.go("timeline")
            await until(pilot, "still there", lambda: pane.query_one("#pictures").display)
            assert [row.id for row in looks.all()] == [look.id]
            go(pane, own.made.start_utc_ns - 3 * 60 * MINUTE_NS, 1)
            await until_shown(pilot, "Your look in imminent danger shows Front entrance")


async def test_a_time_in_plain_words(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        await pilot.press("t")
        await until_shown(pilot, "Go to a time")
        await pilot.press(*"banana")
        await pilot.press("enter")
        await until_shown(pilot, "is not understood as a time")
        await pilot.press(*["backspace"] * 6, *"58 minutes ago")
        before = time.time_ns()
        await pilot.press("enter")
        await until(pilot, "there", lambda: abs(pane.view.cursor_utc_ns - before + 58 * MINUTE_NS) < 10 * NS)
        assert pane.view.level == 1
        assert isinstance(pilot.app.focused, TimelineStrip)


async def test_a_designee_is_offered_only_the_cameras_of_the_letter(stage: Stage) -> None:
    async with stage.seated("sam") as pilot:
        pane = await timeline(pilot)
        assert [camera.id for camera in pane.cameras] == ["lobby"]


# --- inside a look -----------------------------------------------------------------------------------------------------


async def test_p12_one_prompt_then_pictures_whose_cells_match_what_was_recorded(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        made, still = stage.made, pane.query_one("#still", Picture)
        at = made.start_utc_ns + 64 * NS
        go(pane, at, 2)
        look = await open_look(pilot, "26-114")
        assert (look.incident, look.cameras) == ("26-114", ["lobby"])
        assert look.start_utc_ns == at - 15 * MINUTE_NS
        await painted(pilot, still)
        dark = shades(still)
        assert all(abs(shade - made_shade(stage, at)) < 20 for shade in dark), dark
        for _ in range(13):
            await pilot.press("right")
        await until(pilot, "a brighter picture", lambda: min(shades(still)) > max(dark) + 60)
        thumbnails = [t for t in pane.query_one(Thumbnails).shown if t.picture.has_picture]
        assert len(thumbnails) >= 6
        for thumbnail in thumbnails:
            await painted(pilot, thumbnail.picture)
            assert thumbnail.at_utc_ns is not None
            # A thumbnail may show the key frame before its time; here there is one each second.
            assert all(abs(s - made_shade(stage, thumbnail.at_utc_ns)) < 25 for s in shades(thumbnail.picture))
        words = str(pane.query_one("#words", Static).content)
        assert "log entry" in words
        assert "26-114" in screen_text(pilot)
        await pilot.press("x")
        await until(pilot, "no look", lambda: not pilot.app.looks.all())  # type: ignore[attr-defined]
        assert not still.has_picture


async def test_p12_past_the_look_one_confirm_widens_it(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        made = stage.made
        go(pane, made.start_utc_ns + 30 * NS, 1)
        look = await open_look(pilot)
        await pilot.press("c")
        await until(pilot, "the second camera at the same time", lambda: pane.camera == "desk")
        assert pane.view.cursor_utc_ns == made.start_utc_ns + 30 * NS
        await until_shown(pilot, "lies outside of your look")
        await pilot.press("o")
        await until_shown(pilot, "Widen the look")
        await pilot.press("enter")
        wider = await until(
            pilot,
            "the wider look",
            lambda: "desk" in (row := pilot.app.looks.all()[0]).cameras and row,  # type: ignore[attr-defined]
        )
        assert (wider.id, wider.cameras) == (look.id, ["lobby", "desk"])
        await painted(pilot, pane.query_one("#still", Picture))


async def test_a_gap_says_why_there_is_no_picture(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.gap_utc_ns + 20 * NS, 1)
        await open_look(pilot)
        still = pane.query_one("#still", Picture)
        await until(pilot, "the reason", lambda: "camera unreachable" in still.words)
        await until_shown(pilot, "camera unreachable")


async def test_under_a_dialog_there_is_nothing_of_a_picture_and_afterwards_it_is_back(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        await open_look(pilot)
        still = pane.query_one("#still", Picture)
        await painted(pilot, still)
        x, y = still.region.x + 3, still.region.y + 2
        before = ground(pilot, x, y)
        assert abs(before - made_shade(stage, stage.made.start_utc_ns + 50 * NS)) < 20
        await pilot.press("t")
        await until_shown(pilot, "Go to a time")
        await until(pilot, "nothing below it", lambda: not still.painted.is_set())
        assert abs(ground(pilot, 2, y) - before) > 40
        await pilot.press("escape")
        await painted(pilot, still)
        await until(pilot, "as before", lambda: ground(pilot, x, y) == before)


async def test_leaving_closes_the_looks(stage: Stage) -> None:
    client = stage.client("dora")
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        look = await open_look(pilot)
        assert look.id in {row.id for row in client.get("/rules/looks", list[GrantRow])}
        await pilot.press("ctrl+q")
    wait_for("no look", lambda: look.id not in {row.id for row in client.get("/rules/looks", list[GrantRow])})


async def test_a_revoked_letter_takes_the_pictures_away(stage: Stage) -> None:
    """The session ends with it, so nothing of them stays on the screen."""
    director = stage.client("dora")
    letter = stage.people.appoint("eve", "Eve Stone", director, "archive", cameras=["lobby"])
    async with stage.seated("eve") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        await open_look(pilot)
        await painted(pilot, pane.query_one("#still", Picture))
        from holdshelf_core.api.types_people import Done, Ending  # noqa: PLC0415

        director.act("appointment.end", Ending(letter, "test"), Done)
        app = pilot.app
        await until(pilot, "the end", lambda: app._exit, seconds=10)
        assert "appointment" in str(app.return_value)


# --- marks and holds -----------------------------------------------------------------------------------------------------


async def test_from_the_marks_to_a_hold_that_the_strip_shows(stage: Stage) -> None:
    client = stage.client("dora")
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        start = stage.made.resumed_utc_ns + 20 * NS
        go(pane, start, 2)
        await pilot.press("left_square_bracket", "right", "right", "right", "right", "right", "right_square_bracket")
        screen = await until_shown(pilot, "marked ")
        assert "[" in screen
        assert "]" in screen
        await pilot.press("h")
        await until_shown(pilot, "Place a hold")
        await until(pilot, "the number's field", lambda: getattr(pilot.app.focused, "id", "") == "reference")
        await pilot.press(*"26-2001", "enter")
        await until_shown(pilot, "is placed")
        await pilot.press("enter")
        await until(
            pilot, "held stretches on the strip", lambda: any(c.held for c in pane.query_one(TimelineStrip).columns)
        )
        await until_shown(pilot, HELD)
        await pilot.press("left")  # a hold's end is the first instant that it does not keep
        await until_shown(pilot, "on hold H-")
    holds = client.act("hold.list", HoldListAsk(), HoldList).holds
    (span,) = next(hold for hold in holds if hold.reference == "26-2001").spans
    assert (span.camera, span.start_utc_ns, span.end_utc_ns) == ("lobby", start, start + 5 * NS)


async def test_everything_is_reachable_without_a_letter(stage: Stage) -> None:
    """Buttons by Tab and Enter; all of them are in sight at 80 × 24."""
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 1)
        screen = await until_shown(pilot, "[Hour]")
        for words in (
            "- Out",
            "+ In",
            "Time …",
            "« Moved",
            "Moved »",
            "[ Start",
            "End ]",
            "Hold …",
            "Share …",
            "Release …",
            "Outbox",
            "Close",
        ):
            assert words in screen, words
        names = {widget.id for widget in pilot.app.screen.focus_chain}
        assert names >= {
            "camera",
            "in",
            "out",
            "time",
            "strip",
            "look",
            "next",
            "before",
            "mark-in",
            "mark-out",
            "hold",
        }


# --- a restart ------------------------------------------------------------------------------------------------------------


async def test_a_restart_ends_the_look_and_one_enter_opens_it_again(tmp_path: Any) -> None:
    with Stage(tmp_path) as own:
        app = own.app("dora", has_door=True)
        async with app.run_test(size=(80, 24)) as pilot:
            pane = await timeline(pilot)
            go(pane, own.made.start_utc_ns + 50 * NS, 2)
            look = await open_look(pilot)
            await painted(pilot, pane.query_one("#still", Picture))
            own.service.kill()
            banner = await until_shown(pilot, "restarting")
            assert "tell the admin" in banner and "its log" not in banner, "what a Director can do"
            assert pane.query_one("#still", Picture).has_picture, "what is shown stays as it was"
            own.service.start()
            app.link.renew(own.service.open_session("dora", own.people.fingerprints["dora"])["token"])
            await until_shown(pilot, "Open it again", seconds=30)
            assert not pane.query_one("#still", Picture).has_picture
            await until_shown(pilot, "Open it again (Enter or o)")
            before = pane.view.cursor_utc_ns
            await pilot.press("right")
            assert pane.view.cursor_utc_ns == before + NS, "the strip kept the keys"
            await pilot.press("enter")
            again = await until(pilot, "another look", lambda: app.looks.all() and app.looks.all()[0])
            assert again.id != look.id
            assert (again.purpose, again.incident, again.start_utc_ns) == (
                look.purpose,
                look.incident,
                look.start_utc_ns,
            )
            await painted(pilot, pane.query_one("#still", Picture))


# --- full size ------------------------------------------------------------------------------------------------------------


async def test_every_still_offers_its_full_size_to_the_outbox(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 64 * NS, 2)
        assert pane.query_one("#full-size", Button).disabled
        await open_look(pilot, "26-115")
        await painted(pilot, pane.query_one("#still", Picture))
        assert not pane.query_one("#full-size", Button).disabled
        await pilot.press("f")
        screen = await until_shown(pilot, "In your outbox")
        assert "/stills/" in screen
        assert "sftp -P 8022 dora@" in screen
        await pilot.press("enter")
    rows = stage.client("dora").get("/outbox", OutboxTree).rows
    (still,) = [row for row in rows if row.kind == "still"]
    lying = stage.service.data / "media" / "outbox" / "p1" / still.path.strip("/")
    assert pixels(lying.read_bytes()).shape[1] == WIDTH


# --- out of the house -----------------------------------------------------------------------------------------------------


async def test_p14_a_picture_in_sight_is_put_on_paper_for_somebody_without_a_key(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        await pilot.press("w")
        await until(pilot, "a word", lambda: any("picture that is in sight" in words for words in told(pilot)))
        go(pane, stage.made.start_utc_ns + 64 * NS, 2)
        await open_look(pilot, "26-116")
        await painted(pilot, pane.query_one("#still", Picture))
        await pilot.press("w")
        await until_said(pilot, "A still on paper, view only")
        await pilot.press("enter")
        await until_said(pilot, "To whom is it given?")
        await fills(pilot, "reference desk")
        await pilot.press("enter")
        said = await until_said(pilot, "In your outbox")
        assert "When it is given back: People, Shares" in said
        await pilot.press("enter")
    (share,) = stage.service.client.get("/rules/shares", list[ShareRow])
    assert (share.kind, share.copy, share.name, share.state) == ("sheet", 1, "reference desk", "out")
    assert list((stage.service.data / "media" / "outbox" / "p1" / "prints").glob("*.pdf"))


async def test_scene_6_a_no_to_what_was_marked_offers_the_hold_and_the_sheet(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        start = stage.made.resumed_utc_ns
        pane.marks = Marks(start, start + 20 * NS)
        await pilot.press("r")
        await until_said(pilot, "On the basis of")
        await pilot.press("enter")
        said = await until_said(pilot, "It may not leave")
        assert "Hold it now" in said and "What we need" in said
        await pilot.press("escape")
