"""Acts on holds (P16): place, extend, review, lift with a second person and grace, archive.

A span is protected before its entry is written and stays so whatever happens then, unless the entry is refused: what
is asked to be kept is never erased between two lines of code.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.actions import Action, ActionRegistry, Change, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_holds as types
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy import holds as way
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.second import FLAG_PAPER
from holdshelf_core.policy.state import State
from holdshelf_storage.errors import StorageError
from holdshelf_storage.journal import StoredSegment
from holdshelf_storage.layout import MAX_TIME_NS

MAX_SPANS = 64
LONGEST_REVIEW_DAYS = 366


def _spans(call: Call[Any], asked: Sequence[types.SpanAsk]) -> tuple[model.HoldSpan, ...]:
    if not 1 <= len(asked) <= MAX_SPANS:
        raise BadRequest(f"A hold has 1 to {MAX_SPANS} spans.", "Name a camera and a time.")
    spans = []
    for span in asked:
        (camera,) = common.camera_ids(call.holdshelf, [span.camera])
        if not all(-MAX_TIME_NS <= at < MAX_TIME_NS for at in (span.start_utc_ns, span.end_utc_ns or 0)):
            raise BadRequest(f"The span of {camera} lies outside of the calendar.", "Give another --from and --to.")
        if span.end_utc_ns is not None and span.end_utc_ns <= span.start_utc_ns:
            raise BadRequest(f"The span of {camera} ends before it starts.", "Swap --from and --to.")
        spans.append(model.HoldSpan(camera, span.start_utc_ns, span.end_utc_ns))
    return tuple(spans)


def _review(call: Call[Any], days: int | None) -> int:
    chosen = days if days is not None else call.state.board.review_days
    if not 1 <= chosen <= LONGEST_REVIEW_DAYS:
        raise BadRequest(f"A hold is reviewed within 1 to {LONGEST_REVIEW_DAYS} days.", "Give another --review-days.")
    return call.now.utc_ns + chosen * common.DAY_NS


def _form(hold: model.Hold) -> LogForm:
    ends = [s.end_utc_ns for s in hold.spans if s.end_utc_ns is not None]
    return LogForm(
        cameras=tuple(sorted({s.camera for s in hold.spans})),
        start_utc_ns=min(s.start_utc_ns for s in hold.spans),
        end_utc_ns=max(ends) if len(ends) == len(hold.spans) else None,
        incident=hold.reference,
        subject=hold.id,
        facts={
            "ground": hold.ground,
            "version": hold.version,
            "spans": [
                {
                    "camera": s.camera,
                    "start": times.rfc3339(s.start_utc_ns),
                    "end": times.rfc3339(s.end_utc_ns) if s.end_utc_ns is not None else "until lifted",
                }
                for s in hold.spans
            ],
        },
    )


def _hold(call: Call[Any], key: str, *states: str) -> model.Hold:
    hold = common.find_row(dict(call.state.holds), key, "hold")
    if states and hold.state not in states:
        raise Conflict(f"{hold.id} is {_STATE_WORDS.get(hold.state, hold.state)}.", "See `holdshelf hold show`.")
    if hold.state == "lifted":
        return hold
    # With what only the shelf knows of it until the log has that, too: no act may leave it out and count on from there.
    return call.holdshelf.holds.book.to_write(hold.id) or hold


_STATE_WORDS = {
    "active": "in force",
    "lifting": "waiting for a second person's word on its lift",
    "grace": "lifted and in its days of grace",
    "lifted": "lifted",
}


async def _commit(call: Call[Any], hold: model.Hold, *more: Change, **said: Any) -> types.HoldRow:
    """Protect, record, shelve; undo the protection when the entry is refused."""
    holds = call.holdshelf.holds
    await holds.async_protect(hold)
    try:
        await call.record([put("holds", hold.id, hold), *more], form=_form(hold), **said)
    except HoldshelfError:
        await holds.async_unprotect(hold.id, call.state.holds.get(hold.id))
        raise
    if call.seq < 0:
        # Its entry waits for the log: until then the shelf's own file is what a restart finds.
        await holds.async_write_down(hold)
    protected_utc_ns = call.holdshelf.clock.utc_ns()
    try:
        row = await async_row(call.holdshelf, hold, coverage=True, queued=call.seq < 0)
    finally:
        # After the answer is made, which reads the same journals: it is protected, and somebody waits.
        call.holdshelf.async_spawn(_settle(call, hold), f"shelve-{hold.id}")
    return msgspec.structs.replace(row, protected_utc_ns=protected_utc_ns)


async def _settle(call: Call[Any], hold: model.Hold) -> None:
    """Afterwards, in the background: its second names, and a warning if it will take all the room."""
    await call.holdshelf.holds.async_shelve(hold)
    await call.holdshelf.holds.async_watch_room()


async def async_row(holdshelf: Any, hold: model.Hold, *, coverage: bool = False, queued: bool = False) -> types.HoldRow:
    """A hold as clients see it; with ``coverage`` to the second."""
    holds = holdshelf.holds
    now = holdshelf.clock.utc_ns()
    facts = await holds.async_facts(hold)
    rows = []
    if coverage:
        rows = [
            types.CoverageRow(c.camera, c.kind, c.start_utc_ns, c.end_utc_ns, c.reason)
            for c in await holds.async_coverage(hold.spans, hold.id)
        ]
    return types.HoldRow(
        id=hold.id,
        ground=hold.ground,
        reference=hold.reference,
        state=hold.state,
        spans=[types.SpanAsk(s.camera, s.start_utc_ns, s.end_utc_ns) for s in hold.spans],
        placed_by=hold.placed_by,
        placed_utc_ns=hold.placed_utc_ns,
        review_utc_ns=hold.review_utc_ns,
        overdue=hold.state == "active" and hold.review_utc_ns <= now,
        version=hold.version,
        note=hold.note,
        lift_why=hold.lift_why,
        grace_end_utc_ns=hold.grace_end_utc_ns,
        lifted_utc_ns=hold.lifted_utc_ns,
        archived_to=hold.archived_to,
        shelved=facts.shelved,
        held_bytes=facts.held_bytes,
        coverage=rows,
        queued=queued,
        placed_by_name=holdshelf.house.state.name_of(hold.placed_by),
        lift_by=hold.lift_by,
        lift_by_name=holdshelf.house.state.name_of(hold.lift_by) if hold.lift_by else "",
    )


def _told(call: Call[Any], row: types.HoldRow) -> types.HoldRow:
    """The admin knows what fills the disk, and is told no notes: names may stand in them (P21), as in the access log's."""
    return msgspec.structs.replace(row, note="", lift_why="") if call.caller.admin else row


