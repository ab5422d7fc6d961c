"""Everything is killed, filled, cut, stepped and stopped while footage is recorded, swept, held and looked at; a stranger judges.

The judge is `check_data.py` alone, which knows the documents and nothing of the code. HOLDSHELF_SEED chooses another
campaign.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.api.errors import HoldshelfError
from tests.rig.faults import fill
from tests.rig.hang import HANG_S
from tests.rig.limits import few_descriptors, little_memory
from tests.rig.parts import RigError
from tests.rig.processes import Patience, kill9, processes_with_files_in
from tests.service import Service, wait_for
from tests.stranger.house import (
    RECORDING_S,
    Installation,
    await_patiently,
    flip_tail,
    judge,
    recorders,
)

HOUR, DAY = 3600.0, 86_400.0
STEPS_S = (HOUR, -HOUR, 8 * DAY, -8 * DAY, 365 * DAY, -365 * DAY)
KILLS = ("service", "worker", "door", "all", "pictures", "supervisor", "session", "sender")
SHORT_KILLS = 4
"""So many of them, and of the faults, in a short campaign: the others have tests of their own, and come in the long ones."""
TAKES_FOOTAGE = ("service", "worker", "all", "supervisor")
SHORT_FAULTS = 4
MIDDLING_KILLS, MIDDLING_FAULTS = 6, 8
FAULTS = (
    "step",
    "power cut",
    "media full",
    "workers stopped",
    "unmounted",
    "bit flip",
    "state full",
    "media read-only",
    "state read-only",
    "no memory",
    "no descriptors",
)
LITTLE_BYTES = 24 << 20
FEW = 2

USUAL_RECOVERY_S = 12.0
"""Of the kills in a long campaign, half are over sooner: twice the five seconds and a group of pictures of the design. What
a busy machine adds is not counted."""
MOST_VIOLATIONS = 12


class Campaign:
    """One campaign; `violations` are what the stranger said, each with what was done before."""

    def __init__(
        self, house: Installation, seed: int, *, acts: int, rest_s: tuple[float, float], judge_every: int
    ) -> None:
        self.house, self.seed, self.acts = house, seed, acts
        self.rest_s, self.judge_every = rest_s, judge_every
        self.chance = house.chance
        self.violations: list[str] = []
        self.recovered_s: list[float] = []
        self.events: list[str] = []
        self.faults: dict[str, Callable[[], None]] = {
            "step": self._step,
            "power cut": self._power_cut,
            "media full": self._media_full,
            "state full": self._state_full,
            "media read-only": self._media_read_only,
            "state read-only": self._state_read_only,
            "unmounted": self._unmounted,
            "workers stopped": self._workers_stopped,
            "bit flip": self._bit_flip,
            "no memory": self._no_memory,
            "no descriptors": self._no_descriptors,
        }

    def run(self, events: list[str]) -> None:
        for number, event in enumerate(events, 1):
            time.sleep(self.chance.uniform(*self.rest_s))
            self.house.keep_head()
            self.house.keep_room()
            if self.acts and number % self.acts == 0:
                self.house.act()
            self.events.append(event)
            began = time.monotonic()
            try:
                if event in self.faults:
                    self.faults[event]()
                    self.house.await_recording()
                else:
                    self._kill(event, number)
            except AssertionError as error:
                self._say([str(error)])
                self._begin_anew()
            print(f"{number:3} {self.events[-1]}: {time.monotonic() - began:.1f} s", flush=True)
            if number % self.judge_every == 0 or number == len(events):
                self._say(self.house.judge())
            if len(self.violations) >= MOST_VIOLATIONS:
                break  # what is broken stays so, and each event waits out its deadline
        self._judge_recoveries()

    def _kill(self, event: str, number: int) -> None:
        if event in TAKES_FOOTAGE and number % 3 == 0:
            time.sleep(6)  # recorded for a while: what was seen then must be there afterwards
        for line in self.house.note_recording() if event in TAKES_FOOTAGE else ():
            self.house.tell(line)
        since = Patience(lambda: recorders(self.house.service), RECORDING_S)
        self.house.kill(event)
        self.house.await_recording()
        if event in TAKES_FOOTAGE:
            self.recovered_s.append(since.own_s)

    def _judge_recoveries(self) -> None:
        if not self.recovered_s:
            return
        usual, longest = statistics.median(self.recovered_s), max(self.recovered_s)
        times = f"in {usual:.1f} s of its own time, {longest:.1f} s at most"
        print(f"{len(self.recovered_s)} times recorded again after a kill: {times}")
        if len(self.recovered_s) >= 20 and usual > USUAL_RECOVERY_S:
            self._say([f"half of the kills took {usual:.1f} s and more until every camera was recorded again"])

    def _where(self) -> str:
        return f"seed {self.seed}, event {len(self.events)} ({', '.join(self.events[-self.judge_every :])})"

    def _say(self, words: list[str]) -> None:
        for line in words:
            if line not in [said.split(": ", 1)[-1] for said in self.violations]:
                print(f"    {line}", flush=True)
                self.violations.append(f"{self._where()}: {line}")

    def _begin_anew(self) -> None:
        with contextlib.suppress(AssertionError, RigError):
            for pid in self.house.family():
                kill9(pid)
            self.house._await_gone([])
        self.house.start()
        with contextlib.suppress(AssertionError):
            self.house.await_recording()

    # -- faults --------------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        to_s = self.chance.choice([step for step in (*STEPS_S, 0.0) if step != self.house.clock.offset_s])
        self.house.clock.set_offset(to_s)
        self.events[-1] = f"clock at {to_s:+.0f} s"
        time.sleep(self.chance.uniform(1.5, 3))

    def _power_cut(self) -> None:
        with self.house.as_power_cut() as (data, cut_boot_ns):
            seen = self.house.witness.with_name("cut.jsonl")
            lines = "".join(json.dumps(line) + "\n" for line in self.house.note_recording(cut_boot_ns))
            seen.write_text((self.house.witness.read_text() if self.house.witness.exists() else "") + lines)
            code, words = judge(data, None, "--crashed", "--quick")
            self._say(words.splitlines()[:-1] if code else [])
            with contextlib.closing(_second(self.house, data)) as again:
                again.start(wait=False)
                await_patiently(
                    "the copy records", lambda: _all_record(again, self.house.cameras), lambda: recorders(again), 40
                )
                assert again.stop(40) == 0
            code, words = judge(data, seen)
            self._say(words.splitlines()[:-1] if code else [])

    def _media_full(self) -> None:
        filler = fill(self.house.media_disk.mount_point)
        try:
            time.sleep(self.chance.uniform(4, 9))
        finally:
            filler.unlink()

    def _state_full(self) -> None:
        filler = fill(self.house.state_disk.mount_point)
        try:
            self.house.act()
            time.sleep(self.chance.uniform(1, 5))
        finally:
            filler.unlink()

    def _media_read_only(self) -> None:
        self.house.media_disk.force_read_only()
        time.sleep(self.chance.uniform(1, 4))
        try:
            self.house.media_disk.mend(wait_s=HANG_S)
        except RigError:
            self._say([f"the disk was not let go: {_open_files(self.house.media_disk.mount_point)}"])
            self.house.kill("all")
            self.house.media_disk.mend(wait_s=HANG_S)

    def _state_read_only(self) -> None:
        """A failing system disk: everything on it has to be stopped before it can be mended."""
        self.house.state_disk.force_read_only()
        time.sleep(self.chance.uniform(1, 4))
        self.house.stop()
        self.house.state_disk.mend(wait_s=HANG_S)
        self.house.start()

    def _unmounted(self) -> None:
        self.house.media_disk.unmount(lazy=True)
        time.sleep(self.chance.uniform(1, 5))
        # The kernel gives the disk up when the last file on it is closed, and takes it back then.
        wait_for("the disk was let go", self._mounted_again)

    def _mounted_again(self) -> bool:
        with contextlib.suppress(RigError):
            self.house.media_disk.mount()
            return True
        return False

    def _workers_stopped(self) -> None:
        with self.house.workers_stand():
            time.sleep(self.chance.uniform(2, 7))

    def _no_memory(self) -> None:
        """The kernel kills who wants more of it than there is, service and supervisor too."""
        family = self.house.family()
        with little_memory(family, LITTLE_BYTES):
            self.house.act()
            time.sleep(self.chance.uniform(1, 5))
        if not self.house.runs():
            self.house._await_gone(family)
            self.house.start()

    def _no_descriptors(self) -> None:
        with few_descriptors(self.house.family(), FEW):
            self.house.act()
            time.sleep(self.chance.uniform(1, 5))

    def _bit_flip(self) -> None:
        family = self.house.family()
        for pid in family:
            kill9(pid)
        self.house._await_gone(family)
        flip_tail(self.house.data, self.chance)
        self.house.start()


def _second(house: Installation, data: Path) -> Service:
    """A service on a copy, beside the first; its door at a port of its own."""
    return Service(data, environment=house.clock.environment())


def _open_files(folder: Path) -> list[str]:
    """Which processes have which files of a disk open."""
    found = []
    for pid in processes_with_files_in(folder):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
            names = [str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()]
            found += [f"{pid} {command[:90]} {name}" for name in names if name.startswith(str(folder))]
    return found


def _all_record(service: Service, cameras: Sequence[str]) -> bool:
    try:
        rows = {row.id: row for row in service.client.status().cameras}
    except HoldshelfError:
        return False
    return all(rows[name].state == "recording" and rows[name].bytes_per_s > 0 for name in cameras)


def events_of(chance: random.Random, kills: int, faults: int) -> list[str]:
    """Kills and faults in any order, each kind as often as the others."""
    events = [KILLS[number % len(KILLS)] for number in range(kills)]
    events += [FAULTS[number % len(FAULTS)] for number in range(faults)]
    chance.shuffle(events)
    return events


def run_campaign(folder: Path, seed: int, kills: int, faults: int, **how: Any) -> None:
    chance = random.Random(seed)
    with Installation(folder, chance) as house:
        campaign = Campaign(house, seed, **how)
        campaign.run(events_of(chance, kills, faults))
        print(f"seed {seed}: {kills} kills, {faults} faults, {house.done}; {len(campaign.violations)} violations")
        assert not campaign.violations, "\n".join(campaign.violations)


def number(name: str, usual: int) -> int:
    return int(os.environ.get(f"HOLDSHELF_{name}", usual))


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kills", "faults"),
    [(SHORT_KILLS, SHORT_FAULTS), pytest.param(MIDDLING_KILLS, MIDDLING_FAULTS, marks=pytest.mark.soak)],
)
def test_kills_and_faults_leave_what_the_documents_say(tmp_path: Path, kills: int, faults: int) -> None:
    everything = kills + faults
    run_campaign(
        tmp_path, number("SEED", 1), kills, faults, acts=everything // 2, judge_every=everything, rest_s=(0.2, 1.5)
    )


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_a_hundred_kills_and_sixty_faults_leave_what_the_documents_say(tmp_path: Path) -> None:
    """HOLDSHELF_KILLS and HOLDSHELF_FAULTS for another number of them."""
    kills, faults = number("KILLS", 100), number("FAULTS", 60)
    run_campaign(tmp_path, number("SEED", 1), kills, faults, acts=1, judge_every=10, rest_s=(0.5, 4.0))
