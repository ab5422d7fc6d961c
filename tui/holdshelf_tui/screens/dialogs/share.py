"""Share one span of one camera with one person, view only, for some days (P14)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import SpanAsk
from holdshelf_core.people.types import PersonRow, ReadPeople, ShareMake
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.form import Missing
from holdshelf_tui.screens.dialogs.people_forms import people_choices
from holdshelf_tui.screens.dialogs.span_form import SpanForm
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.link import Link
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick

OTHER = "other"
"""The policy's key for a purpose that is explained."""


def share_purposes(link: Link) -> list[tuple[str, str]]:
    """The policy's list for sharing; any other purpose, where it has one, is explained in the line below it."""
    rows = link.policy.share_purposes
    other = [("", "another one, explained below")] if any(key == OTHER for key, _ in rows) else []
    return [row for row in rows if row[0] != OTHER] + other


async def async_others(app: SessionApp) -> list[PersonRow]:
    """Everybody else who is enrolled; [] where that cannot be asked, so that a login is typed."""
    me = app.who.person.id if app.who.person is not None else ""
    try:
        people = await app.link.read(ReadPeople())
    except HoldshelfError:
        return []
    return sorted((person for person in people if person.id != me), key=lambda person: person.name)


class ShareDialog(SpanForm[Done]):
    """Leaves with what was shared, or None. ``people``: whom it can be shared with; [] a login is typed."""

    title_words = "Share a recording, view only"
    does = "Share it"
    doing = "Sharing it"
    until_lifted: ClassVar[bool] = False

    def __init__(self, spans: Sequence[SpanAsk], cameras: Sequence[CameraRow], people: Sequence[PersonRow]) -> None:
        super().__init__(spans, cameras)
        # Nobody is chosen for them: one Enter too many must not share with whoever stands first.
        self._choices = [("", "not chosen yet"), *people_choices(people)] if people else []

    def fields(self) -> ComposeResult:
        """With whom, why, what, how long."""
        if self._choices:
            yield FormField("With", Choice(self._choices, id="person", rows=4))
        else:
            yield FormField("With", TextField("", "login of someone who is enrolled", id="person", most=64))
        yield FormField("Purpose", Choice(share_purposes(self.link), id="purpose", rows=6))
        yield FormField("Explained", TextField("", "only for another purpose", id="other", most=200))
        yield from self.span_fields()
        yield FormField("For", TextField("", own_board("days; blank: as the Board set it"), id="days", most=4))
        yield FormField("", Tick("they have signed the confidentiality statement", id="signed"))

    async def async_submit(self) -> Done:
        """Share the span, view only. Raises Missing, HoldshelfError."""
        person = self.query_one("#person", Choice).value if self._choices else self.text("person")
        if not person:
            raise Missing("person", "With whom?")
        spans = await self.async_spans()
        if len(spans) != 1:
            raise Missing("cameras", "A share covers one camera.", "Share each camera separately.")
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
        return await self.link.act(asked)