async def _place(call: Call[types.HoldPlace]) -> types.HoldRow:
    asked = call.request
    year = datetime.now(get_localzone()).year
    hold = model.Hold(
        # A number that only the shelf still knows (the state was lost) is not given again either.
        id=call.gate.house.next_id("holds", "H", year, also=call.holdshelf.holds.book.known()),
        ground=asked.ground,
        reference=common.words(asked.reference, "The case or incident number", needed=True, most=60),
        spans=_spans(call, asked.spans),
        placed_by=call.caller.who,
        placed_utc_ns=call.now.utc_ns,
        review_utc_ns=_review(call, asked.review_days),
        note=common.words(asked.note, "The note"),
    )
    return await _commit(call, hold, private={"note": hold.note})


async def _extend(call: Call[types.HoldExtend]) -> types.HoldRow:
    hold = _hold(call, call.request.hold, "active", "lifting", "grace")
    why = common.words(call.request.why, "Why more is kept", needed=True)
    spans = (*hold.spans, *(s for s in _spans(call, call.request.spans) if s not in hold.spans))
    if len(spans) > MAX_SPANS:
        raise BadRequest(f"A hold has at most {MAX_SPANS} spans.", "Place another hold beside it.")
    # Who keeps more takes back a lift that was under way: it would have to be asked for again.
    longer = msgspec.structs.replace(way.kept(hold), spans=spans)
    return await _commit(call, longer, private={"why": why})


async def _reviewed(call: Call[types.HoldReview]) -> types.HoldRow:
    hold = _hold(call, call.request.hold, "active")
    note = common.words(call.request.note, "What the review found", needed=True)
    row = msgspec.structs.replace(hold, review_utc_ns=_review(call, call.request.next_days), version=hold.version + 1)
    return await _commit(call, row, private={"note": note}, facts={"next_review": times.rfc3339(row.review_utc_ns)})


