"""Actions on holds (P16): place, extend, review, lift with a second person and grace, archive.

A span is protected before its entry is written and stays protected whatever happens next, unless the entry is refused: footage to
be kept is never erased between two lines of code.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.buffer.averages import Averages, coarse_days
from holdshelf_core.buffer.retention import Retention
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.holds import types
from holdshelf_core.holds.coverage import in_common, united
from holdshelf_core.holds.holds import Holds
from holdshelf_core.policy import holds as way
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.lengths import last_day, parse_length
from holdshelf_core.policy.second import FLAG_PAPER
from holdshelf_core.policy.state import State
from holdshelf_core.times import DAY_NS
from holdshelf_storage.layout import MAX_TIME_NS

MAX_SPANS = 64
LONGEST_REVIEW_DAYS = 366
SETTLE_AFTER_S = 0.1
"""The answer is on its way by then: linking thousands of files would take turns with it."""


def _review(call: Call[Any], days: int | None) -> int:
    chosen = days if days is not None else call.state.board.review_days
    if not 1 <= chosen <= LONGEST_REVIEW_DAYS:
        raise BadRequest(
            f"A hold must be reviewed within 1 to {LONGEST_REVIEW_DAYS} days.", "Use a different --review-days."
        )
    return call.now.utc_ns + chosen * DAY_NS


def _last(call: Call[Any], ground: str) -> int | None:
    """Return when a hold on that ground ends by itself; None: once it is lifted."""
    policy = call.state.policy
    row = policy.grounds.get(ground)
    length = parse_length(row.at_most) if row is not None else None
    if length is None:
        return None
    today = date.fromisoformat(times.local_day(call.now.utc_ns))
    return common.day_end_utc_ns(last_day(today, length, policy.file.library.closed).isoformat(), "The hold's last day")


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


def _told(call: Call[Any], row: types.HoldRow) -> types.HoldRow:
    """Remove notes from the admin's view, as names may appear in them (P21); the admin sees only what fills the disk."""
    return msgspec.structs.replace(row, note="", lift_why="") if call.caller.admin else row


def _spans_of(q: types.HoldPlace | types.HoldExtend) -> LogForm:
    return LogForm(
        cameras=tuple(sorted({s.camera[:64] for s in q.spans[:MAX_SPANS]})),
        incident=q.reference[:60] if isinstance(q, types.HoldPlace) else "",
        subject=q.hold[:20] if isinstance(q, types.HoldExtend) else "",
    )


def _scope_of_spans(q: types.HoldPlace | types.HoldExtend, state: State) -> Scope:
    ends = [s.end_utc_ns for s in q.spans if s.end_utc_ns is not None]
    return Scope(
        cameras=common.camera_scope(state, [s.camera for s in q.spans]),
        start_utc_ns=min((s.start_utc_ns for s in q.spans), default=None),
        end_utc_ns=max(ends, default=None),
        ground=q.ground if isinstance(q, types.HoldPlace) else None,
        reference=q.reference if isinstance(q, types.HoldPlace) else None,
        target=q.hold if isinstance(q, types.HoldExtend) else "",
    )


def _one(q: types.HoldReview | types.HoldLift | types.HoldApprove | types.HoldAsk | types.HoldArchive) -> LogForm:
    return LogForm(subject=q.hold[:20])


def _scope_of_one(
    q: types.HoldReview | types.HoldLift | types.HoldApprove | types.HoldAsk | types.HoldArchive, _s: object
) -> Scope:
    if isinstance(q, types.HoldLift):
        return Scope(target=q.hold, why=q.why)
    if isinstance(q, types.HoldApprove):
        return Scope(target=q.hold, paper_sha256=q.paper_sha256 or None, paper_seat=q.seat, keeps=q.refuse)
    return Scope(target=q.hold)


def _place(hold: model.Hold) -> tuple[int, str]:
    """Return where a hold is in a list, which stays as it is while holds are placed and lifted."""
    return hold.placed_utc_ns, hold.id


def _cursor(call: Call[types.HoldListAsk], key: str) -> tuple[int, str]:
    """Return the place of a hold, maybe lifted by now. Raises NotFound, also for one that the caller may not know of."""
    known = call.state.holds.get(key)
    if known is None or not _those_seen(call, [known]):
        raise NotFound(f"There is no hold {key[:40]!r}.", "`holdshelf hold list` shows the newest ones.")
    return _place(known)


