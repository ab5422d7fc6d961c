"""Checklist and print: every paper that this person may have, read on screen as it is printed (P17), and printed from here.

Nobody is asked who wants a paper. What the checklist leaves to tick and to attest is entered here (P3 to P8).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static, Tab, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.cameras.commission_types import EntranceRow, ReadEntrances
from holdshelf_core.holds.types import MOST_ROWS, HoldListAsk
from holdshelf_core.outbox.types import ReadOutbox
from holdshelf_core.policy.governing import own_board
from holdshelf_core.releases.types import ReleaseListAsk
from holdshelf_tui.papers.catalogue import GROUPS, PAPERS
from holdshelf_tui.screens.actions_pane import ActionDescription, ActionsPane, PaneAction, may
from holdshelf_tui.screens.dialogs.checklist import ChecklistDialog
from holdshelf_tui.screens.dialogs.entrance import (
    AddEntranceDialog,
    AttestDialog,
    RemoveEntranceDialog,
    WaiveDialog,
    sign_words,
)
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.outbox import OutboxDialog
from holdshelf_tui.screens.dialogs.print_forms import (
    HoldPaperDialog,
    Opened,
    QuarterDialog,
    ReleasePaperDialog,
    async_open,
    async_print,
    async_to_outbox,
)
from holdshelf_tui.screens.report import WIDE_COLUMNS, BarsPage, neighbor, pages
from holdshelf_tui.session.inputs import in_turn
from holdshelf_tui.session.link import Who
from holdshelf_tui.session.waiting import ENTRANCES, READY, TICKS
from holdshelf_tui.text.prints import how_to_fetch, how_to_print
from holdshelf_tui.text.time_format import day, told_clock, when
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.beside import Beside, beside
from holdshelf_tui.widgets.reader import Reader
from holdshelf_tui.widgets.tab_row import async_have_tabs

_LABELS = {
    "policy": "Policy",
    "sign": "Sign",
    "refusal": "What we need",
    "checklist": "Checklist",
    "report": "Report",
    "hold": "Of a hold",
    "release": "Of a release",
}
"""Tab → what stands on it: the papers for anyone, those of the house, those of a hold or a release."""
_TABLES = {
    "policy": frozenset(("policy", "board")),
    "sign": frozenset(("policy", "board", "commissions")),
    "refusal": frozenset(("releases",)),
    "checklist": frozenset(("entrances", "checks", "commissions")),
    "hold": frozenset(("holds", "releases", "board")),
    "release": frozenset(("holds", "releases", "board")),
}
"""Tab → tables of the register that its paper is made of."""
REPORT, CHECKLIST = "report", "checklist"
CHOSEN_FIRST = ("hold", "release")
"""Tabs whose paper is of one row, which is chosen first."""


def as_of(made_utc_ns: int, now_utc_ns: int, *, changed: bool) -> str:
    """'As of 3:10 pm.'; that something has changed since, where it has."""
    is_today = day(made_utc_ns) == day(now_utc_ns)
    at = told_clock(made_utc_ns, seconds=False) if is_today else when(made_utc_ns)
    return f"▲ As of {at}: something has changed since. F5 refreshes it." if changed else f"As of {at}."


def tabs_for(who: Who) -> dict[str, str]:
    """The tabs of this person, and what stands on each."""
    hides = set() if who.may("report.see") else {"report"}
    hides |= set() if who.admin or who.may("hold.see") else {"hold"}
    hides |= set() if "release" in who.rights else {"release"}
    return {tab: words for tab, words in _LABELS.items() if tab not in hides}


class PapersPane(ActionsPane):
    """A paper is asked for when it is opened, once: the log counts each, and nothing more."""

    DEFAULT_CSS = """
    PapersPane { padding: 0; }
    PapersPane > .state { padding: 0 1; }
    PapersPane #pages { height: 1fr; }
    PapersPane Tabs { height: 2; padding: 0 1; }
    PapersPane Actions { padding: 0 1; margin-top: 0; }
    """
    title = "Checklist & print"
    short = "Print"
    key = "papers"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.part = "policy"  # a paper's name, or one of CHOSEN_FIRST
        self._opened: dict[str, Opened] = {}
        """By tab, what was read there last."""
        self._texts: dict[str, str] = {}
        """By tab; what is not in here is asked for when it is looked at."""
        self._entrances: list[EntranceRow] = []
        self._wanted = ""
        self._made: dict[str, int] = {}
        """By tab, when its paper was made, UTC ns."""
        self._outdated: set[str] = set()
        """Tabs of whose paper something has changed since it was made."""

    def compose(self) -> ComposeResult:
        """Which paper, what to do with it, the paper, buttons."""
        yield Tabs(*(Tab(words, id=f"paper-{tab}") for tab, words in tabs_for(self.who).items()))
        yield Static("Making the paper …", classes="state")
        with Horizontal(id="pages"):
            yield Reader(id="reader")
            yield BarsPage(id="bars")
        yield self.buttons

    async def async_other_rights(self) -> None:
        """Other papers are theirs."""
        await async_have_tabs(
            self.query_one(Tabs), {f"paper-{tab}": words for tab, words in tabs_for(self.who).items()}
        )
        await super().async_other_rights()

    def shown(self) -> None:
        """The paper has the cursor: arrows scroll it. One of a state that is past is made anew."""
        if self.part in self._outdated:
            self._texts.pop(self.part, None)
            self._stale = True
        super().shown()
        self.query_one(Reader).focus()

    def came_back(self) -> None:
        """A paper stays as it was made."""

    def heard(self, row: EventRow) -> None:
        """What a paper says has changed: it is not made anew under the reader's eyes, but says so."""
        tables = set(row.data.get("tables", ()))
        if "entrances" in tables and self._shown:
            self._load_entrances()
        for tab in self._texts.keys() - self._outdated:
            if tables & _TABLES.get(tab, frozenset()):
                self._outdated.add(tab)
                if tab == self.part and self._shown:
                    self._show()

    @on(Tabs.TabActivated)
    def _paper_chosen(self, activated: Tabs.TabActivated) -> None:
        # Home has tabs of its own above these.
        activated.stop()
        tab = (activated.tab.id or "").removeprefix("paper-")
        if tab == self.part:
            return  # it was turned to from elsewhere, and is loaded
        self.part = tab
        if tab in self._outdated:
            self._texts.pop(tab, None)
        if tab in self._texts and not self._wanted:
            self._show()
        elif self._shown:
            self.load()
        self.allow()

    @on(Beside)
    def _turn(self, asked: Beside) -> None:
        tab = beside(list(tabs_for(self.who)), self.part, asked.step)
        self.query_one(Tabs).active = f"paper-{tab}"

    async def async_load(self) -> None:
        """Make the paper that is chosen."""
        tab = self.part
        opened = self._opened.get(tab)
        if tab in CHOSEN_FIRST and opened is None:
            self.query_one(Reader).read("")
            self.say(f"{_LABELS[tab]}: press /, or “Choose”, to say which one.")
        elif tab not in self._texts:
            self.say("Making the paper …")
            paper, id = (opened.paper, opened.id) if opened is not None else (PAPERS[tab], "")
            self._keep(tab, await async_open(self.link, paper, id))
        self._entrances = await self.link.read(ReadEntrances()) if self._sees_entrances else []
        self._show()
        if self._wanted and self._may_attest():
            wanted, self._wanted = self._wanted, ""
            self._enter(self._form_for(wanted))

    def _form_for(self, wanted: str) -> Screen[Any]:
        """The form of a duty: ticks, an entrance's sign, or on the first day the entrances themselves."""
        if wanted == TICKS:
            return ChecklistDialog()
        if wanted == ENTRANCES:
            unready = next((row.id for row in self._entrances if not row.ready), "")
            return AttestDialog(self._entrances, unready) if unready else AddEntranceDialog()
        return AttestDialog(self._entrances, wanted)

    def _keep(self, tab: str, opened: Opened) -> None:
        self._opened[tab], self._texts[tab] = opened, opened.text
        self._made[tab] = time.time_ns()
        self._outdated.discard(tab)

    @work(exclusive=True, group="entrances")
    async def _load_entrances(self) -> None:
        try:
            self._entrances = await self.link.read(ReadEntrances())
        except Unreachable:
            return
        except HoldshelfError as error:
            self.say(str(error), wrong=True)
            return
        self.allow()

    def _show(self) -> None:
        if self.part in self._texts:
            self._read()
            self.say(Content("\n".join(inert(line, 400) for line in self._words())))
        self.allow()

    def _read(self) -> None:
        """The paper; beside a report its bars, where two pages have room."""
        opened, words, bars = self._opened[self.part], self._texts[self.part], ""
        if opened.paper.name == REPORT and opened.facts is not None and self.app.size.width >= WIDE_COLUMNS:
            words, bars = pages(opened.facts)
        self.query_one(BarsPage).read(bars)
        self.query_one(Reader).read(words)

    def on_resize(self) -> None:
        """A report's bars come and go with the room for them."""
        if self.part == REPORT and self.part in self._texts:
            self._read()

    def _words(self) -> list[str]:
        """What it is and for whom; the command that brings it onto paper."""
        opened = self._opened[self.part]
        about = own_board(opened.paper.about)
        lines = [f"{GROUPS[opened.paper.group]}. {about}"]
        if opened.paper.name == CHECKLIST and (unready := [row for row in self._entrances if not row.ready]):
            lines = [f"▲ {unready[0].name}: {sign_words(unready[0])}."]
        elif opened.id:
            lines = [f"{opened.paper.title}, {opened.id}. {about}"]
        lines[0] = f"{as_of(self._made[self.part], time.time_ns(), changed=self.part in self._outdated)} {lines[0]}"
        command = f"{opened.paper.name} {opened.id}".strip()
        return [*lines, *how_to_print(self.who.reached, command, f"{opened.paper.name}.pdf").split("\n")]

    # --- what may be done -----------------------------------------------------------------------------------------

    @property
    def _sees_entrances(self) -> bool:
        return self.who.may_read(ReadEntrances)

    def _may_attest(self) -> bool:
        return self.who.may("entrance.attest")

    @property
    def _is_made(self) -> bool:
        return self.part in self._texts

    # --- doing it -------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        self._texts.pop(self.part, None)
        self.load()

    @work(group="act")
    @in_turn
    async def _enter(self, form: Screen[Any]) -> None:
        await self._async_enter(form)

    async def _async_enter(self, form: Screen[Any]) -> None:
        """What was seen in the house; a new checklist once it is written down."""
        if await self.app.push_screen_wait(form):
            self._texts.pop(CHECKLIST, None)
            self.load()

    async def _async_choose(self) -> None:
        tab, before = self.part, self._opened.get(self.part)
        id = before.id if before is not None else ""
        opened: Opened | None
        if tab == REPORT:
            opened = await self.app.push_screen_wait(QuarterDialog(time.time_ns(), id))
        elif tab == "hold":
            asked = self.link.act(HoldListAsk(all=True, most=MOST_ROWS))
            holds = await self.async_do("Reading the holds", asked)
            if holds is None or not holds.holds:
                self.say("Nothing was ever on hold.")
                return
            order = sorted(holds.holds, key=lambda row: -row.placed_utc_ns)
            opened = await self.app.push_screen_wait(HoldPaperDialog(order, id))
        else:
            releases = await self.async_do("Reading the releases", self.link.act(ReleaseListAsk(all=True)))
            if releases is None:
                return
            rows = sorted(releases.releases, key=lambda row: -row.requested_utc_ns)
            paper = before.paper.name if before is not None else ""
            opened = await self.app.push_screen_wait(ReleasePaperDialog(rows, id, paper))
        if opened is not None:
            self._keep(tab, opened)
            if self.part == tab:
                self._show()

    async def _async_of_quarter(self, paper: str) -> None:
        """Another paper of the quarter whose report is read."""
        before = self._opened.get(REPORT)
        facts = before.facts if before is not None else None
        read = (facts.report or facts.destroyed or facts.requests) if facts is not None else None
        asked = async_open(self.link, PAPERS[paper], read.quarter if read is not None else "")
        opened = await self.async_do("Counting", asked)
        if opened is not None:
            self._keep(REPORT, opened)
            if self.part == REPORT:
                self._show()

    async def _async_my_outbox(self) -> None:
        tree = await self.async_do("Looking into your outbox", self.link.read(ReadOutbox()))
        if tree is not None:
            done = await self.app.push_screen_wait(OutboxDialog(tree, how_to_fetch(self.who.reached)))
            if done is not None:
                said = f"It is removed. Entry {done.seq} of the access log."
                await self.app.push_screen_wait(MessageDialog("Removed", said))

    # --- from elsewhere -------------------------------------------------------------------------------------------

    def choose(self, key: str) -> None:
        """An entrance whose sign waits, or ``duties.TICKS``, from elsewhere: the checklist, and its form. Or a report."""
        if key.startswith(READY):
            self.turn_to(REPORT, key.removeprefix(READY))
            return
        self._wanted = key
        self.turn_to(CHECKLIST)

    def show_paper(self, name: str, id: str) -> None:
        """That paper of that hold or release, from its own tab."""
        tab = "hold" if name == "hold" else "release"
        self._opened[tab] = Opened(PAPERS[name], id, "")
        self._texts.pop(tab, None)
        self.turn_to(tab)

    def _beside(self, by: int) -> str:
        """The quarter before (-1) or after (1) the one that is read; '' there is none to be read."""
        opened = self._opened.get(REPORT)
        report = opened.facts.report if opened is not None and opened.facts is not None else None
        if report is None or (by > 0 and report.so_far):
            return ""
        return neighbor(report.quarter, by)

    def turn_to(self, tab: str, quarter: str = "") -> None:
        """Bring that paper to the front, from elsewhere; no other one is asked for."""
        if quarter:
            before = self._opened.get(tab)
            self._opened[tab] = Opened(PAPERS[tab], quarter, "", facts=before.facts if before is not None else None)
            self._texts.pop(tab, None)
        self.part = tab
        self.query_one(Tabs).active = f"paper-{tab}"
        if self._shown:
            self.load()
        else:
            self._stale = True
        self.allow()

    ACTIONS: ClassVar[Sequence[ActionDescription[PapersPane, Any]]] = (
        PaneAction("choose", "Choose", "Which hold, release or quarter", key=key_table.FIND, parts=(*CHOSEN_FIRST, REPORT),
            run=_async_choose),
        PaneAction("earlier", "Earlier", "The quarter before", key=key_table.EARLIER, parts=(REPORT,),
            shown=lambda self: bool(self._beside(-1)),
            run=lambda self: self.turn_to(REPORT, self._beside(-1))),
        PaneAction("later", "Later", "The quarter after", key=key_table.LATER, parts=(REPORT,),
            shown=lambda self: bool(self._beside(1)),
            run=lambda self: self.turn_to(REPORT, self._beside(1))),
        PaneAction("destroyed", "Destroyed", "What was destroyed in that quarter, and by which rule", key=key_table.GONE,
            in_footer=False, parts=(REPORT,), run=lambda self: self._async_of_quarter("destroyed")),
        PaneAction("requests", "Requests", "The requests for footage of that quarter, and how they were answered",
            key=key_table.REQUESTS, in_footer=False, parts=(REPORT,),
            run=lambda self: self._async_of_quarter("requests")),
        PaneAction("outbox", "To my outbox", "As a PDF, to fetch", key=key_table.OUTBOX,
            shown=lambda self: not self.who.admin,
            can=lambda self: self._is_made, only="No paper is shown yet.",
            run=lambda self: async_to_outbox(self.home, self._opened[self.part])),
        PaneAction("print", "Print", "Printer, page, large type", key=key_table.PAPER, can=lambda self: self._is_made,
            only="No paper is shown yet.", run=lambda self: async_print(self.home, self._opened[self.part])),
        PaneAction("ticks", "Enter checkmarks", "Enter what was checked off on paper", key=key_table.CHANGE, parts=(CHECKLIST,),
            shown=_may_attest, run=lambda self: self._async_enter(ChecklistDialog())),
        PaneAction("attest", "Attest", "A sign was looked at", key=key_table.REVIEW, in_footer=False, parts=(CHECKLIST,),
            shown=_may_attest, can=lambda self: bool(self._entrances), only="No entrance is registered.",
            run=lambda self: self._async_enter(AttestDialog(self._entrances, ""))),
        PaneAction("waive", "No sign", "Go without a sign for some days", key=key_table.WAIVE, in_footer=False,
            parts=(CHECKLIST,), shown=may("entrance.waive"),
            can=lambda self: bool(self._entrances), only="No entrance is registered.",
            run=lambda self: self._async_enter(WaiveDialog(self._entrances))),
        PaneAction("add", "Add entrance", "Register an entrance", key=key_table.NEW, in_footer=False,
            parts=(CHECKLIST,), shown=_may_attest,
            run=lambda self: self._async_enter(AddEntranceDialog())),
        PaneAction("remove", "Remove an entrance", "An entrance that is not there any more", key=key_table.END,
            in_footer=False, parts=(CHECKLIST,), shown=_may_attest, can=lambda self: bool(self._entrances),
            only="No entrance is registered.", run=lambda self: self._async_enter(RemoveEntranceDialog(self._entrances))),
        PaneAction("mine", "My outbox", "What is ready to fetch; remove it early", key=key_table.MINE,
            in_footer=False, shown=lambda self: not self.who.admin, run=_async_my_outbox),
        PaneAction("refresh", "Refresh", "Make the paper again", key=key_table.ANEW, in_footer=False, run=_refresh),
    )  # fmt: skip
