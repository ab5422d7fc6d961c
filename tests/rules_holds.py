"""Holds: placed, extended, reviewed, lifted by one and approved by another; and the rolling buffer that must keep them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from holdshelf_core.holds import types as types_holds
from tests.rules_house import Session
from tests.rules_looks import LookRules
from tests.rules_machine import CAMERAS, NS, PAPER, SEGMENT_BYTES, Plan, moments, nth
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS, SEATS, Hold

Span = tuple[str, int, int | None]


class HoldRules(LookRules):
    """Rules on holds and footage."""

    # --- plans ------------------------------------------------------------------------------------------------------

    def spans(self, cameras: tuple[str, ...], which: int, lasts: int | None) -> list[Span]:
        """From a recording's begin or its midst on."""
        starts = sorted({span[0] for span in self.model.segments.values()}) or [self.model.wall]
        start = starts[which % len(starts)] + (which % 3) * NS
        return [(camera, start, start + lasts if lasts is not None else None) for camera in cameras]

    @staticmethod
    def asked(spans: list[Span]) -> list[types_holds.SpanAsk]:
        return [types_holds.SpanAsk(*span) for span in spans]

    def plan_place(self, who: Session | None, spans: list[Span]) -> Plan:
        may = self.model.may(self.person_of(who), "hold.place", [camera for camera, _s, _e in spans])
        placed = self.model.wall

        def done(answer: Any) -> None:
            assert answer.id not in self.model.holds, f"{answer.id} is given twice"
            self.model.holds[answer.id] = Hold(answer.id, list(spans), placed, waiting=answer.queued)

        request = types_holds.HoldPlace("violation", "26-1", self.asked(spans))
        return Plan("hold.place", who, request, may, done, queued=True)

    def plan_extend(self, who: Session | None, hold: Hold, spans: list[Span]) -> Plan:
        cameras = [*hold.cameras, *(camera for camera, _s, _e in spans)]
        may = self.model.may(self.person_of(who), "hold.extend", cameras) and hold.keeps
        if may and len(hold.spans) + len(spans) > 60:
            may = False

        def done(answer: Any) -> None:
            hold.spans += [span for span in spans if span not in hold.spans]
            hold.state, hold.lift_by, hold.grace_end, hold.waiting = "active", "", None, answer.queued

        request = types_holds.HoldExtend(hold.id, self.asked(spans), "more is needed")
        return Plan("hold.extend", who, request, may, done, queued=True)

    def plan_review(self, who: Session | None, hold: Hold) -> Plan:
        may = self.model.may(self.person_of(who), "hold.review", hold.cameras)
        may = may and hold.state == "active"
        return Plan("hold.review", who, types_holds.HoldReview(hold.id, "still needed"), may)

    def plan_lift(self, who: Session | None, hold: Hold) -> Plan:
        by = self.person_of(who)
        may = self.model.decides(by, "hold.lift") and hold.state == "active"

        def done(_answer: Any) -> None:
            hold.state, hold.lift_by = "lifting", by or ""
            if not self.model.board.second_person_lift:
                self.model.in_grace(hold)

        return Plan("hold.lift", who, types_holds.HoldLift(hold.id, "the case is closed"), may, done)

    def plan_approve(self, who: Session | None, hold: Hold, paper_seat: str, refuse: bool) -> Plan:
        by, paper = self.person_of(who), PAPER if paper_seat else ""
        if refuse:
            may = self.model.decides(by, "hold.lift.approve") and hold.state in ("lifting", "grace")
        else:
            may = self.model.may_approve(hold, by, paper_seat)

        def done(_answer: Any) -> None:
            if refuse:
                hold.state, hold.lift_by, hold.grace_end = "active", "", None
            else:
                self.model.in_grace(hold)

        request = types_holds.HoldApprove(hold.id, paper, paper_seat, refuse)
        return Plan("hold.approve", who, request, may, done)

    # --- rules on holds -----------------------------------------------------------------------------------------------

    @rule(
        n=nth, cameras=st.sampled_from([("front",), ("hall",), CAMERAS]), which=nth,
        lasts=st.sampled_from([None, NS, MINUTE_NS, HOUR_NS, DAY_NS]), crash=moments,
    )  # fmt: skip
    def place_hold(self, n: int, cameras: tuple[str, ...], which: int, lasts: int | None, crash: str) -> None:
        self.try_out(n, lambda who: self.plan_place(who, self.spans(cameras, which, lasts)), crash)

    def holds_that(self, *states: str) -> list[Hold]:
        """Holds in one of these states."""
        return [hold for hold in self.model.holds.values() if hold.state in states and not hold.forgotten]

    def hold(self, which: int) -> Hold | None:
        return self.pick([hold for hold in self.model.holds.values() if not hold.forgotten], which)

    @precondition(lambda self: self.model.holds)
    @rule(
        n=nth, of=nth, cameras=st.sampled_from([("front",), ("hall",)]), which=nth,
        lasts=st.sampled_from([None, MINUTE_NS, DAY_NS]), crash=moments,
    )  # fmt: skip
    def extend_hold(self, n: int, of: int, cameras: tuple[str, ...], which: int, lasts: int | None, crash: str) -> None:
        if (hold := self.hold(of)) is not None:
            self.try_out(n, lambda who: self.plan_extend(who, hold, self.spans(cameras, which, lasts)), crash)

    @precondition(lambda self: self.model.holds)
    @rule(n=nth, of=nth, crash=moments)
    def extend_by_nothing(self, n: int, of: int, crash: str) -> None:
        """The same spans again: it keeps no more, and takes a lift back."""
        if (hold := self.hold(of)) is not None:
            self.try_out(n, lambda who: self.plan_extend(who, hold, list(hold.spans)), crash)

    @precondition(lambda self: self.model.holds)
    @rule(n=nth, of=nth, crash=moments)
    def review_hold(self, n: int, of: int, crash: str) -> None:
        if (hold := self.hold(of)) is not None:
            self.try_out(n, lambda who: self.plan_review(who, hold), crash)

    @precondition(lambda self: self.holds_that("active"))
    @rule(n=nth, of=nth, crash=moments)
    def ask_for_lift(self, n: int, of: int, crash: str) -> None:
        if (hold := self.pick(self.holds_that("active"), of) if n % 4 else self.hold(of)) is not None:
            self.try_out(n, lambda who: self.plan_lift(who, hold), crash)

    @precondition(lambda self: self.holds_that("lifting", "grace"))
    @rule(
        n=nth, of=nth, paper=st.sampled_from(["", "", "", *SEATS]), refuse=st.sampled_from([False, False, False, True]),
        crash=moments,
    )  # fmt: skip
    def approve_lift(self, n: int, of: int, paper: str, refuse: bool, crash: str) -> None:
        if (hold := self.pick(self.holds_that("lifting", "lifting" if n % 4 else "grace"), of)) is not None:
            self.try_out(n, lambda who: self.plan_approve(who, hold, paper, refuse), crash)

    @precondition(lambda self: self.holds_that("active"))
    @rule(n=nth, of=nth, short=st.sampled_from([0, 0, NS]), crash=moments)
    def lift_all_the_way(self, n: int, of: int, short: int, crash: str) -> None:
        """Asked, approved, and its days of grace pass, or nearly."""
        hold = self.pick(self.holds_that("active"), of)
        if hold is None:
            return
        self.try_out(1, lambda who: self.plan_lift(who, hold))
        if hold.state == "lifting":
            self.try_out(n, lambda who: self.plan_approve(who, hold, "mayor", refuse=False), crash)
        if self.holds_that("grace"):
            self.grace_passes(short)
            self.housekeeping()

    @rule(n=nth, of=nth)
    def see_holds(self, n: int, of: int) -> None:
        who = self.by(n)
        by, hold = self.person_of(who), self.hold(of)
        # Who may place holds sees them while nothing can be written, too.
        waits = by is not None and self.model.may(by, "hold.place")
        may = by is None or self.model.may_see_holds(by)
        listed = self.act(Plan("hold.list", who, types_holds.HoldListAsk(all=True), may, queued=waits))
        if listed.kind == "done":
            told = {row.id for row in listed.answer.holds}
            seen = [h for h in self.model.holds.values() if by is None or self.model.may_see_holds(by, h.cameras)]
            assert told >= {hold.id for hold in seen if not hold.forgotten}
            assert told <= {hold.id for hold in seen}
        if hold is not None:
            may = by is None or self.model.may_see_holds(by, hold.cameras)
            self.act(Plan("hold.show", who, types_holds.HoldAsk(hold.id), may, queued=waits))

    # --- rules on footage ---------------------------------------------------------------------------------------------

    def between_files(self) -> None:
        """Ends what is being written and begins anew."""
        for camera, seq, start, end in self.rig.cameras.close_all():
            self.model.segments[camera, seq] = (start, end)
        self.rig.cameras.async_record()
        self.note_footage()

    @precondition(lambda self: self.holds_that("grace"))
    @rule(short=st.sampled_from([0, 0, NS]))
    def grace_passes(self, short: int) -> None:
        """Until the days of grace of all are over, or nearly."""
        end = max(hold.grace_end or 0 for hold in self.holds_that("grace"))
        ns = max(NS, end - self.model.earliest - short)
        self.rig.time.run(ns)
        self.model.run(ns)

    @rule(minutes=st.integers(1, 4))
    def record(self, minutes: int) -> None:
        for _ in range(minutes):
            self.rig.time.run(MINUTE_NS)
            self.model.run(MINUTE_NS)
            self.between_files()

    @rule(most=st.sampled_from([1, 4, 8, 100]))
    def sweep(self, most: int) -> None:
        """The buffer rolls over: what is not held goes, oldest first, until the budget is met."""
        before = self.on_disk()
        self.rig.budget_bytes = most * SEGMENT_BYTES
        self.rig.house.retention.async_set_budget(self.rig.budget_bytes)
        self.rig.sweep()
        self.seen["erased"] += len(before) - len(self.on_disk())
        self.seen["held over the budget"] += len(self.model.held()) > most
        usage = self.rig.house.store.opened.footage.usage()
        if usage.allocated_bytes > self.rig.budget_bytes:
            there, opened = self.on_disk(), {c.current_seq for c in self.rig.cameras.cameras.values() if c.is_recording}
            for (camera, seq), (start, end) in self.model.segments.items():
                longest = end if end > start + 1 else start + MINUTE_NS  # one that was cut off is as long as it is
                held = any(hold.may_hold(camera, seq, start, longest) for hold in self.model.holds.values())
                assert held or seq in opened or seq not in there, (
                    f"{camera} {seq} stays over the budget, held by nobody"
                )

    @rule()
    def housekeeping(self) -> None:
        """Shelving, ends of grace, holds that only the shelf knows, entries that wait for the log."""
        due = [hold for hold in self.model.holds.values() if self.model.grace_over(hold)]
        self.rig.housekeeping()
        if self.log_ok:
            for hold in self.model.holds.values():
                hold.waiting = hold.forgotten = False
            for hold in due:
                hold.state = "lifted"
                self.seen["hold lifted"] += 1
