"""Who may do what (P11): enrol, keys, seats, letters of appointment, and their ends. Each form is one act."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.api.types import CameraRow
from holdshelf_core.people.board_types import PolicyRole
from holdshelf_core.people.types import (
    AppointmentEnd,
    AppointmentMake,
    PersonAdd,
    PersonKey,
    PersonRemove,
    PersonRow,
    ScreenGive,
    SeatAway,
    SeatEnd,
    SeatName,
    SeatRow,
    ShareEnd,
)
from holdshelf_core.policy.listing import listed
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.text.people import RIGHTS
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets.fields import Choice, FormField, PasteField, Picks, TextField, Tick

WHO = "Choose who it is."
KEY_HINT = "The line from the file that ends in .pub (ssh-ed25519 AAAA…), or the whole of PuTTYgen's public file."


def people_choices(people: Sequence[PersonRow]) -> list[tuple[str, str]]:
    """Those who are here, by name."""
    return [(row.id, f"{row.name} ({row.login})") for row in people if row.left_utc_ns is None]


def unchosen(people: Sequence[PersonRow]) -> list[tuple[str, str]]:
    """The same behind a first row that is nobody: Enter must not name somebody who was never picked."""
    return [("", "not chosen yet"), *people_choices(people)]


class PeopleForm(FormDialog[Done]):
    """What these forms share."""

    def day(self, field: str) -> str:
        """A typed day as the service takes it, '' when left out. Raises Missing."""
        typed = self.text(field)
        if not typed:
            return ""
        try:
            return typed_day(typed, time.time_ns())
        except BadRequest as error:
            raise Missing(field, error.sentence, error.next_step) from None

    async def async_with_key(self, asked: PersonAdd | PersonKey | SeatName) -> Done:
        """An act that carries a key. A private one that was pasted by mistake does not stay on the screen."""
        try:
            return await self.link.act(asked)
        except HoldshelfError as error:
            if "private key" in error.sentence:
                self.query_one("#key", PasteField).value = ""
            raise


class EnrolDialog(PeopleForm):
    """Enroll a person. It gives no right: a seat or a letter of appointment does."""

    title_words = "Enroll a person"
    does = "Enroll"
    doing = "Enrolling"

    def lead(self) -> str:
        return "This gives no right yet: a seat or a letter of appointment does. You can add a key later."

    def fields(self) -> ComposeResult:
        yield FormField("Name", TextField("", "full name", id="name", most=80))
        yield FormField("Logs in as", TextField("", "short, lower case, e.g., jroe", id="login", most=32))
        yield FormField("Public key", PasteField(id="key"), hint=KEY_HINT)
        yield FormField("E-mail", TextField("", "optional", id="email", most=120))

    async def async_submit(self) -> Done:
        """Enroll the person, with a key if one was pasted. Raises Missing, HoldshelfError."""
        asked = PersonAdd(
            name=self.needed("name", "What is the person's name?"),
            login=self.needed("login", "What does the person log in as?"),
            key=self.query_one("#key", PasteField).pasted,
            email=self.text("email"),
        )
        return await self.async_with_key(asked)


class KeyDialog(PeopleForm):
    """A new key; after a lost PC the only one from now on. ``paper``: the admin needs one."""

    title_words = "A new key"
    does = "Install the key"
    doing = "Installing the key"

    def __init__(self, person: PersonRow, *, paper: bool) -> None:
        super().__init__()
        self._person, self._paper = person, paper

    def lead(self) -> str:
        """Whose key it is, and how many they have."""
        had = f"has {counted(len(self._person.keys), 'key')}" if self._person.keys else "has no key yet"
        return f"{self._person.name} ({self._person.login}) {had}."

    def fields(self) -> ComposeResult:
        """The key, and what becomes of the old ones."""
        yield FormField("Public key", PasteField(id="key"), hint=KEY_HINT)
        if self._person.keys:
            lost = Tick("the PC or key was lost: the old keys stop working", id="replace")
            yield FormField("", lost, hint="Not checked: this key is added, and the old ones keep working.")
        if self._paper:
            yield paper_field()

    async def async_submit(self) -> Done:
        """Installed; where the old ones are void, open sessions end."""
        key = self.query_one("#key", PasteField).pasted
        if not key:
            raise Missing("key", "Paste the public key.")
        paper = sha256_of(self.text("paper")) if self._paper else ""
        replace = any(tick.value for tick in self.query("#replace").results(Tick))
        asked = PersonKey(self._person.id, key, replace=replace, paper_sha256=paper)
        return await self.async_with_key(asked)


class SeatDialog(PeopleForm):
    """Name who holds a seat from a day on; the term before ends there."""

    title_words = "Name who holds a seat"
    does = "Name the holder"
    doing = "Naming the holder"

    def __init__(self, people: Sequence[PersonRow], seat: str = "") -> None:
        super().__init__()
        self._people, self._seat = people, seat

    def fields(self) -> ComposeResult:
        """Seat, person, term, paper."""
        yield FormField("Seat", Choice(self.link.policy.seats, self._seat, id="seat", rows=3))
        yield FormField("Held by", Choice(unchosen(self._people), "", id="person", rows=5))
        yield FormField("From", TextField("", "a day, e.g., 1/1/2027; blank: now", id="start", most=40))
        yield FormField("Last day", TextField("", "blank: no end set", id="end", most=40))
        yield paper_field()

    async def async_submit(self) -> Done:
        """Name the holder; the term begins now where no day was typed. Raises Missing, HoldshelfError."""
        person = self.query_one("#person", Choice).value
        if not person:
            raise Missing("person", WHO if self._people else "Nobody is enrolled yet: enroll the person first.")
        seat = self.query_one("#seat", Choice).value
        asked = SeatName(
            seat, person, start=self.day("start"), end=self.day("end"), paper_sha256=sha256_of(self.text("paper"))
        )
        return await self.link.act(asked)


class FirstSeatDialog(PeopleForm):
    """The first run: the admin names the holder of the policy's first seat (the Library Director), who names the rest."""

    def __init__(self, first: PolicyRole, others: Sequence[PolicyRole]) -> None:
        super().__init__()
        self._first, self._others = first, others
        self.title_words = f"Name the {first.words}"
        self.does, self.doing = f"Name the {first.short}", f"Naming the {first.short}"

    def lead(self) -> str:
        rest = listed([f"the {role.short}" for role in self._others])
        return f"Nobody holds a seat yet. The {self._first.short} names {rest + ', and ' if rest else ''}appoints designees."

    def fields(self) -> ComposeResult:
        yield FormField("Name", TextField("", "full name", id="name", most=80))
        yield FormField("Logs in as", TextField("", "short, lower case, e.g., jroe", id="login", most=32))
        yield FormField("Public key", PasteField(id="key"), hint=KEY_HINT)

    async def async_submit(self) -> Done:
        """Enroll the Director and give them the seat. Raises Missing, HoldshelfError."""
        name = self.needed("name", f"What is the {self._first.short}'s name?")
        login = self.needed("login", f"What does the {self._first.short} log in as?")
        asked = SeatName(self._first.key, login, name, self.query_one("#key", PasteField).pasted)
        return await self.async_with_key(asked)


