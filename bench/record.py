"""Recording, ours beside ffmpeg and a floor: CPU, memory, lost frames. `python bench/record.py --help`; docs/benchmarks.md.

Each records as many cameras, which send the same, of one server over the same seconds (--apart: one right after the other);
the server is a process of its own and is not counted. Ours is everything that `holdshelf serve` runs, the peer is one
`ffmpeg -c copy -an -f segment` per camera. Beside the floor, a C program that only receives, hashes and appends (parts/floor.c),
ours is measured once more. What either spent before the stretch (its start-up) is left out, and told.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts import proc
from bench.parts.compiled import is_compiled
from bench.parts.floor import Floor, can_be_built
from bench.parts.frames import Answer
from bench.parts.recorders import Ffmpeg, Groups, Measured, Ours, Stretch
from bench.parts.rows import Row, add_options, median_row, report, say
from tests.rig.netns import NetNamespace
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.whep import WhepMount, WhepPeer
from tests.service import Service, wait_for

# Of the sources, and of a build with the recording path compiled (ADR 46).
CPU_BAR = {False: 0.22, True: 0.17}
FLOOR_BAR = {False: 2.5, True: 2.0}
WHEP_BAR = 2.0
UDP_BAR = 2.0
"""Each packet is a call of its own there, and TCP brings many with one."""
WHEP_ADDRESS = "10.78.0.1"
WORKERS_PSS_BAR = 0.2
PSS_BAR = 0.3
BARRED_CAMERAS = 32
"""Bars of CPU are of so many or more, those of memory of so many."""
STANDING_BAR_MB = 130.0


@dataclass(frozen=True)
class Turn:
    """One side of one turn."""

    measured: Measured
    frames: Answer

    def cpu(self, cameras: int, *groups: str) -> float:
        return self.measured.cpu_per_camera_minute_s(cameras, *groups)


def measure(cameras: int, burst: bool, options: argparse.Namespace) -> list[Row]:
    """All turns with so many cameras, and their rows."""
    name = f"{cameras} cameras, {'bursts' if burst else 'spread'}"
    stretch = Stretch(options.settle, options.seconds)
    # Turn about, so that both are as evenly spread in time.
    names = [f"{side}-{number + 1:03d}" for number in range(cameras) for side in ("ours", "peer")]
    floors = [f"floor-{number + 1:03d}" for number in range(cameras if options.floor else 0)]
    mounts = [Mount(mount, media=options.media) for mount in (*names, *floors)]
    turns: list[tuple[Turn, Turn]] = []
    floor_turns: list[tuple[float, float | None]] = []
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        RtspServer(mounts, burst=burst, threads=max(64, 2 * cameras)) as server,
    ):
        ours, peer = Ours(Path(folder), server, names[::2]), Ffmpeg(Path(folder), server, names[1::2])
        floor = Floor(Path(folder), server, floors) if options.floor else None
        take = apart if options.apart else together
        for number in range(options.repeat):
            mine, other = take(ours, peer, stretch)
            turns.append((mine, other))
            say(
                f"{name}, turn {number + 1}: CPU {mine.cpu(cameras):.3f} beside {other.cpu(cameras):.3f} s per "
                f"camera-minute, PSS {mine.measured.pss_mb():.0f} beside {other.measured.pss_mb():.0f} MB, lost "
                f"{mine.frames.lost} beside {other.frames.lost} of {mine.frames.sent} frames"
            )
            if floor is not None:
                floor_turns.append(beside_floor(ours, floor, stretch, cameras))
        late_ms = server.stats()["late_ms"]
    found = rows(name, cameras, turns, late_ms)
    if options.floor:
        bar = FLOOR_BAR[is_compiled()] if cameras >= BARRED_CAMERAS else None
        found.insert(1, median_row(f"  beside the floor, {name}", "CPU s/camera-min", floor_turns, bar=bar))
    return found


def beside_floor(ours: Ours, floor: Floor, stretch: Stretch, cameras: int) -> tuple[float, float]:
    """CPU of ours and of the floor program over the same seconds."""
    with ours.running() as mine, floor.running() as other:
        measured = stretch.measure({**mine, **other})
    ours.judge(measured.of(mine))
    return measured.of(mine).cpu_per_camera_minute_s(cameras), measured.of(other).cpu_per_camera_minute_s(cameras)


def together(ours: Ours, peer: Ffmpeg, stretch: Stretch) -> tuple[Turn, Turn]:
    """Both over the same seconds."""
    with ours.running() as mine, peer.running() as other:
        measured = stretch.measure({**mine, **other})
    sides = (measured.of(mine), measured.of(other))
    return Turn(sides[0], ours.judge(sides[0])), Turn(sides[1], peer.judge(sides[1]))


def apart(ours: Ours, peer: Ffmpeg, stretch: Stretch) -> tuple[Turn, Turn]:
    """One right after the other."""
    with ours.running() as mine:
        measured = stretch.measure(mine)
    first = Turn(measured, ours.judge(measured))
    with peer.running() as other:
        measured = stretch.measure(other)
    return first, Turn(measured, peer.judge(measured))


def rows(name: str, cameras: int, turns: list[tuple[Turn, Turn]], late_ms: float) -> list[Row]:
    """What the turns say."""
    unit = "CPU s/camera-min"
    barred = cameras == BARRED_CAMERAS

    def cpu(*groups: str) -> list[tuple[float, float | None]]:
        return [(mine.cpu(cameras, *groups), other.cpu(cameras)) for mine, other in turns]

    def pss(*groups: str) -> list[tuple[float, float | None]]:
        return [(mine.measured.pss_mb(*groups), other.measured.pss_mb()) for mine, other in turns]

    last, last_peer = (turn.measured.spent for turn in turns[-1])
    return [
        median_row(
            f"CPU, {name}",
            unit,
            cpu(),
            bar=CPU_BAR[is_compiled()] if cameras >= BARRED_CAMERAS else None,
            start_up_cpu_s={"ours": last.before_cpu_s, "peer": last_peer.before_cpu_s},
            switches_per_s={
                side: {group: round(count / spent.seconds) for group, count in spent.switches.items()}
                for side, spent in (("ours", last), ("peer", last_peer))
            },
            machine_busy={
                side: round(spent.machine_cpu_s / spent.seconds, 2)
                for side, spent in (("ours", last), ("peer", last_peer))
            },
            server_late_ms=round(late_ms, 1),
        ),
        median_row(f"  of which workers, {name}", unit, cpu("workers")),
        median_row(f"  of which service, {name}", unit, cpu("service")),
        median_row(f"memory (PSS), workers, {name}", "MB", pss("workers"), bar=WORKERS_PSS_BAR if barred else None),
        median_row(f"memory (PSS), everything, {name}", "MB", pss(), bar=PSS_BAR if barred else None),
        Row(
            f"lost frames, {name}",
            "frames",
            sum(mine.frames.lost + mine.frames.strangers for mine, _ in turns),
            sum(other.frames.lost + other.frames.strangers for _, other in turns),
            0,
            "ours",
            detail={"sent": sum(mine.frames.sent for mine, _ in turns)},
        ),
    ]


def measure_whep(cameras: int, options: argparse.Namespace) -> list[Row]:
    """As many cameras by WHEP as by RTSP, each with a service of its own, over the same seconds in one namespace."""
    names = [f"camera-{number + 1:03d}" for number in range(cameras)]
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        NetNamespace(addresses=[f"{WHEP_ADDRESS}/24"]) as net,  # ICE does not connect on loopback alone
        net.entered(),
        RtspServer([Mount(mount, media=options.media) for mount in names], address=WHEP_ADDRESS) as rtsp,
        WhepPeer([WhepMount(mount, media=options.media) for mount in names], address=WHEP_ADDRESS) as whep,
    ):
        (Path(folder) / "whep").mkdir()
        ours, peer = Ours(Path(folder) / "whep", whep, names), Ours(Path(folder), rtsp, names)
        return both_ours(f"{cameras} cameras by WHEP, the peer by RTSP", cameras, ours, peer, WHEP_BAR, options)


def measure_udp(cameras: int, options: argparse.Namespace) -> list[Row]:
    """As many cameras by UDP as over the connection itself, each with a service of its own, over the same seconds."""
    names = [f"{side}-{number + 1:03d}" for number in range(cameras) for side in ("udp", "tcp")]
    mounts = [Mount(mount, media=options.media) for mount in names]
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        RtspServer(mounts, threads=max(64, 2 * cameras)) as server,
    ):
        (Path(folder) / "udp").mkdir()
        ours = Ours(Path(folder) / "udp", server, names[::2], transport="udp")
        peer = Ours(Path(folder), server, names[1::2])
        return both_ours(f"{cameras} cameras by UDP, the peer by TCP", cameras, ours, peer, UDP_BAR, options)


def both_ours(name: str, cameras: int, ours: Ours, peer: Ours, bar: float, options: argparse.Namespace) -> list[Row]:
    """Two services of ours side by side, whose cameras come by different ways."""
    stretch = Stretch(options.settle, options.seconds)
    turns: list[tuple[Turn, Turn]] = []
    for number in range(options.repeat):
        with ours.running() as mine, peer.running() as other:
            measured = stretch.measure({**_named("ours", mine), **_named("peer", other)})
        sides = (_part(measured, "ours", mine), _part(measured, "peer", other))
        turns.append((Turn(sides[0], ours.judge(sides[0])), Turn(sides[1], peer.judge(sides[1]))))
        first, second = turns[-1]
        say(
            f"{name}, turn {number + 1}: CPU {first.cpu(cameras):.3f} beside {second.cpu(cameras):.3f} s per "
            f"camera-minute, PSS {first.measured.pss_mb():.0f} beside {second.measured.pss_mb():.0f} MB, lost "
            f"{first.frames.lost} beside {second.frames.lost} of {first.frames.sent} frames"
        )

    def cpu(*groups: str) -> list[tuple[float, float | None]]:
        return [(mine.cpu(cameras, *groups), other.cpu(cameras, *groups)) for mine, other in turns]

    last, last_peer = (turn.measured.spent for turn in turns[-1])
    return [
        median_row(
            f"CPU, {name}",
            "CPU s/camera-min",
            cpu(),
            bar=bar,
            start_up_cpu_s={"ours": last.before_cpu_s, "peer": last_peer.before_cpu_s},
            switches_per_s={
                side: {group: round(count / spent.seconds) for group, count in spent.switches.items()}
                for side, spent in (("ours", last), ("peer", last_peer))
            },
        ),
        median_row(f"  of which workers, {name}", "CPU s/camera-min", cpu("workers")),
        median_row(f"  of which service, {name}", "CPU s/camera-min", cpu("service")),
        median_row(
            f"memory (PSS), workers, {name}",
            "MB",
            [(mine.measured.pss_mb("workers"), other.measured.pss_mb("workers")) for mine, other in turns],
        ),
        Row(
            f"lost frames, {name}",
            "frames",
            sum(mine.frames.lost + mine.frames.strangers for mine, _ in turns),
            sum(other.frames.lost + other.frames.strangers for _, other in turns),
            0,
            "ours",
            detail={"sent": sum(mine.frames.sent for mine, _ in turns)},
        ),
    ]


def _named(side: str, groups: Groups) -> Groups:
    return {f"{side} {group}": pids for group, pids in groups.items()}


def _part(measured: Measured, side: str, groups: Groups) -> Measured:
    """One side's groups, under their own names."""
    part = measured.of(_named(side, groups))
    names = {f"{side} {group}": group for group in groups}
    spent = replace(
        part.spent,
        cpu_s={names[key]: value for key, value in part.spent.cpu_s.items()},
        switches={names[key]: value for key, value in part.spent.switches.items()},
        before_cpu_s={names[key]: value for key, value in part.spent.before_cpu_s.items()},
    )
    return replace(part, spent=spent, pss_bytes={names[key]: value for key, value in part.pss_bytes.items()})