async def _recorded_until(call: Call[Any], hold: model.Hold) -> dict[str, int]:
    """Of cameras that it keeps until lifted: the latest end of what was recorded by a wall clock that was ahead then."""
    opened, latest_utc_ns = call.holdshelf.store.opened, call.now.latest_utc_ns
    cameras = {span.camera for span in hold.spans if span.end_utc_ns is None}
    if opened is None or not cameras:
        return {}
    footage = opened.footage

    def ask() -> dict[str, int]:
        found = {camera: footage.query(camera, latest_utc_ns, MAX_TIME_NS) for camera in cameras}
        return {
            camera: max((span.end_utc_ns for span in spans if isinstance(span, StoredSegment)), default=0)
            for camera, spans in found.items()
        }

    try:
        return await asyncio.to_thread(ask)
    except StorageError as error:
        raise Unavailable(f"What {hold.id} keeps cannot be read, so it is not lifted now: {error}") from None


async def _lift(call: Call[types.HoldLift]) -> types.HoldRow:
    hold = _hold(call, call.request.hold, "active")
    why = common.words(call.request.why, "Why the hold is lifted", needed=True)
    later = await _recorded_until(call, hold)
    asked = way.lift_asked(hold, call.caller.who, why, call.state.board, call.now, later)
    return await _commit(call, asked, private={"why": why})


async def _approve(call: Call[types.HoldApprove]) -> types.HoldRow:
    asked = call.request
    hold = _hold(call, asked.hold, "lifting", "grace")
    note = common.words(asked.note, "The note")
    if asked.refuse:
        kept = way.kept(hold)
        return await _commit(call, kept, facts={"lift": "refused"}, private={"note": note})
    if hold.state == "grace":
        raise Conflict(
            f"{hold.id} is lifted already and in its days of grace.", "It can still be taken back with --refuse."
        )
    sha256 = common.paper(asked.paper_sha256, "An approval on paper", needed=False)
    # A seat's holder who brings a paper as well has approved on screen: by their own word, whoever signed.
    by = asked.seat if call.decision.flag == FLAG_PAPER else call.caller.who
    later = await _recorded_until(call, hold)
    lifted = way.lift_approved(hold, by, sha256, call.state.board, call.now, later)
    facts = {
        "lift": "approved",
        "approved_by": by,
        "paper": sha256,
        "grace_end": times.rfc3339(lifted.grace_end_utc_ns or 0),
    }
    return await _commit(call, lifted, facts=facts, private={"note": note})


async def _see(call: Call[types.HoldAsk]) -> types.HoldRow:
    hold = _hold(call, call.request.hold)
    await call.record(form=LogForm(subject=hold.id))
    return _told(call, await async_row(call.holdshelf, hold, coverage=True))


async def _list(call: Call[types.HoldListAsk]) -> types.HoldList:
    await call.record()
    wanted = [
        hold
        for hold in sorted(call.state.holds.values(), key=lambda h: h.placed_utc_ns)
        if call.request.all or hold.state != "lifted"
    ]
    # A letter names cameras: what is held of others is not its holder's to know, not even how much it is.
    seen = [
        hold for hold in wanted if call.gate.decide(call.caller, call.action.permission, Scope(target=hold.id)).allowed
    ]
    rows = [_told(call, await async_row(call.holdshelf, hold)) for hold in seen]
    forecast = await call.holdshelf.holds.async_forecast()
    held_bytes = forecast.held_bytes if seen == wanted else sum(row.held_bytes for row in rows)
    return types.HoldList(rows, held_bytes, forecast.recording_stops_days)


