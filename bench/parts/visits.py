"""Visits through the door, beside sshd with a full-screen program: first paint, twelve at once, what each costs."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.parts import proc
from bench.parts.rows import Row, median_row, say
from bench.parts.sshd import Sshd, running_sshd
from holdshelf_tui.widgets.picture import SHARPEN_AFTER_S
from tests.looking import NS, Recorded
from tests.rig.shown import Cells, Shown, all_until
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, house_with_footage
from tests.tui.stage import CAMERAS

FIRST_PAINT_BAR_MS = 150.0
THUMBNAILS_BAR_MS = 500.0
FIRST_SCREEN_BAR_BYTES = 30_000.0
ASKS = "Something happened"
"""On the first screen."""
STEP_BAR_BYTES = 25_000.0
FOUR_BAR_MS, FOUR_BAR_BYTES = 500.0, 50_000.0
"""Of a step with four pictures beside one another: as long as twelve small ones may take, twice the bytes of one large one."""
LAST_OF_MANY_BAR_MS = 1000.0
PEOPLE = ("dora", "ann", "ben")
"""Who come in twelve at once: at most five sessions a person are let in."""
LEAVE, LEAVE_PEER = b"\x11", b"q"
SIZE, SMALL = (160, 48), (80, 24)
FOUR = (*CAMERAS.values(), "Garden door")
LAST_LINES = 3
"""Below the pictures of the timeline: the look, its buttons, the keys."""


@dataclass
class Both:
    """The door's house and the peer, running."""

    house: DoorHouse
    made: Recorded
    sshd: Sshd

    def ours(self, login: str = "dora", *options: str) -> Shown:
        """A log-in through the door."""
        return Shown(self.house.ssh(login, "-tt", *options), SIZE)

    def peer(self, *options: str) -> Shown:
        """A log-in through sshd."""
        return Shown(self.sshd.client(self.house.new_key("dora"), "-tt", *options), SIZE)


@contextlib.contextmanager
def both(folder: Path) -> Iterator[Both]:
    """Three cameras with 720p footage of five minutes, full of details; three people who may look; sshd beside it."""
    with house_with_footage(folder, size=(1280, 720), detailed=True) as (house, made):
        for login in PEOPLE[1:]:
            house.enrol(login, login.title())
            house.appoint(login, "archive", "hold")
        with contextlib.ExitStack() as stack:  # what is shown at the first log-in only is behind them
            first = [stack.enter_context(Shown(house.ssh(login, "-tt"), SIZE)) for login in PEOPLE]
            all_until(first, "F2")
            all_until(first[1:], "Welcome to Holdshelf")  # the Director has been there, to let the others in
            for one in first:
                one.rests()
                one.close(LEAVE)
        with running_sshd(folder / "sshd", house.public("dora")) as sshd:
            yield Both(house, made, sshd)


def first_paints(sides: Both, turns: int) -> list[Row]:
    """From the start of `ssh` to the frame with its tabs, and to the first question's answers; turn about with the peer."""
    painted: list[tuple[float, float | None]] = []
    filled: list[tuple[float, float | None]] = []
    screens: list[tuple[float, float | None]] = []
    for _ in range(turns):
        with sides.peer() as peer:
            peer_ms = 1000 * (peer.until(sides.sshd.shows) - peer.began_s)
            peer_bytes = peer.bytes_since(0)
            peer.close(LEAVE_PEER)
        with sides.ours() as mine:
            painted.append((1000 * (mine.until(HOME_SHOWS) - mine.began_s), peer_ms))
            filled.append((1000 * (mine.until(ASKS) - mine.began_s), peer_ms))
            mine.until("F2")
            screens.append((mine.bytes_since(0), peer_bytes))
            mine.close(LEAVE)
    say(f"first paint: {statistics.median(one for one, _ in painted):.0f} ms")
    return [
        median_row("log-in to first paint", "ms", painted, bar=FIRST_PAINT_BAR_MS, of="ours", peer=sides.sshd.program),
        median_row("log-in to the first question", "ms", filled),
        median_row("bytes of the first screen, all of it", "bytes", screens, bar=FIRST_SCREEN_BAR_BYTES, of="ours"),
    ]


