"""What files, streams and pages that were made to hurt cost until they are refused: CPU seconds, whatever else the machine does.

Bundles and copies of the log are given to `holdshelf` as a person would; the peer is the same command with nothing to read.
The rest is refused in this process, and the CPU counted is that of its thread.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from bench.parts.promised import Promise, promised
from bench.parts.rows import Row
from holdshelf_core.errors import BadRequest
from holdshelf_core.outbox.scans import kind_of
from holdshelf_core.outbox.types import MAX_SCAN_BYTES
from holdshelf_core.recorder.worker.bounds import MAX_CPU_SHARE, WINDOW_S, SegmentRate
from holdshelf_core.recorder.worker.rtsp import RtspSource
from holdshelf_core.recorder.worker.segment import template_from_key_frame
from holdshelf_core.recorder.worker.source import Picture, SourceError
from holdshelf_tui.text.posted_policy import read_posted
from tests.core.outbox.test_scans import HEIC_FILE
from tests.core.releases.test_check_bounds import HURTS, LINES, PROOFS, export
from tests.rig.hang import HANG_S
from tests.rig.hostile_rtsp import WAYS, HostileCamera
from tests.storage.media_signing.streams import checked
from tests.storage.media_signing.test_hostile import _many_certificates, _thousands, _unsigned_after_one
from tests.tui.text.test_posted import found as compared

COMMAND_BAR_S = 10.0
PAGE_BAR_S = 20.0
"""docs/papers.md gives it so much time, however busy the machine is."""
SCAN_BAR_S = 1.0
SIGNATURES_BAR_S = 60.0
STREAM_HOLD_S = 6.0
"""Then the camera hangs up."""
STREAM_BAR_S = WINDOW_S + MAX_CPU_SHARE * (STREAM_HOLD_S - WINDOW_S)
"""A camera may cost what it likes until it is judged for the first time, and then its share of a core."""
type Made = Mapping[str, Callable[[Path], object]]


def rows(folder: Path, most: int) -> list[Row]:
    """``most``: so many of each kind at most, in the order of the tests."""
    exports: Made = {
        name: lambda at, lines=lines: export(at / "log.jsonl", lines(), 40 << 20) for name, lines in LINES.items()
    }
    told = {
        "bundles made to hurt, `verify`": (("verify",), HURTS),
        "proofs in bundles made to hurt, `verify`": (("verify",), PROOFS),
        "copies of the log made to hurt, `log verify`": (("log", "verify"), exports),
    }
    found = [
        promised(
            f"{what}: the costliest of {min(most, len(made))}",
            COMMAND_BAR_S,
            lambda row, words=words, made=made: _commands(folder, row, words, dict(islice(made.items(), most))),
            unit="CPU s",
        )
        for what, (words, made) in told.items()
    ]
    ways = [name for name in WAYS if name != "a clock that jumps"][:most]
    found.append(
        promised(
            f"streams made to hurt: the costliest of {len(ways)} dials",
            STREAM_BAR_S,
            lambda row: _streams(row, ways),
            unit="CPU s",
        )
    )
    here: dict[str, tuple[float, Mapping[str, Callable[[], object]]]] = {
        "papers of 24 MB made to hurt (drop)": (SCAN_BAR_S, _papers()),
        "pages made to hurt (policy check)": (PAGE_BAR_S, _pages()),
        "signatures in video made to hurt": (SIGNATURES_BAR_S, _signatures()),
    }
    for what, (bar_s, made_here) in here.items():
        some = dict(islice(made_here.items(), most))
        found.append(
            promised(
                f"{what}: the costliest of {len(some)}", bar_s, lambda row, some=some: _here(row, some), unit="CPU s"
            )
        )
    return found


def _commands(folder: Path, row: Promise, words: tuple[str, ...], made: Made) -> None:
    costs: dict[str, float] = {}
    for name, make in made.items():
        with tempfile.TemporaryDirectory(dir=folder) as at:
            path = make(Path(at))
            costs[name] = _command_s(*words, str(path))
            row.peers.append(_command_s(*words, str(Path(at) / "nothing")))
    _tell(row, costs)


def _command_s(*words: str) -> float:
    """CPU seconds of a command that must fail."""
    before_s = _children_s()
    done = subprocess.run(
        [sys.executable, "-m", "holdshelf_tui.cli", *words],
        capture_output=True,
        text=True,
        timeout=10 * HANG_S,
        check=False,
    )
    if done.returncode in (0, -9, 139) or "Traceback" in done.stderr:
        raise AssertionError(f"{words}: {done.returncode}: {done.stdout}{done.stderr}"[:2000])
    return _children_s() - before_s


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _streams(row: Promise, ways: list[str]) -> None:
    """Two at a time, each read by a thread as a camera's is: most of them wait."""
    with ThreadPoolExecutor(2) as pool:
        _tell(row, dict(zip(ways, pool.map(_dial_s, ways), strict=True)))


