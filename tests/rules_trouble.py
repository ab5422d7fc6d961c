"""What goes wrong: clocks that are set, machines that die, registers that are lost or old, a log whose disk is full."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from holdshelf_core.operations import types as types_clock
from holdshelf_core.paths import DataPaths
from holdshelf_storage.register import LAST_GOOD, REGISTER
from tests.rules_holds import HoldRules
from tests.rules_house import Session
from tests.rules_machine import NS, Plan, nth
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS

PASSES_NS = (NS // 2, 2 * NS, 2 * NS, 61 * NS, 61 * NS, 11 * MINUTE_NS, HOUR_NS, 9 * HOUR_NS, DAY_NS, 8 * DAY_NS)
STEPS_NS = (2 * NS, 4 * MINUTE_NS, 6 * MINUTE_NS, HOUR_NS, 2 * DAY_NS, 366 * DAY_NS)
REGISTERS = ("as it is", "as it is", "lost", "both lost", "cut", "old")


class TroubleRules(HoldRules):
    """Rules on time and faults."""

    def __init__(self) -> None:
        self.ended: set[str] = set()
        """Ids of rows that were seen to be written down as ended."""
        self.clock_left = self.fault_left = 0
        """For how many steps the clock is wrong, and the log's disk fails."""
        super().__init__()

    # --- time -------------------------------------------------------------------------------------------------------

    @rule(ns=st.sampled_from(PASSES_NS), ticks=st.sampled_from([True, True, True, False]))
    def time_passes(self, ns: int, ticks: bool) -> None:
        self.rig.time.run(ns)
        self.model.run(ns)
        if ticks:
            self.second()

    @rule()
    def second(self) -> None:
        """What the service does each second: whoever has no right any more is out after it."""
        self.rig.tick()
        self.model.tick(written=self.log_ok)
        for session in list(self.sessions):
            alive = self.alive(session)
            known = self.rig.server.tokens.get(session.id) is not None
            assert alive == known, f"{session}: alive {alive}, known {known}"
            if not alive:
                self.sessions.remove(session)
                self.session_over(session)
        going = {look.id for look in self.rig.house.looks.all()}
        assert going == {look.id for look in self.model.looks.values() if not look.closed}

    @precondition(lambda self: not self.clock_left)
    @rule(ns=st.sampled_from(STEPS_NS), back=st.booleans(), steps=st.sampled_from([1, 2, 4, 8, 100]))
    def set_clock(self, ns: int, back: bool, steps: int) -> None:
        """The recorder ends its files at a step. After so many steps of the machine somebody mends the clock."""
        self.move_clock(-ns if back else ns)
        self.clock_left = steps

    def move_clock(self, step_ns: int) -> None:
        self.between_files()
        self.rig.time.wall_ns += step_ns
        self.model.wall += step_ns
        self.between_files()

    @precondition(lambda self: self.model.doubtful)
    @rule(n=nth)
    def confirm_clock(self, n: int) -> None:
        """Somebody says that the wall clock is right as it is, be that true or not."""

        def plan(who: Session | None) -> Plan:
            by, request = self.person_of(who), types_clock.ClockConfirm(self.model.wall, self.model.boot, "compared")
            may = by is None or self.model.decides(by, "clock.confirm")
            return Plan("clock.confirm", who, request, may, lambda _answer: self.model.confirm_clock())

        self.try_out(n, plan)

    # --- faults -----------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.log_ok)
    @rule(fault=st.sampled_from(["full", "sync"]), steps=st.sampled_from([1, 2, 4, 8]))
    def break_log(self, fault: str, steps: int) -> None:
        """The log's disk fails for so many steps."""
        self.rig.log_fault = fault
        self.fault_left = steps

    def troubles_pass(self) -> None:
        """A clock is mended, a disk is whole again; and the recorder ends files that are long enough."""
        begun = [camera.start_boot_ns for camera in self.rig.cameras.cameras.values()]
        if min(begun, default=self.model.boot) < self.model.boot - MINUTE_NS:
            self.between_files()
        if self.clock_left and not (left := self.clock_left - 1):
            self.move_clock(self.model.trusted - self.model.wall)
        else:
            left = max(0, self.clock_left - 1)
        self.clock_left = left
        self.fault_left = max(0, self.fault_left - 1)
        if not self.fault_left:
            self.rig.log_fault = ""

    @rule()
    def flush_register(self) -> None:
        self.rig.flush()
        self.copies.append((self.rig.data.state / REGISTER).read_bytes())

    @rule(register=st.sampled_from(REGISTERS), which=nth)
    def die(self, register: str, which: int) -> None:
        """Killed and started; between the two something may happen to the register."""
        self.seen[f"register {register}"] += 1
        self.crash(change_disk=self.spoil(register, which))

    @rule(register=st.sampled_from(REGISTERS), which=nth, off=st.sampled_from([0, 10 * NS, HOUR_NS, 3 * DAY_NS]),
          back=st.sampled_from([False, False, False, True]))  # fmt: skip
    def reboot(self, register: str, which: int, off: int, back: bool) -> None:
        """Power fails; when it is back, the wall clock alone knows how long that was, or is wrong."""
        step = -off if back else off
        self.rig.time.wall_ns += step
        self.model.wall += step
        self.model.reboot(20 * NS)
        self.seen[f"reboot with register {register}"] += 1
        self.crash(change_disk=self.spoil(register, which), reboot=True)

    def spoil(self, register: str, which: int) -> Callable[[DataPaths], None]:
        old = self.pick(self.copies, which)

        def change(data: DataPaths) -> None:
            path, last = data.state / REGISTER, data.state / LAST_GOOD
            if register in ("lost", "both lost"):
                path.unlink(missing_ok=True)
            if register == "both lost":
                last.unlink(missing_ok=True)
            if register == "cut" and path.exists():
                path.write_bytes(path.read_bytes()[:-1000])
            if register == "old" and old is not None:
                path.write_bytes(old)

        return change

    # --- after each step ------------------------------------------------------------------------------------------------

    @invariant()
    def all_is_well(self) -> None:
        """Everything that must be true; then a fault may end."""
        self.nothing_held_is_gone()
        self.rights_are_the_models()
        self.ended_rows_stay_ended()
        self.holds_stand_as_the_model_says()
        self.log_verifies()
        self.log_says_all()
        self.troubles_pass()

    # --- no right outlives its end ----------------------------------------------------------------------------------------

    def ended_rows_stay_ended(self) -> None:
        """What was written down as ended is never open again, whatever the clocks and disks did."""
        for table, terms in (
            ("seats", self.model.terms),
            ("appointments", self.model.letters),
            ("shares", self.model.shares),
        ):
            for term in terms.values():
                if self.row(table, term.id).ended_utc_ns is not None:
                    self.ended.add(term.id)
                assert term.id not in self.ended or self.row(table, term.id).ended_utc_ns is not None, term
