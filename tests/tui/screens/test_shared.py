"""Somebody a recording is shared with: sees that, views it, and is offered nothing else (P14)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdshelf_core.people.types import ReadShared, ShareEnd, ShareMake
from holdshelf_tui.screens.shared import SharedPane
from holdshelf_tui.widgets.picture import PictureView
from tests.looking import MINUTE_NS
from tests.tui.keyboard import does
from tests.tui.stage import Stage, our_app, settled, until, until_shown


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("shared")) as running:
        director = running.client("dora")
        for login, name in (("vera", "Vera Lund"), ("otto", "Otto Bell")):
            running.people.enrol(login, name, director)
            start = running.made.start_utc_ns
            share = ShareMake("lobby", start, start + MINUTE_NS, "violation", login, confidentiality=True)
            director.act(share)
        yield running


def test_p14_a_person_reads_their_own_shares_and_nobody_elses(stage: Stage) -> None:
    (row,) = stage.client("vera").read(ReadShared())
    assert (row.name, row.camera, row.state) == ("Vera Lund", "lobby", "active")
    assert stage.client("dora").read(ReadShared()) == []


async def test_p14_what_was_shared_is_listed_and_viewed(stage: Stage) -> None:
    async with stage.seated("vera") as pilot:
        home = await settled(pilot)
        assert home.has("shared")
        assert not home.has("timeline")
        assert not home.has("live")
        pane = await home.go("shared")
        assert isinstance(pane, SharedPane)
        await until(pilot, "the list", lambda: pane.shares)
        await until_shown(pilot, "Front entrance")
        await until(pilot, "the list has the keys", lambda: getattr(pilot.app.focused, "id", "") == "shares")
        await pilot.press("enter")
        still = pane.query_one("#still", PictureView)
        await until(pilot, "a picture", lambda: still.has_picture and still.painted.is_set())
        screen = await until_shown(pilot, "view only")
        assert "Shared with you" in screen
        before = pane._at_utc_ns
        await pilot.press("right")
        await until(pilot, "a step on", lambda: pane._at_utc_ns == before + 1_000_000_000)
        for _ in range(80):
            pane.action_step(1)
        assert pane._at_utc_ns < stage.made.start_utc_ns + MINUTE_NS, "nothing beyond what was shared"
        await pilot.press("escape")
        await until(pilot, "closed", lambda: not our_app(pilot).looks.all() and not still.has_picture)


async def test_p14_a_share_that_ends_takes_its_pictures_along(stage: Stage) -> None:
    director = stage.client("dora")
    async with stage.seated("otto") as pilot:
        pane = await (await settled(pilot)).go("shared")
        assert isinstance(pane, SharedPane)
        (share,) = await until(pilot, "the list", lambda: pane.shares)
        await does(pilot, pane, "view")
        await until(pilot, "a picture", lambda: pane.query_one("#still", PictureView).has_picture)
        director.act(ShareEnd(share.id, "test"))
        # With the last share the standing ends, and the session with it.
        await until(pilot, "the end", lambda: pilot.app._exit)
