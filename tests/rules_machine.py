"""The machine that the rules are tried with: one house, random acts, and what must be true after each of them.

``Machine`` drives a ``Rig`` and tells a ``Model`` of what was done; ``rules_people``, ``rules_looks``, ``rules_holds`` and
``rules_trouble`` say what may happen. A ``Plan`` is one act: what is asked, what the model thinks of it, what it changes.
"""

from __future__ import annotations

import copy
import hashlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import currently_in_test_context, note
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.keys import parse_public_key
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_core.times import parse_rfc3339
from holdshelf_storage.access_log.verify import verify_log
from holdshelf_storage.register import SCHEMA, Register
from tests.rules_footage import read_origin_of
from tests.rules_house import ADMIN, Outcome, Rig, Session, Shown, Time
from tests.rules_model import LEASE_NS, LEASE_PICTURES, Model, Person
from tests.rules_service import kind_of

NS = 1_000_000_000
CAMERAS = ("front", "hall")
PAPER = hashlib.sha256(b"a signed paper").hexdigest()
SEGMENT_BYTES = 4096
nth = st.integers(0, 11)
"""Which of what there is: taken modulo its number."""
moments = st.sampled_from([*[""] * 38, "before", "after"])
"""Whether the machine loses power within an act, and when: before or after its entry is on disk."""


@dataclass(slots=True)
class Plan:
    """One act. ``may``: it must be done (True), must not be (False), or the model does not know (None)."""

    name: str
    who: Session | None
    request: msgspec.Struct
    may: bool | None
    done: Callable[[Any], None] = lambda _answer: None
    """Tells the model that it was done, given the answer."""
    queued: bool = False
    """Is done though its entry must wait for the log."""
    pictures: bool = False
    """Shows pictures under an entry of its own kind; may come under one that is on disk already."""
    missing: bool = False
    """What it asks for may not be there."""


@dataclass(frozen=True, slots=True)
class Template:
    """A furnished house to begin with."""

    folder: Path
    model: Model
    time: Time
    scratch: Path


def key(number: int) -> tuple[str, str]:
    """The n-th key: (line, fingerprint)."""
    private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"key %d" % number).digest())
    line = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return line, parse_public_key(line)[1]


def tell(what: str) -> None:
    """Shown beside the steps of an example that fails."""
    if currently_in_test_context():
        note(what)


