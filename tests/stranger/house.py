"""What a campaign is run against: a whole installation on two small disks of its own, with its door, cameras and a wall clock.

People go on acting while it is broken: holds are placed and lifted, stills looked at. What they were answered is kept
outside as the witness's file, against which the stranger's checker holds what lies on disk afterwards.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from holdshelf_core.alerts.types import AlertSet, MailWay
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.buffer.settings import Settings
from holdshelf_core.holds.types import HoldListAsk
from holdshelf_core.operations.types import ClockConfirm, ReadClock
from holdshelf_core.people.types import SeatName
from holdshelf_core.policy import model
from holdshelf_storage.register import Register
from tests import streams
from tests.looking import commissioned, seed
from tests.people import PAPER
from tests.rig.faults import FakeClock, LoopImage
from tests.rig.hang import HANG_S
from tests.rig.processes import Patience, kill9, living, members, stopped, tree
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, Ran, Terminal

CHECKER = Path(__file__).with_name("check_data.py")
MOUNTS = [Mount("a", media="h264_bigkey"), Mount("b", media="h265_360p"), Mount("c", media="h264_720p")]
NS = 1_000_000_000
MIB = 1 << 20
RECORDING_S = 60.0
"""How long after a fault's end every camera is recorded again, at most. Design asks for a tenth of it; time in which the
service waits for a processor of a busy machine is not counted (`Patience`)."""
RUNS_S = 40.0
"""So long a part that is to be killed may take to come: the door's longest pause after several kills is thirty."""
LEAST_HOLDS = 3
"""With fewer of them, nobody asks for one to be lifted."""
HELD_SHARE = 1 / 3
"""Of the budget. Where holds take more, people make room: what is held is never erased, and recording would stop."""
CONFIRMED = 0.3
"""How often somebody notices that the clock is in doubt before there is no room: what was lifted waits for it, too."""
LOST_NS = 2_200_000_000
"""Two seconds of footage may be lost by a kill; the rest is the moment in which it is done."""
SETTLED_NS = 3_000_000_000
SERVICE, WORKER, DOOR, PICTURES, SENDER = (
    "cli.serve --no-door",
    "holdshelf_core.recorder.worker",
    "holdshelf_tui.ssh ",
    "holdshelf_core.looks.worker",
    "holdshelf_core.alerts.sender",
)
NOWHERE = 9
"""A port where nobody takes mail."""


