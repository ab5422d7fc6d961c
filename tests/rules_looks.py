"""Looks: opened, widened, renewed and closed, and the pictures that they let out while rights are taken away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from holdshelf_core.cameras import commission_types as types_commission
from holdshelf_core.looks import types as types_looks
from tests.rules_house import Session
from tests.rules_machine import CAMERAS, NS, PAPER, Plan, moments, nth
from tests.rules_model import HOUR_NS, MINUTE_NS, Look, Term
from tests.rules_people import PeopleRules

GRANT_NS = 8 * HOUR_NS
RENEWALS = 5
some_cameras = st.sampled_from([("front",), ("hall",), CAMERAS])
BETWEEN = ("share", "letter", "person", "seat", "key", "masks", "board", "log out", "clock", "time", "log full")
"""What may come between a picture's entry and its last byte."""


class LookRules(PeopleRules):
    """Rules on looking."""

    # --- plans ------------------------------------------------------------------------------------------------------

    def opened(self, who: Session | None, answer: Any) -> None:
        """The model hears of a look that was opened."""
        assert who is not None
        board, boot = self.model.board, self.model.boot
        lasts = board.break_glass_minutes * MINUTE_NS if answer.kind == "break_glass" else GRANT_NS
        live = min(board.live_minutes * MINUTE_NS, lasts)
        self.model.looks[answer.id] = Look(
            answer.id,
            who.person,
            who.id,
            answer.kind,
            answer.mode,
            tuple(answer.cameras),
            answer.start_utc_ns,
            answer.end_utc_ns,
            answer.share,
            boot + lasts,
            boot + live if answer.mode == "live" else 0,
        )

    def plan_open(self, who: Session | None, cameras: tuple[str, ...], mode: str, span: tuple[int, int]) -> Plan:
        by, live = self.person_of(who), mode == "live"
        may: bool | None = all(self.model.may_see(by, camera, live=live) for camera in cameras)
        may = may and len(cameras) <= self.model.board.cameras_per_purpose
        if live:
            request = types_looks.PurposeOpen(list(cameras), "safety", mode="live")
            others = [look for look in self.open_looks(by) if look.kind == "look" and look.mode == "live"]
            may = may and not any(self.model.boot < look.live_until_boot for look in others)
        else:
            request = types_looks.PurposeOpen(list(cameras), "safety", start_utc_ns=span[0], end_utc_ns=span[1])
            may = may and self.model.short_enough(*span)
            may = None if may and span[0] >= self.model.wall else may
        may = may and len(self.open_looks(by)) < 16
        return Plan("purpose.open", who, request, may, lambda answer: self.opened(who, answer))

    def plan_glass(self, who: Session | None, cameras: tuple[str, ...]) -> Plan:
        by = self.person_of(who)
        may = self.model.may(by, "break_glass", cameras) and len(cameras) <= self.model.board.cameras_per_purpose
        request = types_looks.BreakGlass(list(cameras), "smoke in the hall")
        may = may and len(self.open_looks(by)) < 16
        return Plan("break_glass", who, request, may, lambda answer: self.opened(who, answer))

    def plan_open_share(self, who: Session | None, share: str, camera: str) -> Plan:
        by = self.person_of(who)
        may = self.model.may_see_share(by, share, camera) and len(self.open_looks(by)) < 16
        return Plan("share.open", who, types_looks.ShareOpen(share), may, lambda answer: self.opened(who, answer))

    def plan_widen(self, who: Session | None, look: Look, cameras: tuple[str, ...], by_ns: int) -> Plan:
        every = tuple(dict.fromkeys((*look.cameras, *cameras)))
        start = look.start - by_ns if look.start is not None and look.mode == "archive" and by_ns else None
        wider = (start if start is not None else look.start, look.end)
        live, person = look.mode == "live", self.person_of(who)
        may: bool | None = self.own(who, look) and look.kind == "look"
        may = may and all(self.model.may_see(person, camera, live=live) for camera in every)
        may = may and len(every) <= self.model.board.cameras_per_purpose and self.model.short_enough(*wider)
        if may and ((every == look.cameras and start is None) or (look.end or 0) > self.model.wall):
            may = None

        def done(answer: Any) -> None:
            look.cameras, look.start, look.end = tuple(answer.cameras), answer.start_utc_ns, answer.end_utc_ns
            assert (set(look.cameras), look.start) == (set(every), wider[0])

        request = types_looks.PurposeWiden(look.id, list(cameras), start)
        return Plan("purpose.widen", who, request, may, done)

    def plan_renew(self, who: Session | None, look: Look) -> Plan:
        may = self.own(who, look) and look.mode == "live" and look.renewals < RENEWALS and self.model.look_right(look)

        if may and not self.log_ok:
            look.renewals += 1  # a confirm that could not be written down counts as one

        def done(_answer: Any) -> None:
            look.renewals += 1
            look.live_until_boot = min(self.model.boot + self.model.board.live_minutes * MINUTE_NS, look.ends_boot)

        return Plan("live.renew", who, types_looks.GrantAsk(look.id), may, done)

    def plan_close(self, who: Session | None, look: Look) -> Plan:
        may: bool | None = self.person_of(who) == look.person and not look.closed
        if may and look.ends_boot <= self.model.boot:
            may = None  # ended if somebody asked for a picture since, or a second went by; else it can be closed

        def done(_answer: Any) -> None:
            look.closed = True

        return Plan("purpose.close", who, types_looks.GrantAsk(look.id), may, done)

    def plan_masks(self, who: Session | None, camera: str, corner: int) -> Plan:
        """Other masks: out of use until it is approved anew."""
        points = [(0, 0), (1000 + corner, 0), (0, 1000)]
        request = types_commission.CommissionEdit(camera, [types_commission.MaskAsk(points)], why="a desk was moved")

        def done(_answer: Any) -> None:
            self.model.approved[camera] = False

        may = self.model.may(self.person_of(who), "commission.edit", (camera,))
        return Plan("commission.edit", who, request, may, done)

    def open_looks(self, person: str | None) -> list[Look]:
        return [look for look in self.going() if look.person == person]

    def own(self, who: Session | None, look: Look) -> bool:
        """An open look of this very session."""
        return who is not None and look.session == who.id and not look.closed and look.ends_boot > self.model.boot

    # --- rules on looks ----------------------------------------------------------------------------------------------

    @rule(n=nth, cameras=some_cameras, mode=st.sampled_from(["archive", "live"]), which=nth,
          long=st.sampled_from([MINUTE_NS, 30 * MINUTE_NS, 2 * HOUR_NS, 25 * HOUR_NS]), crash=moments)  # fmt: skip
    def open_look(self, n: int, cameras: tuple[str, ...], mode: str, which: int, long: int, crash: str) -> None:
        spans = sorted(self.model.segments.values())
        start = (self.pick(spans, which) or (self.model.wall - MINUTE_NS, 0))[0]
        self.try_out(n, lambda who: self.plan_open(who, cameras, mode, (start, start + long)), crash)

    @rule(n=nth, cameras=some_cameras, crash=moments)
    def break_glass(self, n: int, cameras: tuple[str, ...], crash: str) -> None:
        self.try_out(n, lambda who: self.plan_glass(who, cameras), crash)

    @precondition(lambda self: self.model.shares)
    @rule(n=nth, which=nth, crash=moments)
    def open_share(self, n: int, which: int, crash: str) -> None:
        share = self.pick(list(self.model.shares.values()), which)
        if share is not None:
            self.try_out(n, lambda who: self.plan_open_share(who, share.id, share.camera), crash)

    def going(self) -> list[Look]:
        """Looks that are open."""
        return [look for look in self.model.looks.values() if not look.closed]

    def a_look(self, n: int, which: int, own: bool) -> tuple[Session | None, Look | None]:
        """A look, and who asks for something of it: whose it is (``own``), or anybody."""
        look = self.pick(self.going() if own else list(self.model.looks.values()), which)
        who = self.by(n)
        if look is not None and own:
            who = next((session for session in self.sessions if session.id == look.session), who)
        return who, look

    mostly = st.sampled_from([True, True, True, True, False])

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly, cameras=some_cameras, by_ns=st.sampled_from([0, MINUTE_NS, 2 * HOUR_NS]),
          crash=moments)  # fmt: skip
    def widen(self, n: int, which: int, own: bool, cameras: tuple[str, ...], by_ns: int, crash: str) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None:
            self.act(self.plan_widen(who, look, cameras, by_ns), crash)

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly)
    def renew(self, n: int, which: int, own: bool) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None:
            self.act(self.plan_renew(who, look))

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly)
    def close_look(self, n: int, which: int, own: bool) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None:
            self.act(self.plan_close(who, look))

    # --- pictures ----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly, camera=st.sampled_from(CAMERAS), at=nth, off=st.sampled_from([0, 1, -1, 30]),
          between=st.one_of(st.none(), st.sampled_from(BETWEEN)), m=nth, crash=moments)  # fmt: skip
    def still(
        self, n: int, which: int, own: bool, camera: str, at: int, off: int, between: str | None, m: int, crash: str
    ) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None:
            asked = self.instant(look, camera, at) + off * NS // 2
            request = types_looks.StillAsk(look.id, self.camera_in(look, camera), asked)
            name = "share.still" if look.kind == "share" else "look.still"
            self.picture(Plan(name, who, request, None), look, request.camera, asked, between, m, crash)

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly, camera=st.sampled_from(CAMERAS), count=st.sampled_from([1, 3, 40]),
          between=st.one_of(st.none(), st.sampled_from(BETWEEN)), m=nth, crash=moments)  # fmt: skip
    def strip(
        self, n: int, which: int, own: bool, camera: str, count: int, between: str | None, m: int, crash: str
    ) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None and look.start is not None:
            request = types_looks.StripAsk(look.id, self.camera_in(look, camera), count)
            name = "share.strip" if look.kind == "share" else "look.strip"
            self.picture(Plan(name, who, request, None), look, request.camera, look.start, between, m, crash)

    @precondition(lambda self: self.going())
    @rule(n=nth, which=nth, own=mostly, camera=st.sampled_from(CAMERAS),
          between=st.one_of(st.none(), st.sampled_from(BETWEEN)), m=nth, crash=moments)  # fmt: skip
    def live(self, n: int, which: int, own: bool, camera: str, between: str | None, m: int, crash: str) -> None:
        who, look = self.a_look(n, which, own)
        if look is not None:
            request = types_looks.LiveAsk(look.id, self.camera_in(look, camera))
            self.picture(Plan("look.live", who, request, None), look, request.camera, None, between, m, crash)

    def camera_in(self, look: Look, camera: str) -> str:
        """Mostly one that the look names."""
        return look.cameras[0] if len(look.cameras) == 1 and camera == CAMERAS[0] else camera

    def instant(self, look: Look, camera: str, number: int) -> int:
        """An edge of a recording, or of the look itself."""
        edges = [t for (name, _seq), span in self.model.segments.items() if name == camera for t in span]
        inside = [t for t in edges if look.start is not None and look.end is not None and look.start <= t < look.end]
        edges = [*inside, *(t for t in (look.start, look.end) if t is not None)]
        return self.pick(edges or [self.model.wall], number) or 0

    def picture(
        self, plan: Plan, look: Look, camera: str, at: int | None, between: str | None, m: int, crash: str
    ) -> None:
        """Asks for pictures; right before and right after whatever comes between is what lets them out."""
        session = plan.who.id if plan.who is not None else ""
        plan.pictures, plan.missing = True, True
        plan.may = self.model.may_picture(look, session, camera, at)
        over = self.come_between(between, m, look, camera) if between is not None and not crash else None

        def meanwhile() -> None:
            if over is not None and self.rig.house.pictures.meanwhile is None:
                over()
                if plan.may and not self.model.may_picture(look, session, camera, at):
                    self.seen[f"picture stopped by {between}"] += 1
                    plan.may = False
            self.rig.house.pictures.meanwhile = None

        self.act(plan, crash, meanwhile)

    def come_between(self, what: str, number: int, look: Look, camera: str) -> Callable[[], None] | None:
        """Has something happen while the picture is being decoded, mostly to whom it is for; how the model hears of it."""
        if what in ("log out", "clock", "time", "log full"):
            return self.happen_between(what, number, look)
        seats = [s for s in self.sessions if self.alive(s) and self.model.seats(s.person)]
        seat = next((s for s in seats if s.person != look.person), next(iter(seats), None))

        def one(found: list[Term]) -> Term | None:
            mine = [term for term in found if term.person == look.person]
            return self.pick(mine if mine and number % 3 else found, number)

        person = self.model.people[look.person] if number % 3 else self.pick(self.present(), number)
        plan: Plan | None = None
        if what == "share" and (share := one(self.unended("shares", self.model.shares))):
            plan = self.plan_share_end(seat, share)
        elif what == "letter" and (letter := one(self.unended("appointments", self.model.letters))):
            plan = self.plan_letter_end(seat, letter)
        elif what == "seat" and (term := one(self.unended("seats", self.model.terms))):
            plan = self.plan_seat_end(seat, term, 0, PAPER)
        elif what == "person" and person is not None and not person.gone and len(self.present()) > 3:
            plan = self.plan_remove(seat, person)
        elif what == "key" and person is not None and not person.gone:
            plan = self.plan_key(seat, person, number, "replace", PAPER)
        elif what == "masks":
            plan = self.plan_masks(seat, camera if number % 3 else CAMERAS[number % 2], number)
        elif what == "board":
            plan = self.plan_board(seat, "longest_look_hours", 1, PAPER)
        return self.aside(plan) if plan is not None else None

    def happen_between(self, what: str, number: int, look: Look) -> Callable[[], None]:
        ns = (2 * NS, 90 * NS, HOUR_NS)[number % 3]
        its = [session for session in self.sessions if session.id == look.session]
        session = self.pick(its if its and number % 3 else self.sessions, number)

        async def between() -> None:
            if what == "log out" and session is not None:
                await self.rig.async_log_out(session)
            elif what == "clock":
                self.rig.time.wall_ns += ns * 24
            elif what == "time":
                self.rig.time.run(ns)
            elif what == "log full":
                self.rig.log_fault = "full"

        def over() -> None:
            if what == "log out" and session is not None:
                self.sessions.remove(session)
                self.session_over(session)
            elif what == "clock":
                self.model.wall += ns * 24
            elif what == "time":
                self.model.run(ns)

        self.rig.house.pictures.meanwhile = between
        return over

    @rule(n=nth, cameras=some_cameras, how=st.sampled_from(["still", "strip", "live"]), glass=st.booleans(), which=nth,
          between=st.one_of(st.none(), st.sampled_from(BETWEEN)), m=nth, off=st.sampled_from([0, 1, -1, 30]),
          crash=moments)  # fmt: skip
    def look_at_once(
        self, n: int, cameras: tuple[str, ...], how: str, glass: bool, which: int, between: str | None, m: int,
        off: int, crash: str,
    ) -> None:  # fmt: skip
        """Opened, and a picture asked for in the same breath."""
        if glass:
            opened = self.try_out(n, lambda who: self.plan_glass(who, cameras))
        else:
            start = (self.pick(sorted(self.model.segments.values()), which) or (self.model.wall - MINUTE_NS, 0))[0]
            span = (start, start + MINUTE_NS)
            mode = "live" if how == "live" else "archive"
            opened = self.try_out(n, lambda who: self.plan_open(who, cameras, mode, span))
        if opened is None or opened.kind != "done":
            return
        last = len(self.going()) - 1
        if how == "still":
            self.still(0, last, True, cameras[0], which, off, between, m, crash)
        elif how == "strip":
            self.strip(0, last, True, cameras[0], 1 + which, between, m, crash)
        else:
            self.live(0, last, True, cameras[0], between, m, crash)

    @precondition(lambda self: self.unended("shares", self.model.shares))
    @rule(which=nth, count=st.sampled_from([0, 1, 3]), between=st.one_of(st.none(), st.sampled_from(BETWEEN)), m=nth)
    def view_share(self, which: int, count: int, between: str | None, m: int) -> None:
        """Opened and viewed at once by whom it is shared with."""
        share = self.pick(self.unended("shares", self.model.shares), which)
        who = next((session for session in self.sessions if share and session.person == share.person), None)
        if share is None or who is None:
            return
        if self.act(self.plan_open_share(who, share.id, share.camera)).kind == "done":
            (look, start), mine = (list(self.model.looks.values())[-1], share.span[0]), {"n": 0, "own": True}
            found = [t for (c, _seq), (t, _end) in self.model.segments.items() if c == share.camera and t >= start]
            at = self.pick(found, which) or start
            which = self.going().index(look)
            if count:
                self.strip(which=which, camera=share.camera, count=count, between=between, m=m, crash="", **mine)
            else:
                request = types_looks.StillAsk(look.id, share.camera, at)
                self.picture(Plan("share.still", who, request, None), look, share.camera, at, between, m, "")

    # --- bringing a camera into use --------------------------------------------------------------------------------------

    @rule(n=nth, camera=st.sampled_from(CAMERAS), corner=nth, crash=moments)
    def draw_masks(self, n: int, camera: str, corner: int, crash: str) -> None:
        self.try_out(n, lambda who: self.plan_masks(who, camera, corner), crash)

    @rule(n=nth, camera=st.sampled_from(CAMERAS), crash=moments)
    def approve(self, n: int, camera: str, crash: str) -> None:
        """Its masks drawn anew where it is in use; then a still, and the approval by its hash."""
        able = [who for who in self.sessions if self.model.may(who.person, "commission.approve", (camera,))]
        who = self.pick(able, n) if able and n % 4 else self.by(n)
        if self.model.approved[camera]:
            self.act(self.plan_masks(who, camera, n))
        self.bring_into_use(who if who is None or who in self.sessions else None, camera, crash)

    def bring_into_use(self, who: Session | None, camera: str, crash: str = "") -> None:
        """The sign at the door is looked at before."""
        may = self.model.may(self.person_of(who), "commission.still", (camera,))
        able = self.model.may(self.person_of(who), "entrance.attest")
        attest = types_commission.EntranceAttest("Main door", "A4, English", legible=True, lit=True)
        # By a clock that doubts itself the sign's next check may have come already.
        attested = self.act(Plan("entrance.attest", who, attest, None if able and self.model.doubtful else able))
        if attested.kind != "done" or self.model.approved[camera]:
            return
        shown = self.act(Plan("commission.still", who, types_commission.CommissionStill(camera), may))
        if shown.kind != "done":
            return

        def done(_answer: Any) -> None:
            self.model.approved[camera] = True

        request = types_commission.CommissionApprove(camera, shown.answer.sha256)
        self.act(Plan("commission.approve", who, request, None if self.model.doubtful else may, done), crash)