def _dial_s(way: str) -> float:
    with HostileCamera([way], hold_s=STREAM_HOLD_S, honest_dials=0) as camera:
        before_s = time.thread_time()
        with contextlib.suppress(SourceError):
            _watch(camera.url)
        return time.thread_time() - before_s


def _watch(url: str) -> None:
    """Reads as a camera's thread does, until it is over. Raises SourceError."""
    rate = SegmentRate(60)
    source = RtspSource(url, "viewer", "pw")
    try:
        known: frozenset[bytes] = frozenset()
        for number, picture in enumerate(source.pictures()):
            if isinstance(picture, Picture) and picture.is_key and picture.sets != known:
                known = picture.sets
                rate.opens(number)
                template_from_key_frame(picture, source.codec, source.parameter_sets).close()
    except ValueError:
        raise SourceError("no parameter sets") from None
    finally:
        source.close()


def _papers() -> dict[str, Callable[[], object]]:
    begins = {
        "JPEG": b"\xff\xd8\xff\xe1\x00\x02",
        "JPEG of fill bytes": b"\xff\xd8\xff\xff\xff\xff",
        "HEIC": HEIC_FILE[:20] + b"\x00\x00\x00\x08",
    }

    def refuse(begin: bytes) -> None:
        content = begin + begin[-4:] * ((MAX_SCAN_BYTES - len(begin)) // 4)
        with contextlib.suppress(BadRequest):
            kind_of(content)
            raise AssertionError("it was taken for a paper")

    return {name: lambda begin=begin: refuse(begin) for name, begin in begins.items()}


def _pages() -> dict[str, Callable[[], object]]:
    """What the tests compare and read, in the time that it gets from the product itself."""
    rules = " ".join(f"Rule {n} says that nobody watches camera {n} for {n % 7} days." for n in range(400))
    long = "<html>" + "<p>Home of the library. " * 20_000 + "<p>" + rules.replace("camera 250 ", "door 250 ")
    policy = " ".join(f"Nobody but {n} watches the camera of the library at the door {n % 9}." for n in range(300))
    others = ("the", "of", "camera", "library", "door", "watches")
    mixed = " ".join(f"{word} {others[n % 6]}" for n, word in enumerate(policy.split()))

    def tangled() -> None:
        with contextlib.suppress(BadRequest):
            read_posted(b"<a a=" * 400_000, kind="text/html")

    return {
        "a long policy in a long page": lambda: compared(long, text=rules),
        "words that match everywhere": lambda: compared(mixed, text=policy),
        "tags in tags": tangled,
    }


def _signatures() -> dict[str, Callable[[], object]]:
    made = {
        "thousands of signatures": _thousands,
        "many certificates": _many_certificates,
        "signed once": _unsigned_after_one,
    }

    def check(make: Callable[[], list[list[bytes]]]) -> Iterator[None]:
        stream = make()
        yield  # what is counted begins here
        checked("h264", stream)

    return {name: lambda make=make: check(make) for name, make in made.items()}


def _here(row: Promise, made: Mapping[str, Callable[[], object]]) -> None:
    """Of what gives an iterator, the CPU behind its first step is counted: before that it is made."""
    costs: dict[str, float] = {}
    for name, do in made.items():
        before_s = time.thread_time()
        steps = do()
        if isinstance(steps, Iterator):
            next(steps)
            before_s = time.thread_time()
            next(steps, None)
        costs[name] = time.thread_time() - before_s
    _tell(row, costs)


def _tell(row: Promise, costs: dict[str, float]) -> None:
    row.ours += costs.values()
    row.detail["of each"] = {name: round(cost_s, 3) for name, cost_s in costs.items()}
