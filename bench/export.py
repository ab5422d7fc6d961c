"""One hour exported and verified beside `cp` of the same bytes; memory by length. `python bench/export.py --help`.

Ours: the bundle of an original (every file synced, signed), then `holdshelf verify` of it, which reads it back from the disk.
Peer: `cp` of the hour's files of footage and `sync` of the copies, which is what it takes to have them once, unproved.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.parts.rows import Row, add_options, median_row, report, say
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.operations import offline
from holdshelf_core.policy.model import KeyPoint, Mask, MovingBox, Span
from holdshelf_core.releases.facts import MASKED, ORIGINAL, Facts, OthersSaid, boxes_told
from holdshelf_storage.footage.footage import Footage, SegmentFacts
from holdshelf_storage.footage.hashing import frames_tree
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.journal import StoredSegment
from holdshelf_storage.volume.volume import Volume
from tests.looking import BOOT, BOOTED_UTC_NS, NS

BAR = 2.0
SEGMENT_S, FPS = 60, 15
MASK = Mask(((0, 0), (5000, 0), (5000, 5000), (0, 5000)))


def make_segment(folder: Path, mbps: float) -> tuple[bytes, int]:
    """One minute of 720p15 as the recorder writes it, at that bit rate (noise fills it up); and its number of frames."""
    path = folder / "minute.mp4"
    command = [
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi"),
        *("-i", f"testsrc2=size=1280x720:rate={FPS},noise=alls=40:allf=t", "-t", str(SEGMENT_S)),
        *(
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-b:v",
            f"{mbps}M",
            "-minrate",
            f"{mbps}M",
            "-maxrate",
            f"{mbps}M",
        ),
        *("-bufsize", f"{mbps}M", "-nal-hrd", "cbr", "-g", str(2 * FPS), "-bf", "0", "-pix_fmt", "yuv420p"),
        *("-video_track_timescale", "90000", "-movflags", "empty_moov+default_base_moof+skip_trailer"),
        *("-frag_duration", "900000", "-f", "mp4", str(path)),
    ]
    subprocess.run(command, check=True)
    return path.read_bytes(), SEGMENT_S * FPS


def make_footage(data: Path, minute: bytes, frames: int, segments: int, start_utc_ns: int) -> None:
    """So many minutes of one camera, without a break."""
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        sha256, frames_root = hashlib.sha256(minute).hexdigest(), ""
        for number in range(segments):
            segment = footage.open_segment("lobby")
            with open(segment.fd, "wb", closefd=False) as file:
                file.write(minute)
            start = start_utc_ns + number * SEGMENT_S * NS
            frames_root = frames_root or frames_tree(segment.fd).root().hex()
            footage.close_segment(
                segment,
                SegmentFacts(
                    start_utc_ns=start,
                    duration_ns=SEGMENT_S * NS,
                    run="bench",
                    boot=BOOT,
                    start_boot_ns=start - BOOTED_UTC_NS,
                    sha256=sha256,
                    bytes=len(minute),
                    codec="h264",
                    width=1280,
                    height=720,
                    frames=frames,
                    frames_root=frames_root,
                ),
            )
    finally:
        volume.detach()


def facts_of(kind: str, span: Span, *, boxes: tuple[MovingBox, ...] = (), masks: tuple[Mask, ...] = (MASK,)) -> Facts:
    """What a bundle of that span says."""
    burn = Burn(
        library="Bench",
        camera_name="Lobby",
        person="release R-2026-0001",
        log_seq=1,
        masks=masks,
        boxes=boxes,
        camera="lobby",
    )
    return Facts(
        release="R-2026-0001",
        library="Bench",
        contact="",
        basis_words="a search warrant",
        reference="26-0417",
        kind=kind,
        asked=(span,),
        given=(span,),
        paper=None,
        requested="-",
        approved="-",
        approval_paper_sha256="",
        exported="-",
        made_utc_ns=time.time_ns(),
        gates=(),
        caution="",
        policy_version="",
        policy_sha256="",
        policy_file_sha256="",
        others=OthersSaid(bool(boxes), "-", "", "-", "-", boxes_told(boxes)),
        cameras={"lobby": "Lobby"},
        burns={"lobby": burn},
        log_entry=1,
        version="bench",
    )


def moving_box(start: int, end: int) -> MovingBox:
    """A quarter of the picture high and wide, from the left to the right and back each minute."""
    places, points = ((0, 3000, 2500, 5500), (7500, 4000, 10_000, 6500)), []
    for number in range((end - start) // (30 * NS) + 1):
        points.append(KeyPoint(start + number * 30 * NS, *places[number % 2]))
    return MovingBox("lobby", tuple(points))


_MAKE = """
import resource, sys, threading, time
sys.path.insert(0, {root!r})
from pathlib import Path
from bench.export import facts_of, moving_box
from holdshelf_core.policy.model import Span
from holdshelf_core.releases.bundle import Order, make
from holdshelf_core.releases.signing_keys import KeyRing
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume
from tests.storage.anchors.anchoring import anchored_book
def peak_kb():
    return next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
