"""The access log: every look, change, share and refusal, newest first; and what a second person looks at afterwards.

It is read when it is opened and when it is asked to be: each reading is an entry of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
from textual import work
from textual.content import Content
from textual.widgets import Tab

from holdshelf_core.access_log.types import LogEntryRow, LogRows
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.people.types import FlagRow, PersonRow, ReadFlags, ReadPeople
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction, admin_or, may
from holdshelf_tui.screens.dialogs.log_copy import CopyDialog
from holdshelf_tui.screens.dialogs.log_entry import EVERYTHING, EntryDialog, FilterDialog, FlagDialog, LogFilter
from holdshelf_tui.screens.dialogs.mend import MendDialog
from holdshelf_tui.screens.dialogs.print_forms import Opened, async_print, async_to_outbox
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.dialogs.verify import VerifyDialog
from holdshelf_tui.screens.dialogs.who import WhoDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.text.flags import flag_words
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.text.log import Names, at, refused, sentence, what_words, who_words
from holdshelf_tui.text.looked import answer_words, looked_paper
from holdshelf_tui.text.time_format import clock, short_date, when
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.text import plain

ENTRIES, FLAGS = "entries", "flags"


class LogPane(ListPane[LogEntryRow | FlagRow]):
    """Two lists: entries, and what is to be reviewed."""

    DEFAULT_CSS = "LogPane #detail { height: 3; }"
    title = "Access log"
    short = "Log"
    key = "log"
    table_id = "entries"
    asking = "Reading …"
    PARTS: ClassVar = {ENTRIES: "Entries", FLAGS: "To be reviewed"}
    COLUMNS: ClassVar = {
        ENTRIES: Columns(
            {"When": (19, 19), "Who": (14, 24), "What": (36, 400)},
            first=("Who", "What"),
            whole=("When",),
            by={"When": lambda row: row.seq},
        ),
        FLAGS: Columns(
            {"When": (19, 19), "Who": (14, 24), "What": (26, 80), "Reviews": (9, 14)},
            first=("Who", "What", "Reviews"),
            whole=("When", "Reviews"),
            by={"When": lambda row: row.at_utc_ns},
        ),
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._filter: LogFilter = EVERYTHING
        self._names = Names()
        self._cameras: dict[str, str] = {}
        self._people: list[PersonRow] = []
        self._entries = 0
        self._oldest = 0
        self._answer: LogRows | None = None
        """What the log answered last."""

    def heard(self, row: EventRow) -> None:
        """Flags alone are brought up to date by themselves: that reading is no entry."""
        if "flags" in row.data.get("tables", ()) and self._shown:
            self._load_flags()

    async def async_load(self) -> None:
        """Read it; names come with the people."""
        self._people = await self.link.read(ReadPeople())
        self._cameras = camera_names((await self.link.status()).cameras)
        await self._async_flags()
        self._take(await self.link.act(self._filter.asked), keep=False)
        if self.part == ENTRIES and not self.wanted:
            self.wanted = next(iter(self.rows), "")  # what is new stands first
        self.show()

    def _take(self, answer: LogRows, *, keep: bool) -> None:
        own = {person.id: person.name for person in self._people} | self._cameras | dict(self._names.of)
        self._names = Names(own | answer.names, {**self._names.purposes, **answer.purposes})
        self._answer = answer
        rows = {str(row.seq): row for row in reversed(answer.entries)}
        most = self._filter.asked.most
        self._oldest = answer.entries[0].seq if len(answer.entries) >= most and not self._filter.asked.looks else 0
        shown = {key: row for key, row in rows.items() if self._filter.keeps(row)}
        self.lists[ENTRIES] = {**self.lists[ENTRIES], **shown} if keep else shown
        self._entries = answer.size

    async def _async_flags(self) -> None:
        flags = await self.link.read(ReadFlags())
        self.lists[FLAGS] = {flag.id: flag for flag in sorted(flags, key=lambda row: (not row.open, -row.at_utc_ns))}
        waiting = sum(self._can_review(flag) and not self._is_own(flag) for flag in flags)
        tab, label = self.query_one("#part-flags", Tab), self.PARTS[FLAGS] + (f" ({waiting})" if waiting else "")
        if tab.label_text != label:
            tab.label = label

    @work(exclusive=True, group="flags")
    async def _load_flags(self) -> None:
        try:
            await self._async_flags()
        except HoldshelfError:
            return  # the list stays as it was; the next event asks anew
        self.show()

    # --- showing --------------------------------------------------------------------------------------------------

    def summary(self) -> str:
        """How many entries, and which."""
        if self.part == FLAGS:
            return "" if self.rows else "Nothing has been flagged for review."
        if self._filter.asked.looks and self._answer is not None:
            return f"Who looked: {self._filter.words}: {answer_words(self._answer)}. Enter tells more."
        found = counted(len(self.rows), "entry", "entries")
        which = f"Only {self._filter.words}: " if self._filter.words else "Newest first: "
        return f"{which}{found} of {self._entries} in all."

    def cells(self, row: LogEntryRow | FlagRow) -> Sequence[str | Content]:
        """When, who, what; of a flag, how many have reviewed it."""
        if isinstance(row, FlagRow):
            reviews = f"▲ {len(row.reviewed_by)} of {row.needs}" if row.open else "reviewed"
            return (when(row.at_utc_ns), row.name, flag_words(row.kind), reviews)
        stamp = at(row)
        what = plain(f"{'✗' if refused(row) else ' '} {what_words(row, self._names)}", 400)
        return (
            f"{short_date(stamp)}, {clock(stamp)}",
            who_words(row, self._names),
            what.stylize("$text-error") if refused(row) else what,
        )

    def details(self, row: LogEntryRow | FlagRow) -> list[str]:
        """The entry or flag in full: the table cuts its columns to the width of the terminal."""
        if isinstance(row, FlagRow):
            return [f"Entry {row.log_seq}: {flag_words(row.kind)}, by {row.name}. {row.note}"]
        return [f"{row.seq}: {sentence(row, self._names)}"]

    # --- acting ---------------------------------------------------------------------------------------------------

    def _can_review(self, flag: FlagRow) -> bool:
        return self.who.may("flag.review") and flag.open

    def _is_own(self, flag: FlagRow) -> bool:
        me = self.who.person.id if self.who.person is not None else ""
        return me in (flag.person, flag.about, *flag.reviewed_by)

    async def _async_show(self, row: LogEntryRow | FlagRow) -> None:
        """The whole entry; of a flag, the one that it is about."""
        entry: LogEntryRow | None
        if isinstance(row, FlagRow):
            asked = msgspec.structs.replace(EVERYTHING.asked, first=row.log_seq, last=row.log_seq)
            answer = await self.async_do("Reading the entry", self.link.act(asked))
            entry = next(iter(answer.entries), None) if answer is not None else None
            names = Names.in_answer(answer) if answer is not None else self._names
        else:
            entry, names = row, self._names
        if entry is not None:
            await self.app.push_screen_wait(EntryDialog(entry, names))

    async def _async_review(self, flag: FlagRow) -> None:
        await self.app.push_screen_wait(FlagDialog(flag, own=self._is_own(flag)))
        self._load_flags()

    async def _async_filter(self) -> None:
        people = [(person.id, person.name) for person in self._people]
        chosen = await self.app.push_screen_wait(FilterDialog(people, list(self._cameras.items())))
        if chosen is not None:
            self._filter = chosen if chosen.words else EVERYTHING
            self.load()

    async def _async_who(self) -> None:
        people = [(person.id, person.name) for person in self._people]
        chosen = await self.app.push_screen_wait(WhoDialog(list(self._cameras.items()), people))
        if chosen is not None:
            self._filter = chosen
            self.load()

    @property
    def _says_who_looked(self) -> bool:
        return self._filter.asked.looks and self._answer is not None and self.part == ENTRIES

    async def _async_answer(self) -> Opened | None:
        """The answer as a paper: what stands round it is asked for once it is printed."""
        assert self._answer is not None
        paper = PAPERS["who"]
        facts = await self.async_do("Making the paper", self.link.act(paper.request(on_screen=True)))
        if facts is None:
            return None
        looked = looked_paper(self._answer, self._filter.words, public=self._filter.asked.public)
        return Opened(paper, "", "", facts.page, msgspec.structs.replace(facts, looked=looked))

    async def _async_print(self) -> None:
        if (opened := await self._async_answer()) is not None:
            await async_print(self.home, opened)

    async def _async_table(self) -> None:
        if (opened := await self._async_answer()) is not None:
            await async_to_outbox(self.home, opened, "csv")

    def _find_everything(self) -> None:
        self._filter = EVERYTHING
        self.load()

    async def _async_older(self) -> None:
        asked = msgspec.structs.replace(self._filter.asked, last=self._oldest - 1)
        answer = await self.async_do("Reading older entries", self.link.act(asked))
        if answer is not None:
            self._take(answer, keep=True)
            self.show()

    def _copy_of(self) -> tuple[int, int] | None:
        """First and last entry of the answer to who looked; None: it is for the form to say."""
        if not self._says_who_looked or self._answer is None or not self._answer.entries:
            return None
        return self._answer.entries[0].seq, self._answer.entries[-1].seq

    async def _async_mend(self) -> None:
        said: tuple[str, str] | None = await self.app.push_screen_wait(MendDialog(admin=self.who.admin))
        if said is not None:
            await self.app.push_screen_wait(SheetDialog(*said))
            self.load()

    def choose(self, key: str) -> None:
        """Bring the cursor to a flag, from elsewhere."""
        self.wanted = key
        self.turn_to(FLAGS)
        if self._is_known and key not in self.lists[FLAGS]:
            self._load_flags()  # it was raised after this list

    ACTIONS: ClassVar[Sequence[ActionDescription[LogPane, Any]]] = (
        RowAction("show", "Whole entry", "All that the log has of it", enters=True, run=_async_show),
        RowAction("review", "Review it", "Say what you think of a flagged look", key=key_table.REVIEW, enters=True,
            parts=(FLAGS,),
            can=_can_review, only="It has been reviewed.", run=_async_review),
        # Beside an answer to who looked there is room for what is done with it.
        PaneAction("filter", "Find", "By person, camera, act, time", key=key_table.FIND, parts=(ENTRIES,),
            shown=lambda self: not self._says_who_looked, run=_async_filter),
        PaneAction("who", "Who looked?", "Who looked at a camera, on a day, for an incident", key=key_table.WHO,
            short="Who looked", parts=(ENTRIES,), run=_async_who),
        PaneAction("print", "Print", "Who looked, on paper or into your outbox", key=key_table.PAPER, parts=(ENTRIES,),
            shown=lambda self: self._says_who_looked, run=_async_print),
        PaneAction("table", "Table", "Who looked, as CSV into your outbox", key=key_table.TABLE, parts=(ENTRIES,),
            shown=lambda self: self._says_who_looked and not self.who.admin, run=_async_table),
        PaneAction("everything", "All entries", "All of them, not only those that were found", key=key_table.ALL,
            in_footer=False, parts=(ENTRIES,), shown=lambda self: self._filter is not EVERYTHING, run=_find_everything),
        PaneAction("older", "Older", "Entries before these", key=key_table.EARLIER, parts=(ENTRIES,),
            shown=lambda self: self._oldest > 1, run=_async_older),
        PaneAction("refresh", "Refresh", "Read the log again", key=key_table.ANEW, short="Refresh",
            shown=lambda self: not self._says_who_looked, run=lambda self: self.load()),
        # Into an outbox, which the admin does not have.
        PaneAction("copy", "Take a copy", "Make a copy, for a person who asks for it", key=key_table.OUTBOX, short="Copy",
            shown=may("log.export"), run=lambda self: self.app.push_screen_wait(CopyDialog(self._copy_of()))),
        PaneAction("mend", "Repair", "Compare the register with the log; go on after damage", key=key_table.MEND,
            in_footer=False, shown=admin_or("log.repair"), run=_async_mend),
        PaneAction("verify", "Verify", "That nothing was changed or left out", key=key_table.CHECK,
            shown=lambda self: not self._says_who_looked,
            run=lambda self: self.app.push_screen_wait(VerifyDialog())),
    )  # fmt: skip
