"""Entrances and the signs that say that cameras are in use (P3): attested, gone without for some days, registered, removed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.cameras.commission_types import (
    EntranceAdd,
    EntranceAttest,
    EntranceRemove,
    EntranceRow,
    EntranceWaive,
)
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.people import last_day
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick


def sign_words(row: EntranceRow) -> str:
    """How it stands with its sign."""
    if row.state == "attested" and row.next_check_utc_ns is not None:
        return f"attested, next check {last_day(row.next_check_utc_ns)}"
    if row.state == "waived" and row.waived_until_utc_ns is not None:
        return f"no sign until {last_day(row.waived_until_utc_ns)}: {row.waived_why}"
    if row.state == "defect":
        return f"defect: {row.defect}"
    return row.state


def _choices(entrances: Sequence[EntranceRow]) -> list[tuple[str, str]]:
    return [(row.id, f"{row.name} ({sign_words(row)})") for row in entrances]


def _first(entrances: Sequence[EntranceRow], chosen: str) -> str:
    """Return where a form begins: with what was chosen, or the first whose sign waits for somebody."""
    return chosen or next((row.id for row in entrances if not row.ready), "")


class AttestDialog(FormDialog[EntranceRow]):
    """Somebody looked at a sign: all is well with it, or what is wrong. ``chosen``: whose; '' the first that waits for it."""

    title_words = "A sign was looked at"
    does = "Record it"
    doing = "Saving"

    def __init__(self, entrances: Sequence[EntranceRow], chosen: str = "") -> None:
        super().__init__()
        self._entrances = list(entrances)
        self._chosen = _first(entrances, chosen)

    def fields(self) -> ComposeResult:
        """Where, what was seen, when, by whom."""
        yield FormField("Entrance", Choice(_choices(self._entrances), self._chosen, id="entrance", rows=4))
        yield FormField("It is", Tick("up, and can be read from where people come in", id="legible"))
        yield FormField("", Tick("lit, also after dark", id="lit"))
        yield FormField("Or a defect", TextField("", "what is wrong; it is then not attested", id="defect", most=200))
        yield FormField("Sign", TextField("", "text version and size; blank: as before", id="sign", most=200))
        yield FormField("Language", TextField("", "blank: as before", id="language", most=40))
        yield FormField("Looked at on", TextField("", "a day; blank: today", id="on", most=40))
        yield FormField("By", TextField("", "blank: by you", id="checker", most=80))

    async def async_submit(self) -> EntranceRow:
        """Attested, or its defect written down."""
        legible, lit = self.query_one("#legible", Tick).value, self.query_one("#lit", Tick).value
        defect = self.text("defect")
        if not defect and not (legible and lit):
            raise Missing("legible", "Check both, or say what is wrong with it.")
        on = self.text("on")
        try:
            day = typed_day(on, time.time_ns()) if on else ""
        except BadRequest as error:
            raise Missing("on", error.sentence, error.next_step) from None
        asked = EntranceAttest(
            self.query_one("#entrance", Choice).value,
            self.text("sign"),
            self.text("language"),
            legible,
            lit,
            defect,
            self.text("checker"),
            day,
        )
        return await self.link.act(asked)


class WaiveDialog(FormDialog[EntranceRow]):
    """Go without a sign for some days; a seat's to say. ``chosen`` as in `AttestDialog`."""

    title_words = "Go without a sign for some days"
    does = "Go without"
    doing = "Saving"

    def __init__(self, entrances: Sequence[EntranceRow], chosen: str = "") -> None:
        super().__init__()
        self._entrances, self._chosen = list(entrances), _first(entrances, chosen)

    def fields(self) -> ComposeResult:
        """Where, why, how long."""
        yield FormField("Entrance", Choice(_choices(self._entrances), self._chosen, id="entrance", rows=6))
        yield FormField("Why", TextField("", "e.g., the door is being replaced", id="why", most=200))
        yield FormField("For", TextField("", own_board("days; blank: the most the Board allows"), id="days", most=10))

    async def async_submit(self) -> EntranceRow:
        """Waive the entrance's sign, for so many days or as the Board set it. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why is there no sign now? A few words are enough.")
        typed = self.text("days").removesuffix("days").removesuffix("day").strip()
        if typed and not typed.isdecimal():
            raise Missing("days", "For how many days?", "Type a number, e.g., 3.")
        asked = EntranceWaive(self.query_one("#entrance", Choice).value, why, int(typed) if typed else None)
        return await self.link.act(asked)


class RemoveEntranceDialog(FormDialog[EntranceRow]):
    """An entrance that is walled up, or was entered by mistake."""

    title_words = "Remove an entrance"
    does = "Remove it"
    doing = "Removing"

    def __init__(self, entrances: Sequence[EntranceRow]) -> None:
        super().__init__()
        self._entrances = list(entrances)

    def fields(self) -> ComposeResult:
        """The entrance that is no more, and why."""
        yield FormField("Entrance", Choice(_choices(self._entrances), id="entrance", rows=6))
        yield FormField("Why", TextField("", "e.g., the door was walled up", id="why", most=200))

    async def async_submit(self) -> EntranceRow:
        """Removed; what was attested of it stays in the access log."""
        why = self.needed("why", "Why is it removed? A few words are enough.")
        return await self.link.act(EntranceRemove(self.query_one("#entrance", Choice).value, why))


class AddEntranceDialog(FormDialog[EntranceRow]):
    """Register an entrance: its sign is attested before a camera is approved for use."""

    title_words = "Register an entrance"
    does = "Register it"
    doing = "Registering"

    def fields(self) -> ComposeResult:
        """Its name, and what hangs there."""
        yield FormField("Name", TextField("", "what people call it, e.g., Main entrance", id="name", most=80))
        yield FormField(
            "Sign", TextField("", "text version and size, e.g., version 2, 12 x 18 in", id="sign", most=200)
        )

    async def async_submit(self) -> EntranceRow:
        """Register the entrance, with its sign if that was named. Raises Missing, HoldshelfError."""
        name = self.needed("name", "What is the entrance called?")
        return await self.link.act(EntranceAdd(name, self.text("sign")))
