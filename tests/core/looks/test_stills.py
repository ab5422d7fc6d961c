"""Which frame a still shows: the one that was on display at the time asked for, and no other."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import aclosing
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound
from holdshelf_core.looks.pictures import MAX_STRIP, Burn, OpenPicture, Picture, Pictures, Wanted
from holdshelf_core.recorder.worker.source import Picture as Encoded
from tests.core.looks.clips import NS, T0, Clip, counting, encode, number_shown, opened

MS = 1_000_000


@pytest.mark.parametrize(
    ("asked_ms", "frame"), [(0, 0), (99, 0), (100, 1), (1_250, 12), (1_999, 19), (2_000, 20), (2_999, 29)]
)
async def test_a_still_shows_the_frame_on_display_and_says_since_when(
    pictures: Pictures, segment: OpenPicture, burn: Burn, asked_ms: int, frame: int
) -> None:
    still = await pictures.async_still([segment], T0 + asked_ms * MS, burn)
    assert number_shown(still) == frame
    assert still.shown_utc_ns == T0 + frame * 100 * MS
    assert not still.damaged
    assert still.seq == segment.seq


async def test_asking_again_for_the_time_that_was_told_shows_the_same_frame(
    pictures: Pictures, burn: Burn, tmp_path: Path
) -> None:
    # 15 frames a second: a frame's time is no whole number of nanoseconds.
    file = opened(encode(counting(2, fps=15), fps=15, gop=15).write(tmp_path / "s.mp4"), 2)
    for asked in (T0 + 250 * MS, T0 + 1_500 * MS):
        still = await pictures.async_still([file], asked, burn)
        again = await pictures.async_still([file], still.shown_utc_ns, burn)
        before = await pictures.async_still([file], still.shown_utc_ns - 1, burn)
        assert number_shown(again) == number_shown(still) == number_shown(before) + 1


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", ("-bf", "3", "-b_strategy", "0")),
        ("libx265", ()),
        ("libx265", ("-x265-params", "bframes=3:b-adapt=0:open-gop=1:keyint=10:min-keyint=10:log-level=none")),
    ],
    ids=["H.264 with B frames", "H.265", "H.265 with B frames and open groups"],
)
async def test_every_frame_of_other_streams_is_found(
    pictures: Pictures, burn: Burn, tmp_path: Path, codec: str, options: tuple[str, ...]
) -> None:
    file = opened(encode(counting(), codec=codec, options=options).write(tmp_path / "s.mp4"), 3)
    strip = await pictures.async_strip([Wanted((file,), T0 + n * 100 * MS + 50 * MS, burn) for n in range(30)])
    assert [number_shown(picture) for picture in strip if isinstance(picture, Picture)] == list(range(30))
    assert not any(picture.damaged for picture in strip if isinstance(picture, Picture))


async def test_the_key_frame_will_do_when_exactness_is_not_asked(
    pictures: Pictures, segment: OpenPicture, burn: Burn
) -> None:
    still = await pictures.async_still([segment], T0 + 1_950 * MS, burn, key_from_utc_ns=T0 + 1_000 * MS)
    assert (number_shown(still), still.shown_utc_ns) == (10, T0 + 1_000 * MS)


async def test_a_key_frame_from_before_the_span_will_not_do(
    pictures: Pictures, segment: OpenPicture, burn: Burn
) -> None:
    still = await pictures.async_still([segment], T0 + 1_950 * MS, burn, key_from_utc_ns=T0 + 1_000 * MS + 1)
    assert (number_shown(still), still.shown_utc_ns) == (19, T0 + 1_900 * MS)


async def test_a_time_in_a_gap_is_refused_with_the_footage_next_to_it(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = opened(clip.write(tmp_path / "1.mp4"), 3, T0, 1)
    after = opened(clip.write(tmp_path / "2.mp4"), 3, T0 + 60 * NS, 2)
    with pytest.raises(NotFound) as refused:
        await pictures.async_still([after, before], T0 + 30 * NS, burn)
    sentence = str(refused.value)
    assert sentence.startswith("Nothing was recorded at 2026-11-01 ")
    for part in (
        ":30:30.0 ",
        "the footage before it ends at 2026-11-01 ",
        ":30:03.0 ",
        "the next begins at",
        ":31:00.0 ",
    ):
        assert part in sentence
    with pytest.raises(NotFound, match="no footage near"):
        await pictures.async_still([], T0, burn)


async def test_a_file_shorter_than_its_span_says_where_it_ends(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    file = opened(clip.write(tmp_path / "s.mp4"), 60)
    with pytest.raises(NotFound, match=r"the footage before it ends at .*:30:03\.0 "):
        await pictures.async_still([file], T0 + 20 * NS, burn)


async def test_pixels_that_are_not_square_are_shown_square(pictures: Pictures, burn: Burn, tmp_path: Path) -> None:
    file = opened(encode(counting(1), options=("-vf", "setsar=2/1")).write(tmp_path / "s.mp4"), 1)
    still = await pictures.async_still([file], T0, burn, max_width=1920)
    assert (still.width, still.picture_height) == (640, 180)


async def test_odd_sizes_are_shown_whole(pictures: Pictures, burn: Burn, tmp_path: Path) -> None:
    file = opened(encode(counting(1, 318, 178)).write(tmp_path / "s.mp4"), 1)
    for max_width in (48, 101, 319, 1920):
        still = await pictures.async_still([file], T0 + 500 * MS, burn, max_width=max_width)
        assert still.width == min(max_width, 318)
        assert still.picture_height == pytest.approx(178 * still.width / 318, abs=1)
        assert number_shown(still) == 5


async def test_a_picture_of_an_impossible_width_is_refused(
    pictures: Pictures, segment: OpenPicture, burn: Burn
) -> None:
    for width in (0, -5, 47, 100_000):
        with pytest.raises(BadRequest, match="pixels wide"):
            await pictures.async_still([segment], T0, burn, max_width=width)


async def test_a_strip_over_many_files_comes_in_order_with_its_gaps(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    files = [opened(clip.write(tmp_path / f"{n}.mp4"), 3, T0 + n * 60 * NS, n) for n in range(6)]
    wanted = [Wanted((file,), T0 + n * 60 * NS + n * 100 * MS, burn) for n, file in enumerate(files)]
    wanted.insert(3, Wanted((files[2], files[3]), T0 + 150 * NS, burn))
    strip = await pictures.async_strip(wanted)
    assert [number_shown(p) if isinstance(p, Picture) else str(p)[:24] for p in strip] == [
        *(0, 1, 2, "Nothing was recorded at ", 3, 4, 5)
    ]
    with pytest.raises(BadRequest, match=f"at most {MAX_STRIP}"):
        await pictures.async_strip([wanted[0]] * (MAX_STRIP + 1))


async def test_a_strip_whose_reader_goes_away_is_not_made(pictures: Pictures, segment: OpenPicture, burn: Burn) -> None:
    made = [Wanted((segment,), T0 + n * 40 * MS, burn) for n in range(60)]
    before = pictures_made(pictures)
    async with aclosing(pictures.strip(made)) as strip:
        assert isinstance(await anext(strip), Picture)
    await pictures.async_still([segment], T0, burn)
    assert pictures_made(pictures) - before < 10


def pictures_made(pictures: Pictures) -> int:
    return sum(worker.made for worker in pictures._pool._workers)


async def test_a_still_that_nobody_waits_for_is_dropped_and_its_file_can_be_closed(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    file = opened(clip.write(tmp_path / "s.mp4"), 3)
    tasks = [asyncio.create_task(pictures.async_still([file], T0 + n * 10 * MS, burn)) for n in range(40)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    os.close(file.fd)
    other = opened(clip.write(tmp_path / "other.mp4"), 3)
    assert number_shown(await pictures.async_still([other], T0 + 700 * MS, burn)) == 7


async def test_a_descriptor_that_could_write_never_reaches_the_worker(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    path = clip.write(tmp_path / "s.mp4")
    fd = os.open(path, os.O_RDWR)
    os.lseek(fd, 17, os.SEEK_SET)
    assert number_shown(await pictures.async_still([OpenPicture(fd, T0, T0 + 3 * NS)], T0 + 400 * MS, burn)) == 4
    assert os.lseek(fd, 0, os.SEEK_CUR) == 17
    os.close(fd)


# --- a segment that is being written --------------------------------------------------------------------------------


async def test_a_growing_segment_shows_its_last_whole_fragment(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    writer = clip.writer(tmp_path / "s.mp4")
    file = opened(tmp_path / "s.mp4", None)
    with pytest.raises(NotFound, match="Front desk has no picture yet"):
        await pictures.async_live([file], burn, "v")
    for pts, dts, data, key in clip.frames[:9]:  # 0.75 s make a fragment: frames 0 to 7 are written
        writer.write(Encoded(data, pts, dts, key, frozenset()))
    live = await pictures.async_live([file], burn, "v")
    assert live is not None
    assert number_shown(live) == 7
    assert number_shown(await pictures.async_still([file], T0 + 350 * MS, burn)) == 3
    # What was filmed a moment ago is not there yet: the newest frame is shown and says its time.
    newest = await pictures.async_still([file], T0 + 1_500 * MS, burn)
    assert (number_shown(newest), newest.shown_utc_ns) == (7, T0 + 700 * MS)
    with pytest.raises(NotFound, match=r"ends at .*:30:00\.8"):
        await pictures.async_still([file], T0 + 30 * NS, burn)


async def test_a_live_view_goes_on_where_it_was(pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path) -> None:
    writer = clip.writer(tmp_path / "s.mp4")
    file = opened(tmp_path / "s.mp4", None)
    shown, last = [], None
    for pts, dts, data, key in clip.frames:
        writer.write(Encoded(data, pts, dts, key, frozenset()))
        if pts >= 81_000 and pts % 36_000 == 0:  # the first fragment is written with the frame at 0.8 s
            live = await pictures.async_live([file], burn, "v", after_utc_ns=last)
            if live is not None:
                assert live.shown_utc_ns == T0 + number_shown(live) * 100 * MS
                assert not live.damaged
                shown.append(number_shown(live))
                last = live.shown_utc_ns
    assert shown == sorted(set(shown))
    assert shown[-1] >= 22
    pictures.forget_viewer("v")


async def test_in_the_moment_a_new_segment_is_still_empty_live_shows_the_one_before(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path
) -> None:
    clip.writer(tmp_path / "next.mp4")
    empty = opened(tmp_path / "next.mp4", None, T0 + 3 * NS, 2)
    live = await pictures.async_live([segment, empty], burn, "v")
    assert live is not None
    assert number_shown(live) == 29


async def test_a_viewer_gets_four_pictures_a_second_and_no_more(
    pictures: Pictures, segment: OpenPicture, burn: Burn
) -> None:
    began = time.monotonic()
    await asyncio.gather(*(pictures.async_live([segment], burn, "v") for _ in range(5)))
    assert time.monotonic() - began >= 0.99
    others = [asyncio.create_task(pictures._my_turn(f"other {n}")) for n in range(5)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert all(turn.done() for turn in others), "nobody waits for another's turn"


async def test_without_workers_asking_fails_in_words(segment: OpenPicture, burn: Burn) -> None:
    stopped = Pictures()
    with pytest.raises(HoldshelfError, match="No picture can be made now"):
        await stopped.async_still([segment], T0, burn)