def judge(data: Path, witness: Path | None = None, *words: str) -> tuple[int, str]:
    """The checker's exit code and its words, run where none of our packages can be imported."""
    more = ["--witness", str(witness)] if witness is not None and witness.exists() else []
    done = subprocess.run(
        [sys.executable, "-I", str(CHECKER), str(data), *more, *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def recorders(service: Service) -> list[int]:
    """Processes that stand between a start and recording: the supervisor, the service and its workers."""
    return [service.pid, *members(service.pid, f"{SERVICE}|{WORKER}")]


def await_patiently[T](what: str, probe: Callable[[], T], pids: Callable[[], list[int]], seconds: float) -> T:
    """The first answer that is not empty, within `seconds` of the time that those processes get from the machine."""
    patience = Patience(pids, seconds)
    while not (answer := probe()):
        if patience.is_over():
            raise AssertionError(f"after {patience.passed_s:.0f} s still not: {what}")
        time.sleep(0.2)
    return answer


class Installation:
    """Entered: running, with cameras that are recorded and a budget that sweeps before long.

    ``furnish``: what is done to DATA before that, while nothing runs, such as footage of days ago.
    """

    def __init__(
        self,
        folder: Path,
        chance: random.Random,
        *,
        budget_mb: int = 140,
        mounts: Sequence[Mount] = MOUNTS,
        furnish: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self.folder, self.chance = folder, chance
        self.witness = folder / "witness.jsonl"
        self.state_disk = LoopImage(160, mount_point=folder / "data")
        self.media_disk = LoopImage(260, mount_point=folder / "disk")
        self.clock = FakeClock()
        self.server = RtspServer(mounts)
        self.cameras = tuple(mount.name for mount in mounts)
        self._furnish = furnish
        self.budget_bytes = budget_mb * MIB
        self._stack = contextlib.ExitStack()
        self.refusals: list[str] = []
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._recording_since_ns = 2**62
        self.done = {"acts": 0, "refused": 0, "pictures": 0, "holds": 0, "confirmed": 0}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for part in (self.state_disk, self.media_disk, self.clock, self.server):
                stack.enter_context(part)  # type: ignore[arg-type]
            media = self.media_disk.mount_point / "media"
            media.mkdir()
            self.data = self.state_disk.mount_point
            shutil.rmtree(self.data / "lost+found")
            self.service = Service(self.data, media=media, environment=self.clock.environment(), door=True)
            self.service.log_path = self.folder / "service.log"
            settings = Settings(Register.open(self.data / "state"))
            settings.set_segment_s(3)
            settings.set_budget_bytes(self.budget_bytes)
            stack.callback(self._end)
            streams.furnish(self.data, {name: self.server.url(name) for name in self.cameras})
            # As a seat has approved them; no days of grace, so that what is lifted is swept while this lasts.
            seed(self.data, [*commissioned(*self.cameras), ("board", "settings", model.Board(grace_days=0))])
            self._furnish(self.data)  # before anything is recorded: numbers go up with time
            self.service.start()
            self.people = DoorHouse(self.service, self.folder)
            self._name_director()
            self.service.await_recording(*self.cameras, seconds=RECORDING_S)
            way = MailWay(
                "it", host="127.0.0.1", port=NOWHERE, to=("it@library.example",), sender="recorder@library.example"
            )
            self.service.act(AlertSet(way, new=True))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def _name_director(self) -> None:
        """In office for years, so that a wall clock which is set back a year finds a Director."""
        asked = SeatName("director", "dora", "Dora Reed", self.people.public("dora"), "2020-01-01", "", PAPER)
        self.service.client.act(asked)

    def _end(self) -> None:
        if self.runs():
            self.stop()

    # -- processes ---------------------------------------------------------------------------------------------------

    def family(self) -> list[int]:
        return [member.pid for member in tree(self.service.pid)]

    def runs(self) -> bool:
        return self.service.process is not None and self.service.process.poll() is None

    def kill(self, what: str) -> None:
        """SIGKILL of one part, or of everything at once."""
        family = self.family()
        if what == "all":
            victims = family
        elif what == "supervisor":
            victims = [self.service.pid]
        elif what == "session":
            self._kill_session()
            victims = []
        else:
            if what == "pictures" and self.clock.offset_s > 0:
                self.clock.set_offset(
                    0
                )  # a session, which is confined, does not have this clock, and calls its times future
            role = {"service": SERVICE, "worker": WORKER, "door": DOOR, "pictures": PICTURES, "sender": SENDER}[what]
            victims = await_patiently(
                f"a process of {role!r} runs",
                lambda: self._running(role, what),
                lambda: recorders(self.service),
                RUNS_S,
            )
        for pid in victims:
            kill9(pid)
        if what == "worker":
            with contextlib.suppress(AssertionError, HoldshelfError):  # noticed and mended between two looks
                wait_for("the worker is missed", lambda: not self._all_record(), 3)
        if what in ("all", "supervisor"):
            self._await_gone(family)
            self.start()

    def _kill_session(self) -> None:
        """Of one that is logged in. Where the door is away just now, nobody is."""
        with self.people.terminal("dora") as terminal, contextlib.suppress(AssertionError):
            wait_for("the first screen", lambda: self._shows(terminal), RUNS_S)
            for pid in self.people.children():
                kill9(pid)

    @staticmethod
    def _shows(terminal: Terminal) -> bool:
        terminal.read()
        assert terminal.process.poll() is None, "the client was refused"
        return HOME_SHOWS in terminal.text()

    def _running(self, role: str, what: str) -> list[int]:
        """One process of that role. Who makes pictures is there because somebody looked."""
        found = members(self.service.pid, role)[:1]
        if not found and what == "pictures":
            self.look()
        return found

    def _await_gone(self, family: list[int]) -> None:
        assert self.service.process is not None
        self.service.process.wait()
        try:
            wait_for("all processes are gone", lambda: not living(family))
        except AssertionError as error:
            raise AssertionError(f"{error}: {[_command(pid) for pid in living(family)]}") from None

    def stop(self) -> None:
        """As `systemctl stop`: files are finished."""
        assert self.service.process is not None
        family = self.family()
        self.service.process.send_signal(signal.SIGTERM)
        try:
            self.service.process.wait(HANG_S)
        except subprocess.TimeoutExpired:
            for pid in family:
                kill9(pid)
            raise AssertionError(f"it did not stop: {self.service.log()[-2000:]}") from None
        self._await_gone(family)

    def start(self) -> None:
        """Without waiting for the door: footage comes first. The Director who comes too early is refused."""
        self._recording_since_ns = 2**62  # seen to record again is what counts, not that a start was asked for
        self.service.start(wait=False)

    def await_recording(self) -> None:
        def recording() -> bool:
            assert self.service.process is not None
            if self.service.process.poll() is not None:
                raise AssertionError(f"the service ended: {self.service.log()[-1000:]}")
            with contextlib.suppress(HoldshelfError):
                return self._all_record()
            return False

        try:
            again = "every camera is recorded again"
            await_patiently(again, recording, lambda: recorders(self.service), RECORDING_S)
            self._recording_since_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self._told()}") from None

    def _all_record(self) -> bool:
        rows = {row.id: row for row in self.service.client.status().cameras}
        return all(rows[name].state == "recording" and rows[name].bytes_per_s > 0 for name in self.cameras)

    def _told(self) -> str:
        """What the service says of itself."""
        try:
            now = self.service.client.status()
        except HoldshelfError as error:
            return str(error)
        rows = [f"{row.id} {row.state} {row.reason}" for row in now.cameras]
        return "; ".join([*rows, *(repair.sentence for repair in now.repairs)])

    @contextlib.contextmanager
    def workers_stand(self) -> Iterator[None]:
        with stopped(members(self.service.pid, WORKER)):
            yield

    def note_recording(self, at_boot_ns: int | None = None) -> list[dict[str, Any]]:
        """Cameras that were recorded all the while until two seconds ago: that much a kill or a power cut may take."""
        now = at_boot_ns or time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        since, self._recording_since_ns = self._recording_since_ns, 2**62
        if now - LOST_NS <= since + SETTLED_NS:
            return []
        return [{"recording": {"camera": name, "boot": self.boot, "boot_ns": now - LOST_NS}} for name in self.cameras]

    # -- people --------------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """The Director does something; a refusal, or nobody at the door, is no fault."""
        doing = self.chance.choice((self.look, self.hold, self.hold, self.lift))
        try:
            ran = doing()
        except (subprocess.TimeoutExpired, HoldshelfError):
            self.done["refused"] += 1
            return
        if ran is not None:
            if ran.code:
                self.refusals.append(ran.err.strip()[-200:])
            self.done["acts" if ran.code == 0 else "refused"] += 1

    def _ago(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.clock.utc_ns() / NS - seconds, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")

    def look(self) -> Ran:
        camera = self.chance.choice(self.cameras)
        at = self._ago(self.chance.uniform(2, 40))
        ran = self.people.run(
            "dora", "look", "still", "--camera", camera, "--at", at, "--purpose", "violation", "--incident", "26-1", "--outbox",
            seconds=90,
        )  # fmt: skip
        self.done["pictures"] += ran.code == 0
        return ran

    def hold(self) -> Ran:
        camera = self.chance.choice(self.cameras)
        start, length = self.chance.uniform(1, 40), self.chance.uniform(1, 20)
        until = ("--until-lifted",) if self.chance.random() < 0.15 else ("--to", self._ago(start - length))
        ran = self.people.run(
            "dora", "hold", "place", "--ground", "investigation", "--reference", "26-1", "--camera", camera,
            "--from", self._ago(start), *until, "--json", seconds=90,
        )  # fmt: skip
        if ran.code == 0:
            row = json.loads(ran.out)
            self.done["holds"] += 1
            # What was being written may lose its last two seconds.
            recorded = [
                [one["start_utc_ns"], one["end_utc_ns"]]
                for one in row["coverage"]
                if one["kind"] == "recorded" and not one.get("reason")
            ]
            self.tell({"held": {"hold": row["id"], "camera": camera, "recorded": recorded}})
        return ran

    def lift(self) -> Ran | None:
        listed = self.people.run("dora", "hold", "list", "--json", seconds=90)
        if listed.code:
            return listed
        rows = [row for row in json.loads(listed.out)["holds"] if row["state"] in ("active", "lifting")]
        if len(rows) < LEAST_HOLDS:
            return None
        return self._lift(self.chance.choice(rows)["id"])

    def _lift(self, hold: str) -> Ran:
        self.people.run("dora", "hold", "lift", hold, "--why", "closed", seconds=90)
        return self.people.run(
            "dora", "hold", "approve", hold, "--paper", "-", "--seat", "chair", stdin=b"signed", seconds=90
        )

    def keep_room(self) -> None:
        """What the service asks of people before holds have taken all the room.

        The admin confirms a clock that is in doubt, because no lifted hold is let go before that. The Director lifts the
        largest holds, and lifts those anew whose grace ends by a clock that was ahead. Whoever finds the service or its
        door away comes again at the next event.
        """
        most = self.budget_bytes * HELD_SHARE
        with contextlib.suppress(HoldshelfError, subprocess.TimeoutExpired):
            if self.chance.random() < CONFIRMED:
                self._confirm_clock()
            listed = self.service.act(HoldListAsk())
            if listed.held_bytes <= most:
                return
            self._confirm_clock()
            soon_utc_ns = self.clock.utc_ns() + 60 * NS
            kept = [row for row in listed.holds if row.state != "grace" or (row.grace_end_utc_ns or 0) > soon_utc_ns]
            kept.sort(key=lambda row: row.held_bytes)
            while kept and sum(row.held_bytes for row in kept) > most:
                row = kept.pop()
                if row.state == "grace":
                    self.people.run("dora", "hold", "approve", row.id, "--refuse", seconds=90)
                self._lift(row.id)

    def _confirm_clock(self) -> None:
        row = self.service.client.read(ReadClock())
        if row.doubtful:
            asked = ClockConfirm(row.utc_ns, row.boot_ns, "compared with the campaign's")
            self.service.act(asked)
            self.done["confirmed"] += 1

    def tell(self, line: dict[str, Any]) -> None:
        """What somebody outside writes down."""
        with self.witness.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def keep_head(self) -> None:
        """The head of the log, kept outside."""
        with contextlib.suppress(OSError):
            head = (self.data / "state" / "access" / "head").read_text()
            self.tell({"head": head})

    # -- judging -------------------------------------------------------------------------------------------------------

    def judge(self) -> list[str]:
        """Stops it, has the stranger look at it, starts it again. The violations."""
        self.stop()
        code, words = judge(self.data, self.witness)
        self.start()
        return words.splitlines()[:-1] if code else []

    @contextlib.contextmanager
    def as_power_cut(self) -> Iterator[tuple[Path, int]]:
        """(a copy of DATA as a power cut would leave it, when it was made); both disks at one instant."""
        with stopped(self.family()):
            state, media = self.state_disk.copy_as_power_cut(), self.media_disk.copy_as_power_cut()
        with state, media:
            data = state.mount_point
            (data / "media").unlink()
            (data / "media").symlink_to(media.mount_point / "media")
            yield data, state.cut_boot_ns


def _command(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:120]
        return f"{pid} {command} ({Path(f'/proc/{pid}/wchan').read_text()})"
    except OSError:
        return f"{pid} gone"


def flip_tail(data: Path, chance: random.Random) -> bool:
    """Flips one bit in the last kilobytes of a file in `open`, as a torn write leaves it. False: there was none."""
    found = [path for path in (data / "media" / "footage").glob("*/open/*.mp4") if path.stat().st_size > 4096]
    if not found:
        return False
    path = chance.choice(found)
    position = path.stat().st_size - 1 - chance.randrange(3000)
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)
        file.seek(position)
        file.write(bytes([byte[0] ^ (1 << chance.randrange(8))]))
        os.fsync(file.fileno())
    return True
