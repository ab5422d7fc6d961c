"""A camera is brought into use by keys alone: signs, place, aim, masks on the picture, approval (P3 to P8)."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from textual.pilot import Pilot

from holdshelf_core.access_log import types as types_board
from holdshelf_core.api.client import Client
from holdshelf_core.cameras import commission_types as types
from holdshelf_tui.screens.cameras import CamerasPane
from holdshelf_tui.screens.commission import CommissionScreen
from holdshelf_tui.screens.commission_steps import APPROVE, LOOK, MASKS
from holdshelf_tui.screens.home import HomeScreen
from holdshelf_tui.widgets.mask_canvas import CORNER, CURSOR, DRAWN, FULL, HIDDEN, Grid, MaskCanvas
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.tui.keyboard import fills
from tests.tui.keyboard import types as type_text
from tests.tui.stage import Stage, our_app, screen_text, settled, until, until_shown
from tests.tui.uncut import nothing_cut

pytestmark = pytest.mark.usefixtures("no_frames")

LARGE = (160, 48)
QUARTER = [types.MaskAsk([(0, 0), (5000, 0), (5000, 5000), (0, 5000)], "screens")]


@pytest.fixture(scope="module")
def rig() -> Iterator[RtspServer]:
    with RtspServer([Mount("door"), Mount("desk"), Mount("corner")]) as running:
        yield running


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, rig: RtspServer) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("commission"), cameras={"lobby": "Front entrance"}) as running:
        add = running.service.add
        with ThreadPoolExecutor() as pool:  # each is dialed for a second or two
            added = [
                pool.submit(add, rig.url("door"), "Side door", "entrance"),
                pool.submit(add, rig.url("desk"), "Service desk", "service-desk"),
                pool.submit(add, rig.url("corner"), "Women's corner", "seating", questioned=True),
            ]
        for one in added:
            one.result()
        running.service.await_recording("side-door", "service-desk", "women-s-corner")
        yield running


@contextlib.contextmanager
def seat(stage: Stage) -> Iterator[Client]:
    """The Director without a screen, in a session that ends."""
    opened = stage.service.open_session("dora", stage.people.fingerprints["dora"])
    yield Client(stage.service.data, token=opened["token"], timeout_s=HANG_S)
    stage.service.end_session(opened["session"])


@pytest.fixture
def attested(stage: Stage) -> None:
    """Every entrance has its sign up."""
    with seat(stage) as dora:
        attest(dora)


def attest(dora: Client) -> None:
    signs = dora.read(types.ReadEntrances())
    names = [sign.id for sign in signs] or [dora.act(types.EntranceAdd("Main entrance")).id]
    for name in names:
        asked = types.EntranceAttest(name, "v2", "en", legible=True, lit=True)
        dora.act(asked)


def row(stage: Stage, camera: str) -> types.CommissionRow:
    rows = stage.service.client.read(types.ReadCommissions())
    return next(one for one in rows if one.camera == camera)


def approve(stage: Stage, camera: str) -> None:
    """Without the screen."""
    with seat(stage) as dora:
        dora.act(types.CommissionEdit(camera, QUARTER))
        still = dora.act(types.CommissionStill(camera))
        dora.act(types.CommissionApprove(camera, still.sha256, True))


def entries(stage: Stage, action: str) -> list[types_board.LogEntryRow]:
    rows = stage.service.act(types_board.LogShow(action=action)).entries
    return [one for one in rows if one.entry["action"] == action]


async def commission(pilot: Pilot[Any], camera: str) -> CommissionScreen:
    """From the Cameras tab with `c`, once its steps are known."""
    home = await settled(pilot)
    pane = home.front
    assert isinstance(pane, CamerasPane)
    await until(pilot, "the cameras", lambda: pane.chosen)
    while pane.chosen is None or pane.chosen.id != camera:
        await pilot.press("down")
    await pilot.press("b")
    screen = await until(
        pilot, "the screen", lambda: isinstance(pilot.app.screen, CommissionScreen) and pilot.app.screen
    )
    assert isinstance(screen, CommissionScreen)
    await until(pilot, "its steps", lambda: screen.row)
    await pilot.pause()
    return screen


async def do(pilot: Pilot[Any], screen: CommissionScreen, step: str) -> None:
    """Arrows to that step, and Enter."""
    await until(pilot, "nothing under way", lambda: not screen._busy and pilot.app.screen is screen)
    while screen.step != step:
        await pilot.press("down")
    await pilot.press("enter")


async def draw(pilot: Pilot[Any], screen: CommissionScreen) -> Grid:
    """Into the manner of drawing; the picture is there, and its cells are known."""
    await do(pilot, screen, MASKS)
    return await until(
        pilot, "a picture to draw on", lambda: screen.drawing and painted(screen.canvas) and screen.canvas.grid
    )


def painted(canvas: MaskCanvas) -> bool:
    return canvas.has_picture and canvas.painted.is_set()


def cell(pilot: Pilot[Any], x: int, y: int) -> str:
    """What stands in a cell of the picture, on the screen itself."""
    at = pilot.app.screen.query_one(MaskCanvas).content_region
    return screen_text(pilot).splitlines()[at.y + y][at.x + x]


# --- the grid ----------------------------------------------------------------------------------------------------------


def test_a_rectangle_reaches_to_the_outer_edges_of_its_cells_and_never_into_the_legend() -> None:
    grid = Grid.of(48, 15, height_px=200, picture_height_px=180)
    assert (grid.columns, grid.rows) == (48, 14)
    assert grid.box((0, 0), (47, 13)) == [(0, 0), (FULL, 0), (FULL, FULL), (0, FULL)]
    one = grid.box((3, 4), (3, 4))
    assert one[0] == (round(3 * FULL / 48), round(4 * grid.row_units)) and one[2][0] == round(4 * FULL / 48)
    assert grid.covered(one) == {(3, 4)}
    assert grid.covered(grid.box((5, 9), (2, 6))) == {(x, y) for x in range(2, 6) for y in range(6, 10)}
    assert [grid.corner(c) for c in ((0, 0), (47, 13))] == [(0, 0), (FULL, FULL)]


# --- the way into use --------------------------------------------------------------------------------------------------


async def test_p3_p4_p6_a_director_brings_a_camera_into_use_by_keys_alone(stage: Stage) -> None:
    stills = len(entries(stage, "commission.still"))
    async with stage.seated("dora") as pilot:
        screen = await commission(pilot, "side-door")
        await until_shown(pilot, "No entrance is registered")
        await nothing_cut(pilot, "its first step", LARGE)
        await pilot.press("enter")
        await until_shown(pilot, "Register every entrance")
        await pilot.press("enter")
        await until_shown(pilot, "Register it")
        await type_text(pilot, "Main entrance\n")
        await until_shown(pilot, "Main entrance: not attested")
        await pilot.press("enter")
        await until_shown(pilot, "also after dark")
        await fills(pilot, "", " ", " ", "", "v2", "en")
        await pilot.press("enter")
        await until_shown(pilot, "✓ Main entrance: attested")
        await pilot.press("enter")
        await until_shown(pilot, "✓ 1 Signs")
        assert len(entries(stage, "commission.still")) == stills, "a picture was asked for by itself"

        await until(pilot, "the next step", lambda: screen.step == "aim")
        await pilot.press("enter")
        shown = await until_shown(pilot, "with nothing hidden. Entry")
        grid = await draw(pilot, screen)
        await until_shown(pilot, "Arrows move")
        await nothing_cut(pilot, "masks")
        assert grid.columns > 40, shown
        await pilot.press("home", "pageup", "enter", *["right"] * 9, "down", "down", "down")
        await until(pilot, "the rectangle grows with the cursor", lambda: cell(pilot, 5, 1) == DRAWN)
        assert (cell(pilot, 0, 0), cell(pilot, 9, 3)) == (CORNER, CURSOR)
        await pilot.press("enter")
        await until_shown(pilot, "What does this hide?")
        await type_text(pilot, "the street\n")
        await until_shown(pilot, "1 the street")
        inside = [(x, y) for x in range(10) for y in range(4) if (x, y) != (9, 3)]
        await until(pilot, "it hides", lambda: {cell(pilot, x, y) for x, y in inside} == {HIDDEN})
        assert HIDDEN not in {cell(pilot, 10, 0), cell(pilot, 0, 4)}
        assert row(stage, "side-door").masks == [], "kept before anybody said so"
        await pilot.press("S")
        await until_shown(pilot, "1 mask kept")
        await nothing_cut(pilot, "masks kept")
        kept = row(stage, "side-door")
        assert kept.masks == [types.MaskAsk(grid.box((0, 0), (9, 3)), "the street")]

        await until(pilot, "the next step", lambda: screen.step == LOOK)
        await pilot.press("enter")
        await until_shown(pilot, "as everyone will see it. Entry")
        await until(pilot, "the last step", lambda: screen.step == APPROVE and painted(screen.canvas))
        assert screen.masked is not None
        row_of_cells = [(x, 1) for x in range(10)]
        await until(
            pilot, "nothing over the masked picture", lambda: HIDDEN not in {cell(pilot, x, y) for x, y in row_of_cells}
        )
        picture = Image.open(BytesIO(screen.masked.jpeg)).convert("L")
        hidden = picture.crop((4, 4, picture.width * 9 // grid.columns, 20))
        levels = hidden.tobytes()
        assert max(levels) - min(levels) < 20
        await nothing_cut(pilot, "its last step")
        await pilot.press("enter")
        await until_shown(pilot, screen.masked.sha256[:16])
        await nothing_cut(pilot, "approval", LARGE)
        await pilot.press("enter")
        await until_shown(pilot, "Check it, or go back")
        assert row(stage, "side-door").state == "new"
        await pilot.press("space", "enter")
        await until_shown(pilot, "is now in use")
        await pilot.press("enter")
        await until(pilot, "the cameras again", lambda: isinstance(pilot.app.screen, HomeScreen))
    done = row(stage, "side-door")
    assert (done.state, done.approved_by, done.still_sha256) == ("approved", "Dora Reed", screen.masked.sha256)
    assert done.still_sha256 == hashlib.sha256(screen.masked.jpeg).hexdigest()
    masked = [entry.entry["facts"]["masked"] for entry in entries(stage, "commission.still")[stills:]]
    assert masked == [False, True], "each picture stands in the log, and no other was taken"


async def test_p5_p11_a_designee_says_that_nothing_is_to_hide_and_a_private_name_is_asked_back(
    stage: Stage, attested: None
) -> None:
    with seat(stage) as dora:
        stage.people.appoint("cody", "Cody Pine", dora, "commission", cameras=["women-s-corner"])
    async with stage.seated("cody") as pilot:
        screen = await commission(pilot, "women-s-corner")
        await do(pilot, screen, MASKS)
        await until(pilot, "drawing", lambda: screen.drawing)
        while getattr(pilot.app.focused, "id", "") != "nothing":
            await pilot.press("tab")
        await pilot.press("enter")
        await until_shown(pilot, "Why")
        await pilot.press("enter")
        await until_shown(pilot, "Why is there nothing to hide?")
        await type_text(pilot, "a blank wall\n")
        await until(pilot, "the reason is kept", lambda: row(stage, "women-s-corner").no_masks_why == "a blank wall")
        await until(pilot, "the next step", lambda: screen.step == LOOK and not screen.drawing)
        await pilot.press("enter")
        await until(pilot, "the masked picture", lambda: screen.masked is not None and screen.step == APPROVE)
        await pilot.press("enter")
        await until_shown(pilot, "it sees no private place")
        await pilot.press("space", "enter")
        await until_shown(pilot, "No camera may see a private place")
        assert row(stage, "women-s-corner").state == "new"
        await pilot.press("space", "enter")
        await until_shown(pilot, "is now in use")
        await pilot.press("enter")
        await until(pilot, "the cameras again", lambda: isinstance(pilot.app.screen, HomeScreen))
    assert row(stage, "women-s-corner").approved_by == "Cody Pine"
    said = entries(stage, "commission.approve")[-1].entry
    assert said["facts"]["confirmed_not_private"] is True
    assert said["seat"] == "designee of director"


async def test_what_a_letter_does_not_give_is_not_offered(stage: Stage) -> None:
    async with stage.seated("sam") as pilot:
        home = await settled(pilot)
        shown = await until_shown(pilot, "Front entrance")
        assert "Bring into use" not in shown and "Retire" not in shown and "Timeline" in shown
        await pilot.press("b")
        await pilot.pause(0.2)
        assert pilot.app.screen is home


async def test_a_camera_in_use_is_taken_out_of_it_with_a_reason_before_its_masks_change(
    stage: Stage, attested: None
) -> None:
    if row(stage, "side-door").state != "approved":
        approve(stage, "side-door")
    before = row(stage, "side-door")
    stills = len(entries(stage, "commission.still"))
    async with stage.seated("dora") as pilot:
        screen = await commission(pilot, "side-door")
        await do(pilot, screen, "place")
        await until_shown(pilot, "it may see beyond library property")
        await fills(pilot, "", "", " ", "the hedge is gone")
        await pilot.press("enter")
        await until(pilot, "it is written down", lambda: row(stage, "side-door").exterior)
        assert row(stage, "side-door").state == "approved"
        await do(pilot, screen, "aim")
        await until_shown(pilot, "you need a purpose")
        await do(pilot, screen, MASKS)
        await until_shown(pilot, "Take it out of use to change it")
        await pilot.press("enter")
        await until_shown(pilot, "Why does this change?")
        assert row(stage, "side-door").state == "approved"
        await type_text(pilot, "the door was widened\n")
        await until(pilot, "drawing", lambda: screen.drawing and painted(screen.canvas))
        await until(pilot, "what is hidden now is shown as hidden", lambda: cell(pilot, 3, 1) == HIDDEN)
    after = row(stage, "side-door")
    assert (after.state, after.masks, after.mask_version) == ("new", before.masks, before.mask_version + 1)
    shown = [entry.entry for entry in entries(stage, "commission.still")[stills:]]
    assert [entry["outcome"] for entry in shown] == ["refused", "done"]


async def test_p15_a_camera_is_retired_with_a_reason(stage: Stage) -> None:
    async with stage.seated("dora") as pilot:
        home = await settled(pilot)
        pane = home.front
        assert isinstance(pane, CamerasPane)
        await until(pilot, "the cameras", lambda: pane.chosen)
        while pane.chosen is None or pane.chosen.id != "women-s-corner":
            await pilot.press("down")
        await pilot.press("enter")
        await until_shown(pilot, "Forecast")
        while getattr(pilot.app.focused, "id", "") != "act-retire":
            await pilot.press("tab")
        await pilot.press("enter")
        await until_shown(pilot, "no longer recorded")
        await pilot.press("enter")
        await until_shown(pilot, "Why is it retired?")
        await type_text(pilot, "the wall is blank\n")
        await until_shown(pilot, "Entry")
        await pilot.press("enter")
        await until(pilot, "it is gone from the list", lambda: "corner" not in screen_text(pilot))
    assert row(stage, "women-s-corner").state == "retired"
    assert entries(stage, "camera.retire")[-1].entry["seat"] == "director"


async def test_p6_shapes_are_taken_back_deleted_and_named_anew_and_survive_a_restart_of_the_service(
    stage: Stage, attested: None
) -> None:
    async with stage.seated("dora", has_door=True) as pilot:
        screen = await commission(pilot, "service-desk")
        grid = await draw(pilot, screen)
        await pilot.press("enter", "backspace")
        await until(pilot, "no corner is left", lambda: screen.canvas.corners == [])
        await pilot.press("P", "home", "pageup", "enter", "end", "enter", "pagedown", "enter")
        await until_shown(pilot, "closes the shape")
        await pilot.press("enter")
        await until_shown(pilot, "What does this hide?")
        await type_text(pilot, "desk\n")
        await until_shown(pilot, "1 desk")
        triangle = [(0, 0), (FULL, 0), (FULL, FULL)]
        assert [mask.points for mask in screen.masks] == [triangle]
        await pilot.press("P", "home", "pagedown", "enter", "up", "right", "enter")
        await until_shown(pilot, "What does this hide?")
        await type_text(pilot, "hold shelf\n")
        await until_shown(pilot, "2 hold shelf")
        await pilot.press("backspace")
        await until(pilot, "the last one is taken back", lambda: len(screen.masks) == 1)
        await pilot.press("tab", "enter")
        await until_shown(pilot, "What does this hide?")
        await type_text(pilot, " screens\n")
        await until_shown(pilot, "1 desk screens")

        stage.service.stop()
        await pilot.press("S")
        await until_shown(pilot, "Your drawing is still here")
        stage.service.start()
        token = stage.service.open_session("dora", stage.people.fingerprints["dora"])["token"]
        our_app(pilot).link.renew(token)
        await until(pilot, "the service is back", lambda: not our_app(pilot).link.away)
        await pilot.press("escape")
        await until_shown(pilot, "▲ What you drew is not saved")
        await pilot.press("escape")
        await until_shown(pilot, "Leave without saving?")
        await pilot.press("escape")
        await do(pilot, screen, LOOK)
        await until_shown(pilot, "First save what you drew")
        await do(pilot, screen, MASKS)
        await until(pilot, "drawing again", lambda: screen.drawing)
        await pilot.press("S")
        await until_shown(pilot, "1 mask kept")
    assert row(stage, "service-desk").masks == [types.MaskAsk(triangle, "desk screens")]
    assert grid.covered(triangle)