class Machine(RuleBasedStateMachine):
    """One house and its model. ``seen`` counts what happened over all runs: a campaign in which nothing does shows nothing."""

    template: ClassVar[Template | None] = None
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        found = self.template
        scratch = found.scratch if found is not None else None
        self.folder = Path(tempfile.mkdtemp(prefix="house-", dir=scratch))
        time = copy.copy(found.time) if found is not None else Time()
        self.rig = Rig(self.folder, found.folder if found is not None else None, time)
        self.model = copy.deepcopy(found.model) if found is not None else Model(time.wall_ns, time.boot_ns, CAMERAS)
        self.sessions: list[Session] = []
        self.head: str | None = None
        """Of the log, when it was last verified."""
        self.copies: list[bytes] = []
        """Registers of earlier moments."""
        self.size = 0
        """Of that log."""
        self.said = (-1, -1)
        """Generation and version of the state that was last compared with the log."""
        if found is not None:
            self.rig.start()
            self.note_footage()
            self.come_back()

    def teardown(self) -> None:
        self.rig.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- choosing ---------------------------------------------------------------------------------------------------

    def by(self, number: int) -> Session | None:
        """Somebody: the admin (None), or one with a session."""
        return [*self.sessions, None][number % (len(self.sessions) + 1)]

    def try_out(self, number: int, plan: Callable[[Session | None], Plan | None], crash: str = "") -> Outcome | None:
        """Does what ``plan`` says, three times in four by somebody who may, if there is anybody."""
        plans = [made for who in (*self.sessions, None) if (made := plan(who)) is not None]
        able = [made for made in plans if made.may and self.alive(made.who)]
        chosen = self.pick(able if able and number % 4 else plans, number)
        return self.act(chosen, crash) if chosen is not None else None

    def person_of(self, who: Session | None) -> str | None:
        return who.person if who is not None else None

    def alive(self, who: Session | None) -> bool:
        """Its next request is heard: the key is still one of theirs, and they have some right."""
        if who is None:
            return True
        person = self.model.people[who.person]
        return not person.gone and who.fingerprint in person.keys and self.model.stands(who.person)

    @staticmethod
    def pick[T](found: list[T], number: int) -> T | None:
        return found[number % len(found)] if found else None

    def present(self) -> list[Person]:
        return [person for person in self.model.people.values() if not person.gone]

    def row(self, table: str, key: str) -> Any:
        """What the house itself has on record."""
        return self.rig.house.state_store.rows[table][key]

    @property
    def log_ok(self) -> bool:
        return not self.rig.log_fault

    # --- acting -----------------------------------------------------------------------------------------------------

    def act(self, plan: Plan, crash: str = "", meanwhile: Callable[[], None] | None = None) -> Outcome:
        """Does it, and compares what came of it with what the model says. ``meanwhile``: told once the act is over."""
        alive, before = self.alive(plan.who), copy.deepcopy(self.model) if crash == "before" else None
        if crash:
            self.rig.crash_within(crash, "look.open" if plan.pictures else plan.name)
        outcome = self.rig.act(plan.name, plan.who, plan.request)
        if meanwhile is not None:
            meanwhile()
        tell(f"{plan.name} by {self.person_of(plan.who)}: {plan.request} -> {outcome.kind} {outcome.error or ''}")
        self.seen[f"{plan.name} {outcome.kind}"] += 1
        self.seen[f"picture {outcome.kind}"] += plan.pictures
        self._check_kind(plan, outcome, alive=alive)
        self._check_entries(plan, outcome)
        for shown in outcome.shown:
            self._check_shown(shown, plan)
        if outcome.kind == "stranger" and plan.who in self.sessions:
            self.sessions.remove(plan.who)
            self.session_over(plan.who)
        if outcome.kind == "done":
            plan.done(outcome.answer)
        if crash:
            if before is not None and self.rig.crashed_within:
                self.model = before
            self.seen[f"crash {crash} {self.rig.crashed_within}"] += 1
            self.crash()
        return outcome

    def _check_kind(self, plan: Plan, outcome: Outcome, *, alive: bool) -> None:
        told = f"{plan.name} by {self.person_of(plan.who)}: {outcome.kind} {outcome.error or ''}"
        if not alive:
            assert outcome.kind == "stranger", f"no session any more, and {told}"
        elif plan.may is False:
            assert outcome.kind in ("refused", "wrong"), f"must not be done, and {told}"
        else:
            assert outcome.kind != "stranger", told
            if plan.may and self.log_ok:
                assert outcome.kind == "done" or (plan.missing and outcome.kind == "wrong"), f"may be done, and {told}"
            if not self.log_ok and not plan.queued and not plan.pictures:
                assert outcome.kind != "done", f"nothing can be written down, and {told}"

    def _check_entries(self, plan: Plan, outcome: Outcome) -> None:
        """Each act leaves exactly one entry of its own; pictures leave one for each lease."""
        own = [
            entry
            for entry in outcome.entries
            if (entry["action"], entry["outcome"]) in ((plan.name, "done"), (plan.name, "refused"))
            and entry.get("facts", {}).get("by") != "service"
        ]
        told = f"{plan.name} was {outcome.kind}: {own}"
        if outcome.kind == "refused":
            assert len(own) == (1 if self.log_ok else 0), told
            assert all(entry["outcome"] == "refused" and entry["clause"] for entry in own), told
        elif outcome.kind == "done" and not plan.pictures:
            waits = not self.log_ok and plan.queued
            assert len(own) == (0 if waits else 1), told
        else:
            assert not own, told
        for entry in own:
            assert entry["person"] == (self.person_of(plan.who) or "admin"), told

    def _check_shown(self, shown: Shown, plan: Plan) -> None:
        """No picture byte without an entry, on disk before it, that covers it."""
        entry, told = shown.covered, f"{plan.request} showed {shown}"
        self.seen[f"picture by {shown.action}"] += 1
        assert plan.may is not False, f"no longer has the right to: {told}"
        assert entry is not None, f"nothing was on disk: {told}"
        assert entry["outcome"] == "done", told
        assert plan.who is not None, told
        assert (entry["person"], entry["session"]) == (plan.who.person, plan.who.id), told
        assert shown.camera in entry["cameras"], told
        still = shown.action == "commission.still"
        assert entry["action"] == (shown.action if still else "look.open"), told
        most = entry["facts"]["most_pictures"]
        self.model.leases[shown.log_seq] = self.model.leases.get(shown.log_seq, 0) + 1
        assert self.model.leases[shown.log_seq] <= most <= LEASE_PICTURES, told
        if still:
            return
        assert entry["subject"] == shown.look, told
        assert entry.get("purpose") or entry["facts"].get("share"), told
        assert entry["mode"] == ("live" if shown.action == "look.live" else "archive"), told
        assert parse_rfc3339(entry["start"]) <= shown.at_utc_ns < parse_rfc3339(entry["end"]), told
        assert shown.boot_ns - self.rig.written_boot_ns[shown.log_seq] <= LEASE_NS, told

    def aside(self, plan: Plan) -> Callable[[], None]:
        """Has this act come between while a picture is being decoded. The answer tells the model what became of it."""
        alive, result = self.alive(plan.who), list[Outcome]()

        async def between() -> None:
            try:
                result.append(Outcome("done", await self.rig.async_act(plan.name, plan.who, plan.request)))
            except HoldshelfError as error:
                result.append(Outcome(kind_of(error), error=error))

        def over() -> None:
            for outcome in result:
                tell(f"meanwhile {plan.name} by {self.person_of(plan.who)}: {outcome.kind} {outcome.error or ''}")
                self.seen[f"meanwhile {plan.name} {outcome.kind}"] += 1
                self._check_kind(plan, outcome, alive=alive)
                if outcome.kind == "done":
                    plan.done(outcome.answer)

        self.rig.house.pictures.meanwhile = between
        return over

    # --- sessions -----------------------------------------------------------------------------------------------------

    def session_over(self, session: Session) -> None:
        """Its looks end with it."""
        for look in self.model.looks.values():
            look.closed |= look.session == session.id

    def log_in(self, person: Person, fingerprint: str, login: str = "") -> None:
        """Somebody tries to come in."""
        login = login or person.login
        # Whoever was removed and enrolled anew is another person of the same login, who may show the same key.
        owner = next((p for p in self.present() if fingerprint in p.keys), None)
        session, outcome = self.rig.log_in(login, fingerprint)
        tell(f"log-in {login} {fingerprint}: {outcome.kind} {outcome.error or ''}")
        self.seen[f"log-in {outcome.kind}"] += 1
        may = owner is not None and owner.login == login and self.model.stands(owner.id)
        told = f"log-in of {person} with {fingerprint}: {outcome.kind} {outcome.error or ''}"
        if may:
            # A log that cannot be written keeps nobody from placing a hold, and whoever may place none stays outside.
            assert owner is not None
            assert outcome.kind == (
                "done" if self.log_ok or self.model.may(owner.id, "hold.place") else "unavailable"
            ), told
        else:
            assert outcome.kind == "refused", told
        # Log-ins that waited for the log are written by the way; they are "queued".
        logins = [entry for entry in outcome.entries if entry["action"] == "door.login"]
        own = [entry for entry in logins if entry["outcome"] != "queued"]
        if outcome.kind == "refused":
            # Refused ones are folded: an entry now, or a later one that counts this one. Others' may be due by the way.
            mine = [entry for entry in own if owner is not None and entry["person"] == owner.id]
            row = self.rig.house.logins.rate._refused.get(f"door.login {owner.id}") if owner is not None else None
            assert len(mine) <= 1, told
            assert bool(mine or (row is not None and row.attempts)) == (owner is not None), told
        else:
            assert len(own) == (1 if owner is not None and self.log_ok else 0), told
        if session is not None:
            self.sessions.append(session)

    def come_back(self) -> None:
        """After a start everybody with a key tries to come in."""
        for person in list(self.model.people.values()):
            for fingerprint in [*person.keys, *person.old_keys]:
                self.log_in(person, fingerprint)

    def crash(self, **how: Any) -> None:
        """The service dies here, and starts."""
        rows = self.rig.rows() if not self.rig.crashed_within else None
        waiting = {public["subject"] for public, _, changes in self.rig.house.authorizer._queue if changes}
        self.rig.crash(**how)
        self.model.crash(waiting)
        self.sessions.clear()
        self.note_footage()
        if rows is not None and not waiting:
            assert self.rig.rows() == rows, "what was known before the crash is not what is known after it"
        self.come_back()

    # --- footage ------------------------------------------------------------------------------------------------------

    def on_disk(self) -> dict[int, Path]:
        """Every file of footage by its sequence, wherever it lies."""
        found = {}
        for path in self.rig.data.media.rglob("*.mp4"):
            found[int(path.name.partition("_")[0].partition(".")[0])] = path
        return found

    def note_footage(self) -> None:
        """Tells the model of files that it does not know yet: those being written, and those that a crash cut off."""
        for seq, path in self.on_disk().items():
            origin = read_origin_of(path)
            if origin is not None:
                start = origin["start_utc_ns"]
                self.model.segments.setdefault((origin["camera"], seq), (start, start + 1))
        self.model.note_kept()

    # --- what is always true --------------------------------------------------------------------------------------------

    def nothing_held_is_gone(self) -> None:
        held, there = self.model.held(), self.on_disk()
        lost = {(camera, seq) for camera, seq in held if seq not in there}
        assert not lost, f"held footage is gone: {sorted(lost)}"
        self.model.segments = {at: span for at, span in self.model.segments.items() if at[1] in there}

    def rights_are_the_models(self) -> None:
        """Who may do what now, all of it, in both directions."""
        decide = self.rig.house.authorizer.decide
        for person in self.model.people:
            caller = Caller(person, False, -1, "ssh")

            def same(permission: str, scope: Scope, may: bool, caller: Caller = caller) -> None:
                decision = decide(caller, permission, scope)
                assert decision.allowed == may, f"{caller.person} {permission} {scope}: {decision}"

            same("door", Scope(), self.model.stands(person))
            same("hold.see", Scope(), self.model.may_see_holds(person))
            same("log.see", Scope(private=True), self.model.decides(person, "log.see"))
            for act in ("report.see", "person.add", "entrance.waive"):
                same(act, Scope(), self.model.decides(person, act))
            now = self.model.wall
            for camera in CAMERAS:
                at = Scope(cameras=(camera,), start_utc_ns=now - NS, end_utc_ns=now, purpose="crime")
                same("look.live", at, self.model.may_see(person, camera, live=True))
                same("look.archive", at, self.model.may_see(person, camera, live=False))
                same("break_glass", Scope(cameras=(camera,)), self.model.may(person, "break_glass", (camera,)))
                held = Scope(cameras=(camera,), ground="violation", reference="1")
                same("hold.place", held, self.model.may(person, "hold.place", (camera,)))
                same("commission.edit", Scope(cameras=(camera,)), self.model.may(person, "commission.edit", (camera,)))
            for share in self.model.shares.values():
                start, end = share.span
                at = Scope(cameras=(share.camera,), start_utc_ns=start, end_utc_ns=end, target=share.id)
                same("share.view", at, self.model.may_see_share(person, share.id, share.camera))
        for camera in CAMERAS:
            at = Scope(cameras=(camera,), start_utc_ns=0, end_utc_ns=1, purpose="crime")
            assert not decide(ADMIN, "look.live", at).allowed
            assert not decide(ADMIN, "look.archive", at).allowed

    def holds_stand_as_the_model_says(self) -> None:
        rows = self.rig.house.state_store.rows["holds"]
        for hold in self.model.holds.values():
            if not hold.forgotten:
                assert rows[hold.id].state == hold.state, f"{hold} is {rows[hold.id]}"

    def log_verifies(self) -> None:
        if self.rig.house.log.size == self.size and self.log_ok:
            return  # nothing was written since
        # Against the head of the step before, which held the log of the step before that, and so on to the first.
        report = verify_log(self.rig.data.state, self.head)
        assert not report.problems, report.problems
        assert self.rig.house.log.problem is None
        assert not self.rig.house.state_store.problem
        assert not self.rig.house.state_store.differences, "no crash makes the register say what the log does not"
        assert not self.rig.house.state_store.state.limited, "nor the log shorter than the volume has seen it"
        size = self.rig.house.log.size
        assert [entry["seq"] for entry in self.rig.read_log()] == list(range(1, size + 1))
        if size != self.size:
            self.size = size
            self.head = self.rig.house.log.head()

    def log_says_all(self) -> None:
        """The state that the log alone gives is the one that counts."""
        now = self.rig.generation, self.rig.house.state_store.version
        if self.rig.house.authorizer._queue or now == self.said:
            return
        self.said = now
        house = StateStore(
            Register(self.folder, {}, schema=SCHEMA, problem=None), partial(in_force, self.rig.data.state)
        )
        house.load(self.rig.house.log)
        assert not house.problem
        assert house.rows == self.rig.house.state_store.rows
        assert house.by_log is not None and self.rig.house.state_store.by_log is not None
        assert house.by_log.root() == self.rig.house.state_store.by_log.root()
