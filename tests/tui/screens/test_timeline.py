"""The timeline: found by the strip, looked at for a purpose, marked and held. Against the made footage, whose files brighten."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Static

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.holds.types import HoldListAsk
from holdshelf_core.looks.types import ReadLooks
from holdshelf_core.outbox.types import ReadOutbox
from holdshelf_core.people.types import AppointmentEnd, ReadShares
from holdshelf_tui.screens.timeline import NO_SHEET, TimelinePane
from holdshelf_tui.text.time_format import moment
from holdshelf_tui.widgets.fields import Picks
from holdshelf_tui.widgets.half_block import UPPER
from holdshelf_tui.widgets.picture import PictureView
from holdshelf_tui.widgets.side_by_side import Beside, SideBySide
from holdshelf_tui.widgets.thumbnails import Thumbnails
from holdshelf_tui.widgets.timeline_strip import CURSOR, GAP, HELD, NOW, Marks, TimelineStrip
from tests.looking import MINUTE_NS, NS, WIDTH, pixels, record
from tests.service import wait_for
from tests.tui.keyboard import Desk, fills, until_said
from tests.tui.screens.timeline_rig import go, open_look, painted, timeline
from tests.tui.stage import Stage, our_app, screen_text, told, until, until_shown

pytestmark = pytest.mark.usefixtures("no_frames")

EARLIER_NS = 20 * MINUTE_NS
"""Before the made footage, when only the desk's camera was there."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Desk(tmp_path_factory.mktemp("timeline"))
    record(made.service.data, ["desk"], made.made.start_utc_ns - EARLIER_NS)
    with made as running:
        yield running


def shades(picture: PictureView) -> list[int]:
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
        await until_shown(pilot, "camera unreachable", "not recorded", GAP, CURSOR, "▅", "need a purpose")
        assert not pane.query_one("#pictures").display
        assert not our_app(pilot).looks.all()


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
        await until(pilot, "a step", lambda: pane.view.cursor_utc_ns == at + NS // 5)
        await pilot.press("escape", "escape", "escape", "escape")
        await until_shown(pilot, "[Day]")
        await until(pilot, "no further out", lambda: pane.query_one("#out", Button).disabled)
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
        await pilot.press("N")
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
        await pilot.press("N")
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
        still = pane.query_one("#still", PictureView)
        await until(pilot, "the reason", lambda: "before this camera's first recording" in still.words)


async def test_p12_an_open_timeline_leaves_one_line_in_the_log(stage: Stage) -> None:
    """However long it stands there, and however often something that moved is searched for."""
    client = stage.client("dora")

    def lines() -> int:
        return len(client.act(LogShow(action="activity.see", most=500)).entries)

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


async def test_a_time_in_plain_words(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        await pilot.press("t")
        await until_shown(pilot, "Go to a time")
        await pilot.press(*"banana")
        await pilot.press("enter")
        await until_shown(pilot, "is not a time")
        await pilot.press(*["backspace"] * 6, *"58 minutes ago")
        before = time.time_ns()
        await pilot.press("enter")
        await until(pilot, "there", lambda: abs(pane.view.cursor_utc_ns - before + 58 * MINUTE_NS) < 10 * NS)
        assert pane.view.level == 1
        await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))


async def test_a_designee_is_offered_only_the_cameras_of_the_letter(stage: Stage) -> None:
    async with stage.seated("sam") as pilot:
        pane = await timeline(pilot)
        assert [camera.id for camera in pane.cameras] == ["lobby"]


# --- inside a look -----------------------------------------------------------------------------------------------------