class EndSeatDialog(PeopleForm):
    """End a holder's term. Letters of appointment from that seat lapse with it."""

    title_words = "End a term"
    does = "End the term"
    doing = "Ending the term"

    def __init__(self, seat: SeatRow, *, paper: bool) -> None:
        super().__init__()
        self._seat, self._paper = seat, paper

    def lead(self) -> str:
        """Whose, and what lapses."""
        return (
            f"{self._seat.name} leaves the seat {self._seat.words}. Letters of "
            "appointment of this seat lapse with it, and open sessions end."
        )

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., the term is over", id="why", most=200))
        yield FormField("Last day", TextField("", "blank: now", id="end", most=40))
        if self._paper:
            yield paper_field()

    async def async_submit(self) -> Done:
        """End the term, now or on the day that was typed. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why does the term end? A few words are enough.")
        paper = sha256_of(self.text("paper")) if self._paper else ""
        return await self.link.act(SeatEnd(self._seat.id, why, self.day("end"), paper))


class AwayDialog(PeopleForm):
    """Enter that the holder of a seat is away from now on, or back. By the policy a deputy acts after its time."""

    def __init__(self, seat: SeatRow) -> None:
        super().__init__()
        self._seat, self._away = seat, seat.away_since_utc_ns is None
        self.title_words = "Away from now on" if self._away else "Back"
        self.does = "Record it"
        self.doing = "Recording it"

    def lead(self) -> str:
        """Who, and what comes of it."""
        if self._away:
            return (
                f"{self._seat.name}, {self._seat.words}, is away from now on. The policy's deputy acts once they "
                "have been away as long as the policy says. The holder keeps their rights."
            )
        return f"{self._seat.name}, {self._seat.words}, is back. From now on nobody acts for them."

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "a few words, or blank", id="why", most=200))

    async def async_submit(self) -> Done:
        """Enter it. Raises HoldshelfError."""
        return await self.link.act(SeatAway(self._seat.id, self._away, self.text("why")))


class AppointDialog(PeopleForm):
    """A letter of appointment by the seat that sits here (P11)."""

    title_words = "Appoint a designee"
    does = "Appoint"
    doing = "Appointing"

    def __init__(
        self, people: Sequence[PersonRow], cameras: Sequence[CameraRow], own_seats: Sequence[str], chosen: str = ""
    ) -> None:
        """``own_seats``: which seats the one who appoints holds now."""
        super().__init__()
        self._people, self._cameras, self._seats, self._chosen = people, cameras, list(own_seats), chosen

    def fields(self) -> ComposeResult:
        """Whom, what, where, until when, by which paper."""
        yield FormField("Designee", Choice(unchosen(self._people), self._chosen, id="person", rows=4))
        yield FormField("May", Picks(RIGHTS, id="rights", rows=6))
        choices = [(camera.id, camera.name) for camera in self._cameras]
        yield FormField(
            "Only cameras",
            Picks(choices, id="cameras", rows=4),
            hint="None checked: all cameras, including later ones.",
        )
        yield FormField("First day", TextField("", "blank: from now on", id="start", most=40))
        yield FormField("Last day", TextField("", "e.g., 12/31/2026 or in 90 days", id="end", most=40))
        yield FormField("Scope", TextField("", "what the letter says it is for; optional", id="scope", most=200))
        if len(self._seats) > 1:
            yield FormField(
                "Under seat", Choice([row for row in self.link.policy.seats if row[0] in self._seats], id="seat")
            )
        yield paper_field()

    async def async_submit(self) -> Done:
        """Give the designee the rights that are ticked, for all cameras where none is. Raises Missing, HoldshelfError."""
        rights = self.query_one("#rights", Picks).selected
        if not rights:
            raise Missing("rights", "What may the designee do? Check it with Space.")
        if not self.text("end"):
            raise Missing("end", "Until when? A letter names its last day.")
        person = self.query_one("#person", Choice).value
        if not person:
            raise Missing("person", WHO if self._people else "Nobody else is enrolled yet: enroll the person first.")
        asked = AppointmentMake(
            person,
            rights,
            self.day("end"),
            sha256_of(self.text("paper")),
            self.query_one("#cameras", Picks).selected or None,
            self.day("start"),
            self.text("scope"),
            self.query_one("#seat", Choice).value if len(self._seats) > 1 else "",
        )
        return await self.link.act(asked)


class ScreenDialog(PeopleForm):
    """Give a screen of the policy its live pictures."""

    title_words = "Give a screen its pictures"
    does = "Assign them"
    doing = "Assigning them"

    def __init__(self, people: Sequence[PersonRow]) -> None:
        super().__init__()
        self._people = unchosen(people)

    def lead(self) -> str:
        return "The login enrolled for the screen shows live pictures until a set time each day. Each hour is logged."

    def fields(self) -> ComposeResult:
        yield FormField("Screen", Choice(self.link.policy.screens, id="screen", rows=4))
        yield FormField("Logs in as", Choice(self._people, id="person", rows=4))
        yield FormField("For", TextField("", "days; blank: 366, the most", id="days", most=4))

    async def async_submit(self) -> Done:
        """Give the chosen screen its pictures. Raises Missing, HoldshelfError."""
        person, days = self.query_one("#person", Choice).value, self.text("days")
        if not person:
            raise Missing("person", "Which login is for this screen only? Enroll one first.")
        if days and not days.isdecimal():
            raise Missing("days", "For how many days?", "Type a number, or leave it out.")
        return await self.link.act(
            ScreenGive(self.query_one("#screen", Choice).value, person, int(days) if days else None)
        )


class EndDialog(PeopleForm):
    """End a letter of appointment, a share, or everything that a person has; at once."""

    does = "End it"
    doing = "Ending it"

    def __init__(self, act: type[AppointmentEnd | ShareEnd | PersonRemove], key: str, lead: str) -> None:
        """``act``: what is asked for, with the reason that is typed here."""
        super().__init__()
        self._act, self._key, self._lead = act, key, lead

    title_words = "End it at once"

    def lead(self) -> str:
        return self._lead

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "a few words, kept on record", id="why", most=200))

    async def async_submit(self) -> Done:
        """Do the act that the dialog was made with, for the reason that was typed. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why does it end? A few words are enough.")
        return await self.link.act(self._act(self._key, why))
