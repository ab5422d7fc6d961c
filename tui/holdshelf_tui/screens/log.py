"""The access log: every look, change, share and refusal, newest first; and what a second person looks at afterwards.

It is read when it is opened and when it is asked to be: each reading is an entry of its own.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static, Tab, Tabs

from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types_board import LogEntryRow, LogRows
from holdshelf_core.api.types_people import FlagRow, PersonRow
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.duties import flag_words
from holdshelf_tui.hold_words import camera_names
from holdshelf_tui.log_words import at, refused, what_words, who_words
from holdshelf_tui.screens.dialogs.log_entry import EVERYTHING, EntryDialog, FilterDialog, FlagDialog, LogFilter
from holdshelf_tui.screens.dialogs.verify import VerifyDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.widgets.told import tell
from holdshelf_tui.words import Content, clock, counted, inert, moment, plain, when

ENTRIES, FLAGS = "entries", "flags"
_LEAST = {"When": 19, "Who": 14, "What": 36}
_MOST = {"When": 19, "Who": 24, "What": 400}
_FLAG_LEAST = {"When": 19, "Who": 14, "What": 26, "Reviews": 9}
_FLAG_MOST = {"When": 19, "Who": 24, "What": 80, "Reviews": 14}


class LogPane(Pane):
    """Two lists: entries, and what is to be reviewed."""

    DEFAULT_CSS = """
    LogPane DataTable { height: 1fr; min-height: 4; }
    LogPane #detail { height: 3; color: $text-muted; margin-top: 1; }
    LogPane Tabs { height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "slash", "do('filter')", "Find", key_display="/", id="log.filter", tooltip="By person, camera, act, time"
        ),
        Binding("r", "do('refresh')", "Anew", id="log.refresh", tooltip="Read it anew"),
        Binding("o", "do('older')", "Older", id="log.older", tooltip="Entries before these"),
        Binding("v", "do('verify')", "Verify", id="log.verify", tooltip="That nothing was changed or left out"),
    ]
    title = "Access log"
    short = "Log"
    hears: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._filter: LogFilter = EVERYTHING
        self._rows: dict[str, LogEntryRow] = {}
        self._flags: dict[str, FlagRow] = {}
        self._names: dict[str, str] = {}
        self._cameras: dict[str, str] = {}
        self._people: list[PersonRow] = []
        self._entries = 0
        self._part = ENTRIES
        self._wanted = ""
        self._oldest = 0

    def compose(self) -> ComposeResult:
        """Parts, state, list, detail, buttons."""
        yield Tabs(Tab("Entries", id="part-entries"), Tab("To be reviewed", id="part-flags"))
        yield Static("Reading …", classes="state")
        yield DataTable(id="entries", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="detail")
        yield Actions(
            (
                ("show", "Whole entry"),
                ("review", "Review it"),
                ("filter", "Find"),
                ("everything", "All entries"),
                ("older", "Older"),
                ("refresh", "Read anew"),
                ("verify", "Verify"),
            )
        )

    def on_mount(self) -> None:
        """Which buttons."""
        self._allow()

    def shown(self) -> None:
        """The list has the cursor."""
        super().shown()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        self._show()

    def heard(self, row: EventRow) -> None:
        """Flags alone are brought up to date by themselves: that reading is no entry."""
        if "flags" in row.data.get("tables", ()) and self._shown:
            self._load_flags()

    @on(Tabs.TabActivated)
    def _part_chosen(self, activated: Tabs.TabActivated) -> None:
        # Home has tabs of its own above these.
        activated.stop()
        self._part = (activated.tab.id or "").removeprefix("part-")
        self._show()

    async def async_load(self) -> None:
        """Read it; names come with the people."""
        self._people = await self.link.get("/rules/people", list[PersonRow])
        self._names = {person.id: person.name for person in self._people}
        self._cameras = camera_names((await self.link.status()).cameras)
        await self._async_flags()
        answer = await self.link.act("log.show", self._filter.asked, LogRows, timeout_s=120)
        self._take(answer, keep=False)
        if self._part == ENTRIES:
            self._wanted = next(iter(self._rows), "")  # what is new stands first
        self._show()

    def _take(self, answer: LogRows, *, keep: bool) -> None:
        rows = {str(row.seq): row for row in reversed(answer.entries)}
        self._oldest = answer.entries[0].seq if len(answer.entries) >= self._filter.asked.most else 0
        shown = {key: row for key, row in rows.items() if self._filter.keeps(row)}
        self._rows = {**self._rows, **shown} if keep else shown
        self._entries = answer.size

    async def _async_flags(self) -> None:
        flags = await self.link.get("/rules/flags", list[FlagRow])
        self._flags = {flag.id: flag for flag in sorted(flags, key=lambda row: (not row.open, -row.at_utc_ns))}

    @work(exclusive=True, group="flags")
    async def _load_flags(self) -> None:
        try:
            await self._async_flags()
        except HoldshelfError:
            return  # the list stays as it was; the next event asks anew
        self._show()

    # --- showing --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        table = self.query_one(DataTable)
        waiting = sum(self._can_review(flag) for flag in self._flags.values())
        label = f"To be reviewed ({waiting})" if waiting else "To be reviewed"
        tab = self.query_one("#part-flags", Tab)
        if tab.label_text != label:
            tab.label = label
        if self._part == FLAGS:
            columns = widths(self.size.width, _FLAG_LEAST, _FLAG_MOST, ("What", "Who", "Reviews"))
            fill(table, columns, {flag.id: _flag_cells(flag) for flag in self._flags.values()}, at=self._wanted)
            self.say("" if self._flags else "Nothing was ever flagged for a second look.")
        else:
            columns = widths(self.size.width, _LEAST, _MOST, ("What", "Who"))
            fill(table, columns, {key: self._cells(row) for key, row in self._rows.items()}, at=self._wanted)
            found = counted(len(self._rows), "entry").replace("entrys", "entries")
            which = f"Only {self._filter.words}: " if self._filter.words else "Newest first: "
            self.say(f"{which}{found} of {self._entries} in all.")
        self._wanted = ""
        self._detail()

    def _cells(self, row: LogEntryRow) -> tuple[str | Content, ...]:
        stamp = at(row)
        what = plain(f"{'✗' if refused(row) else ' '} {what_words(row, self._names | self._cameras)}", 400)
        return (
            f"{moment(stamp).strftime('%b %-d')}, {clock(stamp)}",
            who_words(row, self._names),
            what.stylize("$text-error") if refused(row) else what,
        )

    @on(DataTable.RowHighlighted)
    def _detail(self) -> None:
        key = row_key(self.query_one(DataTable))
        text = ""
        if self._part == FLAGS and (flag := self._flags.get(key)) is not None:
            text = f"Entry {flag.log_seq}: {flag_words(flag.kind)}, by {flag.name}. {flag.note}"
        elif (row := self._rows.get(key)) is not None and self._part == ENTRIES:
            text = f"{row.seq}: {who_words(row, self._names)} {what_words(row, self._names | self._cameras)}"
        tell(self.query_one("#detail", Static), Content(inert(text, 600)))
        self._allow()

    # --- acting ---------------------------------------------------------------------------------------------------

    def _can_review(self, flag: FlagRow) -> bool:
        me = self.who.person.id if self.who.person is not None else ""
        return self.who.seat and flag.open and me not in (flag.person, flag.about, *flag.reviewed_by)

    def _can(self, what: str) -> bool:
        key = row_key(self.query_one(DataTable))
        if self._part == FLAGS:
            flag = self._flags.get(key)
            if what == "review":
                return flag is not None and self._can_review(flag)
            return what in ("verify", "refresh") or (what == "show" and flag is not None)
        return {
            "show": key in self._rows,
            "review": False,
            "older": self._oldest > 1,
            "everything": self._filter is not EVERYTHING,
        }.get(what, True)

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        names = ("show", "review", "filter", "everything", "older", "refresh", "verify")
        actions.allow(**{name: self._can(name) for name in names})
        flags = self._part == FLAGS
        actions.shows(review=flags, filter=not flags, everything=not flags, older=not flags)
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
        self.action_do("review" if self._can("review") else "show")

    def action_do(self, what: str) -> None:
        """Do that."""
        if self._can(what):
            self._do(what)

    @work(group="act")
    async def _do(self, what: str) -> None:
        key = row_key(self.query_one(DataTable))
        if what == "show":
            row = await self._async_entry(key)
            if row is not None:
                await self.app.push_screen_wait(EntryDialog(row, self._names, self._cameras))
        elif what == "review":
            await self.app.push_screen_wait(FlagDialog(self._flags[key]))
            self._load_flags()
        elif what == "filter":
            people = [(person.id, person.name) for person in self._people]
            chosen = await self.app.push_screen_wait(FilterDialog(people, list(self._cameras.items())))
            if chosen is not None:
                self._filter = chosen if chosen.words else EVERYTHING
                self.load()
        elif what == "everything":
            self._filter = EVERYTHING
            self.load()
        elif what == "refresh":
            self.load()
        elif what == "older":
            asked = msgspec.structs.replace(self._filter.asked, last=self._oldest - 1)
            answer = await self.async_do("Reading older entries", self.link.act("log.show", asked, LogRows))
            if answer is not None:
                self._take(answer, keep=True)
                self._show()
        elif what == "verify":
            await self.app.push_screen_wait(VerifyDialog())

    async def _async_entry(self, key: str) -> LogEntryRow | None:
        """The entry under the cursor; of a flag, the one that it is about."""
        if self._part != FLAGS:
            return self._rows.get(key)
        seq = self._flags[key].log_seq
        asked = msgspec.structs.replace(EVERYTHING.asked, first=seq, last=seq)
        answer = await self.async_do("Reading the entry", self.link.act("log.show", asked, LogRows))
        return answer.entries[0] if answer is not None and answer.entries else None

    def choose(self, key: str) -> None:
        """Bring the cursor to a flag, from elsewhere."""
        self._part, self._wanted = FLAGS, key
        self.query_one(Tabs).active = "part-flags"
        self._show()


def _flag_cells(flag: FlagRow) -> tuple[str | Content, ...]:
    reviews = f"▲ {len(flag.reviewed_by)} of {flag.needs}" if flag.open else "reviewed"
    return (when(flag.at_utc_ns), flag.name, flag_words(flag.kind), reviews)
