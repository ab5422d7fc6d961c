"""Checklist and prints: the policy, the checklist, the sign, read on screen as they are printed (P17).

Nobody is asked who wants a paper. What the checklist leaves to attest of the entrances' signs is attested here (P3).
"""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static, Tab, Tabs

from holdshelf_core.api.errors import HoldshelfError, Unreachable
from holdshelf_core.api.paper_types import PAPERS, PaperFacts, PrintRequest
from holdshelf_core.api.types_commission import EntranceRow
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.papers.checklist import checklist_paper
from holdshelf_tui.papers.policy import policy_paper
from holdshelf_tui.papers.refusal import refusal_paper
from holdshelf_tui.papers.sign import sign_paper
from holdshelf_tui.print_words import how_to_print
from holdshelf_tui.screens.dialogs.entrance import AddEntranceDialog, AttestDialog, WaiveDialog, sign_words
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.reader import Reader
from holdshelf_tui.words import Content, inert

_MAKERS = {"policy": policy_paper, "checklist": checklist_paper, "sign": sign_paper, "refusal": refusal_paper}
_TITLES = {"policy": "Policy", "checklist": "Checklist", "sign": "Sign for an entrance", "refusal": "What we need"}


class PapersPane(Pane):
    """A paper is asked for when it is opened, once: the log counts each, and nothing more."""

    DEFAULT_CSS = """
    PapersPane { padding: 0; }
    PapersPane > .state { padding: 0 1; }
    PapersPane Tabs { height: 2; padding: 0 1; }
    PapersPane Actions { padding: 0 1; margin-top: 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "do('refresh')", "Anew", id="papers.refresh", tooltip="Make the paper anew"),
        Binding("a", "do('attest')", "Attest a sign", id="papers.attest", tooltip="A sign was looked at"),
    ]
    title = "Checklist & print"
    short = "Print"
    hears: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._papers = [paper for paper in PAPERS if paper in _MAKERS]
        self._paper = self._papers[0]
        self._texts: dict[str, str] = {}
        self._entrances: list[EntranceRow] = []
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """Which paper, what to do with it, the paper, buttons."""
        yield Tabs(*(Tab(_TITLES[paper], id=f"paper-{paper}") for paper in self._papers))
        yield Static("Making the paper …", classes="state")
        yield Reader(id="reader")
        yield Actions(
            (
                ("attest", "Attest a sign"),
                ("waive", "No sign for now"),
                ("add", "Register an entrance"),
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
        paper = self._paper
        if paper not in self._texts:
            self.say("Making the paper …")
            facts = await self.link.act("print.facts", PrintRequest(paper, on_screen=True), PaperFacts)
            self._texts[paper] = _MAKERS[paper](facts)
        self._entrances = await self.link.get("/rules/entrances", list[EntranceRow]) if self._sees_entrances else []
        self._show()
        if self._wanted and self._may_attest:
            wanted, self._wanted = self._wanted, ""
            self._do("attest", wanted)

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
        self.query_one(Reader).read(self._texts[self._paper])
        self.say(Content("\n".join(inert(line, 400) for line in self._how_to_print().split("\n"))))
        self._allow()

    def _how_to_print(self) -> str:
        how = how_to_print(self.who, self._paper, f"{self._paper}.txt")
        if self._paper == "policy":
            return f"Anyone may have a copy; nobody is asked who or why.\n{how}"
        if self._paper == "checklist" and self._sees_entrances:
            unready = [row for row in self._entrances if not row.ready]
            if unready:
                return f"▲ {unready[0].name}: {sign_words(unready[0])}.\n{how}"
        return how

    # --- entrances ------------------------------------------------------------------------------------------------

    @property
    def _sees_entrances(self) -> bool:
        return self.who.seat or self.who.designee or self.who.admin

    @property
    def _may_attest(self) -> bool:
        return self.who.seat or "commission" in self.who.rights

    def _can(self, what: str) -> bool:
        if what in ("attest", "waive"):
            return (self.who.seat if what == "waive" else self._may_attest) and bool(self._entrances)
        return self._may_attest if what == "add" else True

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        checklist = self._paper == "checklist"
        actions.shows(
            attest=checklist and self._may_attest,
            waive=checklist and self.who.seat,
            add=checklist and self._may_attest,
            refresh=True,
        )
        actions.allow(**{what: self._can(what) for what in ("attest", "waive", "add")})
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what cannot be done now are not shown."""
        if action == "do" and parameters:
            return self._can(str(parameters[0]))
        return True

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    def action_do(self, what: str) -> None:
        """Do that."""
        if self._can(what):
            self._do(what)

    @work(group="act")
    async def _do(self, what: str, chosen: str = "") -> None:
        done: object | None = None
        if what == "attest":
            done = await self.app.push_screen_wait(AttestDialog(self._entrances, chosen))
        elif what == "waive":
            done = await self.app.push_screen_wait(WaiveDialog(self._entrances))
        elif what == "add":
            done = await self.app.push_screen_wait(AddEntranceDialog())
        if done is not None or what == "refresh":
            self._texts.pop(self._paper if what == "refresh" else "checklist", None)
            self.load()

    def choose(self, key: str) -> None:
        """An entrance whose sign waits, from elsewhere: the checklist, and its form."""
        self._wanted = key
        self.query_one(Tabs).active = "paper-checklist"
        if self._paper == "checklist":
            self.load()
