"""Masks over other people in a release, drawn by keys alone over its stills, and its pictures on one sheet (P6, P13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.boxes import FULL, KeyPoint, MovingBox, place
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.looks.types import ReadLooks
from holdshelf_core.outbox.types import OutboxEnter
from holdshelf_core.releases.types import ReleaseRow, ReleaseShow, SpanRow
from holdshelf_tui.screens.redaction import RedactionScreen
from holdshelf_tui.screens.redaction_boxes import Drawing, Drawn
from holdshelf_tui.text import sheets
from holdshelf_tui.text.boxes import boxes_csv, parse_boxes
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.box_canvas import CHOSEN, edge, pushed
from holdshelf_tui.widgets.mask_canvas import Grid
from tests.looking import MINUTE_NS, NS
from tests.tui.keyboard import Desk, does, fills, until_said
from tests.tui.screens.test_releases import releases_tab, requested
from tests.tui.stage import Stage, screen_text, settled, until
from tests.tui.uncut import nothing_cut

T0 = 1_790_000_000 * NS


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("redaction")) as running:
        yield running


def shown(stage: Stage, release: str) -> ReleaseRow:
    return stage.client("dora").act(ReleaseShow(release))


async def pictured(pilot: Pilot[Any], screen: RedactionScreen) -> Grid:
    """The picture of now is painted."""
    return await until(
        pilot, "the picture", lambda: not screen._is_coming and screen.canvas.painted.is_set() and screen.canvas.grid
    )


async def test_scene_22_boxes_are_drawn_over_time_by_keys_alone_previewed_and_kept(stage: Stage) -> None:
    row = requested(stage, "26-922", answered=False)
    stills = len(stage.service.act(LogShow(action="look.open")).entries)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, row.id)
        await until_said(pilot, "Nobody has said yet")
        await pilot.press(key_table.OTHERS)
        await until_said(pilot, "Are other people seen in it?")
        await pilot.press("enter")
        screen = await until(
            pilot, "the screen", lambda: isinstance(pilot.app.screen, RedactionScreen) and pilot.app.screen
        )
        assert isinstance(screen, RedactionScreen)
        grid = await pictured(pilot, screen)
        await until_said(pilot, "i draws a box over somebody")
        await pilot.press(key_table.LATER, key_table.LATER)
        await pictured(pilot, screen)
        await nothing_cut(pilot, "before a box is drawn")
        await pilot.press(key_table.NEW)  # from its third second on
        await until(pilot, "the box", lambda: CHOSEN in screen_text(pilot))
        await pilot.press(*["left"] * 5, key_table.SIZE, "up", key_table.SIZE)
        await pilot.press(key_table.LATER, key_table.LATER)
        await pictured(pilot, screen)
        await pilot.press(*["right"] * 8, key_table.LATER)
        await pictured(pilot, screen)
        await pilot.press(key_table.STOP)
        await until_said(pilot, "Not saved yet")
        await pictured(pilot, screen)
        await nothing_cut(pilot, "a box")
        await pilot.press(key_table.LOOK)
        await until_said(pilot, "As it will be released")
        await nothing_cut(pilot, "the preview")
        await until(pilot, "no edges over a preview", lambda: CHOSEN not in screen_text(pilot))
        await pilot.press(key_table.LOOK, key_table.SAVE)
        await until_said(pilot, "Others are seen, and 1 box is drawn over them; Dora Reed")
        await pilot.press("enter")
        await until(pilot, "the list", lambda: pane.chosen is not None and not pane.chosen.needs_others)
    said = shown(stage, row.id).others
    assert said is not None and said.seen and said.by_name == "Dora Reed"
    assert said.looked is not None and said.looked >= 3, "each still of it that was shown"
    (box,) = said.boxes
    start, across = row.given[0].start_utc_ns, round(FULL / grid.columns)
    when_shown = [(point.at_utc_ns - start) / NS for point in box.points]
    assert when_shown == pytest.approx([1.9, 3.9, 4.9], abs=0.11), "when the frames in front were shown"
    first, second, last = box.points
    assert first.left == 4000 - 5 * across and second.left == first.left + 8 * across
    assert first.bottom < 7000 and (last.left, last.right) == (second.left, second.right)
    assert not stage.client("dora").read(ReadLooks()), "the look for it is closed"
    assert len(stage.service.act(LogShow(action="look.open")).entries) > stills


async def test_that_nobody_else_is_seen_or_why_they_are_not_masked_is_said_in_one_form(stage: Stage) -> None:
    row = requested(stage, "26-923", answered=False)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await releases_tab(pilot, row.id)
        await pilot.press(key_table.OTHERS)
        await until_said(pilot, "nobody else is seen: I have looked")
        await pilot.press("down", "enter")
        await until_said(pilot, "Nobody else is seen; Dora Reed")
        await pilot.press("enter")
        await until(pilot, "the list", lambda: pane.chosen is not None and not pane.chosen.needs_others)
        await pilot.press(key_table.OTHERS, "down", "enter")
        await until_said(pilot, "Why are they not masked?")
        await fills(pilot, "the order names all of them")
        await pilot.press("enter")
        await until_said(pilot, "Others are seen, and they are not masked: the order names all")
        await pilot.press("enter")
    said = shown(stage, row.id).others
    assert said is not None and (said.seen, said.why) == (True, "the order names all of them")


async def test_the_pictures_of_a_hold_go_on_one_sheet_into_the_outbox(stage: Stage) -> None:
    hold = stage.hold(reference="26-924")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane: Any = await (await settled(pilot)).go("holds")
        pane.choose(hold.id)
        await until(pilot, "the hold", lambda: pane.chosen is not None and pane.chosen.id == hold.id)
        await does(pilot, pane, "sheet")
        await until_said(pilot, "A contact sheet")
        await pilot.press("tab", "end", "enter")  # into the outbox
        await until_said(pilot, "In your outbox")
        await pilot.press("enter")
    entry = stage.service.act(LogShow(action="print.facts")).entries[0].entry
    assert (entry["subject"], entry["facts"]["paper"], entry["facts"]["pictures"]) == (hold.id, "sheet", 12)
    files = [one.path for one in stage.client("dora").act(OutboxEnter()).rows]
    assert any("Contact sheet" in one and hold.id in one for one in files), files


# --- without a screen -----------------------------------------------------------------------------------------------


def test_a_drawn_box_begins_ends_and_comes_back_as_it_was_kept() -> None:
    drawing = Drawing()
    box = drawing.add(SpanRow("lobby", T0, T0 + MINUTE_NS), T0 + 10 * NS)
    box.put(T0 + 20 * NS, (0, 0, 1000, 1000))
    assert box.at(T0 + 9 * NS) is None and box.at(T0 + MINUTE_NS) == (0, 0, 1000, 1000)
    box.finish(T0 + 15 * NS)
    box.begin(T0 + 12 * NS)
    kept = box.kept()
    assert [p.at_utc_ns - T0 for p in kept.points] == [12 * NS, 15 * NS]
    assert place(kept, T0 + 15 * NS) == (2000, 1500, 3500, 4000)
    assert Drawn.of(kept).kept() == kept
    assert not box.forget(T0 + 13 * NS) and box.forget(T0 + 12 * NS) and not box.forget(T0 + 15 * NS)
    standing = MovingBox("lobby", (KeyPoint(T0, 1, 2, 3, 4), KeyPoint(T0 + NS, 1, 2, 3, 4)))
    again = Drawn.of(standing)
    assert again.times == [T0] and again.kept() == standing
    drawing.delete()
    assert drawing.box is None and drawing.kept() == []


def test_boxes_stay_in_the_picture_whatever_keys_are_pressed() -> None:
    grid = Grid.of(40, 20, height_px=200, picture_height_px=180)
    assert pushed((100, 100, 600, 600), -9_000, 0, sizes=False) == (0, 100, 500, 600)
    assert pushed((100, 100, 600, 600), 250, -9_000, sizes=True)[3] > 100
    place_ = (4000, 3000, 6000, 7000)
    for _ in range(200):
        place_ = pushed(place_, 250, 500, sizes=True)
    assert place_ == (4000, 3000, FULL, FULL)
    cells = edge(grid, (0, 0, FULL, FULL))
    assert {x for x, _ in cells} == set(range(40)) and max(y for _, y in cells) == grid.rows - 1
    assert (5, 5) not in cells


def test_a_list_of_boxes_goes_out_and_comes_in_as_it_was() -> None:
    boxes = [
        MovingBox("lobby", (KeyPoint(T0 + 250_000_000, 0, 1050, 2000, FULL), KeyPoint(T0 + NS, 1, 2, 3, 4))),
        MovingBox("desk", (KeyPoint(T0, 0, 0, 5, 5), KeyPoint(T0 + NS, 0, 0, 5, 5))),
    ]
    assert parse_boxes(boxes_csv(boxes), T0 + MINUTE_NS) == boxes
    for end in ("\r\n", "\r"):
        assert parse_boxes(boxes_csv(boxes).replace("\n", end), T0 + MINUTE_NS) == boxes
    for text, words in (
        ("", "is empty"),
        ("1,lobby,14:00,0,0,5", "Line 1 of the boxes does not have the 7 columns"),
        ("1,lobby,14:00,0,0,5,101", "no percentage"),
        ("1,lobby,whenever,0,0,5,5", "Line 1 of the boxes: "),
        ("1,lobby,2h ago,0,0,5,5\n" * 2_001, "more than 2000 lines"),
        ("1,lobby,14:00,0,0,5,5\n1," + "x" * 200_000, "Line 2 of the boxes cannot be read as columns"),
    ):
        with pytest.raises(BadRequest, match=words):
            parse_boxes(text, T0)


def test_pictures_are_spread_over_all_of_it_by_length() -> None:
    parts = (sheets.Part("a", 0, 60 * NS), sheets.Part("b", 0, 30 * NS), sheets.Part("c", 0, NS))
    whole = sheets.Sheet("H-2026-0001", "26-1", "violation", parts)
    for count in range(1, 25):
        assert sheets.spread(whole, count).pictures == count
    assert [part.pictures for part in sheets.spread(whole, 9).parts] == [6, 3]
    named = sheets.at_times(whole, [20 * NS, 20 * NS, 40 * NS])
    assert [(part.camera, part.start_utc_ns) for part in named.parts] == [
        ("a", 20 * NS),
        ("b", 20 * NS),
        ("a", 40 * NS),
    ]
    for count in (0, 25):
        with pytest.raises(BadRequest, match="1 to 24"):
            sheets.spread(whole, count)
    with pytest.raises(BadRequest, match="not covered"):
        sheets.at_times(whole, [70 * NS])
