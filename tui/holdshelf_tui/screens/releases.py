"""Releases (P13): what is asked for from outside, what each gate said, and the second person's word.

A no is kept under its number, with what would open it. What is approved leaves as a bundle, which is made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from textual.content import Content
from textual.screen import Screen

from holdshelf_core.api.errors import Refused
from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import SpanAsk
from holdshelf_core.releases.types import (
    CounselListAsk,
    ReadExports,
    ReadReleaseKeys,
    ReleaseAmend,
    ReleaseExport,
    ReleaseListAsk,
    ReleaseRow,
    ReleaseShow,
    ReleaseVerify,
)
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.refusal import refusal_paper
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction, has_right, may
from holdshelf_tui.screens.dialogs.bundle import UNDER_WAY, BundleDialog
from holdshelf_tui.screens.dialogs.contact_sheet import async_contact_sheet
from holdshelf_tui.screens.dialogs.copies import SigningKeyDialog, StickDialog
from holdshelf_tui.screens.dialogs.counsel import CounselDialog
from holdshelf_tui.screens.dialogs.hold import FoundDialog, HoldDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.others import OthersDialog
from holdshelf_tui.screens.dialogs.print_forms import Opened
from holdshelf_tui.screens.dialogs.release_forms import (
    AgainDialog,
    DecideReleaseDialog,
    ExtendDialog,
    Outcome,
    PaperDialog,
    RequestDialog,
    stopped,
)
from holdshelf_tui.screens.dialogs.sent_papers import async_sent_papers
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.dialogs.stopped import StoppedDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.screens.redaction import RedactionScreen
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.text.prints import how_to_fetch, how_to_print
from holdshelf_tui.text.proof import report_lines
from holdshelf_tui.text.releases import (
    AWAITED,
    STATUTE,
    answer_words,
    cameras_of,
    can_trim,
    gate_lines,
    others_line,
    release_lines,
    span_lines,
    step_after_no,
    step_to_approval,
)
from holdshelf_tui.text.time_format import short_date
from holdshelf_tui.text.words import counted, inert, size
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.text import plain

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen


def _due(row: ReleaseRow) -> Content:
    """The day by which an open one is to be answered."""
    if row.due_utc_ns is None or row.state not in AWAITED:
        return Content("-")
    day = short_date(row.due_utc_ns - 1)
    return plain(f"! due {day}", 40).stylize("$text-warning") if row.overdue else Content(day)


class ReleasesPane(ListPane[ReleaseRow]):
    """The list, what the gates said of the one under the cursor, and what can be done."""

    DEFAULT_CSS = "ReleasesPane #detail { max-height: 8; }"
    title = "Releases"
    key = "releases"
    table_id = "releases"
    tables = frozenset(("releases",))
    COLUMNS: ClassVar = {
        "": Columns({"Release": (12, 12), "State": (9, 24), "Basis": (12, 40), "Number": (9, 20), "Cameras": (11, 60),
            "Asked": (7, 7), "Due": (8, 12)}, first=("State", "Basis", "Cameras", "Number"), whole=("Release", "Asked", "Due"),
            by={"Release": lambda row: row.requested_utc_ns, "Asked": lambda row: row.requested_utc_ns,
                "Due": lambda row: row.due_utc_ns or 0}),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cameras: list[CameraRow] = []
        self._everything = False

    async def async_load(self) -> None:
        """Ask for the list."""
        self._cameras = (await self.link.status()).cameras
        answer = await self.link.act(ReleaseListAsk(self._everything, refresh=self.by_itself))
        order = sorted(answer.releases, key=lambda row: (row.state != "requested", -row.requested_utc_ns))
        self.lists[""] = {row.id: row for row in order}
        self.say(f"{counted(len(order), 'release')}." if order else "No release is requested.")
        self.show()

    def cells(self, row: ReleaseRow) -> Sequence[str | Content]:
        """Number, state, basis, what for, which cameras, when, due when."""
        return (
            row.id,
            row.state_words.partition(" ")[0],  # the line below the list says all of it
            row.basis.replace("-", " "),
            row.reference or "-",
            cameras_of(row.given, camera_names(self._cameras)),
            short_date(row.requested_utc_ns),
            _due(row),
        )

    def details(self, row: ReleaseRow) -> list[str]:
        """Who asks for which spans, and what the gates said."""
        lines = [f"{row.state_words}; {row.basis_words}; requested by {row.requested_by_name}"]
        lines += [answer_words(row)] if row.due_utc_ns is not None else []
        lines += [f"  {line}" for line in span_lines(row.given, camera_names(self._cameras))[:2]]
        if row.others is not None or (row.needs_others and row.state in ("requested", "approved")):
            lines.append(others_line(row))
        lines += gate_lines(row)
        return [*lines, f"! {row.caution}"] if row.caution else lines

    # --- acting ---------------------------------------------------------------------------------------------------

    def _own(self, row: ReleaseRow) -> bool:
        return self.who.person is not None and row.requested_by == self.who.person.id

    async def _async_decide(self, row: ReleaseRow) -> None:
        await self._async_ask(DecideReleaseDialog(row, own=self._own(row), decides=self.who.may("release.approve")))

    def _awaits_paper(self, row: ReleaseRow) -> bool:
        return row.goes_on and (row.state == "stopped" or row.paper_due_utc_ns is not None)

    def _has_state(self, *states: str) -> bool:
        """Whether the one under the cursor is in such a state: there is no room for buttons of all."""
        return self.chosen is not None and self.chosen.state in states

    def _asks_for_others(self) -> bool:
        """Once the gates passed it; what is approved stays as it was answered."""
        row = self.chosen
        if row is None or "release" not in self.who.rights:
            return False
        return row.state == "requested" or (row.state == "approved" and row.others is None)

    def _shows_paper(self) -> bool:
        """Behind what is over lies what a gate would be asked for."""
        row = self.chosen
        return row is None or row.state not in ("approved", "exported") or self._awaits_paper(row)

    def _toggle_all(self) -> None:
        self._everything = not self._everything
        self.load()

    async def _async_papers(self, row: ReleaseRow) -> None:
        """Its form first, the others by “Choose” there."""
        pane = await cast("HomeScreen", self.screen).go("papers")
        if isinstance(pane, PapersPane):
            pane.show_paper("release", row.id)

    async def _async_ask(self, dialog: Screen[Outcome | None]) -> Outcome | None:
        """That form, and what came of it."""
        if (outcome := await self.app.push_screen_wait(dialog)) is not None:
            await self.async_tell(outcome)
        return outcome

    async def async_tell(self, outcome: Outcome) -> None:
        """What a gate said, and what the desk does now. To be awaited in a worker."""
        self.wanted = outcome.release
        self.load_soon()
        row = outcome.row or await self._async_row(outcome.release)
        if outcome.row is None:
            title, sentence, step = "It may not be released", outcome.sentence, step_after_no(row, outcome.release)
        else:
            caution = f" Caution: {outcome.row.caution}" if outcome.row.caution else ""
            title = f"Release {outcome.row.id}"
            sentence = f"{outcome.row.id} is {outcome.row.state_words}.{caution}"
            step = step_to_approval(outcome.row, self.link.policy)
        # Whoever asked stands at the desk: what may roll off is held, and the sheet handed out, without typing anything twice.
        while True:
            choices = self._choices(row, is_no=outcome.row is None or outcome.row.state == "refused")
            if not choices:
                await self.app.push_screen_wait(MessageDialog(title, sentence, step))
                return
            rolls = " What was requested is not on hold and may be erased; a hold needs no paper."
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
        if is_stopped and row is not None and row.goes_on and can_trim(row):
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
                and self.who.may("counsel.record")
                and row.goes_on
            ):
                choices["counsel"] = "Counsel's word"
        return choices

    async def _async_again(self, asked: ReleaseAmend) -> Outcome | None:
        async def ask() -> Outcome | None:
            try:
                row = await self.link.act(asked)
            except Refused as error:
                if (outcome := stopped(error)) is not None:
                    return outcome
                raise
            return Outcome(row.id, row)

        return await self.async_do("Checking whether it may be released", ask())

    async def _async_row(self, release: str) -> ReleaseRow | None:
        asked = self.link.act(ReleaseShow(release))
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
            kept = f"It is kept by {', '.join(whole.holds)}." if whole.holds else "None of it is left."
            await self.app.push_screen_wait(MessageDialog("Nothing to hold", kept))
            return
        spans = [SpanAsk(span.camera, span.start_utc_ns, span.end_utc_ns) for span in whole.unheld]
        held = await self.app.push_screen_wait(HoldDialog(spans, self._cameras, whole.reference, tells=False))
        self.load_soon()
        if held is not None:
            await self.app.push_screen_wait(FoundDialog(held, camera_names(self._cameras), placed=True))

    async def _async_others(self, row: ReleaseRow) -> None:
        """Asked, and drawn where it is to be drawn."""
        whole = await self._async_row(row.id)
        if whole is None:
            return
        dialog = OthersDialog(whole)
        answered = await self.app.push_screen_wait(dialog)
        if dialog.draws:
            answered = await self.app.push_screen_wait(RedactionScreen(whole, dict(camera_names(self._cameras))))
        if answered is None:
            return
        self.wanted = row.id
        self.load_soon()
        step = step_to_approval(answered, self.link.policy)
        await self.app.push_screen_wait(MessageDialog("Recorded", others_line(answered), step))

    async def _async_bundle(self, row: ReleaseRow) -> None:
        under_way = await self.async_do("Looking", self.link.read(ReadExports()))
        export = next((r for r in under_way or () if r.release == row.id and r.state in UNDER_WAY), None)
        if export is None:
            asked = self.link.act(ReleaseExport(row.id))
            export = await self.async_do("Checking once more whether it may be released", asked)
        if export is None:
            return
        ended = await self.app.push_screen_wait(BundleDialog(self.link, export))
        self.wanted = row.id
        self.load_soon()
        if ended is None or ended.state in UNDER_WAY:
            return
        if ended.state != "done":
            await self.app.push_screen_wait(MessageDialog("No bundle was made", ended.step))
            return
        step = (
            "“Receipt” shows what the officer compares it with. The bundle is in your outbox; “Copy to USB” copies "
            "it to a stick at the server. " + how_to_fetch(self.who.reached)
        )
        await self.app.push_screen_wait(MessageDialog(f"The bundle of {row.id} is made", f"{ended.step}.", step))

    async def _async_receipt(self, row: ReleaseRow) -> None:
        paper = PAPERS["receipt"]
        asked = self.link.act(paper.request(row.id, on_screen=True))
        facts = await self.async_do("Making the receipt", asked)
        if facts is not None:
            how = how_to_print(self.who.reached, f"receipt {row.id}", "receipt.pdf")
            opened = Opened(paper, row.id, paper.as_text(facts), facts.page, facts)
            await self.app.push_screen_wait(SheetDialog("Receipt", opened.text, how, opened))

    async def _async_verify(self, row: ReleaseRow) -> None:
        report = await self.async_do("Reading the bundle", self.link.act(ReleaseVerify(row.id)))
        if report is not None:
            words = "\n".join(report_lines(report, here=True))
            await self.app.push_screen_wait(SheetDialog(f"The bundle of {row.id}", words))

    async def _async_stick(self, row: ReleaseRow) -> None:
        done = await self.app.push_screen_wait(StickDialog(row))
        if done is not None:
            said = (
                f"{counted(done.files, 'file')} ({size(done.bytes)}) in {done.folder}. "
                "The copy is checked: it is what was signed."
            )
            await self.app.push_screen_wait(
                MessageDialog("On the stick", said, "Unmount the stick before you take it out.")
            )

    async def _async_key(self) -> None:
        keys = await self.async_do("Getting the keys", self.link.read(ReadReleaseKeys()))
        if keys is None:
            return
        done = await self.app.push_screen_wait(SigningKeyDialog(keys))
        if done is not None:
            said = (
                f"Bundles are signed with {done.keys[0].fingerprint} from now on. Entry {done.seq} of the access log."
            )
            await self.app.push_screen_wait(MessageDialog("A new key", said))

    async def _async_sheet_of(self, row: ReleaseRow) -> None:
        whole = await self._async_row(row.id)
        if whole is not None:
            await async_contact_sheet(self.home, whole, self._cameras)

    async def _async_sheet(self, release: str) -> None:
        asked = self.link.act(PrintRequest("refusal", release, on_screen=True))
        facts = await self.async_do("Making the sheet", asked)
        if facts is not None:
            how = how_to_print(self.who.reached, f"refusal {release}", "sheet.pdf")
            opened = Opened(PAPERS["refusal"], release, refusal_paper(facts), facts.page, facts)
            await self.app.push_screen_wait(SheetDialog("What we need", opened.text, how, opened))

    async def _async_counsel(self) -> bool:
        """Counsel's determinations; whether one was recorded or ended."""
        asked = self.link.act(CounselListAsk())
        answer = await self.async_do("Reading counsel's determinations", asked)
        if answer is None:
            return False
        done = await self.app.push_screen_wait(CounselDialog(answer.determinations, self._cameras))
        if done is None:
            return False
        said = f"{done.id}: entry {done.seq} of the access log."
        step = "To check a stopped request again, choose it and press “Again”."
        await self.app.push_screen_wait(MessageDialog("Recorded", said, step))
        return True

    ACTIONS: ClassVar[Sequence[ActionDescription[ReleasesPane, ReleaseRow]]] = (
        PaneAction("request", "Request", "Somebody asks for footage", key=key_table.RELEASE, in_footer=False,
            shown=has_right("release"),
            run=lambda self: self._async_ask(RequestDialog([], self._cameras))),
        RowAction("show", "Show", "All of it: what was requested, and what each gate said", enters=True,
            run=_async_show),
        RowAction("bundle", "Make the bundle", "Make the bundle that leaves the library", key=key_table.MAKE, in_footer=False,
            shown=lambda self: self.who.may("release.export") and self._has_state("approved"), run=_async_bundle),
        RowAction("receipt", "Receipt", "The receipt for the officer", key=key_table.RECEIPT, in_footer=False,
            shown=lambda self: self._has_state("exported"), run=_async_receipt),
        RowAction("verify", "Check the bundle", "Whether the bundle at the server is as it was signed", key=key_table.CHECK,
            in_footer=False, shown=lambda self: self._has_state("exported"), run=_async_verify),
        RowAction("stick", "Copy to USB", "Copy the bundle to a USB stick at the server, and check it", key=key_table.ELSEWHERE,
            in_footer=False, shown=lambda self: self.who.may("release.export") and self._has_state("exported"),
            run=_async_stick),
        PaneAction("key", "Signing key", "Which key bundles are signed with; a new one", key=key_table.KEY,
            in_footer=False, shown=may("release.key.renew"), run=_async_key),
        RowAction("decide", "Decide", "Approve, refuse or withdraw", key=key_table.APPROVE,
            can=lambda self, row: row.state in AWAITED and (self.who.may("release.approve") or self._own(row)),
            only="There is nothing to decide.",
            run=_async_decide),
        RowAction("extend", "More time", "More time for the answer, once", key=key_table.EXTEND, in_footer=False,
            shown=lambda self: self.who.may("release.approve") and self.chosen is not None and self.chosen.may_extend,
            run=lambda self, row: self._async_ask(ExtendDialog(row))),
        RowAction("others", "Others", "Whether other people are seen, and masks over them", key=key_table.OTHERS,
            shown=_asks_for_others, run=_async_others),
        RowAction("paper", "Paper", "The paper is here", key=key_table.CHANGE, shown=_shows_paper, can=_awaits_paper,
            only="It is not waiting for a paper of yours.",
            run=lambda self, row: self._async_ask(PaperDialog(row, self._cameras))),
        RowAction("again", "Again", "Check it once more, with what was missing", key=key_table.AGAIN, in_footer=False,
            shown=lambda self: self._has_state("stopped"), can=lambda _, row: row.goes_on,
            only="Only the person who requested it can ask again.",
            run=lambda self, row: self._async_ask(AgainDialog(row))),
        RowAction("hold", "Hold", "Keep what was requested, whatever is decided", key=key_table.HOLD, in_footer=False,
            shown=has_right("hold"),
            can=lambda _, row: row.state in AWAITED, only="There is nothing to decide.", run=_async_hold),
        PaneAction("sheet", "What we need", "The sheet for the person who asks", key=key_table.SHEET,
            run=lambda self: self._async_sheet(self.chosen.id if self.chosen is not None else "")),
        PaneAction("counsel", "Counsel", "Counsel's determinations", key=key_table.COUNSEL, in_footer=False,
            shown=may("counsel.record"), run=_async_counsel),
        PaneAction("sent", "Sent papers", "Papers sent to the desk: the last one, and those that are kept sealed",
            key=key_table.SENT, in_footer=False, run=lambda self: async_sent_papers(self.home)),
        RowAction("papers", "Papers", "Its papers, in the print tab", key=key_table.PAPER, in_footer=False, run=_async_papers),
        RowAction("sheet_of", "Pictures", "Its pictures on one sheet, printed", key=key_table.PICTURES, in_footer=False,
            shown=has_right("archive"), run=_async_sheet_of),
        PaneAction("all", "Closed", "Show closed ones, too", key=key_table.ALL, in_footer=False,
            is_tool=True, run=_toggle_all),
    )  # fmt: skip