state, media = Path({data!r}) / "state", Path({data!r}) / "media"
volume, log = Volume.attach(state, media), AccessLog.open(state)
footage = Footage(volume, Ledger(volume))
book = anchored_book(log, volume, footage)
more = {{"boxes": (moving_box({start}, {end}),), "masks": ()}} if {drawn} else {{}}
order = Order(facts_of({kind!r}, Span("lobby", {start}, {end}), **more), footage, log,
              KeyRing.ensure(state / "keys", 0).current, [], lambda: 1 << 50, threading.Event(), lambda *_: None, book)
before, began_s = peak_kb(), time.perf_counter()
made = make(order)
worker_kb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(made.fingerprint, before, peak_kb(), time.perf_counter() - began_s, worker_kb)
log.close()
volume.detach()
"""


def export(data: Path, kind: str, start: int, end: int, *, drawn: bool = False) -> tuple[str, float, float, float]:
    """Makes the bundle in a process of its own: the key's fingerprint, by how many MB its memory grew, seconds, and the MB
    of the worker that decodes and encodes. The seconds are those of the making: a service that makes bundles runs already.
    ``drawn``: with a box that moves, and no other mask.
    """
    root = str(Path(__file__).resolve().parents[1])
    script = _MAKE.format(root=root, data=str(data), kind=kind, start=start, end=end, drawn=drawn)
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    if made.returncode:
        raise AssertionError(made.stderr[-2000:])
    fingerprint, before, after, took_s, worker_kb = made.stdout.split()
    return fingerprint, (int(after) - int(before)) / 1024, float(took_s), int(worker_kb) / 1024


def verify(bundle: Path, fingerprint: str) -> None:
    """As a person does it."""
    command = [sys.executable, "-m", "holdshelf_tui.cli", "verify", str(bundle), "--key", fingerprint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def copy(data: Path, start: int, end: int, target: Path) -> float:
    """The peer: seconds for `cp` of the files and `sync` of the copies."""
    volume = Volume.attach(data / "state", data / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        found = [s for s in footage.query("lobby", start, end) if isinstance(s, StoredSegment)]
        files = [str(data / "media" / footage.path_of("lobby", segment)) for segment in found]
    finally:
        volume.detach()
    target.mkdir()
    began_s = time.perf_counter()
    subprocess.run(["cp", "--reflink=never", *files, str(target)], check=True)
    subprocess.run(["sync", *[str(target / Path(file).name) for file in files]], check=True)
    took_s = time.perf_counter() - began_s
    shutil.rmtree(target)
    return took_s


def draw_by_ffmpeg(minute: bytes, minutes: int, folder: Path) -> float:
    """The peer of a moving box: seconds for ffmpeg to decode, draw the same box and encode as we do, no legend."""
    source, listed = folder / "minute.mp4", folder / "minutes.txt"
    source.write_bytes(minute)
    listed.write_text(f"file '{source}'\n" * minutes)
    turn = "abs(mod(t,60)/30-1)"  # 1 at the left, 0 at the right
    box = f"[0][1]overlay=x='W*0.75*(1-{turn})':y='H*(0.3+0.1*(1-{turn}))':shortest=1"
    began_s = time.perf_counter()
    subprocess.run(
        [
            *(
                "nice",
                "-n",
                "5",
                "ffmpeg",
                "-nostdin",
                "-v",
                "error",
                "-y",
                "-f",
                "concat",
                "-safe",
                "0",
                "-i",
                str(listed),
            ),
            *(
                "-f",
                "lavfi",
                "-i",
                f"color=gray:size=320x180:rate={FPS}",
                "-filter_complex",
                box,
                "-c:v",
                "libx264",
                "-preset",
                "veryfast",
                "-crf",
                "20",
                "-g",
                str(2 * FPS),
            ),
            *("-x264-params", "bframes=0:rc-lookahead=10:sync-lookahead=0", "-an", str(folder / "drawn.mp4")),
        ],
        check=True,
    )
    return time.perf_counter() - began_s


def timed(act: object) -> float:
    """Seconds of a call without arguments."""
    began_s = time.perf_counter()
    act()  # type: ignore[operator]
    return time.perf_counter() - began_s


def main() -> int:
    """Exit code: 1 when --bars was given and a bar was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=60, help="length (default 60)")
    parser.add_argument("--long", type=int, default=8, help="times that length for the second look at memory; 0: none")
    parser.add_argument("--mbps", type=float, default=4.0, help="bit rate (default 4)")
    parser.add_argument("--masked-minutes", type=int, default=1, help="of a masked copy, for its speed; 0: none")
    parser.add_argument(
        "--drawn-minutes", type=int, default=0, help="with a moving box beside ffmpeg's (default 0: none)"
    )
    parser.add_argument("--masked-long", type=int, default=0, help="times that length for memory (default 0: none)")
    parser.add_argument("--repeat", type=int, default=3, help="turns; medians are reported (default 3)")
    parser.add_argument("--folder", type=Path, help="where to make footage and bundles (default: the temporary folder)")
    add_options(parser)
    options = parser.parse_args()
    start = (time.time_ns() // NS // 3600 * 3600 - 48 * 3600) * NS
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="holdshelf-bench-", dir=options.folder) as name:
        folder = Path(name)
        minute, frames = make_segment(folder, options.mbps)
        data = folder / "data"
        make_footage(data, minute, frames, options.minutes * max(1, options.long), start)
        hour = start + options.minutes * SEGMENT_S * NS
        bundle = data / "media" / "bundles" / "R-2026-0001"
        pairs, grew = [], []
        for _ in range(options.repeat):
            os.sync()
            peer_s = copy(data, start, hour, folder / "copy")
            os.sync()
            fingerprint, more_mb, made_s, _ = export(data, ORIGINAL, start, hour)
            verified_s = timed(lambda: verify(bundle, fingerprint))  # noqa: B023 - called here
            pairs.append((made_s + verified_s, peer_s))
            grew.append(more_mb)
            say(
                f"cp {peer_s:.2f} s; made {made_s:.2f} s, verified {verified_s:.2f} s; memory grew by {more_mb:.0f} MB; "
                f"load {os.getloadavg()[0]:.1f}"
            )
        size_mb = options.minutes * len(minute) / 1e6
        what = f"{options.minutes} min at {options.mbps:g} Mbit/s ({size_mb:.0f} MB) exported and verified"
        rows.append(median_row(what, "s", pairs, bar=BAR, size_mb=round(size_mb)))
        if options.long:
            _, long_mb, *_ = export(data, ORIGINAL, start, start + options.long * (hour - start))
            short_mb = sorted(grew)[len(grew) // 2]
            rows.append(Row(f"memory grows by, {options.long} × as long", "MB", long_mb, short_mb, 4.0, "more"))
        if options.masked_minutes:
            end = start + min(options.masked_minutes, options.minutes) * SEGMENT_S * NS
            _, short_mb, took_s, worker_mb = export(data, MASKED, start, end)
            rows.append(Row("a masked copy, 720p15, for each minute", "s", took_s / options.masked_minutes))
            if options.masked_long:
                long = start + options.masked_long * (end - start)
                _, long_mb, _, long_worker_mb = export(data, MASKED, start, long)
                what = f"memory of a masked copy grows by, {options.masked_long} × as long"
                rows.append(Row(what, "MB", long_mb, short_mb, 4.0, "more"))
                what = f"memory of its worker, {options.masked_long} × as long"
                rows.append(Row(what, "MB", long_worker_mb, worker_mb, 30.0, "more"))
        if drawn_minutes := min(options.drawn_minutes, options.minutes):
            end = start + drawn_minutes * SEGMENT_S * NS
            _, _, _, first_worker_mb = export(data, MASKED, start, start + SEGMENT_S * NS, drawn=True)
            drawn = []
            for _ in range(options.repeat):
                _, long_mb, took_s, worker_mb = export(data, MASKED, start, end, drawn=True)
                drawn.append((took_s, draw_by_ffmpeg(minute, drawn_minutes, folder)))
                say(f"a moving box: ours {took_s:.1f} s, ffmpeg {drawn[-1][1]:.1f} s; load {os.getloadavg()[0]:.1f}")
            what = f"a box that moves through {drawn_minutes} min of 720p15"
            rows.append(median_row(what, "s", drawn, worker_mb=round(worker_mb)))
            what = f"memory of its worker, {drawn_minutes} × as long as a minute"
            rows.append(Row(what, "MB", worker_mb, first_worker_mb, 30.0, "more"))
    return report("export", rows, options, repeat=options.repeat)


if __name__ == "__main__":
    sys.exit(main())
