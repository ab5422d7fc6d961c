"""A plain MP4 from frames: what a stranger's demuxer finds in it, to the byte and to the tick."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import av
import pytest

from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.mp4 import write as mp4_write
from holdshelf_storage.mp4.write import Column, Tables, write_head


def fragmented(folder: Path, codec: str, *options: str) -> Path:
    """Four seconds as the recorder writes them, but with whatever the encoder is told."""
    path = folder / "in.mp4"
    command = [
        *("ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10", "-t", "4"),
        *("-c:v", codec, "-preset", "ultrafast", "-g", "10", *options, "-video_track_timescale", "90000"),
        *("-movflags", "empty_moov+default_base_moof+skip_trailer", "-frag_duration", "900000", "-f", "mp4", str(path)),
    ]
    subprocess.run(command, check=True)
    return path


def copy(source: Path, target: Path, folder: Path) -> None:
    """All frames of a segment, as one plain file."""
    fd = os.open(source, os.O_RDONLY)
    try:
        track = fmp4.read_header(fd).video
        assert track is not None
        with Tables(str(folder), track.timescale) as tables, target.open("wb") as out:
            frames = list(fmp4.samples(fd))
            end = 0
            for frame in frames:
                new = frame.offset != end
                tables.add(frame.size, frame.dts, frame.pts, is_key=frame.is_key, new_chunk=new)
                end = frame.offset + frame.size
            tables.end(frames[-1].duration)
            write_head(out.write, tables, track.sample_entry, (track.width, track.height))
            for frame in frames:
                out.write(os.pread(fd, frame.size, frame.offset))
    finally:
        os.close(fd)


def packets(path: Path) -> list[tuple[bytes, int | None, int | None, bool]]:
    with av.open(str(path)) as container:
        return [(bytes(p), p.pts, p.dts, p.is_keyframe) for p in container.demux(video=0) if p.size]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", ("-bf", "0")),
        ("libx264", ("-bf", "2", "-x264-params", "b-adapt=0")),
        ("libx265", ("-x265-params", "log-level=none", "-tag:v", "hvc1")),
    ],
)
def test_a_demuxer_finds_the_same_frames_at_the_same_times(
    codec: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    source, target = fragmented(tmp_path, codec, *options), tmp_path / "out.mp4"
    copy(source, target, tmp_path)
    before, after = packets(source), packets(target)
    assert [p[0] for p in after] == [p[0] for p in before]
    assert [p[3] for p in after] == [p[3] for p in before]
    first = before[0][2] or 0
    assert [(p[1] or 0, p[2] or 0) for p in after] == [((p[1] or 0) - first, (p[2] or 0) - first) for p in before]
    with av.open(str(target)) as container:
        assert float(container.duration or 0) / av.time_base == pytest.approx(4.0, abs=0.21)
        assert len(list(container.decode(video=0))) == 40
        container.seek(2_000_000)
        assert next(container.demux(video=0)).is_keyframe
    twice = tmp_path / "twice.mp4"
    copy(source, twice, tmp_path)
    assert twice.read_bytes() == target.read_bytes(), "the same frames give the same bytes"


def test_the_header_comes_first_so_that_it_can_be_played_while_it_is_copied(tmp_path: Path) -> None:
    copy(fragmented(tmp_path, "libx264", "-bf", "0"), tmp_path / "out.mp4", tmp_path)
    data = (tmp_path / "out.mp4").read_bytes()
    assert data[4:8] == b"ftyp"
    assert 0 < data.index(b"moov") < data.index(b"mdat")


def test_long_tables_lie_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mp4_write, "_BLOCK", 8)
    column = Column("I", str(tmp_path))
    for number in range(1001):
        column.add(number)
    assert column.size_bytes == 4004
    assert b"".join(column.parts()) == b"".join(n.to_bytes(4) for n in range(1001))
    assert b"".join(column.parts(5)) == b"".join((n + 5).to_bytes(4) for n in range(1001))
    column.close()
