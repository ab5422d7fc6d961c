"""Other libraries' policies on the screens: each case of their files, and what a form says where a step is left out."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdshelf_core.cameras.commission_types import CommissionStill, ReadCommissions
from holdshelf_core.releases.types import ReleaseListAsk
from holdshelf_tui.screens.dialogs.commission_forms import ApproveDialog
from holdshelf_tui.screens.dialogs.purpose import PurposeDialog
from holdshelf_tui.screens.releases import ReleasesPane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.text.time_format import short_date
from holdshelf_tui.widgets.fields import Tick
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import NS
from tests.people import PAPER
from tests.policy_library import CASES, POLICIES, No, PolicyLibrary, typed
from tests.tui.keyboard import does, said, until_said
from tests.tui.policy_screens import NOT_OFFERED, PolicyScreens, choose, put, tick
from tests.tui.stage import our_app, seated, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.mark.parametrize(("file", "number"), CASES)
async def test_each_case_is_answered_on_the_screens_as_the_file_says(file: Path, number: int, tmp_path: Path) -> None:
    library = PolicyLibrary(file, tmp_path)
    case = library.policy.file.case[number]
    with library.service:
        library.settle()
        if case.expect == "yes":
            await PolicyScreens(library).ask(case)
            return
        with pytest.raises(No) as refused:
            await PolicyScreens(library).ask(case)
    told = str(refused.value)
    assert told == NOT_OFFERED or f"({case.clause}" in told


async def test_a_look_takes_a_tick_for_who_was_consulted(tmp_path: Path) -> None:
    library = PolicyLibrary(POLICIES / "d.toml", tmp_path)
    with library.service:
        library.settle()
        async with seated(library.people, library.logins["branch-manager"], size=(100, 40)) as pilot:
            pane = await (await settled(pilot)).go("timeline")
            assert isinstance(pane, TimelinePane)
            await until(pilot, "cameras", lambda: pane.cameras)
            await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
            pane.view.go(library.span[0] + 10 * NS, library.span[1], level=1)
            await pilot.press("o")
            await until_said(pilot, "Why are you looking?", "Consulted")
            dialog = pilot.app.screen
            assert isinstance(dialog, PurposeDialog)
            choose(dialog, "purpose", "staff")
            await put(pilot, incident="26-1")
            await pilot.press("enter")
            await until_said(pilot, "is consulted", "check it in the form")
            await tick(pilot, "consulted", "human-resources")
            await pilot.press("enter")
            (look,) = await until(pilot, "an open look", our_app(pilot).looks.all)
            assert look.purpose == "staff"


async def test_the_list_of_releases_has_the_day_by_which_each_is_to_be_answered(tmp_path: Path) -> None:
    library = PolicyLibrary(POLICIES / "i.toml", tmp_path)
    with library.service:
        library.settle()
        camera, (start, end) = next(iter(library.cameras)), map(typed, library.span)
        due: dict[str, int] = {}
        for reference, days in (("26-1", 40), ("26-2", 2), ("26-3", 2)):
            day = f"{datetime.now().astimezone() - timedelta(days=days):%Y-%m-%d}"
            row = library.command(
                "manager", "release", "request", "--basis", "own-image", "--stated", "identity", "--incident", reference,
                "--camera", camera, "--from", start, "--to", end, "--received", day, "--scope", f"{camera},{start},{end}",
                paper=True,
            )  # fmt: skip
            due[reference] = row["due_utc_ns"] - 1
        library.command("manager", "release", "withdraw", row["id"], "--why", "by mistake")
        async with seated(library.people, library.logins["manager"], size=(80, 24)) as pilot:
            pane = await (await settled(pilot)).go("releases")
            assert isinstance(pane, ReleasesPane)
            await until_said(pilot, "Due", f"! due {short_date(due['26-1'])}", short_date(due["26-2"]))
            await does(pilot, pane, "all")
            await until_said(pilot, f"26-3 camera {short_date(row['requested_utc_ns'])} - ")  # it is over


async def test_an_officer_without_a_paper_is_written_down(tmp_path: Path) -> None:
    library = PolicyLibrary(POLICIES / "f.toml", tmp_path)
    with library.service:
        library.settle()
        login = library.logins["director"]
        async with seated(library.people, login, size=(100, 50)) as pilot:
            pane = await (await settled(pilot)).go("releases")
            assert isinstance(pane, ReleasesPane)
            await until(pilot, "cameras", lambda: pane._cameras)
            await does(pilot, pane, "request")
            shown = await until_said(pilot, "On the basis of")
            assert "Agency" not in shown, "a court's paper is asked for first"
            form = pilot.app.screen
            choose(form, "basis", "officer")
            await until_said(pilot, "Agency", "Officer")
            assert "Its last day" not in said(pilot)
            start, end = map(typed, library.span)
            await put(pilot, reference="26-1", from_=start, to=end, agency="Elm Police", officer="badge 12")
            await tick(pilot, "cameras", next(iter(library.cameras)))
            await tick(pilot, "stated", "at-library")
            await pilot.press("enter")
            await until(pilot, "it is asked", lambda: form is not pilot.app.screen)
        client = library.people.client(login)
        (row,) = client.act(ReleaseListAsk(True)).releases
        paper = row.paper
        assert paper is not None and (paper.agency, paper.officer, paper.sha256) == ("Elm Police", "badge 12", "")
        assert row.state == "requested"


async def test_a_camera_is_approved_with_the_consent_of_trustees_on_paper(tmp_path: Path) -> None:
    library = PolicyLibrary(POLICIES / "c.toml", tmp_path)
    with library.service:
        library.settle()
        with library.new_camera("director"):
            login = library.logins["director"]
            client = library.people.client(login)
            row = next(one for one in client.read(ReadCommissions()) if one.camera == "new")
            still = client.act(CommissionStill("new", True))
            async with seated(library.people, login, size=(100, 40)) as pilot:
                await settled(pilot)
                dialog = ApproveDialog(row, still)
                pilot.app.push_screen(dialog)
                await until_said(pilot, "Consent of", "Signed paper")
                dialog.query_one("#looked", Tick).value = True
                await pilot.press("enter")
                await until_said(pilot, "It takes the Board of Trustees to consent")
                choose(dialog, "seat", "trustees")
                await put(pilot, paper=PAPER)
                await pilot.press("enter")
                await until(pilot, "it is approved", lambda: pilot.app.screen is not dialog)
            row = next(one for one in client.read(ReadCommissions()) if one.camera == "new")
            assert row.state == "approved"
