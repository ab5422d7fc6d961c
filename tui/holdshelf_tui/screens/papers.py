"""Checklist and print: every paper that this person may have, read on screen as it is printed (P17), and printed from here.

Nobody is asked who wants a paper. What the checklist leaves to tick and to attest is entered here (P3 to P8).
"""

from __future__ import annotations

import time
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Static, Tab, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.types_commission import EntranceRow
from holdshelf_core.api.types_holds import HoldList, HoldListAsk
from holdshelf_core.api.types_releases import ReleaseList, ReleaseListAsk
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.duties import READY, TICKS
from holdshelf_tui.link import Who
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.print_words import ABOUT, GROUPS, how_to_print
from holdshelf_tui.screens.dialogs.checklist import ChecklistDialog
from holdshelf_tui.screens.dialogs.entrance import AddEntranceDialog, AttestDialog, WaiveDialog, sign_words
from holdshelf_tui.screens.dialogs.print_forms import (
    HoldPaperDialog,
    Opened,
    QuarterDialog,
    ReleasePaperDialog,
    async_open,
    async_print,
    async_to_outbox,
)
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.report import WIDE_COLUMNS, Bars, neighbour, pages
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.reader import Reader
from holdshelf_tui.words import Content, inert

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
REPORT = "report"
CHOSEN_FIRST = ("hold", "release")
"""Tabs whose paper is of one row, which is chosen first."""


def _tabs(who: Who) -> list[str]:
    hides = set() if who.seat else {"report"}
    hides |= set() if who.seat or who.designee or who.admin else {"hold"}
    hides |= set() if "release" in who.rights else {"release"}
    return [tab for tab in _LABELS if tab not in hides]