def thumbnails(sides: Both, turns: int) -> list[Row]:
    """Twelve pictures from the key that asks for them, in an open look, none of them asked for before."""
    with sides.ours() as mine:
        mine.until(ASKS)
        mine.type(b"2")
        mine.until("need a purpose")
        first_s = sides.made.start_utc_ns // NS + 32
        _go_to(mine, first_s)
        mine.type(b"\r")
        mine.until("[Minute]")
        mine.rests()
        mine.type(b"o")
        mine.until("Why are you looking?")
        mine.rests()
        opened = _pictures_after(mine, lambda: mine.type(b"\r"))
        took: list[tuple[float, float | None]] = []
        sent: list[tuple[float, float | None]] = []
        for turn in range(turns):
            asked_s = _go_to(mine, first_s + 3 + 3 * turn)
            one = _pictures_after(mine, lambda at=asked_s: at)
            took.append((one[0], None))
            sent.append((one[1], None))
        steps = _steps(mine, min(4, turns))
        stood_s = time.monotonic()
        mine.rests(2 * SHARPEN_AFTER_S)
        sharp = mine.bytes_since(stood_s)
        mine.close(LEAVE)
    with sides.peer() as peer:
        peer.until(sides.sshd.shows)
        peer_bytes = statistics.median(_repaints(peer, min(4, turns)))
        peer.close(LEAVE_PEER)
    say(f"twelve thumbnails: {statistics.median(one for one, _ in took):.0f} ms")
    return [
        median_row("twelve thumbnails, from the key that asks for them", "ms", took, bar=THUMBNAILS_BAR_MS, of="ours"),
        median_row("  the first twelve, from the key that opens the look", "ms", [(opened[0], None)]),
        median_row("bytes of thirteen pictures", "bytes", sent),
        median_row(
            "bytes of a repaint: a step of the cursor",
            "bytes",
            [(step, peer_bytes) for step in steps],
            bar=STEP_BAR_BYTES,
            of="ours",
        ),
        Row("  bytes that follow when the cursor rests", "bytes", sharp),
    ]


