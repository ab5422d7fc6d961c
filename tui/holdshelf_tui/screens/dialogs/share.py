"""Share one span of one camera with one person, view only, for some days (P14)."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from holdshelf_core.api.types_people import Done, ShareMake
from holdshelf_tui.screens.dialogs.form import Missing
from holdshelf_tui.screens.dialogs.span_form import SpanForm
from holdshelf_tui.widgets.fields import Choice, Field, TextField, Tick

# The policy's own list for sharing; any other purpose is explained in the line below it.
PURPOSES = (
    ("crime", "possible crime on library property"),
    ("violation", "possible violation of a library or town policy"),
    ("disruption", "behavior that disrupts the library's work"),
    ("restricted", "whether someone whose privileges were restricted or withdrawn has come"),
    ("safety", "someone's safety: an injury, an accident, a missing person"),
    ("", "another one, explained below"),
)


class ShareDialog(SpanForm[Done]):
    """Leaves with what was shared, or None."""

    title_words = "Share a recording, view only"
    does = "Share it"
    doing = "Sharing it"
    until_lifted: ClassVar[bool] = False

    def fields(self) -> ComposeResult:
        """With whom, why, what, how long."""
        yield Field("With", TextField("", "log-in name of somebody who is enrolled", id="person", most=64))
        yield Field("Purpose", Choice(PURPOSES, id="purpose", rows=6))
        yield Field("Explained", TextField("", "only for another purpose", id="other", most=200))
        yield from self.span_fields()
        yield Field("For", TextField("", "days; left out: as the Board set it", id="days", most=4))
        yield Field("", Tick("they have signed the confidentiality statement", id="signed"))

    async def async_submit(self) -> Done:
        """Shared."""
        person = self.needed("person", "With whom?")
        spans = await self.async_spans()
        if len(spans) != 1:
            raise Missing("cameras", "A share is of one camera.", "Share each camera by itself.")
        days = self.text("days")
        if days and not days.isdecimal():
            raise Missing("days", "For how many days?", "Type a number, or leave it out.")
        span = spans[0]
        asked = ShareMake(
            span.camera,
            span.start_utc_ns,
            span.end_utc_ns or span.start_utc_ns,
            self.query_one("#purpose", Choice).value or self.text("other"),
            person=person,
            days=int(days) if days else None,
            confidentiality=self.query_one("#signed", Tick).value,
        )
        return await self.link.act("share.make", asked, Done)