def standing(options: argparse.Namespace) -> Row:
    """Memory of all that runs when there is no camera and nobody is logged in."""
    with (
        tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as folder,
        Service(Path(folder) / "data", door=True) as service,
    ):
        wait_for("the door listens", lambda: "the SSH door listens" in service.log() or None)
        time.sleep(options.settle)
        pids = [service.process.pid, *proc.descendants(service.process.pid)]
        pss_mb = proc.pss_bytes(pids) / 1e6
    return Row("memory (PSS), no camera and nobody there", "MB", pss_mb, bar=STANDING_BAR_MB, of="ours")


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cameras", type=int, nargs="+", default=[8, 32, 64], metavar="N")
    parser.add_argument("--modes", nargs="+", choices=("spread", "bursts"), default=["spread", "bursts"])
    parser.add_argument("--seconds", type=float, default=60.0, help="measured in each turn (default 60)")
    parser.add_argument("--settle", type=float, default=5.0, help="seconds left out before (default 5)")
    parser.add_argument("--repeat", type=int, default=1, help="turns; medians are reported (default 1)")
    parser.add_argument("--apart", action="store_true", help="one right after the other, not over the same seconds")
    parser.add_argument("--media", default="h264_720p", help="what the cameras send (default h264_720p)")
    parser.add_argument("--folder", type=Path, help="where to record to (default: the system's temporary folder)")
    parser.add_argument(
        "--floor",
        action="store_true",
        default=can_be_built(),
        help="the floor program, too (default: with a C compiler)",
    )
    parser.add_argument("--no-floor", action="store_false", dest="floor", help="without it")
    parser.add_argument("--whep", action="store_true", help="WHEP beside our own RTSP path (default: 8 cameras)")
    parser.add_argument("--udp", action="store_true", help="RTSP by UDP beside TCP (default: 8 cameras)")
    add_options(parser)
    options = parser.parse_args()
    found: list[Row] = []
    if options.whep or options.udp:
        counts = [8] if options.cameras == parser.get_default("cameras") else options.cameras
        way, take = ("udp", measure_udp) if options.udp else ("whep", measure_whep)
        found = [row for cameras in counts for row in take(cameras, options)]
        return report(
            f"record-{way}", found, options, seconds=options.seconds, repeat=options.repeat, when="the same seconds"
        )
    for cameras in options.cameras:
        for mode in options.modes:
            found += measure(cameras, mode == "bursts", options)
    found.append(standing(options))
    when = "one right after the other" if options.apart else "the same seconds"
    return report("record", found, options, seconds=options.seconds, repeat=options.repeat, when=when)


if __name__ == "__main__":
    sys.exit(main())