def side_by_side(folder: Path, turns: int) -> list[Row]:
    """Four cameras at one instant: a step of the cursor on a small and a large terminal, and what the session's memory does."""
    rows: list[Row] = []
    named = {**CAMERAS, "garden": "Garden door"}
    folder.mkdir()
    with house_with_footage(folder, cameras=named, size=(1280, 720), detailed=True) as (house, made):
        with Shown(house.ssh("dora", "-tt"), SIZE) as first:  # what is shown at the first log-in only is behind them
            first.until("F2")
            first.rests()
            first.close(LEAVE)
        for size in (SMALL, SIZE):
            house.await_no_children()
            with Shown(house.ssh("dora", "-tt"), size) as mine:
                rows += _steps_of_four(mine, house, made.start_utc_ns // NS + 32, turns)
                mine.close(LEAVE)
    return rows


def _steps_of_four(mine: Shown, house: DoorHouse, first_s: int, turns: int) -> list[Row]:
    mine.until(ASKS)
    mine.type(b"2")
    mine.until("need a purpose")
    _go_to(mine, first_s)
    mine.type(b"\r")
    mine.until("[Minute]")
    mine.rests()
    mine.type(b"|")
    mine.until("Why are you looking?")
    mine.rests()
    mine.type(b"\t\t" + b"\x1b[B ".join([b""] * 4) + b"\r")
    mine.until(lambda cells: _captions(cells) == 4)
    mine.rests(1.0)
    before_bytes = proc.pss_bytes(house.children())
    took: list[tuple[float, float | None]] = []
    sent: list[tuple[float, float | None]] = []
    for _ in range(turns):
        pressed_s = mine.type(b"\x1b[C")
        mine.rests(1.0)
        if _captions(mine.cells) != 4:
            raise AssertionError(f"not four pictures:\n{mine.cells.text()}")
        top, bottom = 2, mine.cells.rows - LAST_LINES
        took.append((1000 * (mine.settled_s(pressed_s, top, bottom) - pressed_s), None))
        sent.append((mine.bytes_since(pressed_s), None))
    grown = (proc.pss_bytes(house.children()) - before_bytes) / 1e6
    on = f"{mine.cells.columns}×{mine.cells.rows}"
    say(f"four side by side on {on}: {statistics.median(one for one, _ in took):.0f} ms a step")
    return [
        median_row(f"four cameras side by side on {on}: a step of the cursor", "ms", took, bar=FOUR_BAR_MS, of="ours"),
        median_row("  bytes of it", "bytes", sent, bar=FOUR_BAR_BYTES, of="ours"),
        Row(f"  memory that {turns} steps left behind", "MB", grown),
    ]


def _captions(cells: Cells) -> int:
    """How many cameras say which time their picture shows, and wait for none."""
    return sum(re.search(rf"{name} · [\d:.]+ [ap]m(?! …)", cells.text()) is not None for name in FOUR)


def _go_to(mine: Shown, utc_s: int) -> float:
    """By the dialog for it; when Enter was pressed."""
    mine.type(b"t")
    mine.until("Go to a time")
    mine.type(dt.datetime.fromtimestamp(utc_s).astimezone().strftime("%Y-%m-%d %H:%M:%S").encode())
    mine.rests()
    pressed_s = mine.type(b"\r")
    mine.until(lambda cells: "Go to a time" not in cells.text())
    return pressed_s


def _pictures_after(mine: Shown, press: Callable[[], float]) -> tuple[float, int]:
    """(ms until the last cell of twelve small pictures and the larger one was as it stayed, bytes until then)."""
    pressed_s = press()
    mine.rests(1.0)
    lines = mine.cells.text().splitlines()
    top = next(n for n, line in enumerate(lines) if "movement  " in line) + 1
    if (shown := sum(line.count(" pm") + line.count(" am") for line in lines[top:-LAST_LINES])) != 12:
        raise AssertionError(f"{shown} pictures, not twelve:\n{mine.cells.text()}")
    if "not recorded" in "\n".join(lines[top:-LAST_LINES]):
        raise AssertionError(f"not everything was recorded there:\n{mine.cells.text()}")
    last_s = mine.settled_s(pressed_s, top, len(lines) - LAST_LINES)
    return 1000 * (last_s - pressed_s), mine.bytes_since(pressed_s)


def _steps(mine: Shown, count: int) -> list[int]:
    """Bytes of a cursor's step within pictures that are there: strip, words, the larger picture."""
    found = []
    for _ in range(count):
        pressed_s = mine.type(b"\x1b[C")
        mine.rests(1.0)
        found.append(mine.bytes_since(pressed_s))
    return found


def _repaints(peer: Shown, count: int) -> list[int]:
    """Bytes of each time that the peer's program paints anew by itself."""
    peer.rests()
    found = []
    for _ in range(count):
        since_s, chunks = time.monotonic(), len(peer.chunks)
        peer.until(lambda _cells, chunks=chunks: len(peer.chunks) > chunks, 20)
        peer.rests()
        found.append(peer.bytes_since(since_s))
    return found


def at_once(sides: Both, count: int, turns: int) -> list[Row]:
    """So many start together, from an address each: until the last and the middle one have their first paint."""
    last: list[tuple[float, float | None]] = []
    middle: list[tuple[float, float | None]] = []

    def take(start: Callable[[int], Shown], seen: str, leave: bytes) -> list[float]:
        with contextlib.ExitStack() as stack:
            shown = [stack.enter_context(start(number)) for number in range(count)]
            seen_s = all_until(shown, seen)
            took = [1000 * (at - one.began_s) for at, one in zip(seen_s, shown, strict=True)]
            for one in shown:
                one.close(leave)
        return took

    for _ in range(turns):
        ours = take(lambda n: sides.ours(PEOPLE[n % 3], "-b", f"127.0.0.{n + 2}"), HOME_SHOWS, LEAVE)
        peer = take(lambda n: sides.peer("-b", f"127.0.0.{n + 2}"), sides.sshd.shows, LEAVE_PEER)
        sides.house.await_no_children()
        last.append((max(ours), max(peer)))
        middle.append((statistics.median(ours), statistics.median(peer)))
    return [
        median_row(
            f"{count} log-ins at once: the last one's first paint", "ms", last, bar=LAST_OF_MANY_BAR_MS, of="ours"
        ),
        median_row(f"{count} log-ins at once: the middle one's", "ms", middle),
    ]


def standing(sides: Both, count: int, seconds: float) -> list[Row]:
    """What open sessions cost that nobody touches: memory of their processes, CPU over some time."""
    with contextlib.ExitStack() as stack:
        ours = [stack.enter_context(sides.ours()) for _ in range(count)]
        all_until(ours, "F2")
        peer = [stack.enter_context(sides.peer()) for _ in range(count)]
        all_until(peer, sides.sshd.shows)
        groups = {
            "sessions": sides.house.children(),
            "door": [sides.house.door_pid()],
            "peer": proc.descendants(sides.sshd.pid)[1:],
        }
        if len(groups["sessions"]) != count:
            raise AssertionError(f"{len(groups['sessions'])} processes of {count} sessions")
        _drain([*ours, *peer], min(2.0, seconds))
        watch = proc.Stopwatch(groups)
        _drain([*ours, *peer], seconds)
        spent = watch.spent()
        pss = {name: proc.pss_bytes(pids) / count / 1e6 for name, pids in groups.items()}
        rss = {name: proc.pss_bytes(pids, kind="Rss") / count / 1e6 for name, pids in groups.items()}
        for one in ours:
            one.close(LEAVE)
        for one in peer:
            one.close(LEAVE_PEER)
    share = 1000 * 60 / spent.seconds / count
    idle = (spent.cpu_s["sessions"] + spent.cpu_s["door"]) * share
    return [
        Row("memory of a session (PSS)", "MB", pss["sessions"], pss["peer"], detail={"door": pss["door"] * count}),
        Row("memory of a session (RSS)", "MB", rss["sessions"], rss["peer"]),
        Row(
            "CPU of an idle session, with its share of the door's",
            "ms a minute",
            idle,
            spent.cpu_s["peer"] * share,
            detail={"door": spent.cpu_s["door"] * share, "seconds": spent.seconds},
        ),
    ]


def _drain(shown: list[Shown], seconds: float) -> None:
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        for one in shown:
            one.rests(0.01, 0.01)
        time.sleep(0.2)


__all__ = ["Both", "Cells", "at_once", "both", "first_paints", "side_by_side", "standing", "thumbnails"]
