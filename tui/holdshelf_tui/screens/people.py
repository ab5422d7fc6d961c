"""People: who is enrolled, who holds the seats, whom they appointed, what is shared with whom (P11, P14), and what the Board set.

A seat sees all of it, the admin too; everybody else their own row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.widgets import Tabs

from holdshelf_core.acts import Done
from holdshelf_core.api.types import CameraRow
from holdshelf_core.people.board_types import AdoptedRow, ReadBoard, ReadPolicy
from holdshelf_core.people.types import (
    AppointmentEnd,
    AppointmentRow,
    PersonRemove,
    PersonRow,
    ReadAppointments,
    ReadMe,
    ReadPeople,
    ReadSeats,
    ReadShares,
    SeatRow,
    ShareEnd,
    ShareRow,
)
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction, admin_or, has_right, may
from holdshelf_tui.screens.board import (
    STATUTE,
    BoardLine,
    async_adopt,
    async_check_posted,
    async_set,
    board_lines,
)
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.people_forms import (
    AppointDialog,
    AwayDialog,
    EndDialog,
    EndSeatDialog,
    EnrolDialog,
    FirstSeatDialog,
    KeyDialog,
    PeopleForm,
    ScreenDialog,
    SeatDialog,
)
from holdshelf_tui.screens.dialogs.share import ShareDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.text.people import (
    cameras_words,
    is_words,
    keys_words,
    last_day,
    letter_cells,
    person_lines,
    seat_cells,
    share_cells,
    share_lines,
)
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns

PEOPLE, SEATS, LETTERS, SHARES, BOARD = "people", "seats", "letters", "shares", "board"
_DECIDES = "What the Board decides"
type Row = PersonRow | SeatRow | AppointmentRow | ShareRow | BoardLine


class PeoplePane(ListPane[Row]):
    """Five lists for those who may see them; one row for the others."""

    title = "People"
    key = "people"
    tables = frozenset(("people", "seats", "appointments", "shares", "board", "policy"))
    PARTS: ClassVar = {
        PEOPLE: "Enrolled", SEATS: "Seats", LETTERS: "Letters of appointment", SHARES: "Shares", BOARD: "The Board",
    }  # fmt: skip
    COLUMNS: ClassVar = {
        PEOPLE: Columns({"Name": (18, 30), "Logs in as": (10, 16), "Role": (28, 90), "Keys": (12, 20)},
            first=("Role", "Name", "Logs in as", "Keys")),
        SEATS: Columns({"Seat": (20, 28), "Held by": (17, 30), "State": (9, 12), "From": (12, 12),
            "Last day": (12, 12)}, first=("Seat", "Held by", "State"), whole=("From", "Last day"), by={
            "From": lambda row: row.start_utc_ns,
            "Last day": lambda row: row.ended_utc_ns or row.end_utc_ns or 0}),
        LETTERS: Columns({"Designee": (16, 28), "May": (18, 44), "Cameras": (14, 50), "State": (8, 12),
            "Last day": (12, 12)}, first=("May", "Cameras", "Designee", "State"), whole=("Last day",),
            by={"Last day": lambda row: row.end_utc_ns}),
        SHARES: Columns({"With": (15, 28), "Camera": (14, 40), "From": (16, 16), "State": (8, 12), "Expires": (12, 12)},
            first=("Camera", "With", "State"), whole=("From", "Expires"), by={"From": lambda row: row.start_utc_ns,
            "Expires": lambda row: row.expires_utc_ns}),
        BOARD: Columns({_DECIDES: (36, 90), "Is": (24, 60), "Default": (11, 14)}, first=(_DECIDES, "Is")),
    }  # fmt: skip

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._people: dict[str, PersonRow] = {}
        self._seats: dict[str, SeatRow] = {}
        self._cameras: list[CameraRow] = []
        self._adopted = AdoptedRow()

    def columns(self) -> Columns:
        """The Board is called as the policy calls it."""
        columns, own = super().columns(), own_board(_DECIDES)
        if self.part != BOARD or own == _DECIDES:
            return columns
        return Columns(
            {own if title == _DECIDES else title: wide for title, wide in columns.widths.items()}, (own, "Is")
        )

    def on_mount(self) -> None:
        """Others have one list."""
        self.query_one(Tabs).display = self._sees_all

    async def async_other_rights(self) -> None:
        """All lists, or their own."""
        self.query_one(Tabs).display = self._sees_all
        if not self._sees_all:
            self.turn_to(PEOPLE)
        await super().async_other_rights()

    @property
    def _sees_all(self) -> bool:
        return self.who.may_read(ReadPeople)

    async def async_load(self) -> None:
        """Ask for everything that is theirs to see."""
        if not self._sees_all:
            me = await self.link.read(ReadMe())
            self._people = {me.id: me}
        else:
            people = await self.link.read(ReadPeople())
            self._people = {row.id: row for row in sorted(people, key=lambda p: (p.left_utc_ns is not None, p.name))}
            seats = await self.link.read(ReadSeats())
            self._seats = {row.id: row for row in sorted(seats, key=lambda s: (s.state == "ended", -s.start_utc_ns))}
            letters = await self.link.read(ReadAppointments())
            letters = sorted(letters, key=lambda a: (a.state == "ended", a.end_utc_ns))
            shares = await self.link.read(ReadShares())
            shares = sorted(shares, key=lambda s: (s.state in ("ended", "back"), s.expires_utc_ns))
            self.lists[LETTERS], self.lists[SHARES] = {a.id: a for a in letters}, {s.id: s for s in shares}
            self._adopted = await self.link.read(ReadPolicy())
            self.lists[BOARD] = board_lines(await self.link.read(ReadBoard()), self._adopted)
        self.lists[PEOPLE], self.lists[SEATS] = dict(self._people), dict(self._seats)
        self._cameras = (await self.link.status()).cameras
        self.show()

    def choose(self, key: str) -> None:
        """Bring the cursor to a row of any part, or a part to the front, from elsewhere."""
        if key in self.PARTS:
            self.turn_to(key)
        else:
            super().choose(key)

    # --- showing --------------------------------------------------------------------------------------------------

    def cells(self, row: Row) -> Sequence[str]:
        """Those of its part."""
        names = camera_names(self._cameras)
        if isinstance(row, SeatRow):
            return seat_cells(row)
        if isinstance(row, AppointmentRow):
            return letter_cells(row, names)
        if isinstance(row, ShareRow):
            return share_cells(row, names)
        if isinstance(row, BoardLine):
            return row.cells
        return (row.name, row.login, is_words(row), keys_words(row))

    def summary(self) -> str:
        """How many are enrolled; that there are none."""
        if not self._sees_all:
            return "This is what the register has about you."
        if self.part == PEOPLE:
            here = sum(person.left_utc_ns is None for person in self._people.values())
            if not self._seats and self.who.admin:
                first = self.link.policy.seats[0][1] if self.link.policy.seats else "holder of a seat"
                return f"Nobody holds a seat yet. First name the {first}: Enroll a person."
            return f"{here} enrolled. Being enrolled gives no right; a seat or a letter of appointment does."
        if self.part == BOARD:
            return "Each change goes on record, with its reason. The settings at the top are printed on papers."
        if self.rows:
            return ""
        return {
            SEATS: "No seat was ever held.",
            LETTERS: "There is no letter of appointment.",
            SHARES: "Nothing is shared.",
        }[self.part]

    def details(self, row: Row) -> list[str]:
        """Of a person all; of a letter what it allows; of a share what for."""
        if isinstance(row, PersonRow):
            return person_lines(row)[:7]
        if isinstance(row, AppointmentRow):
            where = cameras_words(row.cameras, camera_names(self._cameras))
            lines = [f"{row.name}: {', '.join(row.rights)} on {where}; last day {last_day(row.end_utc_ns)}"]
            lines += [f"For: {row.scope}"] if row.scope else []
            lines += [f"Fingerprint of the letter's scan (SHA-256): {row.paper_sha256}"] if row.paper_sha256 else []
            return [*lines, f"Ended: {row.ended_why}"] if row.ended_why else lines
        if isinstance(row, ShareRow):
            by = self._people[row.by].name if row.by in self._people else row.by
            return share_lines(row, camera_names(self._cameras), by)
        if isinstance(row, BoardLine):
            return list(row.more)
        return []

    def copied(self, row: Row) -> str:
        """Of a person the name that they log in with."""
        return row.login if isinstance(row, PersonRow) else super().copied(row)

    # --- acting ---------------------------------------------------------------------------------------------------

    @property
    def _me(self) -> str:
        return self.who.person.id if self.who.person is not None else ""

    @property
    def _others(self) -> list[PersonRow]:
        return [person for person in self._people.values() if person.id != self._me]

    async def _async_form(self, form: PeopleForm | ShareDialog, said: str) -> None:
        done: Done | None = await self.app.push_screen_wait(form)
        if done is None:
            return
        self.wanted = done.id
        self.load_soon()
        await self.app.push_screen_wait(
            MessageDialog("Done", f"{said} Entry {done.seq} of the access log.", done.sentence)
        )

    async def _async_enrol(self) -> None:
        if self.who.admin and not self._seats:
            first, *others = [role for role in self.link.policy.roles if not role.on_paper]
            await self._async_form(FirstSeatDialog(first, others), f"The {first.words} is named.")
        else:
            await self._async_form(EnrolDialog(), "The person is enrolled.")

    async def _async_seat(self) -> None:
        row = self.chosen
        await self._async_form(
            SeatDialog(self._others, row.seat if isinstance(row, SeatRow) else ""), "The seat has a new holder."
        )

    async def _async_appoint(self) -> None:
        mine = [seat.seat for seat in self._seats.values() if seat.person == self._me and seat.state == "active"]
        row = self.chosen
        whom = row.id if isinstance(row, PersonRow) else ""
        await self._async_form(AppointDialog(self._others, self._cameras, mine, whom), "The designee is appointed.")

    async def _async_remove(self, person: PersonRow) -> None:
        words = f"{person.name} has left: their seats, letters and keys end at once."
        await self._async_form(EndDialog(PersonRemove, person.id, words), "It has ended.")

    async def _async_end_letter(self, letter: AppointmentRow) -> None:
        words = f"{letter.name}'s letter has ended; everything they had open was closed."
        await self._async_form(EndDialog(AppointmentEnd, letter.id, words), "It has ended.")

    async def _async_end_share(self, share: ShareRow) -> None:
        over = "can no longer view it." if share.kind != "sheet" else f"has given back sheet no. {share.copy}."
        await self._async_form(EndDialog(ShareEnd, share.id, f"{share.name} {over}"), "It has ended.")

    def _may_set(self, line: BoardLine) -> bool:
        return self.who.may("board.set") if line.setting is not None else admin_or("policy.adopt")(self)

    async def _async_set(self, line: BoardLine) -> None:
        if line.setting is not None:
            await async_set(self, line.setting)
        else:  # a statute needs a policy that names it
            await async_adopt(self, self._adopted, statute_only=line.id == STATUTE and bool(self._adopted.sha256))

    ACTIONS: ClassVar[Sequence[ActionDescription[PeoplePane, Any]]] = (
        PaneAction("enrol", "Enroll a person", "Enroll a person", key=key_table.NEW, short="Enroll", parts=(PEOPLE,),
            shown=admin_or("person.add"), run=_async_enrol),
        RowAction("key", "New key", "A new key, or one for a lost PC", key=key_table.KEY, parts=(PEOPLE,),
            can=lambda _, person: person.left_utc_ns is None, only="The person has left.",
            run=lambda self, person: self._async_form(KeyDialog(person, paper=self.who.admin), "The key is installed.")),
        RowAction("remove", "Has left", "Their seats, letters and keys end at once", key=key_table.END,
            in_footer=False, parts=(PEOPLE,), shown=may("person.remove"),
            can=lambda self, person: person.left_utc_ns is None and person.id != self._me,
            only="Choose somebody else who has not left yet.", run=_async_remove),
        PaneAction("seat", "Name a holder", "Who holds a seat from now on", key=key_table.GRANT, short="Name",
            parts=(SEATS,), shown=admin_or("seat.name"),
            run=_async_seat),
        RowAction("end_seat", "End the term", "The seat is no longer held", key=key_table.END, short="End", parts=(SEATS,),
            shown=admin_or("seat.end"),
            can=lambda _, seat: seat.state != "ended", only="It has ended.",
            run=lambda self, seat: self._async_form(EndSeatDialog(seat, paper=self.who.admin), "The term ends.")),
        RowAction("away", "Away or back", "Whether the holder is away; then the policy's deputy acts after a while",
            key=key_table.CHANGE, short="Away", in_footer=False, parts=(SEATS,), shown=may("seat.away"),
            can=lambda _, seat: seat.state != "ended", only="It has ended.",
            run=lambda self, seat: self._async_form(AwayDialog(seat), "It is recorded.")),
        PaneAction("appoint", "Appoint a designee", "A letter of appointment", key=key_table.GRANT, short="Appoint",
            parts=(LETTERS, PEOPLE), shown=may("appointment.make"),
            can=lambda self: self.part == LETTERS or self.chosen is None or self.chosen.id != self._me,
            only="Nobody appoints themselves.", run=_async_appoint),
        RowAction("end_letter", "End it", "What the designee has open closes at once", key=key_table.END,
            parts=(LETTERS,), shown=may("appointment.end"),
            can=lambda _, letter: letter.state != "ended", only="It has ended.", run=_async_end_letter),
        PaneAction("share", "Share a recording", "Somebody may view a span, or has a sheet", key=key_table.SHARE, short="Share",
            parts=(SHARES,), shown=has_right("share"),
            run=lambda self: self._async_form(ShareDialog([], self._cameras, self._others), "It is shared.")),
        PaneAction("screen", "Give a screen its pictures", "Live pictures for an audience, as the policy has it",
            key=key_table.GRANT, short="Screen", parts=(SHARES,),
            shown=lambda self: self.who.may("screen.give") and bool(self.link.policy.screens),
            run=lambda self: self._async_form(ScreenDialog(self._others), "The screen has its pictures.")),
        RowAction("end_share", "End it", "It can no longer be viewed, or the sheet was returned", key=key_table.END,
            parts=(SHARES,), shown=may("share.end"),
            can=lambda _, share: share.state not in ("ended", "back"), only="It has ended.", run=_async_end_share),
        RowAction("set", "Change it", "Another value, with the reason for it", key=key_table.CHANGE, short="Change", enters=True,
            parts=(BOARD,), shown=admin_or("board.set", "policy.adopt"), can=_may_set,
            only="You may not set it.", run=_async_set),
        PaneAction("adopt", "Adopt a policy", "The library's own text, printed word for word", key=key_table.NEW, short="Adopt",
            parts=(BOARD,), shown=admin_or("policy.adopt"), run=lambda self: async_adopt(self, self._adopted)),
        PaneAction("posted", "Compare the website", "Whether the posted page says what was adopted", key=key_table.CHECK,
            in_footer=False, parts=(BOARD,), shown=admin_or("policy.check"),
            can=lambda self: bool(self._adopted.sha256), only="Adopt a policy first.",
            run=lambda self: async_check_posted(self, self._adopted)),
    )  # fmt: skip