def _those_seen(call: Call[types.HoldListAsk], holds: Iterable[model.Hold]) -> list[model.Hold]:
    """Return the holds that the caller may know of.

    A letter of appointment names cameras: its holder may not know what is held of others, not even how much. The rule asks of a
    hold only which cameras it is on (``policy.conditions.cameras_of``), so holds on the same cameras have one answer.
    """
    allowed: dict[frozenset[str], bool] = {}
    seen = []
    for hold in holds:
        cameras = frozenset(span.camera for span in hold.spans)
        if cameras not in allowed:
            decision = call.authorizer.decide(call.caller, call.action.permission, Scope(target=hold.id))
            allowed[cameras] = decision.allowed
        if allowed[cameras]:
            seen.append(hold)
    return seen


_ROW_FIELDS = frozenset(types.HoldRow.__struct_fields__)
"""What the register's row and the API's have in common is given as it is."""


class HoldActs:
    """The actions on holds."""

    def __init__(self, holds: Holds, retention: Retention, averages: Averages, cameras: common.KnownCameras) -> None:
        self._holds, self._retention, self._averages = holds, retention, averages
        self._cameras = cameras

    @handles(types.HoldPlace, scope=_scope_of_spans, log=_spans_of)
    async def place(self, call: Call[types.HoldPlace]) -> types.HoldRow:
        asked = call.request
        hold = model.Hold(
            # A number that only the shelf still knows (the state was lost) is not reused either.
            id=call.authorizer.store.next_id("holds", "H", call.now.year, also=self._holds.book.known()),
            ground=asked.ground,
            reference=common.words(asked.reference, "The case or incident number", needed=True, most=60),
            spans=self._spans(asked.spans),
            placed_by=call.caller.who,
            placed_utc_ns=call.now.utc_ns,
            review_utc_ns=_review(call, asked.review_days),
            note=common.words(asked.note, "The note"),
            last_utc_ns=_last(call, asked.ground),
        )
        return await self._commit(call, hold, private={"note": hold.note})

    @handles(types.HoldExtend, scope=_scope_of_spans, log=_spans_of)
    async def extend(self, call: Call[types.HoldExtend]) -> types.HoldRow:
        hold = self._hold(call, call.request.hold, *way.KEEPING_STATES)
        why = common.words(call.request.why, "Why more is kept", needed=True)
        spans = (*hold.spans, *(s for s in self._spans(call.request.spans) if s not in hold.spans))
        if len(spans) > MAX_SPANS:
            raise BadRequest(f"A hold has at most {MAX_SPANS} spans.", "Place another hold for the rest.")
        # Extending a hold cancels a lift in progress, which would have to be requested again.
        longer = msgspec.structs.replace(way.kept(hold), spans=spans)
        return await self._commit(call, longer, private={"why": why})

    @handles(types.HoldReview, scope=_scope_of_one, log=_one)
    async def review(self, call: Call[types.HoldReview]) -> types.HoldRow:
        hold = self._hold(call, call.request.hold, way.ACTIVE)
        note = common.words(call.request.note, "What the review found", needed=True)
        row = msgspec.structs.replace(
            hold, review_utc_ns=_review(call, call.request.next_days), version=hold.version + 1
        )
        return await self._commit(
            call, row, private={"note": note}, facts={"next_review": times.rfc3339(row.review_utc_ns)}
        )

    @handles(types.HoldLift, scope=_scope_of_one, log=_one)
    async def lift(self, call: Call[types.HoldLift]) -> types.HoldRow:
        hold = self._hold(call, call.request.hold, way.ACTIVE)
        why = common.words(call.request.why, "Why the hold is lifted", needed=True)
        later = await self._holds.async_recorded_until(hold, call.now.latest_utc_ns)
        asked = way.lift_asked(hold, call.caller.who, why, call.state.board, call.now, later)
        return await self._commit(call, asked, private={"why": why})

    @handles(types.HoldApprove, scope=_scope_of_one, log=_one)
    async def approve(self, call: Call[types.HoldApprove]) -> types.HoldRow:
        asked = call.request
        hold = self._hold(call, asked.hold, way.LIFTING, way.GRACE)
        note = common.words(asked.note, "The note")
        if asked.refuse:
            kept = way.kept(hold)
            return await self._commit(call, kept, facts={"lift": "refused"}, private={"note": note})
        if hold.state == way.GRACE:
            raise Conflict(
                f"{hold.id} is already lifted and in its grace period.", "The lift can still be undone with --refuse."
            )
        sha256 = common.paper(asked.paper_sha256, "An approval on paper", needed=False)
        # An official who also brings a paper has approved on screen: as themselves, whoever signed the paper.
        by = asked.seat if call.decision.flag == FLAG_PAPER else call.caller.who
        later = await self._holds.async_recorded_until(hold, call.now.latest_utc_ns)
        lifted = way.lift_approved(hold, by, sha256, call.state.board, call.now, later)
        facts = {
            "lift": "approved",
            "approved_by": by,
            "paper": sha256,
            "grace_end": times.rfc3339(lifted.grace_end_utc_ns or 0),
        }
        return await self._commit(call, lifted, facts=facts, private={"note": note})

    @handles(types.HoldAsk, scope=_scope_of_one, log=_one)
    async def show(self, call: Call[types.HoldAsk]) -> types.HoldRow:
        hold = self._hold(call, call.request.hold)
        await call.record(form=LogForm(subject=hold.id))
        queued = hold.id in call.authorizer.waiting("holds")
        return _told(call, await self._row(call, hold, coverage=True, queued=queued))

    @handles(types.ReadAlsoHeld)
    async def also_held(self, asked: Reading[types.ReadAlsoHeld]) -> list[types.AlsoHeldRow]:
        state = asked.state
        spans = [
            model.HoldSpan(state.camera_id(span.camera), span.start_utc_ns, span.end_utc_ns)
            for span in asked.request.spans[:MAX_SPANS]
        ]
        return self._also(asked, spans)

    @handles(types.HoldListAsk, log=lambda q: LogForm(facts={"refresh": q.refresh or None}))
    async def list_holds(self, call: Call[types.HoldListAsk]) -> types.HoldList:
        asked = call.request
        if not 0 <= asked.most <= types.MOST_ROWS:
            raise BadRequest(f"A page has at most {types.MOST_ROWS} holds.", "Use a different --most.")
        before = _cursor(call, asked.before) if asked.before else None
        await call.record()
        wanted = (hold for hold in call.state.holds.values() if asked.all or way.keeps(hold))
        seen = sorted(_those_seen(call, wanted), key=_place)
        due = {hold.id for hold in seen if way.waits(hold, call.now)}
        older = seen if before is None else seen[: bisect_left(seen, before, key=_place)]
        page = older[-asked.most :] if asked.most else []
        left = older[: len(older) - len(page)]
        shown = page if before is not None else [*(hold for hold in left if hold.id in due), *page]
        waiting = call.authorizer.waiting("holds")
        rows = [_told(call, await self._row(call, self._hold(call, one.id), queued=one.id in waiting)) for one in shown]
        forecast = await self._holds.async_forecast()
        return types.HoldList(
            rows,
            self._about_held(call, [hold.id for hold in seen]),
            coarse_days(forecast.recording_stops_days),
            total=len(seen),
            waiting=len(due),
            next=page[0].id if page and left else "",
        )

    @handles(types.HoldArchive, scope=_scope_of_one, log=_one)
    async def archive(self, call: Call[types.HoldArchive]) -> types.HoldRow:
        hold = self._hold(call, call.request.hold, *way.KEEPING_STATES)
        folder = Path(call.request.folder)
        if not folder.is_absolute() or "\0" in call.request.folder:
            raise BadRequest("Give the archive folder by its full path.", "Use --to /path/of/the/other/disk.")
        await call.record(form=_form(hold), facts={"archive": "begun"}, private={"folder": str(folder)})
        receipt = await self._holds.async_archive(hold, folder)

        async def done() -> model.Hold:
            # Under ``order``: what somebody asked to keep meanwhile is in the row that is written.
            async with call.authorizer.order:
                row = way.archived(self._hold(call, hold.id), str(folder), receipt.sums_sha256)
                form = LogForm(
                    cameras=_form(row).cameras,
                    subject=row.id,
                    facts={"files": receipt.files, "bytes": receipt.bytes, "sha256sums": receipt.sums_sha256},
                    private={"folder": str(folder)},
                )
                # Its footage is released here once the copy is verified: an official confirms that the copy is where it should
                # be.
                key = call.authorizer.store.next_id("flags", "f")
                flag = model.Flag(key, "hold_archived", 0, call.caller.who, call.now.utc_ns, 1, (), f"copy of {row.id}")
                changes = [put("holds", row.id, row), put("flags", key, flag)]
                await call.authorizer.async_service_entry("hold.archived", form, changes, ordered=True)
            return row

        row = await asyncio.shield(asyncio.ensure_future(done()))
        call.frame.async_spawn(self._holds.async_let_go_archived(), f"let-go-{hold.id}")
        return _told(call, await self._row(call, row))

    # --- how ---------------------------------------------------------------------------------------------------------

    def _spans(self, asked: Sequence[types.SpanAsk]) -> tuple[model.HoldSpan, ...]:
        if not 1 <= len(asked) <= MAX_SPANS:
            raise BadRequest(f"A hold has 1 to {MAX_SPANS} spans.", "Name a camera and a time.")
        spans = []
        for span in asked:
            (camera,) = common.camera_ids(self._cameras, [span.camera])
            if not all(-MAX_TIME_NS <= at < MAX_TIME_NS for at in (span.start_utc_ns, span.end_utc_ns or 0)):
                raise BadRequest(f"The span of {camera} is outside the calendar.", "Use a different --from and --to.")
            if span.end_utc_ns is not None:
                common.check_span(span.start_utc_ns, span.end_utc_ns, f"The span of {camera}")
            spans.append(model.HoldSpan(camera, span.start_utc_ns, span.end_utc_ns))
        return tuple(spans)

    def _hold(self, call: Call[Any], key: str, *states: str) -> model.Hold:
        hold = common.find_row(dict(call.state.holds), key, "hold")
        if states and hold.state not in states:
            raise Conflict(
                f"{hold.id} is {types.STATE_WORDS.get(hold.state, hold.state)}.", "See `holdshelf hold show`."
            )
        if not way.keeps(hold):
            return hold
        # Includes what only the shelf knows until the log has it too: no action may leave it out and number on from there.
        return self._holds.book.to_write(hold.id) or hold

    async def _commit(self, call: Call[Any], hold: model.Hold, *more: Change, **said: Any) -> types.HoldRow:
        """Protect, record, write to the shelf; undo the protection when the entry is refused."""
        holds = self._holds
        await holds.async_protect(hold)
        try:
            await call.record([put("holds", hold.id, hold), *more], form=_form(hold), **said)
        except HoldshelfError:
            await holds.async_unprotect(hold.id, call.state.holds.get(hold.id))
            raise
        if call.seq < 0:
            # Its entry waits for the log: until then, a restart finds it in the shelf's own file.
            await holds.async_write_down(hold)
        protected_utc_ns = call.frame.clock.utc_ns()
        try:
            row = await self._row(call, hold, coverage=True, queued=call.seq < 0)
        finally:
            # After the answer, which reads the same journals: the footage is protected, and the caller is waiting.
            call.frame.async_spawn(self._settle(hold), f"shelve-{hold.id}")
        return msgspec.structs.replace(row, protected_utc_ns=protected_utc_ns)

    async def _settle(self, hold: model.Hold) -> None:
        """In the background: link the footage on the shelf, and warn if the hold will fill the room."""
        await asyncio.sleep(SETTLE_AFTER_S)
        await self._holds.async_shelve(hold)
        await self._holds.async_watch_room()

    def _also(
        self, asked: Call[Any] | Reading[Any], spans: Sequence[model.HoldSpan], but: str = ""
    ) -> list[types.AlsoHeldRow]:
        """Return the other holds in force that keep some of these spans, oldest first: those that the caller may see."""
        found = []
        mine, cameras = united(spans), {span.camera for span in spans}
        others = [
            hold
            for hold in asked.state.holds.values()
            if hold.id != but and any(span.camera in cameras for span in hold.spans) and way.keeps(hold)
        ]
        for hold in sorted(others, key=lambda one: one.placed_utc_ns):
            common_part = in_common(mine, hold.spans)
            if common_part and asked.authorizer.decide(asked.caller, "hold.see", Scope(target=hold.id)).allowed:
                by = asked.state.name_of(hold.placed_by)
                found.append(
                    types.AlsoHeldRow(
                        hold.id, hold.reference, by, hold.placed_utc_ns, hold.state, whole=common_part == "all"
                    )
                )
        return found

    async def _row(
        self, call: Call[Any], hold: model.Hold, *, coverage: bool = False, queued: bool = False
    ) -> types.HoldRow:
        """Return a hold as clients see it; with ``coverage``, to the second."""
        facts = await self._holds.async_facts(hold)
        rows = []
        if coverage:
            rows = [
                types.CoverageRow(c.camera, c.kind, c.start_utc_ns, c.end_utc_ns, c.reason)
                for c in await self._holds.async_coverage(hold.spans, hold.id)
            ]
        same = {name: value for name, value in msgspec.structs.asdict(hold).items() if name in _ROW_FIELDS}
        return types.HoldRow(
            **{**same, "spans": [types.SpanAsk(s.camera, s.start_utc_ns, s.end_utc_ns) for s in united(hold.spans)]},
            overdue=way.review_overdue(hold, call.now),
            shelved=facts.shelved,
            held_bytes=self._about_held(call, [hold.id]),
            coverage=rows,
            also=self._also(call, hold.spans, hold.id) if coverage and way.keeps(hold) else [],
            queued=queued,
            placed_by_name=call.state.name_of(hold.placed_by),
            lift_by_name=call.state.name_of(hold.lift_by) if hold.lift_by else "",
        )

    def _about_held(self, call: Call[Any], holds: Sequence[str]) -> int:
        """Return the size of the holds together, computed once a minute: from averages, as exact sizes would show movement."""
        kept = [found for hold in holds if (found := self._holds.protection.kept(hold)) is not None]
        spans = [span for one in kept for span in one.spans]
        clock = call.frame.clock
        return self._averages.about_held(spans, self._retention.usages(), clock.utc_ns(), clock.boot_ns())