async def _archive(call: Call[types.HoldArchive]) -> types.HoldRow:
    hold = _hold(call, call.request.hold, "active", "lifting", "grace")
    folder = Path(call.request.folder)
    if not folder.is_absolute() or "\0" in call.request.folder:
        raise BadRequest("The archive's folder needs its whole path.", "Give --to /path/of/the/other/disk.")
    await call.record(form=_form(hold), facts={"archive": "begun"}, private={"folder": str(folder)})
    receipt = await call.holdshelf.holds.async_archive(hold, folder)

    async def done() -> model.Hold:
        # Under the order of acts: what somebody asked to be kept meanwhile is in the row that is written.
        async with call.gate.order:
            row = way.archived(_hold(call, hold.id), str(folder), receipt.sums_sha256)
            form = LogForm(
                cameras=_form(row).cameras,
                subject=row.id,
                facts={"files": receipt.files, "bytes": receipt.bytes, "sha256sums": receipt.sums_sha256},
                private={"folder": str(folder)},
            )
            # Its footage is let go here once the copy is proved: a seat sees that the copy is where it was said to be.
            key = call.gate.house.next_id("flags", "f")
            flag = model.Flag(key, "hold_archived", 0, call.caller.who, call.now.utc_ns, 1, (), f"copy of {row.id}")
            changes = [put("holds", row.id, row), put("flags", key, flag)]
            await call.gate.async_service_entry("hold.archived", form, changes, ordered=True)
        return row

    row = await asyncio.shield(asyncio.ensure_future(done()))
    call.holdshelf.async_spawn(call.holdshelf.holds.async_let_go_archived(), f"let-go-{hold.id}")
    return _told(call, await async_row(call.holdshelf, row))


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def spans(q: types.HoldPlace | types.HoldExtend) -> LogForm:
        return LogForm(
            cameras=tuple(sorted({s.camera[:64] for s in q.spans[:MAX_SPANS]})),
            incident=q.reference[:60] if isinstance(q, types.HoldPlace) else "",
            subject=q.hold[:20] if isinstance(q, types.HoldExtend) else "",
        )

    def scope_of_spans(q: types.HoldPlace | types.HoldExtend, state: State) -> Scope:
        ends = [s.end_utc_ns for s in q.spans if s.end_utc_ns is not None]
        return Scope(
            cameras=common.camera_scope(state, [s.camera for s in q.spans]),
            start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
            end_utc_ns=max(ends, default=None),
            ground=q.ground if isinstance(q, types.HoldPlace) else None,
            reference=q.reference if isinstance(q, types.HoldPlace) else None,
            target=q.hold if isinstance(q, types.HoldExtend) else "",
        )

    def one(q: types.HoldReview | types.HoldLift | types.HoldApprove | types.HoldAsk | types.HoldArchive) -> LogForm:
        return LogForm(subject=q.hold[:20])

    def scope_of_one(
        q: types.HoldReview | types.HoldLift | types.HoldApprove | types.HoldAsk | types.HoldArchive, _s: object
    ) -> Scope:
        if isinstance(q, types.HoldLift):
            return Scope(target=q.hold, why=q.why)
        if isinstance(q, types.HoldApprove):
            return Scope(target=q.hold, paper_sha256=q.paper_sha256 or None, paper_seat=q.seat, keeps=q.refuse)
        return Scope(target=q.hold)

    registry.register(
        Action(
            "hold.place",
            "hold.place",
            types.HoldPlace,
            types.HoldRow,
            _place,
            scope_of_spans,
            spans,
            changes=True,
            queued_when_unwritable=True,
        )
    )
    registry.register(
        Action(
            "hold.extend",
            "hold.extend",
            types.HoldExtend,
            types.HoldRow,
            _extend,
            scope_of_spans,
            spans,
            changes=True,
            queued_when_unwritable=True,
        )
    )
    registry.register(
        Action(
            "hold.review", "hold.review", types.HoldReview, types.HoldRow, _reviewed, scope_of_one, one, changes=True
        )
    )
    registry.register(
        Action("hold.lift", "hold.lift", types.HoldLift, types.HoldRow, _lift, scope_of_one, one, changes=True)
    )
    registry.register(
        Action(
            "hold.approve",
            "hold.lift.approve",
            types.HoldApprove,
            types.HoldRow,
            _approve,
            scope_of_one,
            one,
            changes=True,
        )
    )
    registry.register(Action("hold.show", "hold.see", types.HoldAsk, types.HoldRow, _see, scope_of_one, one))
    registry.register(
        Action(
            "hold.list",
            "hold.see",
            types.HoldListAsk,
            types.HoldList,
            _list,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(),
        )
    )
    registry.register(
        Action("hold.archive", "hold.archive", types.HoldArchive, types.HoldRow, _archive, scope_of_one, one)
    )
