"""Releases (P13): what is asked for from outside, what each gate said, and the second person's word.

A no is kept under its number, with what would open it. What is approved leaves as a bundle, which is made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from holdshelf_core.api.errors import Refused
from holdshelf_core.api.paper_types import PaperFacts, PrintRequest
from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_holds import SpanAsk
from holdshelf_core.api.types_releases import (
    CounselList,
    CounselListAsk,
    ExportRow,
    ReleaseAmend,
    ReleaseAsk,
    ReleaseList,
    ReleaseListAsk,
    ReleaseRow,
)
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.hold_words import camera_names
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.refusal import refusal_paper
from holdshelf_tui.print_words import how_to_fetch, how_to_print
from holdshelf_tui.release_words import (
    AWAITED,
    STATE_WORDS,
    STATUTE,
    cameras_of,
    can_trim,
    gate_lines,
    release_lines,
    span_lines,
    step_after_no,
)
from holdshelf_tui.screens.dialogs.bundle import UNDER_WAY, BundleDialog
from holdshelf_tui.screens.dialogs.counsel import CounselDialog
from holdshelf_tui.screens.dialogs.hold import FoundDialog, HoldDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.print_forms import Opened
from holdshelf_tui.screens.dialogs.release_forms import (
    GATES_TIMEOUT_S,
    AgainDialog,
    DecideReleaseDialog,
    Outcome,
    PaperDialog,
    RequestDialog,
    stopped,
)
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.dialogs.stopped import StoppedDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.widgets.told import tell
from holdshelf_tui.words import Content, counted, inert, moment

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

_LEAST = {"Release": 12, "State": 16, "Basis": 13, "Number": 9, "Cameras": 12, "Asked": 7}
_MOST = {"Release": 12, "State": 24, "Basis": 40, "Number": 20, "Cameras": 60, "Asked": 7}
_ACTS = {
    "request": "Request",
    "show": "Show",
    "bundle": "Make the bundle",
    "receipt": "Receipt",
    "decide": "Decide",
    "paper": "Paper",
    "again": "Again",
    "hold": "Hold it",
    "sheet": "What we need",
    "counsel": "Counsel",
}


class ReleasesPane(Pane):
    """The list, what the gates said of the one under the cursor, and what can be done."""

    DEFAULT_CSS = """
    ReleasesPane DataTable { height: 1fr; min-height: 4; }
    ReleasesPane #detail { height: auto; max-height: 8; color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "do('request')", "Request", show=False, id="releases.request", tooltip="Footage is asked for"),
        Binding("a", "do('decide')", "Decide", id="releases.decide", tooltip="Approve, refuse or withdraw"),
        Binding("p", "do('paper')", "Paper", id="releases.paper", tooltip="The paper is here"),
        Binding("w", "do('sheet')", "What we need", id="releases.sheet", tooltip="The sheet for who asks"),
        Binding("m", "do('bundle')", "Make the bundle", show=False, id="releases.bundle", tooltip="Make what leaves"),
        Binding(
            "t", "do('receipt')", "Receipt", show=False, id="releases.receipt", tooltip="The receipt for the officer"
        ),
        Binding("c", "do('counsel')", "Counsel", show=False, id="releases.counsel", tooltip="Counsel's determinations"),
        Binding("o", "papers", "Papers", show=False, id="releases.papers", tooltip="Its papers, in the print tab"),
        Binding("v", "toggle_all", "Over ones", show=False, id="releases.all", tooltip="Those that are over, too"),
    ]
    title = "Releases"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._releases: dict[str, ReleaseRow] = {}
        self._cameras: list[CameraRow] = []
        self._everything = False
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """State, list, detail, buttons."""
        yield Static("Asking …", classes="state")
        yield DataTable(id="releases", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="detail")
        yield Actions(list(_ACTS.items()))

    def on_mount(self) -> None:
        """Nothing can be done to nothing."""
        self._allow()

    def shown(self) -> None:
        """The list has the cursor."""
        super().shown()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        if self._releases:
            self._show()

    def heard(self, row: EventRow) -> None:
        """Something was asked for, approved, refused."""
        if "releases" in row.data.get("tables", ()):
            self.load_soon()

    async def async_load(self) -> None:
        """Ask for the list."""
        self._cameras = (await self.link.status()).cameras
        answer = await self.link.act("release.list", ReleaseListAsk(self._everything), ReleaseList)
        order = sorted(answer.releases, key=lambda row: (row.state != "requested", -row.requested_utc_ns))
        self._releases = {row.id: row for row in order}
        self.say(f"{counted(len(order), 'release')}." if order else "No release is asked for.")
        self._show()

    # --- showing --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        names = camera_names(self._cameras)
        columns = widths(self.size.width, _LEAST, _MOST, ("State", "Basis", "Cameras", "Number"))
        rows = {
            row.id: (
                row.id,
                STATE_WORDS.get(row.state, row.state),
                row.basis.replace("-", " "),
                row.reference or "-",
                cameras_of(row.given, names),
                moment(row.requested_utc_ns).strftime("%b %-d"),
            )
            for row in self._releases.values()
        }
        fill(self.query_one(DataTable), columns, rows, at=self._wanted)
        self._wanted = ""
        self._detail()

    @property
    def chosen(self) -> ReleaseRow | None:
        """The release under the cursor."""
        return self._releases.get(row_key(self.query_one(DataTable)))

    @on(DataTable.RowHighlighted)
    def _detail(self) -> None:
        row = self.chosen
        lines: list[str] = []
        if row is not None:
            lines.append(f"{row.basis_words}; asked for by {row.requested_by_name}")
            lines += [f"  {line}" for line in span_lines(row.given, camera_names(self._cameras))[:2]]
            lines += gate_lines(row)
            lines += [f"! {row.caution}"] if row.caution else []
        tell(self.query_one("#detail", Static), Content("\n".join(inert(line, 300) for line in lines)))
        self._allow()

    # --- acting ---------------------------------------------------------------------------------------------------

    def _own(self, row: ReleaseRow) -> bool:
        return self.who.person is not None and row.requested_by == self.who.person.id

    def _can(self, what: str) -> bool:
        may_request = "release" in self.who.rights
        row = self.chosen
        if what == "request":
            return may_request
        if what == "counsel":
            return self.who.seat
        if row is None:
            return what == "sheet"
        own = self._own(row)
        return {
            "show": True,
            "sheet": True,
            "decide": row.state in AWAITED and (self.who.seat or own),
            "paper": own and (row.state == "stopped" or row.paper_due_utc_ns is not None),
            "again": own and row.state == "stopped",
            "hold": "hold" in self.who.rights and row.state in AWAITED,
            "bundle": may_request and row.state == "approved",
            "receipt": row.state == "exported",
        }[what]

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        actions.allow(**{what: self._can(what) for what in _ACTS})
        row = self.chosen
        state = row.state if row is not None else ""
        actions.shows(bundle=state == "approved" and "release" in self.who.rights, receipt=state == "exported")
        over = state in ("approved", "exported")  # what a gate would be asked for lies behind it
        actions.shows(again=state == "stopped", paper=not over or self._can("paper"))
        actions.shows(request="release" in self.who.rights, hold="hold" in self.who.rights, counsel=self.who.seat)
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what cannot be done now are grey."""
        if action == "do" and parameters:
            return True if self._can(str(parameters[0])) else None
        return True

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    @on(DataTable.RowSelected)
    def _entered(self) -> None:
        self.action_do("show")

    def action_do(self, what: str) -> None:
        """Do that."""
        if self._can(what):
            self._do(what)

    async def action_papers(self) -> None:
        """The papers of the release under the cursor: its form first, the others by “Choose” there."""
        row = self.chosen
        pane = await cast("HomeScreen", self.screen).go("papers") if row is not None else None
        if row is not None and isinstance(pane, PapersPane):
            pane.show_paper("release", row.id)

    def action_toggle_all(self) -> None:
        """With those that are over, or without."""
        self._everything = not self._everything
        self.load()

    @work(group="act")
    async def _do(self, what: str) -> None:
        row = self.chosen
        outcome: Outcome | None = None
        if what == "request":
            outcome = await self.app.push_screen_wait(RequestDialog([], self._cameras))
        elif what == "sheet":
            await self._async_sheet(row.id if row is not None else "")
        elif what == "counsel":
            await self._async_counsel()
        elif row is None:
            return
        elif what == "show":
            await self._async_show(row)
        elif what == "hold":
            await self._async_hold(row)
        elif what == "bundle":
            await self._async_bundle(row)
        elif what == "receipt":
            await self._async_receipt(row)
        elif what == "decide":
            form = DecideReleaseDialog(row, own=self._own(row), seat=self.who.seat)
            outcome = await self.app.push_screen_wait(form)
        elif what == "paper":
            outcome = await self.app.push_screen_wait(PaperDialog(row, self._cameras))
        elif what == "again":
            outcome = await self.app.push_screen_wait(AgainDialog(row))
        if outcome is not None:
            await self.async_tell(outcome)

    async def async_tell(self, outcome: Outcome) -> None:
        """What a gate said, and what the desk does now. To be awaited in a worker."""
        self._wanted = outcome.release
        self.load_soon()
        row = outcome.row or await self._async_row(outcome.release)
        if outcome.row is None:
            title, sentence, step = "It may not leave", outcome.sentence, step_after_no(row, outcome.release)
        else:
            caution = f" Caution: {outcome.row.caution}" if outcome.row.caution else ""
            title = f"Release {outcome.row.id}"
            is_asked = outcome.row.state == "requested"
            words = STATE_WORDS.get(outcome.row.state, outcome.row.state)
            sentence = f"{outcome.row.id} {'' if is_asked else 'is '}{words}.{caution}"
            step = "Another seat approves or refuses it; until then nothing leaves." if is_asked else ""
        # Whoever asked stands at the desk: what may roll off is held, and the sheet handed out, without typing anything twice.
        while True:
            choices = self._choices(row, is_no=outcome.row is None or outcome.row.state == "refused")
            if not choices:
                await self.app.push_screen_wait(MessageDialog(title, sentence, step))
                return
            rolls = " What is asked for is not on hold and may roll off; a hold needs no paper."
            told = f"{step}{rolls if 'hold' in choices else ''}".strip()
            chosen = await self.app.push_screen_wait(StoppedDialog(title, sentence, told, list(choices.items())))
            if chosen == "hold" and row is not None:
                await self._async_hold(row)
                row = await self._async_row(row.id)
            elif chosen == "sheet":
                await self._async_sheet(outcome.release)
            elif chosen == "trim" or (chosen == "counsel" and await self._async_counsel()):
                again = await self._async_again(ReleaseAmend(outcome.release, trim=chosen == "trim"))
                if again is not None:
                    await self.async_tell(again)
                return
            elif not chosen:
                return

    def _choices(self, row: ReleaseRow | None, *, is_no: bool) -> dict[str, str]:
        """What the desk can do about it at once, the likeliest first. ``is_no``: a gate's, or a seat's."""
        choices: dict[str, str] = {}
        is_stopped = row is not None and row.state == "stopped"
        if is_stopped and row is not None and self._own(row) and can_trim(row):
            choices["trim"] = "Trim it to the paper"
        if row is not None and row.unheld and "hold" in self.who.rights:
            choices["hold"] = "Hold it now"
        if is_no:
            choices["sheet"] = "What we need"
            if (
                is_stopped
                and row is not None
                and row.gates
                and row.gates[-1].gate == STATUTE
                and self.who.seat
                and self._own(row)
            ):
                choices["counsel"] = "Counsel's word"
        return choices

    async def _async_again(self, asked: ReleaseAmend) -> Outcome | None:
        async def ask() -> Outcome | None:
            try:
                row = await self.link.act("release.amend", asked, ReleaseRow, timeout_s=GATES_TIMEOUT_S)
            except Refused as error:
                if (outcome := stopped(error)) is not None:
                    return outcome
                raise
            return Outcome(row.id, row)

        return await self.async_do("Checking whether it may leave", ask())

    async def _async_row(self, release: str) -> ReleaseRow | None:
        asked = self.link.act("release.show", ReleaseAsk(release), ReleaseRow, timeout_s=60)
        return await self.async_do("Reading the release", asked)

    async def _async_show(self, row: ReleaseRow) -> None:
        whole = await self._async_row(row.id)
        if whole is not None:
            lines = [inert(line, 300) for line in release_lines(whole, camera_names(self._cameras))]
            await self.app.push_screen_wait(SheetDialog(f"Release {whole.id}", "\n".join(lines)))

    async def _async_hold(self, row: ReleaseRow) -> None:
        whole = await self._async_row(row.id)
        if whole is None:
            return
        if not whole.unheld:
            kept = f"It is kept by {', '.join(whole.holds)}." if whole.holds else "Nothing of it is there any more."
            await self.app.push_screen_wait(MessageDialog("Nothing to hold", kept))
            return
        spans = [SpanAsk(span.camera, span.start_utc_ns, span.end_utc_ns) for span in whole.unheld]
        held = await self.app.push_screen_wait(HoldDialog(spans, self._cameras, whole.reference, tells=False))
        self.load_soon()
        if held is not None:
            await self.app.push_screen_wait(FoundDialog(held, camera_names(self._cameras), placed=True))

    async def _async_bundle(self, row: ReleaseRow) -> None:
        under_way = await self.async_do("Looking", self.link.get("/rules/exports", list[ExportRow]))
        export = next((r for r in under_way or () if r.release == row.id and r.state in UNDER_WAY), None)
        if export is None:
            asked = self.link.act("release.export", ReleaseAsk(row.id), ExportRow)
            export = await self.async_do("Asking the gates once more", asked)
        if export is None:
            return
        ended = await self.app.push_screen_wait(BundleDialog(self.link, export))
        self._wanted = row.id
        self.load_soon()
        if ended is None or ended.state in UNDER_WAY:
            return
        if ended.state != "done":
            await self.app.push_screen_wait(MessageDialog("No bundle was made", ended.step))
            return
        step = (
            "“Receipt” shows what the officer holds against it. It lies in your outbox and goes onto a stick at the server. "
            + how_to_fetch(self.who)
        )
        await self.app.push_screen_wait(MessageDialog(f"The bundle of {row.id} is made", f"{ended.step}.", step))

    async def _async_receipt(self, row: ReleaseRow) -> None:
        paper = PAPERS["receipt"]
        asked = self.link.act("print.facts", paper.request(row.id, on_screen=True), PaperFacts, timeout_s=60)
        facts = await self.async_do("Making the receipt", asked)
        if facts is not None:
            how = how_to_print(self.who, f"receipt {row.id}", "receipt.pdf")
            opened = Opened(paper, row.id, paper.as_text(facts), facts.page)
            await self.app.push_screen_wait(SheetDialog("Receipt", opened.text, how, opened))

    async def _async_sheet(self, release: str) -> None:
        asked = self.link.act("print.facts", PrintRequest("refusal", release, on_screen=True), PaperFacts)
        facts = await self.async_do("Making the sheet", asked)
        if facts is not None:
            how = how_to_print(self.who, f"refusal {release}", "sheet.pdf")
            opened = Opened(PAPERS["refusal"], release, refusal_paper(facts), facts.page)
            await self.app.push_screen_wait(SheetDialog("What we need", opened.text, how, opened))

    async def _async_counsel(self) -> bool:
        """Counsel's determinations; whether one was recorded or ended."""
        asked = self.link.act("counsel.list", CounselListAsk(), CounselList)
        answer = await self.async_do("Reading counsel's determinations", asked)
        if answer is None:
            return False
        done = await self.app.push_screen_wait(CounselDialog(answer.determinations, self._cameras))
        if done is None:
            return False
        said = f"{done.id}: entry {done.seq} of the access log."
        step = "A request that it opens is asked again (“Again”)."
        await self.app.push_screen_wait(MessageDialog("Written down", said, step))
        return True

    def choose(self, key: str) -> None:
        """Bring the cursor to a release, from elsewhere."""
        self._wanted = key
        if key in self._releases:
            self._show()
