"""A furnished house for the machine to begin with: seats, a designee, a guest, two cameras in use, holds on
some footage."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.acts import Act, Read
from holdshelf_core.cameras import commission_types as types_commission
from holdshelf_core.errors import Refused
from holdshelf_core.people import types as types_people
from holdshelf_core.people.board_types import MayAnswer, PolicyAdopt, ReadMay
from holdshelf_core.policy.state import State
from holdshelf_storage.volume.volume import init_volume
from tests.rules_house import Outcome, Rig, Session
from tests.rules_machine import CAMERAS, PAPER, Machine, Plan, Template, key
from tests.rules_model import DAY_NS, MINUTE_NS, Person, Term
from tests.rules_policy import PolicyRead
from tests.rules_service import copy_tree
from tests.rules_trouble import TroubleRules


def furnish(scratch: Path, policy: str = "") -> Template:
    """Makes it below ``scratch``, by acts like any other. ``policy``: a file that the Board adopts at the end."""
    Machine.template = None
    house = _Furnishing()
    try:
        house.furnish()
        if policy:
            house.adopt(policy)
        folder = scratch / "furnished"
        house.rig.flush()
        copy_tree(house.rig.data.data, folder)
        house.model.crash(())
        return Template(folder, house.model, copy.copy(house.rig.time), scratch)
    finally:
        house.teardown()


class _Furnishing(TroubleRules):
    def furnish(self) -> None:
        init_volume(self.rig.data.state, self.rig.data.media, self.rig.time.wall_ns)
        self.rig.start()
        self.rig.run(self._add_cameras())
        self.rig.crash()  # a camera is recorded from a start on
        line, fingerprint = key(0)

        def first(answer: Any) -> None:
            self.model.people["p1"] = Person("p1", "dora", {fingerprint: line})
            self.model.terms[answer.id] = Term(answer.id, "p1", self.model.wall, None, "director")

        asked = types_people.SeatName("director", "dora", "Dora Reed", line, paper_sha256=PAPER)
        self.does(Plan("seat.name", None, asked, None, first))
        self.log_in(self.model.people["p1"], fingerprint)
        (director,) = self.sessions
        for number, login in enumerate(("carl", "ann", "bob", "mia"), 1):
            self.does(self.plan_add(director, login, number if login != "mia" else None))
        carl, ann, bob, mia = (self.model.people[f"p{number}"] for number in range(2, 6))
        self.does(self.plan_seat(director, "chair", carl, 0, 90 * DAY_NS, PAPER))
        self.does(self.plan_seat(director, "mayor", mia, 0, 20 * DAY_NS, PAPER))
        self.does(Plan("entrance.add", director, types_commission.EntranceAdd("Main door", "A4, English"), True))
        for camera in CAMERAS:
            self.does(self.plan_masks(director, camera, 0))
            self.bring_into_use(director, camera)
            assert self.model.approved[camera]
        everything = ("archive", "commission", "hold", "live", "share")
        self.does(self.plan_appoint(director, ann, everything, None, 0, 10 * DAY_NS, PAPER))
        self.log_in(ann, key(2)[1])
        ann_in = self.sessions[-1]
        self.does(self.plan_share(director, bob, "front", 7, True))
        for _ in range(3):
            self.rig.time.run(MINUTE_NS)
            self.model.run(MINUTE_NS)
            self.between_files()
        begun = self.model.wall - 2 * MINUTE_NS
        self.does(self.plan_place(director, [("front", begun, begun + MINUTE_NS)]))
        self.does(self.plan_place(ann_in, [("hall", begun, None)]))
        self.housekeeping()
        self.second()

    def adopt(self, policy: str) -> None:
        """The Chair adopts another policy file."""
        self.log_in(self.model.people["p2"], key(1)[1])

        def adopted(_answer: Any) -> None:
            self.model.policy = PolicyRead(policy)

        asked = PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", "", policy)
        self.does(Plan("policy.adopt", self.sessions[-1], asked, True, adopted))
        self.second()

    async def _add_cameras(self) -> None:
        for number, camera in enumerate(CAMERAS, 1):
            row = {"entry_id": camera, "domain": "stream", "unique_id": camera, "title": camera.title()}
            row |= {"area_kind": "entrance", "area_note": "", "added_utc_ns": number}
            row |= {"data": {"stream": {"url": "rtsp://192.0.2.1/stream"}}}
            form = LogForm(cameras=(camera,))
            await self.rig.house.authorizer.async_service_entry("camera.add", form, [Change("entries", camera, row)])

    def does(self, plan: Plan | None) -> Outcome:
        assert plan is not None
        outcome = self.act(plan)
        assert outcome.kind == "done", outcome
        return outcome


@dataclass
class House:
    """The furnished house, and sessions of its people."""

    rig: Rig
    sessions: dict[str, Session] = field(default_factory=dict)

    def who(self, login: str) -> Session:
        if login not in self.sessions:
            number = ("dora", "carl", "ann", "bob").index(login)
            session, _ = self.rig.log_in(login, key(number)[1])
            assert session is not None, login
            self.sessions[login] = session
        return self.sessions[login]

    def act(self, login: str | None, name: str, request: msgspec.Struct) -> Outcome:
        return self.rig.act(name, self.who(login) if login else None, request)

    def done(self, login: str | None, name: str, request: msgspec.Struct) -> Any:
        outcome = self.act(login, name, request)
        assert outcome.kind == "done", outcome
        return outcome.answer

    def ask(self, login: str | None, request: Act[Any]) -> Any:
        """The answer to an act by its typed request."""
        return self.done(login, request.spec.name, request)

    def refused(self, login: str | None, request: Act[Any], clause: str, words: str) -> None:
        """The policy refuses it, by that clause, in those words."""
        outcome = self.act(login, request.spec.name, request)
        assert isinstance(outcome.error, Refused), outcome
        told = f"{outcome.error.clause}: {outcome.error.sentence} {outcome.error.next_step}"
        assert outcome.error.clause == clause, told
        assert words in told, told

    def wrong(self, login: str | None, request: Act[Any], words: str) -> None:
        """It cannot be done as it is asked for."""
        outcome = self.act(login, request.spec.name, request)
        assert outcome.kind == "wrong", outcome
        assert words in f"{outcome.error} {getattr(outcome.error, 'next_step', '')}", outcome

    def read[A](self, person: str | None, request: Read[A]) -> A:
        """A read, by a person's id or the admin."""
        caller = Caller(person, person is None, -1, "local")
        answer: A = self.rig.run(self.rig.house.authorizer.async_read(request, caller))
        return answer

    def may(self, person: str, action: str, **about: Any) -> MayAnswer:
        """What `policy may` says."""
        return self.read(None, ReadMay(person, action, **about))

    def pass_days(self, days: int) -> None:
        """Days pass, and sessions end."""
        self.rig.time.run(days * DAY_NS)
        self.sessions.clear()

    @property
    def now(self) -> int:
        return self.rig.time.wall_ns

    @property
    def state(self) -> State:
        """As the rules see it."""
        return self.rig.house.state_store.state
