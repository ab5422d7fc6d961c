"""Entrances and the signs that say that cameras are in use (P3): attested, gone without for some days, registered."""

from __future__ import annotations

import time
from collections.abc import Sequence

from textual.app import ComposeResult

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_commission import EntranceAdd, EntranceAttest, EntranceRow, EntranceWaive
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.typed_span import typed_day
from holdshelf_tui.widgets.fields import Choice, Field, TextField, Tick
from holdshelf_tui.words import moment


def sign_words(row: EntranceRow) -> str:
    """How it stands with its sign."""
    if row.state == "attested" and row.next_check_utc_ns is not None:
        return f"attested, next check {_day(row.next_check_utc_ns)}"
    if row.state == "waived" and row.waived_until_utc_ns is not None:
        return f"no sign until {_day(row.waived_until_utc_ns)}: {row.waived_why}"
    if row.state == "defect":
        return f"defect: {row.defect}"
    return row.state


def _day(end_utc_ns: int) -> str:
    return moment(end_utc_ns - 1).strftime("%b %-d, %Y")


def _choices(entrances: Sequence[EntranceRow]) -> list[tuple[str, str]]:
    return [(row.id, f"{row.name} ({sign_words(row)})") for row in entrances]


class AttestDialog(FormDialog[EntranceRow]):
    """Somebody looked at a sign: all is well with it, or what is wrong."""

    title_words = "A sign was looked at"
    does = "Write it down"
    doing = "Writing it down"

    def __init__(self, entrances: Sequence[EntranceRow], chosen: str = "") -> None:
        super().__init__()
        self._entrances, self._chosen = list(entrances), chosen

    def fields(self) -> ComposeResult:
        """Where, what was seen, when, by whom."""
        yield Field("Entrance", Choice(_choices(self._entrances), self._chosen, id="entrance", rows=4))
        yield Field("It is", Tick("up, and can be read from where people come in", id="legible"))
        yield Field("", Tick("lit, also after dark", id="lit"))
        yield Field("Or a defect", TextField("", "what is wrong: then it is not attested", id="defect", most=200))
        yield Field("Sign", TextField("", "text version and size; left out: as before", id="sign", most=200))
        yield Field("Language", TextField("", "left out: as before", id="language", most=40))
        yield Field("Looked at on", TextField("", "a day; left out: today", id="on", most=40))
        yield Field("By", TextField("", "left out: by you", id="checker", most=80))

    async def async_submit(self) -> EntranceRow:
        """Attested, or its defect written down."""
        legible, lit = self.query_one("#legible", Tick).value, self.query_one("#lit", Tick).value
        defect = self.text("defect")
        if not defect and not (legible and lit):
            raise Missing("legible", "Tick both, or say what is wrong with it.")
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
        return await self.link.act("entrance.attest", asked, EntranceRow)


class WaiveDialog(FormDialog[EntranceRow]):
    """Go without a sign for some days; a seat's to say."""

    title_words = "Go without a sign for some days"
    does = "Go without"
    doing = "Writing it down"

    def __init__(self, entrances: Sequence[EntranceRow], chosen: str = "") -> None:
        super().__init__()
        self._entrances, self._chosen = list(entrances), chosen

    def fields(self) -> ComposeResult:
        """Where, why, how long."""
        yield Field("Entrance", Choice(_choices(self._entrances), self._chosen, id="entrance", rows=6))
        yield Field("Why", TextField("", "for example: the door is being replaced", id="why", most=200))
        yield Field("For", TextField("", "days; left out: as many as the Board allows", id="days", most=10))

    async def async_submit(self) -> EntranceRow:
        """Waived."""
        why = self.needed("why", "Why is there no sign now? A few words are enough.")
        typed = self.text("days").removesuffix("days").removesuffix("day").strip()
        if typed and not typed.isdecimal():
            raise Missing("days", "For how many days?", "Type a number, for example 3.")
        asked = EntranceWaive(self.query_one("#entrance", Choice).value, why, int(typed) if typed else None)
        return await self.link.act("entrance.waive", asked, EntranceRow)


class AddEntranceDialog(FormDialog[EntranceRow]):
    """Register an entrance: its sign is attested before a camera is approved for use."""

    title_words = "Register an entrance"
    does = "Register it"
    doing = "Registering"

    def fields(self) -> ComposeResult:
        """Its name, and what hangs there."""
        yield Field("Name", TextField("", "what people call it, for example Main entrance", id="name", most=80))
        yield Field(
            "Sign", TextField("", "text version and size, for example version 2, 12 x 18 in", id="sign", most=200)
        )

    async def async_submit(self) -> EntranceRow:
        """Registered."""
        name = self.needed("name", "What is the entrance called?")
        return await self.link.act("entrance.add", EntranceAdd(name, self.text("sign")), EntranceRow)
