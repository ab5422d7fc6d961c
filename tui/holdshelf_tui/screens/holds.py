"""The holds: what is kept beyond its time, for which ground, until when it is reviewed, and what waits for whom (P16)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.content import Content
from textual.screen import Screen

from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import MOST_ROWS, PAGE_ROWS, HoldAsk, HoldListAsk, HoldRow
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction, admin_or, has_right, may
from holdshelf_tui.screens.dialogs.contact_sheet import async_contact_sheet
from holdshelf_tui.screens.dialogs.copies import ArchiveDialog
from holdshelf_tui.screens.dialogs.hold import ExtendDialog, FoundDialog, HoldDialog, who_placed
from holdshelf_tui.screens.dialogs.hold_acts import DecideDialog, LiftDialog, ReviewDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.screens.offsite import async_branches, async_county
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.text.holds import (
    camera_names,
    cameras_of,
    review_words,
    short_state_words,
    spans_in_words,
    stops_soon,
    stops_words,
)
from holdshelf_tui.text.time_format import short_date, when
from holdshelf_tui.text.words import counted, size
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.text import plain

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen


class HoldsPane(ListPane[HoldRow]):
    """The list, what the one under the cursor keeps, and what can be done to it."""

    title = "Holds"
    key = "holds"
    table_id = "holds"
    tables = frozenset(("holds",))
    COLUMNS: ClassVar = {
        "": Columns({"Hold": (12, 12), "State": (9, 30), "Number": (10, 24), "Cameras": (12, 60), "Held": (9, 10),
            "Review": (12, 26)}, first=("Cameras", "Number", "Review", "State"), whole=("Hold", "State", "Review"), by={
            "Hold": lambda row: row.placed_utc_ns, "Held": lambda row: row.held_bytes,
            "Review": lambda row: row.review_utc_ns}),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cameras: list[CameraRow] = []
        self._everything = False
        self._in_county = False
        self._most = PAGE_ROWS
        self._has_older = False

    async def async_load(self) -> None:
        """Ask for the list; names of cameras come with the status."""
        status = await self.link.status()
        answer = await self.link.act(HoldListAsk(self._everything, refresh=self.by_itself, most=self._most))
        self._cameras, self._has_older = status.cameras, bool(answer.next)
        self._in_county = await async_county(self) is not None
        order = sorted(answer.holds, key=lambda row: (not row.overdue and row.state != "lifting", -row.placed_utc_ns))
        self.lists[""] = {row.id: row for row in order}
        stops = stops_words(answer.recording_stops_days)
        if not order:
            may_hold = "hold" in self.who.rights
            self.say("Nothing is on hold. H places one, from anywhere." if may_hold else "Nothing is on hold.")
        else:
            shown = f"The newest {len(order)} of {answer.total} holds" if answer.next else counted(len(order), "hold")
            total = f"{shown}, {size(answer.held_bytes)} held."
            soon = stops_soon(answer.recording_stops_days)
            self.say(f"{total} {'! ' if soon else ''}{stops}".strip(), wrong=soon)
        self.show()

    def cells(self, row: HoldRow) -> Sequence[str | Content]:
        """Number, state, what for, which cameras, how much, until when."""
        cameras = cameras_of(row, camera_names(self._cameras))
        return (row.id, short_state_words(row), row.reference, cameras, size(row.held_bytes), _review(row))

    def details(self, hold: HoldRow) -> list[str]:
        """Why, who, which spans, and what is asked."""
        lines = [f"{hold.ground}, no. {hold.reference}; placed by {who_placed(hold)}, {when(hold.placed_utc_ns)}"]
        spans = spans_in_words(hold, camera_names(self._cameras))
        lines += [f"  {one}" for one in spans[:3]]
        if len(spans) > 3:
            lines.append(f"  and {len(spans) - 3} more")
        if hold.note:
            lines.append(f"Note: {hold.note}")
        if hold.state == "lifting":
            why = f": {hold.lift_why}" if hold.lift_why else "; only the seats are shown the reason"
            lines.append(f"Lift asked for by {hold.lift_by_name or 'somebody'}{why}")
        elif hold.state == "grace":
            lines.append(
                f"Lifted; kept until {when(hold.grace_end_utc_ns)}, then erased on schedule. The lift can be undone."
            )
        return lines

    # --- what can be done -----------------------------------------------------------------------------------------

    async def _async_ask(self, dialog: Screen[Any]) -> object:
        """That form, and its answer; the list is asked for anew afterwards."""
        answer: object = await self.app.push_screen_wait(dialog)
        self.load_soon()
        return answer

    async def _async_show(self, hold: HoldRow) -> None:
        row = await self.async_do("Looking at what it covers", self.link.act(HoldAsk(hold.id)))
        if row is not None:
            await self.app.push_screen_wait(FoundDialog(row, camera_names(self._cameras)))

    async def _async_archive(self, hold: HoldRow) -> None:
        row: HoldRow | None = await self.app.push_screen_wait(ArchiveDialog(hold))
        if row is not None:
            self.load_soon()
            said = f"{row.id} is copied to {row.archived_to}, and the copy is checked."
            await self.app.push_screen_wait(MessageDialog("Archived", said))

    async def _async_paper(self, hold: HoldRow) -> None:
        pane = await cast("HomeScreen", self.screen).go("papers")
        if isinstance(pane, PapersPane):
            pane.show_paper("hold", hold.id)

    def _is_own_asking(self, hold: HoldRow) -> bool:
        return self.who.person is not None and hold.lift_by == self.who.person.id

    def _toggle_all(self) -> None:
        self._everything, self._most = not self._everything, PAGE_ROWS
        self.load()

    def _show_older(self) -> None:
        self._most = min(self._most + PAGE_ROWS, MOST_ROWS)
        self.load()

    ACTIONS: ClassVar[Sequence[ActionDescription[HoldsPane, HoldRow]]] = (
        PaneAction("place", "Place a hold", "Place a hold", key=key_table.HOLD, in_footer=False, shown=has_right("hold"),
            run=lambda self: self._async_ask(HoldDialog([], self._cameras, self.home.looks.number))),
        RowAction("show", "What it covers", "Cameras and times, and what of them is there", enters=True, run=_async_show),
        RowAction("extend", "Keep more", "More cameras or a longer time", key=key_table.CHANGE, short="More",
            shown=has_right("hold"), can=lambda _, hold: hold.state in ("active", "lifting", "grace"),
            only="It is lifted.", run=lambda self, hold: self._async_ask(ExtendDialog(hold, self._cameras))),
        RowAction("review", "Review", "Say that it is still needed", key=key_table.REVIEW, shown=has_right("hold"),
            can=lambda _, hold: hold.state == "active", only="Only while the hold is active.",
            run=lambda self, hold: self._async_ask(ReviewDialog(hold))),
        RowAction("lift", "Ask to lift", "Ask for it to be lifted", key=key_table.LIFT, short="Lift", shown=may("hold.lift"),
            can=lambda _, hold: hold.state == "active", only="Only while the hold is active.",
            run=lambda self, hold: self._async_ask(LiftDialog(hold))),
        RowAction("decide", "Decide", "Approve or refuse a lift", key=key_table.APPROVE, shown=may("hold.lift.approve"),
            can=lambda _, hold: hold.state in ("lifting", "grace"), only="No lift is asked for.",
            run=lambda self, hold: self._async_ask(DecideDialog(hold, own_asking=self._is_own_asking(hold)))),
        RowAction("paper", "Paper", "Its notice, to be printed", key=key_table.PAPER, in_footer=False, run=_async_paper),
        RowAction("archive", "Archive", "Copy it to another disk of the server, and check it", key=key_table.ELSEWHERE,
            in_footer=False, shown=admin_or("hold.archive"), run=_async_archive),
        RowAction("sheet", "Pictures", "Its pictures on one sheet, printed", key=key_table.PICTURES, in_footer=False,
            shown=has_right("archive"), can=lambda _, hold: hold.state != "lifted", only="It is lifted.",
            run=lambda self, hold: async_contact_sheet(self.home, hold, self._cameras)),
        PaneAction("branches", "Branches", "What each branch of the county has on hold", key=key_table.BRANCHES,
            in_footer=False, shown=lambda self: self._in_county, run=lambda self: async_branches(self, self.chosen)),
        PaneAction("older", "Older", "Holds that were placed before these", key=key_table.EARLIER, in_footer=False,
            is_tool=True, shown=lambda self: self._has_older and self._most < MOST_ROWS, run=_show_older),
        PaneAction("all", "Lifted", "Show the lifted ones, too", key=key_table.ALL, in_footer=False,
            is_tool=True, run=_toggle_all),
    )  # fmt: skip


def _review(row: HoldRow) -> Content:
    if row.state != "active":
        return Content("-")
    if row.overdue:
        return plain(f"! due {short_date(row.review_utc_ns)}", 40).stylize("$text-warning")
    return Content(review_words(row))
