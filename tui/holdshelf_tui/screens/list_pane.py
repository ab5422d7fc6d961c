"""A tab with a list, and what can be done to its lines. A subclass gives columns, rows and cells, and its table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import DataTable, Input, Static, Tab, Tabs

from holdshelf_core.api.session_types import EventRow
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.actions_pane import ActionDescription, ActionsPane, PaneAction, always, async_whole
from holdshelf_tui.text.words import inert
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.beside import Beside, beside
from holdshelf_tui.widgets.clipboard import copy
from holdshelf_tui.widgets.fields import Finder
from holdshelf_tui.widgets.listing import Columns, Order, Rows, fill, row_key
from holdshelf_tui.widgets.text import fitting, set_text

MORE = "… Enter shows the rest."


@dataclass(frozen=True, kw_only=True)
class RowAction[P: ListPane[Any], R](ActionDescription[P, R]):
    """Needs a row, and is given the one under the cursor. ``run`` may be a coroutine function."""

    run: Callable[[P, R], object]
    can: Callable[[P, R], bool] = always

    def is_possible(self, pane: P) -> bool:
        """Whether it can be done now, to the row under the cursor."""
        row = pane.chosen
        return row is not None and self.can(pane, row)

    def why_not(self, pane: P) -> str:
        """The reason that its gray button tells."""
        return self.only if pane.chosen is not None else "Nothing is chosen in the list."

    async def async_run(self, pane: P) -> object:
        """Run it for the row under the cursor, once the list shows what was done before; says why if it cannot be done then."""
        if not pane.is_up_to_date:
            await pane.async_do("Bringing the list up to date", pane.async_up_to_date())
        if (row := pane.chosen) is None or not self.can(pane, row):
            pane.say(self.why_not(pane), wrong=True)
            return None
        return await self.async_run_on(pane, row)

    async def async_run_on(self, pane: P, row: R) -> object:
        """Run it for a row that was chosen before."""
        return await async_whole(self.run(pane, row))


class ListPane[R](ActionsPane):
    """A list of rows, what is known of the one under the cursor, and what can be done to it.

    Subclasses give `COLUMNS`, `cells`, mostly `details`, and fill `lists` in `async_load` before they call `show`.
    """

    DEFAULT_CSS = """
    ListPane .top { height: auto; align-horizontal: right; }
    ListPane .top .state { width: 1fr; }
    ListPane Actions.tools { width: auto; margin-top: 0; }
    ListPane Actions.tools Button { margin: 0 0 0 1; min-width: 4; }
    ListPane #finder { display: none; background: $panel; }
    ListPane DataTable { height: 1fr; min-height: 4; }
    ListPane #detail { height: auto; max-height: 7; color: $text-muted; margin-top: 1; }
    ListPane Tabs { height: 2; }
    """

    PARTS: ClassVar[Mapping[str, str]] = {}
    """Several lists in one tab: what stands on the tab of each."""
    COLUMNS: ClassVar[Mapping[str, Columns]]
    """Of each part; '' of a pane that has one list only."""
    tables: ClassVar[frozenset[str]] = frozenset()
    """Tables of the register; a change in one makes it load anew."""
    table_id: ClassVar[str] = "list"
    asking: ClassVar[str] = "Asking …"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.part = next(iter(self.PARTS), "")
        self.lists: dict[str, dict[str, Any]] = {part: {} for part in self.PARTS or ("",)}
        """The rows of each part, by key, in their order."""
        # Kept by name: an answer may come when the pane is being taken down already.
        self.table = Rows(id=self.table_id, cursor_type="row", zebra_stripes=True, cell_padding=0)
        self.detail = Static("", id="detail")
        self.finder = Finder()
        self.orders: dict[str, Order] = {}
        """How each part is sorted."""
        self.wanted = ""
        """The row that the cursor goes to once it is there."""
        self._is_known = False

    # --- for subclasses -----------------------------------------------------------------------------------------

    def cells(self, row: R) -> Sequence[str | Content]:
        """A row's cells, one for each column."""
        raise NotImplementedError

    def details(self, row: R) -> list[str]:
        """What stands below the list of the row under the cursor."""
        del row
        return []

    def summary(self) -> str | None:
        """What stands above the list; None: what `say` said last."""
        return None

    def copied(self, row: R) -> str:
        """What is copied of a row: the id by which others name it."""
        return next((key for key, one in self.rows.items() if one is row), "")

    # --- the list -----------------------------------------------------------------------------------------------

    def __init_subclass__(cls, **named: Any) -> None:
        """Every list can be searched, sorted, and copied from."""
        if "ACTIONS" in cls.__dict__:
            cls.ACTIONS = (*cls.ACTIONS, *LIST_TOOLS)
        super().__init_subclass__(**named)

    def compose(self) -> ComposeResult:
        """Parts, state and tools, list, detail, buttons."""
        if self.PARTS:
            yield Tabs(*(Tab(own_board(words), id=f"part-{part}") for part, words in self.PARTS.items()))
        yield from self.top(self.asking)
        yield self.table
        yield self.detail
        yield self.buttons

    def top(self, words: str, *, id: str | None = None) -> ComposeResult:
        """What is said of the list, and what every list can do."""
        with Horizontal(classes="top"):
            yield Static(words, id=id, classes="state")
            yield self.tools
        yield self.finder

    def shown(self) -> None:
        """The list has the cursor."""
        super().shown()
        self.table.focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        if self._is_known:
            self.show()

    def heard(self, row: EventRow) -> None:
        """A table of the register changed."""
        if self.tables.intersection(row.data.get("tables", ())):
            self.load_soon()
        else:
            super().heard(row)

    @property
    def rows(self) -> dict[str, R]:
        """Those of the part in front."""
        return self.lists[self.part]

    @property
    def chosen(self) -> R | None:
        """The row under the cursor."""
        return self.rows.get(row_key(self.table))

    def choose(self, key: str) -> None:
        """Bring the cursor to a row, from elsewhere, now or once it is loaded."""
        self.wanted = key
        if not self._find_wanted() and self._is_known:
            self.load()  # it came after this list

    def _find_wanted(self) -> bool:
        """Turn to the part that has the row that is looked for. False while none has it."""
        part = next((part for part, rows in self.lists.items() if self.wanted and self.wanted in rows), None)
        if part is None:
            return False
        if part != self.part:
            self.turn_to(part)
        elif self._is_known:
            self.show()
        return True

    def turn_to(self, part: str) -> None:
        """Bring a part to the front."""
        self.part = part
        if self.PARTS:
            self.query_one(Tabs).active = f"part-{part}"
        if self._is_known:
            self.show()

    @on(Beside)
    def _turn(self, asked: Beside) -> None:
        if self.PARTS and (part := beside(list(self.PARTS), self.part, asked.step)) != self.part:
            self.turn_to(part)

    def columns(self) -> Columns:
        """Those of the part in front."""
        return self.COLUMNS[self.part]

    def show(self) -> None:
        """The rows as they are now; the cursor stays on its row."""
        self._is_known = True
        if self.wanted and self.wanted not in self.rows and self._find_wanted():
            return  # shown with the part that has it
        columns, order = self.columns(), self.orders.get(self.part, Order())
        cells = {key: self.cells(row) for key, row in self.rows.items()}
        shown = {key: row for key, row in self.rows.items() if key == self.wanted or self._is_found(row, cells[key])}
        rows = {key: cells[key] for key in order.sorted(columns, shown, cells)}
        signs = {order.title: order.sorts(columns)} if order.title else {}
        fill(self.table, columns.fitted(self.size.width, rows.values()), rows, at=self.wanted, signs=signs)
        if self.wanted in rows:
            self.wanted = ""
        if (said := self.summary()) is not None:
            self.say(said)
        self._show_detail()

    # --- finding, sorting, copying ------------------------------------------------------------------------------

    def _is_found(self, row: R, cells: Sequence[str | Content]) -> bool:
        words = self.finder.value.casefold().split()
        if not words:
            return True
        told = [cell.plain if isinstance(cell, Content) else cell for cell in cells]
        text = " ".join([*told, *self.details(row)]).casefold()
        return all(word in text for word in words)

    def find(self) -> None:
        """Ask for words; only rows with all of them are shown."""
        self.finder.display = True
        self.finder.focus()

    @on(Input.Changed, "#finder")
    def _finding(self) -> None:
        if self._is_known:
            self.show()

    @on(Finder.Left)
    def _found(self, left: Finder.Left) -> None:
        if not left.keeps or not self.finder.value:
            self.finder.value = ""
            self.finder.display = False
        self.table.focus()

    def sort_next(self) -> None:
        """Sort by the next column; after the last one as at first."""
        titles = [title for title in self.columns().widths if title]
        before = self.orders.get(self.part, Order()).title
        following = titles[titles.index(before) + 1 :] if before else titles
        self._sort(Order(following[0]) if following else Order())

    @on(DataTable.HeaderSelected)
    def _head_chosen(self, chosen: DataTable.HeaderSelected) -> None:
        title, before = str(chosen.column_key.value), self.orders.get(self.part, Order())
        if title:
            self._sort(Order(title, turned=title == before.title and not before.turned))

    def _sort(self, order: Order) -> None:
        self.orders[self.part] = order
        if self._is_known:
            self.show()

    @on(DataTable.RowHighlighted)
    def _show_detail(self) -> None:
        row = self.chosen
        lines = [inert(line, 600) for line in self.details(row)] if row is not None else []
        most = self.detail.styles.max_height
        if most is not None and any(one.enters and self.state_of(one.id) for one in self.ACTIONS):
            lines = fitting(lines, self.detail.content_size.width or self.size.width, int(most.value), MORE)
        set_text(self.detail, Content("\n".join(lines)))
        self.allow()

    @on(DataTable.RowSelected)
    def _entered(self) -> None:
        entering = [one.id for one in self.ACTIONS if one.enters and self.state_of(one.id)]
        if entering:
            self.action_do(entering[-1])

    @on(Tabs.TabActivated)
    def _part_chosen(self, activated: Tabs.TabActivated) -> None:
        activated.stop()  # home has tabs of its own above these
        if self.query_one(Tabs).active != activated.tab.id:
            return  # another one was chosen meanwhile
        self.part = (activated.tab.id or "").removeprefix("part-")
        if self._is_known:
            self.show()


def _has_no_finder(pane: ListPane[Any]) -> bool:
    """Whether the part in front has no way of its own to find more than what is loaded."""
    return not any(one.key == key_table.FIND and not one.is_tool and one.is_shown(pane) for one in pane.ACTIONS)


LIST_TOOLS: tuple[ActionDescription[Any, Any], ...] = (
    PaneAction("find", "Find", "Only lines with these words", key=key_table.FIND, in_footer=False, is_tool=True,
        shown=_has_no_finder, run=lambda self: self.find()),
    PaneAction("sort", "Sort", "By the next column", key=key_table.SORT, in_footer=False, is_tool=True,
        run=lambda self: self.sort_next()),
    RowAction("copy_id", "Copy", "What identifies this line, to the clipboard", key=key_table.COPY, in_footer=False,
        is_tool=True, run=lambda self, row: copy(self.app, self.screen.get_selected_text() or self.copied(row))),
)  # fmt: skip
