"""What the filling of gaps from cameras' own recordings asks about cameras: which, since when, and the camera itself (ADR 44)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.acts import Done
from holdshelf_core.cameras import types
from holdshelf_core.cameras.actions import entry_change, store
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_rows import BACKFILL_OFF
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.holds.holds import Holds
from holdshelf_core.integration.loader import recordings
from holdshelf_core.integration.models import CameraRecording
from holdshelf_core.integration.root import Holdshelf
from holdshelf_core.recorder.recorder import Recorder
from holdshelf_storage.layout import MAX_TIME_NS


class CameraRecordings:
    """The cameras and holds that the recorder asks about (``recorder.backfill.Sources``)."""

    def __init__(
        self, holdshelf: Holdshelf, entries: Entries, store: StateStore, holds: Holds, recorder: Recorder
    ) -> None:
        self._holdshelf, self._entries, self._store, self._holds = holdshelf, entries, store, holds
        self._recorder = recorder

    def cameras(self) -> Mapping[str, int]:
        """Return the cameras in use whose integration can ask, each with the time (UTC ns) at which it was approved for use."""
        commissions = self._store.state.commissions
        return {
            entry.entry_id: since_ns
            for entry in self._entries.async_all()
            if entry.backfill
            and recordings(entry.domain) is not None
            and (commission := commissions.get(entry.entry_id)) is not None
            and commission.state == "approved"
            and (since_ns := commission.approved_utc_ns) is not None
        }

    def name(self, camera: str) -> str:
        """Return a camera's name for sentences; its id once the camera is removed."""
        try:
            return self._entries.async_get(camera).title
        except NotFound:
            return camera

    def held(self) -> Iterable[tuple[str, int, int]]:
        """Yield (camera, start, end) of each span that a hold in force keeps, UTC ns; an open end is ``MAX_TIME_NS``."""
        for hold in self._holds.book.in_force():
            for span in hold.spans:
                yield span.camera, span.start_utc_ns, MAX_TIME_NS if span.end_utc_ns is None else span.end_utc_ns

    async def async_recorded(self, camera: str, start_utc_ns: int, end_utc_ns: int) -> CameraRecording | None:
        """Ask the integration what the camera has recorded of that time (UTC ns); None: nothing. Raises HoldshelfError."""
        entry = self._entries.async_get(camera)
        found = recordings(entry.domain)
        return None if found is None else await found.async_recorded(self._holdshelf, entry, start_utc_ns, end_utc_ns)

    def async_recovered(self, camera: str, spans: Sequence[tuple[int, int]]) -> None:
        """Take (start, end) of each span, UTC ns, off the camera's latest gap, and have each hold look again at its footage."""
        if (recorded := self._recorder.cameras.get(camera)) is not None:
            for start_utc_ns, end_utc_ns in spans:
                recorded.async_recovered(start_utc_ns, end_utc_ns)
        self._holds.async_recheck()


class BackfillActs:
    """Whether a camera's gaps are filled from its own recording: the setting of each camera."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    @handles(types.CameraBackfill, log=lambda q: LogForm(facts={"on": q.on}, private={"asked_for": q.camera[:80]}))
    async def set_backfill(self, call: Call[types.CameraBackfill]) -> Done:
        """Have gaps of one camera filled from its own recording, or no longer. Raises BadRequest, NotFound."""
        on, entry = call.request.on, self._entries.async_get(call.request.camera)
        if on and recordings(entry.domain) is None:
            raise BadRequest(
                f"{entry.title} was added by its stream address only, so it cannot be asked what it has recorded itself.",
                "Add the camera by its ONVIF address.",
            )
        form = LogForm(cameras=(entry.entry_id,), facts={"on": on}, private={"camera_name": entry.title})
        seq = await call.record([entry_change(self._entries, entry, backfill="" if on else BACKFILL_OFF)], form=form)
        await store(call, self._entries, entry, form, backfill=on)
        sentence = f"Gaps of {entry.title} are filled from what it has recorded itself, if it has a card."
        if not on:
            sentence = f"{entry.title} is not asked for its own recording any more. What was recovered stays."
        return Done(seq, entry.entry_id, sentence)
