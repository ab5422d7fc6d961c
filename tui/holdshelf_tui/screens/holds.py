"""The holds: what is kept beyond its time, for which ground, until when it is reviewed, and what waits for whom (P16)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static

from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_holds import HoldAsk, HoldList, HoldListAsk, HoldRow
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.hold_words import (
    GROUND_WORDS,
    camera_names,
    cameras_of,
    review_words,
    spans_in_words,
    state_words,
    stops_words,
)
from holdshelf_tui.screens.dialogs.hold import ExtendDialog, FoundDialog, HoldDialog, who_placed
from holdshelf_tui.screens.dialogs.hold_acts import DecideDialog, LiftDialog, ReviewDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.papers import PapersPane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.widgets.told import tell
from holdshelf_tui.words import Content, counted, inert, moment, plain, size, when

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

_LEAST = {"Hold": 12, "State": 14, "Number": 10, "Cameras": 12, "Held": 9, "Review": 13}
_MOST = {"Hold": 12, "State": 30, "Number": 24, "Cameras": 60, "Held": 10, "Review": 26}
SOON_DAYS = 60
"""Within so many days, that recording will stop is an alarm; before, a fact to know."""
_ACTS = {
    "place": "Place a hold",
    "show": "Covers",
    "extend": "Keep more",
    "review": "Review",
    "lift": "Ask to lift",
    "decide": "Decide",
    "paper": "Paper",
}


class HoldsPane(Pane):
    """The list, what the one under the cursor keeps, and what can be done to it."""

    DEFAULT_CSS = """
    HoldsPane DataTable { height: 1fr; min-height: 4; }
    HoldsPane #detail { height: auto; max-height: 7; color: $text-muted; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "do('place')", "New hold", show=False, id="holds.place", tooltip="Place a hold"),
        Binding("e", "do('extend')", "More", id="holds.extend", tooltip="More cameras or a longer time"),
        Binding("r", "do('review')", "Review", id="holds.review", tooltip="Say that it is still needed"),
        Binding("l", "do('lift')", "Lift", id="holds.lift", tooltip="Ask for it to be lifted"),
        Binding("a", "do('decide')", "Decide", id="holds.decide", tooltip="Approve or refuse a lift"),
        Binding("p", "do('paper')", "Paper", show=False, id="holds.paper", tooltip="Its notice, to be printed"),
        Binding("v", "toggle_all", "Lifted ones", show=False, id="holds.all", tooltip="Show the lifted ones, too"),
    ]
    title = "Holds"
    hears: ClassVar[frozenset[str]] = frozenset(("house_changed",))

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._holds: dict[str, HoldRow] = {}
        self._cameras: list[CameraRow] = []
        self._everything = False
        self._wanted = ""

    def compose(self) -> ComposeResult:
        """State, list, detail, buttons."""
        yield Static("Asking …", classes="state")
        yield DataTable(id="holds", cursor_type="row", zebra_stripes=True, cell_padding=0)
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
        if self._holds:
            self._show()

    def heard(self, row: EventRow) -> None:
        """Something was held, lifted, reviewed."""
        if "holds" in row.data.get("tables", ()):
            self.load_soon()

    async def async_load(self) -> None:
        """Ask for the list; names of cameras come with the status."""
        status = await self.link.status()
        answer = await self.link.act("hold.list", HoldListAsk(self._everything), HoldList)
        self._cameras = status.cameras
        order = sorted(answer.holds, key=lambda row: (not row.overdue and row.state != "lifting", -row.placed_utc_ns))
        self._holds = {row.id: row for row in order}
        stops = stops_words(answer.recording_stops_days)
        if not order:
            self.say("Nothing is on hold. H places one, from anywhere." if self._may_hold else "Nothing is on hold.")
        else:
            total = f"{counted(len(order), 'hold')}, {size(answer.held_bytes)} held."
            soon = answer.recording_stops_days is not None and answer.recording_stops_days < SOON_DAYS
            self.say(f"{total} {'! ' if soon else ''}{stops}".strip(), wrong=soon)
        self._show()

    # --- showing --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        names = camera_names(self._cameras)
        columns = widths(self.size.width, _LEAST, _MOST, ("State", "Review", "Cameras", "Number"))
        rows = {
            row.id: (
                row.id,
                state_words(row),
                row.reference,
                cameras_of(row, names),
                size(row.held_bytes),
                _review(row),
            )
            for row in self._holds.values()
        }
        fill(self.query_one(DataTable), columns, rows, at=self._wanted)
        self._wanted = ""
        self._detail()

    @property
    def chosen(self) -> HoldRow | None:
        """The hold under the cursor."""
        return self._holds.get(row_key(self.query_one(DataTable)))

    @on(DataTable.RowHighlighted)
    def _detail(self) -> None:
        hold = self.chosen
        tell(self.query_one("#detail", Static), Content("\n".join(self._lines(hold))) if hold is not None else "")
        self._allow()

    def _lines(self, hold: HoldRow) -> list[str]:
        lines = [
            f"{GROUND_WORDS.get(hold.ground, hold.ground)}, no. {hold.reference}; "
            f"placed by {who_placed(hold)}, {when(hold.placed_utc_ns)}"
        ]
        spans = spans_in_words(hold, camera_names(self._cameras))
        lines += [f"  {one}" for one in spans[:3]]
        if len(spans) > 3:
            lines.append(f"  and {len(spans) - 3} more")
        if hold.note:
            lines.append(f"Note: {hold.note}")
        if hold.state == "lifting":
            why = f": {hold.lift_why}" if hold.lift_why else ", with a reason that is told to the seats alone"
            lines.append(f"Lift asked for by {hold.lift_by_name or 'somebody'}{why}")
        elif hold.state == "grace":
            lines.append(
                f"Lifted; kept until {when(hold.grace_end_utc_ns)}, then erased on schedule. It can be taken back."
            )
        return [inert(line, 300) for line in lines]

    # --- acting ---------------------------------------------------------------------------------------------------

    @property
    def _may_hold(self) -> bool:
        return "hold" in self.who.rights

    def _offered(self, what: str) -> bool:
        """Whether it is theirs at all."""
        return what in ("show", "paper") or (self.who.seat if what in ("lift", "decide") else self._may_hold)

    def _can(self, what: str) -> bool:
        hold = self.chosen
        if what == "place":
            return self._may_hold
        if hold is None:
            return False
        seat, state = self.who.seat, hold.state
        return {
            "show": True,
            "paper": True,
            "extend": self._may_hold and state in ("active", "lifting", "grace"),
            "review": self._may_hold and state == "active",
            "lift": seat and state == "active",
            "decide": seat and state in ("lifting", "grace"),
        }[what]

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        actions.allow(**{what: self._can(what) for what in _ACTS})
        actions.shows(**{what: self._offered(what) for what in _ACTS})
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of what is not theirs are not shown, of what cannot be done now are grey."""
        if action == "do" and parameters:
            what = str(parameters[0])
            return self._offered(what) and (True if self._can(what) else None)
        return True

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        self.action_do(chosen.key)

    @on(DataTable.RowSelected)
    def _entered(self) -> None:
        self.action_do("show")

    def action_do(self, what: str) -> None:
        """Do that to the hold under the cursor."""
        if self._can(what):
            self._do(what)

    def action_toggle_all(self) -> None:
        """With the lifted ones, or without."""
        self._everything = not self._everything
        self.load()

    @work(group="act")
    async def _do(self, what: str) -> None:
        hold = self.chosen
        if what == "place":
            await self.app.push_screen_wait(HoldDialog([], self._cameras))
        elif hold is None:
            return
        elif what == "show":
            asked = self.link.act("hold.show", HoldAsk(hold.id), HoldRow, timeout_s=120)
            row = await self.async_do("Looking at what it covers", asked)
            if row is not None:
                await self.app.push_screen_wait(FoundDialog(row, camera_names(self._cameras)))
            return
        elif what == "paper":
            pane = await cast("HomeScreen", self.screen).go("papers")
            if isinstance(pane, PapersPane):
                pane.show_paper("hold", hold.id)
            return
        elif what == "extend":
            await self.app.push_screen_wait(ExtendDialog(hold, self._cameras))
        elif what == "review":
            await self.app.push_screen_wait(ReviewDialog(hold))
        elif what == "lift":
            await self.app.push_screen_wait(LiftDialog(hold))
        elif what == "decide":
            mine = self.who.person is not None and hold.lift_by == self.who.person.id
            await self.app.push_screen_wait(DecideDialog(hold, own_asking=mine))
        self.load_soon()

    def choose(self, key: str) -> None:
        """Bring the cursor to a hold, from elsewhere."""
        self._wanted = key
        if key in self._holds:
            self._show()


def _review(row: HoldRow) -> Content:
    if row.state != "active":
        return Content("-")
    if row.overdue:
        return plain(f"! OVERDUE {moment(row.review_utc_ns).strftime('%b %-d')}", 40).stylize("$text-warning")
    return Content(review_words(row))
