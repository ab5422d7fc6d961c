"""Journal lines: what they say, byte for byte, and what hostile ones can do (nothing)."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume import journal
from holdshelf_storage.volume.journal import Gap, GapEnd, Hash, Segment
from tests.storage.conftest import House
from tests.storage.footage.footage_files import BOOT, NOON, NS, record

SEGMENT = Segment(
    seq=17,
    name="0000000017_120000.000Z.mp4",
    start_utc_ns=NOON,
    duration_ns=60 * NS,
    run="r1",
    boot=BOOT,
    start_boot_ns=5,
    bytes=100,
    allocated_bytes=4096,
    sha256=None,
    codec="hevc",
    width=1280,
    height=720,
    frames=900,
    activity=b"\x00\xff",
    recovered=True,
)
LINES: list[journal.Line] = [
    SEGMENT,
    Gap(gap=18, start_utc_ns=NOON, start_boot_ns=6, boot=BOOT, reason="camera unreachable", detail="refused"),
    GapEnd(gap=18, end_utc_ns=NOON + 1, elapsed_ns=1, reason="stream back"),
    Hash(seq=17, sha256="ab" * 32),
]


def test_lines_are_what_docs_disk_format_says() -> None:
    lines = [json.loads(line) for line in journal.encode(LINES).splitlines()]
    assert [list(line) for line in lines] == [
        [
            "kind", "seq", "name", "start_utc_ns", "duration_ns", "run", "boot", "start_boot_ns", "bytes",
            "allocated_bytes", "sha256", "codec", "width", "height", "frames", "audio_tracks", "activity", "recovered",
            "frames_root",
        ],
        ["kind", "gap", "start_utc_ns", "start_boot_ns", "boot", "reason", "detail"],
        ["kind", "gap", "end_utc_ns", "elapsed_ns", "reason", "boot", "end_boot_ns"],
        ["kind", "seq", "sha256", "frames_root"],
    ]  # fmt: skip
    page = (Path(__file__).parents[3] / "docs" / "disk-format.md").read_text()
    told = page.partition("\n## journal.jsonl\n")[2].partition("\n### ")[0]
    for line in lines:
        assert f'`kind: "{line["kind"]}"`' in told
        assert not [name for name in line if name != "kind" and f"`{name}`" not in told]
    assert [line["kind"] for line in lines] == ["segment", "gap", "gap_end", "hash"]
    assert lines[0]["activity"] == "AP8="


def test_lines_come_back_as_they_went() -> None:
    assert journal.decode(journal.encode(LINES)) == (LINES, 0)


def test_a_segment_is_found_among_others_without_decoding_them() -> None:
    others = [*LINES[1:], Gap(gap=1, start_utc_ns=0, start_boot_ns=0, boot='"seq":17,', reason='x"seq":17,')]
    data = journal.encode([*others, SEGMENT])
    assert journal.find_segment(data, 17) == SEGMENT
    assert journal.find_segment(data, 1) is None
    assert journal.find_segment(data[:-1], 17) is None
    assert journal.find_segment(journal.encode(others), 17) is None


def test_the_activity_scale_covers_a_still_night_and_a_busy_day() -> None:
    assert journal.activity([0, 16, 1e3, 1e5, 1e6, 1e9]) == bytes([0, 12, 72, 151, 191, 255])
    for rate in (100.0, 5e3, 3e5, 2e6):
        assert journal.activity_bytes_per_second(journal.activity_byte(rate)) == pytest.approx(rate, rel=0.04)


def test_the_last_gap_without_an_end_is_the_open_one() -> None:
    other = Gap(gap=20, start_utc_ns=0, start_boot_ns=0, boot=BOOT, reason="x")
    assert journal.open_gap(LINES) is None
    assert journal.open_gap([*LINES, other]) == other


nasty = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["../../x", "0000000001_120000.000Z.mp4", "\x1b[2J", ["x"] * 3, {"a": 1}]),
)
FIELDS = ["kind", "seq", "gap", "name", "start_utc_ns", "duration_ns", "end_utc_ns", "elapsed_ns", "bytes", "activity"]
hostile = st.one_of(
    st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" ")),
    st.tuples(st.sampled_from(LINES), st.dictionaries(st.sampled_from(FIELDS), nasty, max_size=3)).map(
        lambda pair: json.dumps({**json.loads(journal.encode([pair[0]])), **pair[1]}).encode()
    ),
    st.just(b'{"kind":"segment","x":' + b"[" * 5000),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(hostile, max_size=6))
def test_hostile_journals_break_nothing(house: House, lines: list[bytes]) -> None:
    _, ledger, footage = house.attach()
    try:
        if not footage.cameras():
            record(footage, "front", NOON)
        path = house.media / "footage/front/2026-11-24/journal.jsonl"
        sound = path.read_bytes().splitlines(keepends=True)[0]
        path.write_bytes(sound + b"".join(line + b"\n" for line in lines) + b"torn")
        everything(footage, ledger)
        assert footage.query("front", NOON, NOON + NS)
        path.write_bytes(sound)
    finally:
        house.detach()


def everything(footage: Footage, ledger: Ledger) -> None:
    footage.recover()
    footage.build_index(threading.Event())
    footage.hash_pending()
    footage.usage()
    list(footage.oldest())
    footage.query("front", 0, NOON * 2)
    verify(footage, deep=True)
    ledger.finish_days(["front"], NOON)