async def test_p12_one_prompt_then_pictures_whose_cells_match_what_was_recorded(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        made, still = stage.made, pane.query_one("#still", PictureView)
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

        def pictured() -> list[Any]:
            found = [t for t in pane.query_one(Thumbnails).shown if t.picture.has_picture]
            return found if len(found) >= 6 else []

        thumbnails = await until(pilot, "six small pictures", pictured)
        for thumbnail in thumbnails:
            await painted(pilot, thumbnail.picture)
            assert thumbnail.at_utc_ns is not None
            # A thumbnail may show the key frame before its time; here there is one each second.
            assert all(abs(s - made_shade(stage, thumbnail.at_utc_ns)) < 25 for s in shades(thumbnail.picture))
        await until(pilot, "under its entry", lambda: "log entry" in str(pane.query_one("#words", Static).content))
        await until_shown(pilot, "26-114")
        await pilot.press("x")
        await until(pilot, "no look", lambda: not our_app(pilot).looks.all() and not still.has_picture)


async def test_p12_past_the_look_one_confirm_widens_it(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        made = stage.made
        go(pane, made.start_utc_ns + 30 * NS, 1)
        look = await open_look(pilot)
        await pilot.press("c")
        await until(pilot, "the second camera at the same time", lambda: pane.camera == "desk")
        assert pane.view.cursor_utc_ns == made.start_utc_ns + 30 * NS
        await until_shown(pilot, "is outside your look")
        await pilot.press("o")
        await until_shown(pilot, "Widen the look")
        await pilot.press("enter")
        wider = await until(
            pilot,
            "the wider look",
            lambda: "desk" in (row := our_app(pilot).looks.all()[0]).cameras and row,
        )
        assert (wider.id, wider.cameras) == (look.id, ["lobby", "desk"])
        await painted(pilot, pane.query_one("#still", PictureView))


async def test_a_gap_says_why_there_is_no_picture(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.gap_utc_ns + 20 * NS, 1)
        await open_look(pilot)
        still = pane.query_one("#still", PictureView)
        await until(pilot, "the reason", lambda: "camera unreachable" in still.words)
        await until_shown(pilot, "camera unreachable")


@pytest.mark.usefixtures("frames")
async def test_under_a_dialog_there_is_nothing_of_a_picture_and_afterwards_it_is_back(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        await open_look(pilot)
        still = pane.query_one("#still", PictureView)
        await painted(pilot, still)
        x, y = still.region.x + 3, still.region.y + 2
        before = ground(pilot, x, y)
        assert abs(before - made_shade(stage, stage.made.start_utc_ns + 50 * NS)) < 20
        await pilot.press("t")
        await until_shown(pilot, "Go to a time")
        await until(pilot, "nothing below it", lambda: not still.painted.is_set())
        await until(pilot, "nothing of it on the screen", lambda: abs(ground(pilot, 2, y) - before) > 40)
        await pilot.press("escape")
        await painted(pilot, still)
        await until(pilot, "as before", lambda: ground(pilot, x, y) == before)


async def test_leaving_closes_the_looks(stage: Stage) -> None:
    client = stage.client("dora")
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        look = await open_look(pilot)
        assert look.id in {row.id for row in client.read(ReadLooks())}
        await pilot.press("ctrl+q")
    wait_for("no look", lambda: look.id not in {row.id for row in client.read(ReadLooks())})


async def test_a_revoked_letter_takes_the_pictures_away(stage: Stage) -> None:
    """The session ends with it, so nothing of them stays on the screen."""
    director = stage.client("dora")
    letter = stage.people.appoint("eve", "Eve Stone", director, "archive", cameras=["lobby"])
    async with stage.seated("eve") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        await open_look(pilot)
        await painted(pilot, pane.query_one("#still", PictureView))

        director.act(AppointmentEnd(letter, "test"))
        app = pilot.app
        await until(pilot, "the end", lambda: app._exit)
        assert "appointment" in str(app.return_value)


# --- side by side ---------------------------------------------------------------------------------------------------------


def cells(pane: TimelinePane) -> dict[str, Beside]:
    return {cell.camera: cell for cell in pane.query_one(SideBySide).shown}


async def split(pilot: Pilot[Any], pane: TimelinePane, *cameras: str) -> dict[str, Beside]:
    """As a person does it: b, why (where no look is open), ticks, Enter."""
    if not our_app(pilot).looks.all():
        await pilot.press("vertical_line")
        await until_shown(pilot, "Why are you looking?")
        await pilot.press("enter")
    else:
        await pilot.press("vertical_line")
    await until_said(pilot, "Cameras side by side")
    await until(pilot, "the list", lambda: isinstance(pilot.app.focused, Picks))
    picks = pilot.app.screen.query_one(Picks)
    for number, (camera, _) in enumerate(picks._choices):
        await pilot.press(
            *(["down"] if number else []), *(["space"] if (camera in picks.selected) != (camera in cameras) else [])
        )
    await pilot.press("enter")
    await until(pilot, "side by side", lambda: tuple(cells(pane)) == cameras and pane.query_one(SideBySide).display)
    return cells(pane)


async def test_p12_cameras_of_one_look_stand_side_by_side_at_one_instant_each_under_its_entry(stage: Stage) -> None:
    client = stage.client("dora")
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        at = stage.made.start_utc_ns + 64 * NS
        go(pane, at, 2)
        shown = await split(pilot, pane, "lobby", "desk", "stacks")
        (look,) = our_app(pilot).looks.all()
        assert (look.cameras, look.widenings) == (["lobby", "desk", "stacks"], 1), "named at once, asked once"
        for cell in shown.values():
            await painted(pilot, cell.picture)
        first = {camera: cell.caption for camera, cell in shown.items()}
        assert first["lobby"].startswith("▸Front entrance · ") and first["desk"].startswith(" Service desk · ")
        assert len({words.rsplit("· ", 1)[1] for words in first.values()}) == 1, first
        for cell in shown.values():
            assert all(abs(shade - made_shade(stage, at)) < 20 for shade in shades(cell.picture))
            size = cell.picture.shown_cells
            assert size is not None and (size.columns, size.rows) >= (17, 7), "large enough to be made out on 80 × 24"
        opened = [row.entry for row in client.act(LogShow(action="look.open", most=500)).entries]
        assert {tuple(e["cameras"]) for e in opened if e["subject"] == look.id} == {("lobby",), ("desk",), ("stacks",)}
        await until(
            pilot, "whole keys, to the last column", lambda: screen_text(pilot).endswith("| Split F1 Help ^q Leave")
        )
        await until_shown(pilot, " One ", "pictures left")
        assert not pilot.app.screen.query_one("#head").display, "the rows of the head are the pictures'"

        await pilot.press("right", "right", "right")
        await until(pilot, "all moved on", lambda: all(cells(pane)[c].caption != words for c, words in first.items()))
        await until(pilot, "all three", lambda: len({c.caption.rsplit("· ", 1)[1] for c in cells(pane).values()}) == 1)
        await pilot.press("c")
        await until(pilot, "the next in front", lambda: cells(pane)["desk"].caption.startswith("▸"))
        assert pane.camera == "desk"

        # Over a gap each says so in its place; where one camera alone was there, the others say why they were not.
        go(pane, stage.made.gap_utc_ns + 20 * NS, 2)
        gap = "No picture: gap, camera unreachable"
        await until(pilot, "the gap", lambda: [cell.picture.words for cell in cells(pane).values()] == [gap] * 3)
        await pilot.press("2", "1")
        await until(pilot, "a head again", lambda: pilot.app.screen.query_one("#head").display)
        await pilot.press("2")
        await until(pilot, "as it was", lambda: not pilot.app.screen.query_one("#head").display)
        await pilot.press("vertical_line")
        await until(pilot, "one camera", lambda: not pane.query_one(SideBySide).display)
        await until(pilot, "nothing of the others", lambda: not cells(pane))
        await until(pilot, "a head", lambda: pilot.app.screen.query_one("#head").display)


async def test_a_camera_that_was_not_there_says_so_beside_one_that_was(stage: Stage) -> None:
    async with stage.seated("dora", size=(160, 48)) as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns - EARLIER_NS + 30 * NS, 2)
        shown = await split(pilot, pane, "lobby", "desk")
        await painted(pilot, shown["desk"].picture)
        await until(pilot, "why", lambda: "There is no recording" in shown["lobby"].picture.words)
        assert shown["lobby"].picture.words.endswith("was not there yet.")
        size = shown["desk"].picture.shown_cells
        assert size is not None and size.columns >= 40
        assert pilot.app.screen.query_one("#head").display, "there is room for everything"
        # The one in front goes to the outbox; a hold is over both.
        await pilot.click(shown["desk"])
        await until(pilot, "in front", lambda: pane.camera == "desk")
        await until(pilot, "its picture", lambda: (front := pane._pictures.shown) and front.camera == "desk")
        await pilot.press("left_square_bracket", "right", "right", "right_square_bracket", "h")
        await until_shown(pilot, "Place a hold")
        await until(pilot, "the number's field", lambda: getattr(pilot.app.focused, "id", "") == "reference")
        await pilot.press(*"26-2002", "enter")
        await until_shown(pilot, "is placed")
    holds = stage.client("dora").act(HoldListAsk()).holds
    spans = next(hold for hold in holds if hold.reference == "26-2002").spans
    assert {(span.camera, span.end_utc_ns) for span in spans if span.end_utc_ns} == {
        (camera, spans[0].start_utc_ns + 2 * NS) for camera in ("lobby", "desk")
    }


async def test_p11_only_cameras_of_the_letter_are_offered_and_all_pictures_go_with_it(stage: Stage) -> None:
    """A letter that ends ends all of them."""
    director = stage.client("dora")
    letter = stage.people.appoint("ivy", "Ivy Ash", director, "archive", cameras=["lobby", "desk"])
    async with stage.seated("ivy") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 2)
        shown = await split(pilot, pane, "lobby", "desk")
        for cell in shown.values():
            await painted(pilot, cell.picture)
        (look,) = our_app(pilot).looks.all()
        await pilot.press("vertical_line", "vertical_line")
        await until_said(pilot, "Cameras side by side")
        assert [key for key, _ in pilot.app.screen.query_one(Picks)._choices] == ["lobby", "desk"]
        await pilot.press("enter")
        await until(pilot, "both again", lambda: len(cells(pane)) == 2)
        director.act(AppointmentEnd(letter, "test"))
        app = pilot.app
        await until(pilot, "the end", lambda: app._exit)
    ended = [row.entry["subject"] for row in director.act(LogShow(action="purpose.close", most=20)).entries]
    assert look.id in ended, "for both cameras at once"


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
    holds = client.act(HoldListAsk()).holds
    (span,) = next(hold for hold in holds if hold.reference == "26-2001").spans
    assert (span.camera, span.start_utc_ns, span.end_utc_ns) == ("lobby", start, start + 5 * NS)


async def test_without_marks_a_hold_is_over_the_camera_in_front(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        pane.choose("stacks")
        await until(pilot, "the camera", lambda: pane.camera == "stacks")
        await pilot.press("h")
        await until_shown(pilot, "Place a hold")
        assert pilot.app.screen.query_one("#cameras", Picks).selected == ["stacks"]


async def test_everything_is_reachable_without_a_letter(stage: Stage) -> None:
    """Buttons by Tab and Enter; all of them are in sight at 80 × 24."""
    async with stage.seated("dora") as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 50 * NS, 1)
        await until_shown(
            pilot,
            *("[Hour]", "- Out", "+ In", "Time …", "« Moved", "Moved »", "[ Start", "End ]"),
            *("Hold", "Share", "Release", "Outbox", "Close"),
        )
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


# --- full size ------------------------------------------------------------------------------------------------------------


async def test_every_still_offers_its_full_size_to_the_outbox(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        go(pane, stage.made.start_utc_ns + 64 * NS, 2)
        assert pane.query_one("#full-size", Button).disabled
        await open_look(pilot, "26-115")
        await painted(pilot, pane.query_one("#still", PictureView))
        await until(pilot, "it may be had", lambda: not pane.query_one("#full-size", Button).disabled)
        await pilot.press("f")
        screen = await until_shown(pilot, "In your outbox")
        assert "/stills/" in screen
        assert "sftp -P 8022 dora@" in screen
        await pilot.press("enter")
    rows = stage.client("dora").read(ReadOutbox()).rows
    (still,) = [row for row in rows if row.kind == "still"]
    lying = stage.service.data / "media" / "outbox" / "p1" / still.path.strip("/")
    assert pixels(lying.read_bytes()).shape[1] == WIDTH


# --- out of the house -----------------------------------------------------------------------------------------------------


async def test_p14_a_picture_in_sight_is_put_on_paper_for_somebody_without_a_key(stage: Stage) -> None:
    async with stage.seated("dora", size=(100, 40)) as pilot:
        pane = await timeline(pilot)
        await pilot.press("p")
        await until(pilot, "a word", lambda: NO_SHEET in told(pilot))
        go(pane, stage.made.start_utc_ns + 64 * NS, 2)
        await open_look(pilot, "26-116")
        await painted(pilot, pane.query_one("#still", PictureView))
        await pilot.press("p")
        await until_said(pilot, "A still on paper, view only")
        await pilot.press("enter")
        await until_said(pilot, "To whom is it given?")
        await fills(pilot, "reference desk")
        await pilot.press("enter")
        said = await until_said(pilot, "In your outbox")
        assert "When it is returned: People, Shares" in said
        await pilot.press("enter")
    (share,) = stage.service.client.read(ReadShares())
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
        await until_said(pilot, "It may not be released", "Hold it now", "What we need")
        await pilot.press("escape")