class PapersPane(Pane):
    """A paper is asked for when it is opened, once: the log counts each, and nothing more."""

    DEFAULT_CSS = """
    PapersPane { padding: 0; }
    PapersPane > .state { padding: 0 1; }
    PapersPane #pages { height: 1fr; }
    PapersPane Tabs { height: 2; padding: 0 1; }
    PapersPane Actions { padding: 0 1; margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "do('choose')", "Choose", id="papers.choose", tooltip="Which hold, release or quarter"),
        Binding(
            "left_square_bracket",
            "do('earlier')",
            "Earlier",
            key_display="[",
            id="papers.earlier",
            tooltip="The quarter before",
        ),
        Binding(
            "right_square_bracket",
            "do('later')",
            "Later",
            key_display="]",
            id="papers.later",
            tooltip="The quarter after",
        ),
        Binding("o", "do('outbox')", "To my outbox", id="papers.outbox", tooltip="As a PDF, to be fetched"),
        Binding("p", "do('print')", "Print", id="papers.print", tooltip="Printer, page, large type"),
        Binding("r", "do('refresh')", "Anew", show=False, id="papers.refresh", tooltip="Make the paper anew"),
        Binding("e", "do('ticks')", "Enter ticks", id="papers.ticks", tooltip="Enter what was ticked on the checklist"),
        Binding("a", "do('attest')", "Attest a sign", show=False, id="papers.attest", tooltip="A sign was looked at"),
    ]
    title = "Checklist & print"
    short = "Print"
    hears: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paper = "policy"
        """The tab that is chosen: a paper's name, or one of CHOSEN_FIRST."""
        self._opened: dict[str, Opened] = {}
        """By tab, what was read there last."""
        self._texts: dict[str, str] = {}
        """By tab; what is not in here is asked for when it is looked at."""
        self._entrances: list[EntranceRow] = []
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """Which paper, what to do with it, the paper, buttons."""
        yield Tabs(*(Tab(_LABELS[tab], id=f"paper-{tab}") for tab in _tabs(self.who)))
        yield Static("Making the paper …", classes="state")
        with Horizontal(id="pages"):
            yield Reader(id="reader")
            yield Bars(id="bars")
        yield Actions(
            (
                ("choose", "Choose"),
                ("outbox", "To my outbox"),
                ("print", "Print"),
                ("ticks", "Enter ticks"),
                ("attest", "Attest"),
                ("waive", "No sign"),
                ("add", "Add entrance"),
                ("refresh", "Anew"),
            )
        )

    def on_mount(self) -> None:
        """Which buttons are theirs."""
        self._allow()

    def shown(self) -> None:
        """The paper has the cursor: arrows scroll it."""
        super().shown()
        self.query_one(Reader).focus()

    def came_back(self) -> None:
        """A paper stays as it was made."""

    def heard(self, row: EventRow) -> None:
        """Entrances changed: what the checklist says of them is not made anew under the reader's eyes."""
        if "entrances" in row.data.get("tables", ()) and self._shown:
            self._load_entrances()

    @on(Tabs.TabActivated)
    def _paper_chosen(self, activated: Tabs.TabActivated) -> None:
        # Home has tabs of its own above these.
        activated.stop()
        self._paper = (activated.tab.id or "").removeprefix("paper-")
        if self._paper in self._texts:
            self._show()
        elif self._shown:
            self.load()
        self._allow()

    async def async_load(self) -> None:
        """Make the paper that is chosen."""
        tab = self._paper
        opened = self._opened.get(tab)
        if tab in CHOSEN_FIRST and opened is None:
            self.query_one(Reader).read("")
            self.say(f"{_LABELS[tab]}: press c, or “Choose”, to say which one.")
        elif tab not in self._texts:
            self.say("Making the paper …")
            paper, id = (opened.paper, opened.id) if opened is not None else (PAPERS[tab], "")
            self._keep(tab, await async_open(self.link, paper, id))
        self._entrances = await self.link.get("/rules/entrances", list[EntranceRow]) if self._sees_entrances else []
        self._show()
        if self._wanted and self._may_attest:
            wanted, self._wanted = self._wanted, ""
            self._do("ticks" if wanted == TICKS else "attest", wanted)

    def _keep(self, tab: str, opened: Opened) -> None:
        self._opened[tab], self._texts[tab] = opened, opened.text

    @work(exclusive=True, group="entrances")
    async def _load_entrances(self) -> None:
        try:
            self._entrances = await self.link.get("/rules/entrances", list[EntranceRow])
        except Unreachable:
            return
        except HoldshelfError as error:
            self.say(str(error), wrong=True)
            return
        self._allow()

    def _show(self) -> None:
        if self._paper in self._texts:
            self._read()
            self.say(Content("\n".join(inert(line, 400) for line in self._words())))
        self._allow()

    def _read(self) -> None:
        """The paper; beside a report its bars, where two pages have room."""
        opened, words, bars = self._opened[self._paper], self._texts[self._paper], ""
        if opened.paper.name == REPORT and opened.facts is not None and self.app.size.width >= WIDE_COLUMNS:
            words, bars = pages(opened.facts)
        self.query_one(Bars).read(bars)
        self.query_one(Reader).read(words)

    def on_resize(self) -> None:
        """A report's bars come and go with the room for them."""
        if self._paper == REPORT and self._paper in self._texts:
            self._read()

    def _words(self) -> list[str]:
        """What it is and for whom; the command that brings it onto paper."""
        opened = self._opened[self._paper]
        group, about = ABOUT[opened.paper.name]
        lines = [f"{GROUPS[group]}. {about}"]
        if opened.paper.name == "checklist" and (unready := [row for row in self._entrances if not row.ready]):
            lines = [f"▲ {unready[0].name}: {sign_words(unready[0])}."]
        elif opened.id:
            lines = [f"{opened.paper.title}, {opened.id}. {about}"]
        command = f"{opened.paper.name} {opened.id}".strip()
        return [*lines, *how_to_print(self.who, command, f"{opened.paper.name}.pdf").split("\n")]

    # --- what may be done -----------------------------------------------------------------------------------------

    @property
    def _sees_entrances(self) -> bool:
        return self.who.seat or self.who.designee or self.who.admin

    @property
    def _may_attest(self) -> bool:
        return self.who.seat or "commission" in self.who.rights

    def _can(self, what: str) -> bool:
        if what in ("attest", "waive"):
            return (self.who.seat if what == "waive" else self._may_attest) and bool(self._entrances)
        if what in ("outbox", "print"):
            return self._paper in self._texts and (what == "print" or not self.who.admin)
        if what == "choose":
            return self._paper in (*CHOSEN_FIRST, REPORT)
        if what in ("earlier", "later"):
            return self._paper == REPORT and bool(self._beside(what))
        return self._may_attest if what in ("add", "ticks") else True

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        ticks = self._paper == "checklist" and self._may_attest
        actions.shows(
            choose=self._can("choose"),
            outbox=not self.who.admin,
            ticks=ticks,
            attest=ticks,
            waive=ticks and self.who.seat,
            add=ticks,
        )
        actions.allow(**{what: self._can(what) for what in ("attest", "waive", "add", "outbox", "print")})
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what cannot be done now are not shown."""
        if action == "do" and parameters:
            what = str(parameters[0])
            return self._can(what) and (what != "ticks" or self._paper == "checklist")
        return True

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    def action_do(self, what: str) -> None:
        """Do that."""
        if self._can(what):
            self._do(what)

    # --- doing it -------------------------------------------------------------------------------------------------

    @work(group="act")
    async def _do(self, what: str, chosen: str = "") -> None:
        if what == "outbox":
            await async_to_outbox(self.home, self._opened[self._paper])
        elif what == "print":
            await async_print(self.home, self._opened[self._paper])
        elif what == "choose":
            await self._async_choose()
        elif what in ("earlier", "later"):
            self._turn_to(REPORT, self._beside(what))
        elif what == "refresh":
            self._texts.pop(self._paper, None)
            self.load()
        elif await self._async_enter(what, chosen):
            self._texts.pop("checklist", None)
            self.load()

    async def _async_enter(self, what: str, chosen: str) -> bool:
        """What was seen in the house; whether anything was written down."""
        if what == "ticks":
            return await self.app.push_screen_wait(ChecklistDialog()) or False
        done: object | None = None
        if what == "attest":
            done = await self.app.push_screen_wait(AttestDialog(self._entrances, chosen))
        elif what == "waive":
            done = await self.app.push_screen_wait(WaiveDialog(self._entrances))
        elif what == "add":
            done = await self.app.push_screen_wait(AddEntranceDialog())
        return done is not None

    async def _async_choose(self) -> None:
        tab, before = self._paper, self._opened.get(self._paper)
        id = before.id if before is not None else ""
        opened: Opened | None
        if tab == REPORT:
            opened = await self.app.push_screen_wait(QuarterDialog(time.time_ns(), id))
        elif tab == "hold":
            asked = self.link.act("hold.list", HoldListAsk(all=True), HoldList)
            holds = await self.async_do("Reading the holds", asked)
            if holds is None or not holds.holds:
                self.say("Nothing was ever on hold.")
                return
            order = sorted(holds.holds, key=lambda row: -row.placed_utc_ns)
            opened = await self.app.push_screen_wait(HoldPaperDialog(order, id))
        else:
            releases = await self.async_do(
                "Reading the releases", self.link.act("release.list", ReleaseListAsk(all=True), ReleaseList)
            )
            if releases is None:
                return
            rows = sorted(releases.releases, key=lambda row: -row.requested_utc_ns)
            paper = before.paper.name if before is not None else ""
            opened = await self.app.push_screen_wait(ReleasePaperDialog(rows, id, paper))
        if opened is not None:
            self._keep(tab, opened)
            if self._paper == tab:
                self._show()

    # --- from elsewhere -------------------------------------------------------------------------------------------

    def choose(self, key: str) -> None:
        """An entrance whose sign waits, or ``duties.TICKS``, from elsewhere: the checklist, and its form. Or a report."""
        if key.startswith(READY):
            self._turn_to(REPORT, key.removeprefix(READY))
            return
        self._wanted = key
        self._turn_to("checklist")

    def show_paper(self, name: str, id: str) -> None:
        """That paper of that hold or release, from its own tab."""
        tab = "hold" if name == "hold" else "release"
        self._opened[tab] = Opened(PAPERS[name], id, "")
        self._texts.pop(tab, None)
        self._turn_to(tab)

    def _beside(self, what: str) -> str:
        """The quarter before or after the one that is read; '' there is none to be read."""
        opened = self._opened.get(REPORT)
        report = opened.facts.report if opened is not None and opened.facts is not None else None
        if report is None or (what == "later" and report.so_far):
            return ""
        return neighbour(report.quarter, -1 if what == "earlier" else 1)

    def _turn_to(self, tab: str, quarter: str = "") -> None:
        if quarter:
            before = self._opened.get(tab)
            self._opened[tab] = Opened(PAPERS[tab], quarter, "", facts=before.facts if before is not None else None)
            self._texts.pop(tab, None)
        self.query_one(Tabs).active = f"paper-{tab}"
        if self._paper == tab:
            self.load()
