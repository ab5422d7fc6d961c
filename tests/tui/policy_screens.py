"""The cases of another library's policy, asked on the screens that people have under it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import DataTable, Input, OptionList

from holdshelf_core.policy.schema import Case
from holdshelf_core.releases.types import ReleaseListAsk, ReleaseRow
from holdshelf_tui.screens.commission import CommissionScreen
from holdshelf_tui.screens.commission_steps import APPROVE, LOOK
from holdshelf_tui.screens.dialogs.commission_forms import ApproveDialog
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.others import NONE, OthersDialog
from holdshelf_tui.screens.dialogs.purpose import PurposeDialog
from holdshelf_tui.screens.dialogs.release_forms import DecideReleaseDialog, RequestDialog
from holdshelf_tui.screens.dialogs.stopped import StoppedDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.releases import ReleasesPane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.widgets.fields import Choice, Picks, Tick
from holdshelf_tui.widgets.timeline_strip import TimelineStrip
from tests.looking import NS
from tests.people import PAPER
from tests.policy_library import FIELDS, STATED, No, PolicyLibrary, steps, typed
from tests.tui.keyboard import does, said
from tests.tui.stage import our_app, seated, settled, until


async def put(pilot: Pilot[Any], **fields: str) -> None:
    """Text into fields of the form in front, once it asks for them."""
    for name, text in fields.items():
        field = pilot.app.screen.query_one(f"#{name.rstrip('_')}", Input)
        await until(pilot, f"{name} is asked for", partial(is_shown, field))
        field.value = text


def is_shown(field: Any) -> bool:
    return all(one.display for one in field.ancestors_with_self)


def choose(form: Screen[Any], field: str, value: str) -> None:
    choice = form.query_one(f"#{field}", Choice)
    offered = [one for one, _ in choice._choices]
    if value not in offered:
        raise No(f"{value} is not offered: {offered}")
    choice.highlighted = offered.index(value)


async def tick(pilot: Pilot[Any], field: str, *wanted: str) -> None:
    """Exactly these, with Space, as a person does."""
    picks = pilot.app.screen.query_one(f"#{field}", Picks)
    await until(pilot, f"{field} is asked for", lambda: is_shown(picks))
    picks.focus()
    await until(pilot, "it has the keys", lambda: pilot.app.focused is picks)
    for number, (value, _) in enumerate(picks._choices):
        if (value in wanted) is not (value in picks.selected):
            picks.highlighted = number
            await pilot.press("space")
    await until(pilot, "they are ticked", lambda: set(picks.selected) == set(wanted))


async def check(pilot: Pilot[Any], field: str) -> None:
    one = pilot.app.screen.query_one(f"#{field}", Tick)
    await until(pilot, f"{field} is asked for", lambda: is_shown(one))
    one.value = True


async def submitted(pilot: Pilot[Any], form: FormDialog[Any]) -> None:
    """Enter, and what comes of it. Raises No with what the form says."""
    await until(pilot, "the form takes keys", lambda: form.is_ready)
    form.submit()
    await until(pilot, "an answer", lambda: pilot.app.screen is not form or (form._refusal and not form._busy))
    if pilot.app.screen is form:
        raise No(form._refusal)


NOT_OFFERED = "It is not offered to them."
"""A no of the screens: the act is not theirs, whatever it is about."""


class PolicyScreens:
    """Each of its people in a session of their own, in turn."""

    def __init__(self, library: PolicyLibrary) -> None:
        self.library = library

    @asynccontextmanager
    async def sits(self, role: str) -> AsyncIterator[Pilot[Any]]:
        """Whoever holds it, logged in."""
        library = self.library
        async with seated(library.people, library.logins[role], size=(100, 50)) as pilot:
            await settled(pilot)
            yield pilot

    async def ask(self, case: Case) -> None:
        """Do what the case asks about. Raises No with what a person reads."""
        self.library.be_away(case)
        match case.act:
            case "purpose.open":
                await self._look(case)
            case "commission.approve":
                await self._approve_camera(case)
            case "release.approve":
                await self._decide(case, await self._request(case))
            case _:
                raise AssertionError(f"nobody here knows how to ask {case.act}")

    async def _look(self, case: Case) -> None:
        start, end = self.library.span
        async with self.sits(case.who) as pilot:
            pane = await self._tab(pilot, "timeline", TimelinePane)
            await until(pilot, "cameras", lambda: pane.cameras)
            await until(pilot, "the strip has the keys", lambda: isinstance(pilot.app.focused, TimelineStrip))
            pane.view.go(start + 10 * NS, end, level=1)
            await pilot.press("o")
            form = await self._form(pilot, PurposeDialog)
            choose(form, "purpose", case.purpose)
            await tick(pilot, "cameras", self.library.camera_of(case))
            await put(pilot, incident="26-1", from_=typed(start), to=typed(end))
            if consulted := steps(case, "consult"):
                await tick(pilot, "consulted", *consulted)
            await submitted(pilot, form)
            await until(pilot, "an open look", our_app(pilot).looks.all)

    async def _approve_camera(self, case: Case) -> None:
        with self.library.new_camera(case.who):
            async with self.sits(case.who) as pilot:
                screen = CommissionScreen("new", "New")
                pilot.app.push_screen(screen)
                for step in (LOOK, APPROVE):
                    await until(pilot, f"it comes to {step}", partial(self._is_at, screen, step))
                    screen.query_one("#steps", OptionList).focus()
                    await pilot.press("enter")
                form = await self._form(pilot, ApproveDialog)
                await check(pilot, "looked")
                if consents := steps(case, "consent"):
                    choose(form, "seat", consents[0])
                    await put(pilot, paper=PAPER)
                if consulted := steps(case, "consult"):
                    await tick(pilot, "consulted", *consulted)
                await submitted(pilot, form)
                await until(pilot, "it is approved", lambda: screen.row is not None and screen.row.state == "approved")

    async def _request(self, case: Case) -> ReleaseRow:
        """Written down by somebody else than who decides, where one may; said to show nobody else. Raises No."""
        library = self.library
        who = library.who_requests(case)
        start, end = map(typed, library.span)
        async with self.sits(who) as pilot:
            pane = await self._releases(pilot)
            await does(pilot, pane, "request")
            form = await self._form(pilot, RequestDialog)
            choose(form, "basis", case.basis)
            await pilot.pause()
            await tick(pilot, "cameras", library.camera_of(case))
            await put(pilot, reference="26-1", from_=start, to=end)
            if stated := sorted(STATED & set(case.given)):
                await tick(pilot, "stated", *stated)
            if "written" in case.given:
                await check(pilot, "has-paper")
                await check(pilot, "same")
                await put(pilot, paper=PAPER)
            await put(pilot, **{field: FIELDS[field] for field in FIELDS if field in case.given})
            if "judge" in case.given:
                await check(pilot, "judge")
            await submitted(pilot, form)
            row = await until(pilot, "it is written down", lambda: next(iter(self._rows(who)), None))
            if row.state == "stopped":
                await self._form(pilot, StoppedDialog)
                raise No(said(pilot))
            await pilot.press("escape")
            pane.choose(row.id)
            await until(pilot, "the cursor on it", lambda: pane.chosen is not None and pane.chosen.id == row.id)
            if pane.state_of("others"):
                await does(pilot, pane, "others")
                others = await self._form(pilot, OthersDialog)
                choose(others, "how", NONE)
                await submitted(pilot, others)
        return row

    async def _decide(self, case: Case, row: ReleaseRow) -> None:
        async with self.sits(case.who) as pilot:
            pane = await self._releases(pilot)
            pane.choose(row.id)
            await until(pilot, "the cursor on it", lambda: pane.chosen is not None and pane.chosen.id == row.id)
            if not pane.state_of("decide"):
                raise No(NOT_OFFERED)
            await does(pilot, pane, "decide")
            form = await self._form(pilot, DecideReleaseDialog)
            if consents := steps(case, "consent"):
                choose(form, "word", "paper")
                choose(form, "seat", consents[0])
                await put(pilot, paper=PAPER)
            else:
                choose(form, "word", "approve")
            await submitted(pilot, form)
            await until(pilot, "it is told", lambda: pilot.app.screen is not pane.screen)
            told, state = said(pilot), self._rows(case.who)[0].state
            if state != "approved":
                raise No(told)

    def _rows(self, role: str) -> list[ReleaseRow]:
        library = self.library
        return library.people.client(library.logins[role]).act(ReleaseListAsk(True)).releases

    @staticmethod
    async def _tab[P: Pane](pilot: Pilot[Any], key: str, kind: type[P]) -> P:
        """Raises No where it is not theirs."""
        pane = await (await settled(pilot)).go(key)
        if pane is None:
            raise No(NOT_OFFERED)
        assert isinstance(pane, kind)
        return pane

    @staticmethod
    async def _releases(pilot: Pilot[Any]) -> ReleasesPane:
        pane = await PolicyScreens._tab(pilot, "releases", ReleasesPane)
        await until(pilot, "cameras", lambda: pane._cameras)
        pane.query_one(DataTable).focus()
        return pane

    @staticmethod
    def _is_at(screen: CommissionScreen, step: str) -> bool:
        return screen.next_step == step == screen.step

    @staticmethod
    async def _form[F: Screen[Any]](pilot: Pilot[Any], kind: type[F]) -> F:
        def front() -> F | None:
            screen = pilot.app.screen
            return screen if isinstance(screen, kind) else None

        return await until(pilot, f"{kind.__name__} in front", front)
