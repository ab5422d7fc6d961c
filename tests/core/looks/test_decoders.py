"""Decoders are kept for the next picture of the same camera: what came before must never show in it."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.errors import HoldshelfError
from holdshelf_core.looks.pictures import Burn, OpenPicture, Pictures
from holdshelf_core.looks.worker.decode import Decoders
from holdshelf_core.looks.worker.index import FramePlan, find
from holdshelf_core.looks.worker.parameters import parameter_sets
from holdshelf_storage.mp4.fragments import read_header
from tests.core.looks.clips import T0, Clip, counting, encode, number_shown, opened

MS = 1_000_000


def sets_of(path: Path) -> bytes:
    """The parameter sets of a file, as they would stand in a frame."""
    with path.open("rb") as file:
        track = read_header(file.fileno()).video
    assert track is not None
    found = parameter_sets(track.configuration, track.codec, track.nal_length_bytes)
    assert found
    return found


@pytest.fixture
def kept(burn: Burn) -> Burn:
    """A look at a camera whose decoder is kept."""
    return msgspec.structs.replace(burn, camera="front")


async def test_sizes_codecs_and_damage_may_come_in_any_order(
    pictures: Pictures, clip: Clip, burn: Burn, kept: Burn, tmp_path: Path
) -> None:
    pts, dts, data, key = clip.frames[10]
    holed = [*clip.frames[:10], (pts, dts, data[: len(data) // 3] + bytes(len(data) // 3), key), *clip.frames[11:]]
    files = {
        "plain": opened(clip.write(tmp_path / "plain.mp4"), 3),
        "large": opened(encode(counting(3, 640, 360)).write(tmp_path / "large.mp4"), 3),
        "holed": opened(clip.write(tmp_path / "holed.mp4", holed), 3),
        "other": opened(encode(counting(3), codec="libx265").write(tmp_path / "other.mp4"), 3),
    }
    for number, name in enumerate(("plain", "large", "plain", "holed", "plain", "other", "large", "holed", "plain")):
        for frame in (2, 9, 13, 28):
            at_utc_ns = T0 + frame * 100 * MS
            try:
                still = await pictures.async_still([files[name]], at_utc_ns, kept)
            except HoldshelfError:
                assert (name, frame) == ("holed", 13)
                continue
            afresh = await pictures.async_still([files[name]], at_utc_ns, burn)
            assert still.damaged == afresh.damaged == ((name, frame) == ("holed", 13)), f"{number}: {name}, {frame}"
            if not still.damaged:
                assert still.jpeg == afresh.jpeg, f"{number}: {name}, {frame}"
                assert number_shown(still) == frame


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", ("-qp", "18")), ("libx265", ("-x265-params", "qp=18:log-level=none:frame-threads=1:pools=none"))],
    ids=["H.264", "H.265"],
)
async def test_parameter_sets_that_a_stream_replaced_do_not_stay(
    burn: Burn, kept: Burn, tmp_path: Path, codec: str, options: tuple[str, ...]
) -> None:
    others = tuple(option.replace("18", "36") for option in options)
    own, other = (encode(counting(), codec=codec, options=given) for given in (options, others))
    sets = sets_of(other.write(tmp_path / "other.mp4"))
    assert sets != sets_of(own.write(tmp_path / "own.mp4"))
    changed = [(*frame[:2], sets + frame[2], frame[3]) if frame[3] else frame for frame in other.frames[10:20]]
    mixed = opened(own.write(tmp_path / "mixed.mp4", [*own.frames[:10], *changed]), 2)
    plain = opened(tmp_path / "own.mp4", 3)
    pictures = Pictures(workers=1)
    pictures.open()
    await pictures.async_confinement()
    try:
        for frame in (15, 11):  # with and without a second thread
            assert number_shown(await pictures.async_still([mixed], T0 + frame * 100 * MS, kept)) == frame
        for frame in (5, 1):
            still = await pictures.async_still([plain], T0 + frame * 100 * MS, kept)
            afresh = await pictures.async_still([plain], T0 + frame * 100 * MS, burn)
            assert still.jpeg == afresh.jpeg
    finally:
        await pictures.async_stop()


def found_in(file: OpenPicture, frame: int) -> FramePlan:
    return find(file.fd, T0, T0 + frame * 100 * MS, growing=False)


def test_a_decoder_meets_one_camera_and_few_are_kept(clip: Clip, tmp_path: Path) -> None:
    file = opened(clip.write(tmp_path / "s.mp4"), 3)
    decoders = Decoders(cores=2)
    decoders.decode(file.fd, found_in(file, 9), "front")
    (front,) = decoders._kept.values()
    decoders.decode(file.fd, found_in(file, 9), "back")
    assert front in decoders._kept.values()
    assert len(set(map(id, decoders._kept.values()))) == 2
    decoders.decode(file.fd, found_in(file, 19), "front")
    assert front in decoders._kept.values()
    for number in range(20):
        decoders.decode(file.fd, found_in(file, number), f"camera {number}")
    assert len(decoders._kept) <= 2
    before = list(decoders._kept)
    decoders.decode(file.fd, found_in(file, 9), "")
    assert list(decoders._kept) == before


@pytest.mark.parametrize("codec", ["libx264", "libx265"])
def test_a_configuration_cut_or_changed_anywhere_gives_sets_within_it_or_none(codec: str, tmp_path: Path) -> None:
    path = encode(counting(1), codec=codec).write(tmp_path / "s.mp4")
    fd = os.open(path, os.O_RDONLY)
    track = read_header(fd).video
    os.close(fd)
    assert track is not None
    whole = track.configuration
    sets = parameter_sets(whole, track.codec, 4)
    assert sets is not None
    position, found = 0, []
    while position < len(sets):
        size = int.from_bytes(sets[position : position + 4])
        found.append(sets[position + 4 : position + 4 + size])
        position += 4 + size
    assert all(one in whole for one in found)
    kinds = {one[0] & 0x1F for one in found} if track.codec == "h264" else {one[0] >> 1 & 0x3F for one in found}
    assert kinds >= ({7, 8} if track.codec == "h264" else {32, 33, 34})
    for cut in range(len(whole)):
        short = parameter_sets(whole[:cut], track.codec, 4)
        assert short is None or len(short) <= 3 * cut
        for value in (0, 0x7F, 0xFF):
            changed = parameter_sets(whole[:cut] + bytes((value,)) + whole[cut + 1 :], track.codec, 2)
            assert changed is None or len(changed) <= 3 * len(whole)
    assert parameter_sets(whole, track.codec, 3) is None
    assert parameter_sets(b"", track.codec, 4) is None
