"""What hostile cameras, broken disks and dying processes may do to a picture: one clear error, and the next one comes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import resource
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from holdshelf_core.errors import HoldshelfError, NotFound, Unavailable
from holdshelf_core.looks import picture_protocol as wire
from holdshelf_core.looks.pictures import Burn, OpenPicture, Picture, Pictures, Wanted
from holdshelf_core.looks.worker.main import MORE_MEMORY_BYTES
from holdshelf_core.processes import worker_link
from holdshelf_core.recorder.worker.nal import split_sample
from holdshelf_storage.mp4 import fragments as fmp4
from tests.core.looks.clips import NS, T0, Clip, encode, number_shown, opened
from tests.rig.hang import HANG_S
from tests.rig.hostile_rtsp import PPS, key_slice
from tests.rig.hostile_rtsp import sps as small_sps
from tests.rig.processes import wait_dead
from tests.rig.scripted_rtsp import length_prefixed


async def still_works(pictures: Pictures, segment: OpenPicture, burn: Burn) -> bool:
    """The next picture comes, and is right."""
    return number_shown(await pictures.async_still([segment], T0 + 1_300_000_000, burn)) == 13


def peak_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmPeak:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmPeak")


# --- files ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("growing", [False, True], ids=["closed", "growing"])
@pytest.mark.parametrize("what", ["empty", "garbage", "zeros", "a text", "the header alone", "a folder"])
async def test_what_is_no_segment_is_told_as_such(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path, what: str, growing: bool
) -> None:
    path = tmp_path / "what"
    content = {
        "empty": b"",
        "garbage": random.Random(7).randbytes(200_000),
        "zeros": bytes(100_000),
        "a text": b"hello\n" * 1_000,
        "the header alone": (clip.write(tmp_path / "whole.mp4").read_bytes())[:900],
    }
    if what == "a folder":
        path.mkdir()
    else:
        path.write_bytes(content[what])
    with pytest.raises(HoldshelfError) as refused:
        await pictures.async_still([opened(path, None if growing else 3)], T0 + NS, burn)
    assert isinstance(refused.value, Unavailable | NotFound)
    assert str(refused.value).count(".") >= 2
    assert await still_works(pictures, segment, burn)


async def test_a_file_cut_anywhere_shows_what_is_whole(
    pictures: Pictures, clip: Clip, burn: Burn, tmp_path: Path
) -> None:
    whole = clip.write(tmp_path / "whole.mp4").read_bytes()
    pick = random.Random(11)
    shown = refused = 0
    for turn in range(40):
        path = tmp_path / f"{turn}.mp4"
        path.write_bytes(whole[: pick.randrange(1, len(whole))])
        frame = pick.randrange(30)
        try:
            still = await pictures.async_still([opened(path, 3)], T0 + frame * 100_000_000, burn)
        except HoldshelfError:
            refused += 1
        else:
            # A closed file's last frame stays on display for half a second more.
            assert number_shown(still) <= frame <= number_shown(still) + 5
            assert still.shown_utc_ns == T0 + number_shown(still) * 100_000_000
            shown += 1
    assert shown >= 5
    assert refused >= 5


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
async def test_flipped_bytes_never_end_in_more_than_an_error(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path, codec: str
) -> None:
    frames = [np.random.default_rng(n).integers(0, 256, (96, 128, 3), np.uint8) for n in range(20)]
    whole = encode(frames, codec=codec).write(tmp_path / "whole.mp4").read_bytes()
    pick = random.Random(13)
    answers: dict[str, int] = {}
    for turn in range(60):
        broken = bytearray(whole)
        for _ in range(pick.choice((1, 10, 200))):
            broken[pick.randrange(0, 1_200 if turn % 3 == 0 else len(broken))] = pick.randrange(256)
        path = tmp_path / f"{turn}.mp4"
        path.write_bytes(broken)
        try:
            await pictures.async_still([opened(path, 2)], T0 + pick.randrange(20) * 100_000_000, burn)
            answer = "shown"
        except HoldshelfError as error:
            answer = type(error).__name__
        answers[answer] = answers.get(answer, 0) + 1
    assert answers["shown"] >= 5
    assert sum(answers.values()) == 60
    assert await still_works(pictures, segment, burn)


async def test_a_damaged_frame_is_shown_as_damaged(pictures: Pictures, burn: Burn, tmp_path: Path) -> None:
    frames = [np.random.default_rng(n).integers(0, 256, (96, 128, 3), np.uint8) for n in range(10)]
    encoded = encode(frames)
    pts, dts, data, key = encoded.frames[0]
    holed = data[: len(data) // 2] + bytes(reversed(data[len(data) // 2 :]))
    file = opened(encoded.write(tmp_path / "s.mp4", [(pts, dts, holed, key), *encoded.frames[1:]]), 1)
    still = await pictures.async_still([file], T0 + 400_000_000, burn)
    assert still.damaged


async def test_a_key_frame_of_megabytes_is_shown(pictures: Pictures, burn: Burn, tmp_path: Path) -> None:
    frames = [np.random.default_rng(n).integers(0, 256, (1080, 1920, 3), np.uint8) for n in range(2)]
    encoded = encode(frames, options=("-qp", "20"))
    assert len(encoded.frames[0][2]) > 1_000_000
    still = await pictures.async_still([opened(encoded.write(tmp_path / "s.mp4"), 1)], T0, burn)
    assert (still.width, still.picture_height, still.damaged) == (1920, 1080, False)


async def test_eight_thousand_pixels_are_shown_within_bounds(pictures: Pictures, burn: Burn, tmp_path: Path) -> None:
    encoded = encode([np.full((4320, 7680, 3), 90, np.uint8)])
    still = await pictures.async_still([opened(encoded.write(tmp_path / "s.mp4"), 1)], T0, burn, max_width=640)
    assert (still.width, still.picture_height) == (640, 360)
    assert all(peak_bytes(pid) < 2 * MORE_MEMORY_BYTES for pid in pictures.pids())


def sps(width: int, height: int, references: int) -> bytes:
    """An H.264 sequence parameter set (§ 7.3.2.1.1) of the main profile that claims this size."""
    bits = f"{77:08b}{0:08b}{62:08b}"

    def ue(value: int) -> str:
        code = f"{value + 1:b}"
        return "0" * (len(code) - 1) + code

    bits += (
        ue(0)
        + ue(0)
        + ue(2)
        + ue(references)
        + "0"
        + ue(width // 16 - 1)
        + ue(height // 16 - 1)
        + "1"
        + "1"
        + "0"
        + "0"
    )
    bits += "1"
    bits += "0" * (-len(bits) % 8)
    raw = int(bits, 2).to_bytes(len(bits) // 8)
    escaped = bytearray()
    for byte in raw:
        if len(escaped) >= 2 and escaped[-2:] == b"\0\0" and byte <= 3:
            escaped.append(3)
        escaped.append(byte)
    return b"\x67" + bytes(escaped)


@pytest.mark.parametrize(("width", "height"), [(8192, 4352), (16_384, 16_384), (1_048_576, 16)])
async def test_a_stream_that_lies_about_its_size_is_bounded(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path, width: int, height: int
) -> None:
    lying = []
    for pts, dts, data, key in clip.frames:
        nals = [nal for nal in split_sample(data) if nal[0] & 0x1F not in (6, 7)]
        if key:
            nals.insert(0, sps(width, height, 16))
            nals.insert(1, b"\x68\xce\x3c\x80")
        lying.append((pts, dts, length_prefixed(nals), key))
    file = opened(clip.write(tmp_path / "s.mp4", lying), 3)
    for at in (0, 9):
        try:
            await pictures.async_still([file], T0 + at * 100_000_000, burn)
        except Unavailable as error:
            assert any(words in str(error) for words in ("Front desk", "decod", "took too long"))
    assert await still_works(pictures, segment, burn)
    assert all(peak_bytes(pid) < 2 * MORE_MEMORY_BYTES for pid in pictures.pids())


@pytest.mark.parametrize(("width", "height"), [(320, 240), (8192, 4352)])
async def test_frames_of_thousands_of_slices_are_bounded(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path, width: int, height: int
) -> None:
    macroblocks = width * height // 256
    slices = [key_slice(number, 1, number * 7 % macroblocks) for number in range(20_000)]
    data = length_prefixed([small_sps(width, height), PPS, *slices])
    frames = [(number * 9_000, number * 9_000, data, True) for number in range(10)]
    file = opened(clip.write(tmp_path / "s.mp4", frames), 1)
    for at in (0, 9):
        with contextlib.suppress(Unavailable):
            await pictures.async_still([file], T0 + at * 100_000_000, burn)
    assert await still_works(pictures, segment, burn)
    assert all(peak_bytes(pid) < 2 * MORE_MEMORY_BYTES for pid in pictures.pids())


def many_frames(path: Path, whole: bytes, fragments: int) -> Path:
    """A small file that claims twenty thousand frames in each of its fragments: a header, and tables without rows."""
    header = whole[: whole.index(b"moof") - 4]
    trun = struct.pack(">I4sIIi", 20, b"trun", 1, 20_000, 8 + 16 + 8 + 24 + 20 + 8)
    tfhd = struct.pack(">I4sIIIII", 28 - 4, b"tfhd", 0x020018, 1, 1, 1, 0)[:24]
    traf = struct.pack(">I4s", 8 + len(tfhd) + len(trun), b"traf") + tfhd + trun
    moof = struct.pack(">I4s", 8 + 16 + len(traf), b"moof") + struct.pack(">I4sII", 16, b"mfhd", 0, 1) + traf
    mdat = struct.pack(">I4s", 8 + 20_000, b"mdat") + b"\x01" * 20_000
    path.write_bytes(header + (moof + mdat) * fragments)
    return path


async def test_a_file_of_millions_of_frames_costs_little(
    pictures: Pictures, clip: Clip, segment: OpenPicture, burn: Burn, tmp_path: Path
) -> None:
    path = many_frames(tmp_path / "many.mp4", clip.write(tmp_path / "s.mp4").read_bytes(), 200)
    fd = os.open(path, os.O_RDONLY)
    assert next(iter(fmp4.samples(fd))).size == 1
    with pytest.raises(Unavailable, match="damaged"):
        await pictures.async_still([OpenPicture(fd, T0, T0 + 10**6 * NS)], T0 + 10**5 * NS, burn)
    assert await still_works(pictures, segment, burn)


# --- processes ------------------------------------------------------------------------------------------------------


async def test_a_worker_that_hangs_is_killed_and_replaced(segment: OpenPicture, burn: Burn) -> None:
    pictures = Pictures(workers=1, timeout_s=2.0)
    pictures.open()
    await pictures.async_confinement()
    try:
        (pid,) = pictures.pids()
        os.kill(pid, signal.SIGSTOP)
        hung = asyncio.create_task(still_works(pictures, segment, burn))
        follower = asyncio.create_task(still_works(pictures, segment, burn))
        with pytest.raises(Unavailable, match="took too long"):
            await hung
        assert await follower, "who waited behind it gets a picture"
        assert pictures.pids() != [pid]
        assert wait_dead(pid)
    finally:
        await pictures.async_stop()


async def test_a_worker_killed_in_the_middle_costs_one_picture(segment: OpenPicture, burn: Burn) -> None:
    pictures = Pictures(workers=1)
    pictures.open()
    await pictures.async_confinement()
    try:
        for _ in range(3):
            (pid,) = pictures.pids()
            os.kill(pid, signal.SIGSTOP)
            lost = asyncio.create_task(still_works(pictures, segment, burn))
            others = [asyncio.create_task(still_works(pictures, segment, burn)) for _ in range(3)]
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(Unavailable, match="the process that was decoding it ended"):
                await lost
            assert all(await asyncio.gather(*others))
    finally:
        await pictures.async_stop()


async def test_a_strip_survives_a_killed_worker_but_for_the_picture_it_was_making(
    segment: OpenPicture, burn: Burn
) -> None:
    pictures = Pictures(workers=2)
    pictures.open()
    await pictures.async_confinement()
    try:
        strip = asyncio.create_task(
            pictures.async_strip([Wanted((segment,), T0 + n * 45_000_000, burn) for n in range(60)])
        )
        await still_works(pictures, segment, burn)
        os.kill(pictures.pids()[0], signal.SIGKILL)
        made = await strip
        assert len(made) == 60
        assert sum(isinstance(picture, Picture) for picture in made) >= 58
    finally:
        await pictures.async_stop()


async def test_a_worker_that_cannot_start_is_an_error_and_not_a_wait(
    segment: OpenPicture, burn: Burn, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = Pictures(workers=1)
    pictures.open()
    await pictures.async_confinement()
    try:
        monkeypatch.setattr(sys, "executable", "/bin/false")
        os.kill(pictures.pids()[0], signal.SIGKILL)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await still_works(pictures, segment, burn)
        monkeypatch.undo()
        async with asyncio.timeout(HANG_S):
            while True:
                with contextlib.suppress(Unavailable):
                    assert await still_works(pictures, segment, burn)
                    break
                await asyncio.sleep(0.05)
    finally:
        await pictures.async_stop()


async def test_stopping_tells_those_who_wait_and_leaves_no_process(segment: OpenPicture, burn: Burn) -> None:
    pictures = Pictures(workers=1)
    pictures.open()
    await pictures.async_confinement()
    (pid,) = pictures.pids()
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(still_works(pictures, segment, burn)) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGCONT)
    await pictures.async_stop()
    for answer in await asyncio.gather(*waiting, return_exceptions=True):
        assert answer is True or isinstance(answer, Unavailable)
    assert wait_dead(pid)


def start_worker_alone(timeout_s: float) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "holdshelf_core.looks.worker.main", str(theirs.fileno()), str(timeout_s)],
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    ours.settimeout(HANG_S)
    assert isinstance(wire.decode_to_service(ours.recv(worker_link.MAX_MESSAGE_BYTES)), worker_link.Ready)
    return process, ours


def test_a_worker_ends_with_its_service() -> None:
    process, link = start_worker_alone(5)
    link.close()
    assert process.wait(HANG_S) == 0


def test_a_worker_whose_service_is_gone_ends_even_in_the_middle_of_an_endless_picture(
    clip: Clip, tmp_path: Path, burn: Burn
) -> None:
    # A thousand key frames' worth of differences, one after another: longer than the alarm allows.
    frames = [*clip.frames[:10]] + [
        (9_000 * (10 + n), 9_000 * (10 + n), clip.frames[1 + n % 9][2], False) for n in range(60_000)
    ]
    path = clip.write(tmp_path / "long.mp4", frames)
    process, link = start_worker_alone(-0.8)  # its own alarm rings a second after that
    with open(path, "rb") as file:
        order = wire.Show(1, T0, T0 + 5_900 * NS, False, burn, 320)
        socket.send_fds(link, [wire.encode(order)], [file.fileno()])
    link.close()
    assert process.wait(HANG_S) == -signal.SIGALRM


async def test_a_worker_that_says_more_than_it_was_asked_is_ended(segment: OpenPicture, burn: Burn) -> None:
    pictures = Pictures(workers=1)
    pictures.open()
    await pictures.async_confinement()
    try:
        worker = pictures._pool._workers[0]
        (pid,) = pictures.pids()
        worker._heard(wire.Shown(99, 0, 1, 1, 1, False, 5))
        assert await asyncio.to_thread(wait_dead, pid)
        async with asyncio.timeout(HANG_S):
            while pid in pictures.pids():  # its pool hears of its end a moment later
                await asyncio.sleep(0.01)
        assert await still_works(pictures, segment, burn)
    finally:
        await pictures.async_stop()


async def test_descriptors_and_memory_stay_flat(segment: OpenPicture, burn: Burn) -> None:
    pictures = Pictures(workers=1, timeout_s=HANG_S)
    pictures.open()
    await pictures.async_confinement()

    async def round_() -> tuple[int, int]:
        wanted = [Wanted((segment,), T0 + n * 45_000_000, burn) for n in range(60)]
        for _ in range(2):
            await pictures.async_strip(wanted)
        (pid,) = pictures.pids()
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
        return len(os.listdir("/proc/self/fd")), resident

    try:
        await round_()
        first = await round_()
        last = await round_()
        assert last[0] <= first[0] + 1
        assert last[1] <= first[1] + (4 << 20)
    finally:
        await pictures.async_stop()
