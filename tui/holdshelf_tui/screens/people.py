"""People: who is enrolled, who holds the seats, whom they appointed, what is shared with whom (P11, P14).

A seat sees all of it, the admin too; everybody else their own row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static, Tab, Tabs

from holdshelf_core.api.types import CameraRow
from holdshelf_core.api.types_people import AppointmentRow, Done, PersonRow, SeatRow, ShareRow
from holdshelf_core.api.types_session import EventRow
from holdshelf_tui.hold_words import camera_names
from holdshelf_tui.people_words import (
    cameras_words,
    is_words,
    keys_words,
    last_day,
    letter_cells,
    person_lines,
    seat_cells,
    share_cells,
)
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.people_forms import (
    AppointDialog,
    EndDialog,
    EndSeatDialog,
    EnrolDialog,
    FirstDirectorDialog,
    KeyDialog,
    PeopleForm,
    SeatDialog,
)
from holdshelf_tui.screens.dialogs.share import ShareDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.widgets.told import tell
from holdshelf_tui.words import Content, inert

PEOPLE, SEATS, LETTERS, SHARES = "people", "seats", "letters", "shares"
_PARTS = {PEOPLE: "Enrolled", SEATS: "Seats", LETTERS: "Letters of appointment", SHARES: "Shares"}
_COLUMNS: Mapping[str, tuple[Mapping[str, int], Mapping[str, int]]] = {
    PEOPLE: (
        {"Name": 18, "Logs in as": 10, "Is": 28, "Keys": 12},
        {"Name": 30, "Logs in as": 16, "Is": 90, "Keys": 20},
    ),
    SEATS: (
        {"Seat": 20, "Held by": 17, "State": 9, "From": 12, "Last day": 12},
        {"Seat": 28, "Held by": 30, "State": 12, "From": 12, "Last day": 12},
    ),
    LETTERS: (
        {"Designee": 16, "May": 18, "Cameras": 14, "State": 8, "Last day": 12},
        {"Designee": 28, "May": 44, "Cameras": 50, "State": 12, "Last day": 12},
    ),
    SHARES: (
        {"With": 15, "What": 34, "State": 8, "Expires": 12},
        {"With": 28, "What": 80, "State": 12, "Expires": 12},
    ),
}
# In the order of the buttons: which parts they belong to.
_ACTS: Mapping[str, tuple[str, frozenset[str]]] = {
    "enrol": ("Enrol a person", frozenset((PEOPLE,))),
    "key": ("New key", frozenset((PEOPLE,))),
    "remove": ("Has left", frozenset((PEOPLE,))),
    "seat": ("Name a holder", frozenset((SEATS,))),
    "end_seat": ("End the term", frozenset((SEATS,))),
    "appoint": ("Appoint a designee", frozenset((LETTERS, PEOPLE))),
    "end_letter": ("End it", frozenset((LETTERS,))),
    "share": ("Share a recording", frozenset((SHARES,))),
    "end_share": ("End it", frozenset((SHARES,))),
}
_DONE = {
    EnrolDialog: "The person is enrolled.",
    KeyDialog: "The key is installed.",
    SeatDialog: "The seat is held.",
    EndSeatDialog: "The term ends.",
    AppointDialog: "The designee is appointed.",
    EndDialog: "It has ended.",
    FirstDirectorDialog: "The Library Director is named.",
}


class PeoplePane(Pane):
    """Four lists for those who may see them; one row for the others."""

    DEFAULT_CSS = """
    PeoplePane DataTable { height: 1fr; min-height: 4; }
    PeoplePane #detail { height: auto; max-height: 7; color: $text-muted; margin-top: 1; }
    PeoplePane Tabs { height: 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "do('enrol')", "Enrol", id="people.enrol", tooltip="Enrol a person"),
        Binding("k", "do('key')", "New key", id="people.key", tooltip="A new key, or one for a lost PC"),
        Binding("a", "do('appoint')", "Appoint", id="people.appoint", tooltip="A letter of appointment"),
    ]
    title = "People"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._part = PEOPLE
        self._people: dict[str, PersonRow] = {}
        self._seats: dict[str, SeatRow] = {}
        self._letters: dict[str, AppointmentRow] = {}
        self._shares: dict[str, ShareRow] = {}
        self._cameras: list[CameraRow] = []
        self._wanted = ""
        self._known = False

    def compose(self) -> ComposeResult:
        """Parts, state, list, detail, buttons."""
        tabs = Tabs(*(Tab(words, id=f"part-{part}") for part, words in _PARTS.items()))
        tabs.display = self._sees_all
        yield tabs
        yield Static("Asking …", classes="state")
        yield DataTable(id="list", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="detail")
        yield Actions([(key, words) for key, (words, _) in _ACTS.items()])

    def on_mount(self) -> None:
        """Which buttons are theirs."""
        self._allow()

    def shown(self) -> None:
        """The list has the cursor."""
        super().shown()
        self.query_one(DataTable).focus()

    def on_resize(self) -> None:
        """Share out the new width."""
        if self._known:
            self._show()

    def heard(self, row: EventRow) -> None:
        """Somebody was enrolled, named, appointed."""
        if {"people", "seats", "appointments", "shares"}.intersection(row.data.get("tables", ())):
            self.load_soon()

    @on(Tabs.TabActivated)
    def _part_chosen(self, activated: Tabs.TabActivated) -> None:
        # Home has tabs of its own above these.
        activated.stop()
        self._part = (activated.tab.id or "").removeprefix("part-")
        if self._known:
            self._show()

    @property
    def _sees_all(self) -> bool:
        return self.who.seat or self.who.admin

    async def async_load(self) -> None:
        """Ask for everything that is theirs to see."""
        if not self._sees_all:
            me = await self.link.get("/rules/me", PersonRow)
            self._people = {me.id: me}
        else:
            people = await self.link.get("/rules/people", list[PersonRow])
            self._people = {row.id: row for row in sorted(people, key=lambda p: (p.left_utc_ns is not None, p.name))}
            seats = await self.link.get("/rules/seats", list[SeatRow])
            self._seats = {row.id: row for row in sorted(seats, key=lambda s: (s.state == "ended", -s.start_utc_ns))}
            letters = await self.link.get("/rules/appointments", list[AppointmentRow])
            self._letters = {row.id: row for row in sorted(letters, key=lambda a: (a.state == "ended", a.end_utc_ns))}
            shares = await self.link.get("/rules/shares", list[ShareRow])
            self._shares = {
                row.id: row for row in sorted(shares, key=lambda s: (s.state in ("ended", "back"), s.expires_utc_ns))
            }
        self._cameras = (await self.link.status()).cameras
        self._known = True
        self._show()

    # --- showing --------------------------------------------------------------------------------------------------

    def _rows(self) -> dict[str, tuple[str, ...]]:
        names = camera_names(self._cameras)
        if self._part == SEATS:
            return {key: seat_cells(seat) for key, seat in self._seats.items()}
        if self._part == LETTERS:
            return {key: letter_cells(letter, names) for key, letter in self._letters.items()}
        if self._part == SHARES:
            return {key: share_cells(share, names) for key, share in self._shares.items()}
        return {key: (p.name, p.login, is_words(p), keys_words(p)) for key, p in self._people.items()}

    def _show(self) -> None:
        least, most = _COLUMNS[self._part]
        rows = self._rows()
        stretch = [title for title in ("Is", "May", "Cameras", "What", *least) if title in least]
        fill(self.query_one(DataTable), widths(self.size.width, least, most, stretch), rows, at=self._wanted)
        self._wanted = ""
        self.say(self._state_words(len(rows)))
        self._detail()

    def _state_words(self, rows: int) -> str:
        if not self._sees_all:
            return "This is what the register knows of you."
        if self._part == PEOPLE:
            here = sum(person.left_utc_ns is None for person in self._people.values())
            if not self._seats and self.who.admin:
                return "Nobody holds a seat yet. First name the Library Director: Enrol a person."
            return f"{here} enrolled. A seat or a letter of appointment gives a right, being enrolled does not."
        if rows:
            return ""
        return {
            SEATS: "No seat was ever held.",
            LETTERS: "There is no letter of appointment.",
            SHARES: "Nothing is shared.",
        }[self._part]

    @on(DataTable.RowHighlighted)
    def _detail(self) -> None:
        tell(self.query_one("#detail", Static), Content("\n".join(inert(line, 300) for line in self._lines()[:7])))
        self._allow()

    def _lines(self) -> list[str]:
        key = row_key(self.query_one(DataTable))
        if self._part == PEOPLE and key in self._people:
            return person_lines(self._people[key])
        if self._part == LETTERS and key in self._letters:
            letter = self._letters[key]
            where = cameras_words(letter.cameras, camera_names(self._cameras))
            lines = [f"{letter.name}: {', '.join(letter.rights)} on {where}; last day {last_day(letter.end_utc_ns)}"]
            lines += [f"For: {letter.scope}"] if letter.scope else []
            lines += (
                [f"Fingerprint of the letter's scan (SHA-256): {letter.paper_sha256}"] if letter.paper_sha256 else []
            )
            return [*lines, f"Ended: {letter.ended_why}"] if letter.ended_why else lines
        if self._part == SHARES and key in self._shares:
            share = self._shares[key]
            by = self._people[share.by].name if share.by in self._people else share.by
            return [f"For: {share.purpose}; shared by {by}"]
        return []

    # --- acting ---------------------------------------------------------------------------------------------------

    def _offered(self, what: str) -> bool:
        """Whether it is theirs at all."""
        who = self.who
        if what == "key":
            return True
        if what in ("share",):
            return "share" in who.rights
        if what == "end_share":
            return who.seat or "share" in who.rights
        if what in ("enrol", "seat", "end_seat"):
            return who.seat or who.admin
        return who.seat

    def _can(self, what: str) -> bool:
        """Whether it can be done now, to what the cursor is on."""
        if not self._offered(what) or self._part not in _ACTS[what][1]:
            return False
        key = row_key(self.query_one(DataTable))
        me = self.who.person.id if self.who.person is not None else ""
        if what in ("key", "remove"):
            person = self._people.get(key)
            return person is not None and person.left_utc_ns is None and not (what == "remove" and key == me)
        if what == "end_seat":
            return key in self._seats and self._seats[key].state != "ended"
        if what == "end_letter":
            return key in self._letters and self._letters[key].state != "ended"
        if what == "end_share":
            return key in self._shares and self._shares[key].state not in ("ended", "back")
        if what == "appoint":
            return self._part == LETTERS or key != me
        return True

    def _allow(self) -> None:
        actions = self.query_one(Actions)
        actions.shows(**{what: self._offered(what) and self._part in parts for what, (_, parts) in _ACTS.items()})
        actions.allow(**{what: self._can(what) for what in _ACTS})
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

    def action_do(self, what: str) -> None:
        """Do that."""
        if self._can(what):
            self._do(what)

    def _form(self, what: str, key: str) -> PeopleForm | ShareDialog:
        people, admin = list(self._people.values()), self.who.admin
        me = self.who.person.id if self.who.person is not None else ""
        others = [person for person in people if person.id != me]
        if what == "enrol":
            return FirstDirectorDialog() if admin and not self._seats else EnrolDialog()
        if what == "key":
            return KeyDialog(self._people[key], paper=admin)
        if what == "remove":
            name = self._people[key].name
            return EndDialog("person.remove", key, f"{name} has left: seats, letters and keys of theirs end at once.")
        if what == "seat":
            return SeatDialog(others, self._seats[key].seat if key in self._seats else "")
        if what == "end_seat":
            return EndSeatDialog(self._seats[key], paper=admin)
        if what == "appoint":
            mine = [seat.seat for seat in self._seats.values() if seat.person == me and seat.state == "active"]
            return AppointDialog(others, self._cameras, mine, key if self._part == PEOPLE else "")
        if what == "end_letter":
            letter = self._letters[key]
            return EndDialog(
                "appointment.end", key, f"{letter.name}'s letter ends; what they have open closes at once."
            )
        if what == "end_share":
            share = self._shares[key]
            over = "can view it no longer." if share.kind == "view" else f"has given back sheet no. {share.copy}."
            return EndDialog("share.end", key, f"{share.name} {over}")
        return ShareDialog([], self._cameras)

    @work(group="act")
    async def _do(self, what: str) -> None:
        form = self._form(what, row_key(self.query_one(DataTable)))
        done: Done | None = await self.app.push_screen_wait(form)
        if done is None:
            return
        self._wanted = done.id
        self.load_soon()
        said = next((words for kind, words in _DONE.items() if isinstance(form, kind)), "It is shared.")
        await self.app.push_screen_wait(
            MessageDialog("Done", f"{said} Entry {done.seq} of the access log.", done.sentence)
        )

    def choose(self, key: str) -> None:
        """Bring the cursor to a term or letter, from elsewhere."""
        self._wanted = key
        for part, rows in ((SEATS, self._seats), (LETTERS, self._letters)):
            if key in rows and self._sees_all:
                self.query_one(Tabs).active = f"part-{part}"
