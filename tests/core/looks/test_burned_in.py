"""What is burned in: masks that let nothing through (P6), and a legend that says who looked at what, when (P21)."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image, ImageChops, ImageFilter
from tzlocal import reload_localzone

from holdshelf_core.looks.legend import draw_legend, drawn_line, legend_lines
from holdshelf_core.looks.pictures import Burn, OpenPicture, Picture, Pictures
from holdshelf_core.policy.model import KeyPoint, Mask, MovingBox
from holdshelf_core.policy.redaction import place
from holdshelf_core.recorder.worker.source import Picture as Encoded
from holdshelf_core.times import local_time_words
from tests.core.looks.clips import NS, T0, Frame, counting, encode, numbered, opened, pixels

WIDTH, HEIGHT = 320, 180
MASKS = {
    "an L": Mask(((500, 500), (4500, 500), (4500, 2000), (1500, 2000), (1500, 9000), (500, 9000))),
    "a box between pixels": Mask(((512, 1117), (3333, 1117), (3333, 7777), (512, 7777))),
    "a triangle": Mask(((300, 9500), (4700, 8000), (2500, 611))),
    "a thin sliver": Mask(((1000, 1000), (4800, 1300), (1000, 1040))),
    "a star that crosses itself": Mask(((500, 4000), (4500, 4200), (1000, 9000), (2500, 1000), (4000, 9000))),
}
LOSSLESS = {
    "H.264": ("libx264", "yuv420p", ("-qp", "0")),
    "H.264 4:2:2": ("libx264", "yuv422p", ("-qp", "0")),
    "H.264 4:4:4": ("libx264", "yuv444p", ("-qp", "0")),
    "H.265": ("libx265", "yuv420p", ("-x265-params", "lossless=1:log-level=none")),
    "H.265 10 bit": ("libx265", "yuv420p10le", ("-x265-params", "lossless=1:log-level=none")),
}


@functools.cache
def inside(mask: Mask) -> np.ndarray:
    """Pixels that lie, wholly or in part, under a mask: looked for at 8 × 8 points of each, by the winding rule."""
    fine = 8
    steps_x, steps_y = ((np.arange(size * fine) + 0.5) / (size * fine) * 10_000 for size in (WIDTH, HEIGHT))
    x, y = np.meshgrid(steps_x, steps_y)
    hits = np.zeros(x.shape, int)
    corners = mask.points
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1], strict=True):
        if y0 == y1:
            continue
        between = (y >= min(y0, y1)) & (y < max(y0, y1))
        hits += (1 if y1 > y0 else -1) * (between & (x < x0 + (y - y0) * (x1 - x0) / (y1 - y0)))
    covered = hits != 0
    return covered.reshape(HEIGHT, fine, WIDTH, fine).any(axis=(1, 3))


def with_secret(mask: Mask, seed: int) -> Frame:
    """A frame with noise of its own under the mask."""
    frame = numbered(WIDTH, HEIGHT, 5)
    noise = np.random.default_rng(seed).integers(0, 256, frame.shape, np.uint8)
    # Color is stored for blocks of 2 × 2: those that the mask cuts are left alone, or encoding itself would carry the
    # noise to their outer pixels.
    blocks = inside(mask).reshape(HEIGHT // 2, 2, WIDTH // 2, 2).all(axis=(1, 3)).repeat(2, axis=0).repeat(2, axis=1)
    frame[blocks] = noise[blocks]
    return frame


@pytest.mark.parametrize("stream", LOSSLESS)
async def test_not_one_bit_of_a_jpeg_depends_on_what_a_mask_hides_p6(
    pictures: Pictures, burn: Burn, tmp_path: Path, stream: str
) -> None:
    codec, pixel_format, options = LOSSLESS[stream]
    files = []
    for seed in (1, 2):  # every frame is a key frame: what one hides is in no other
        secrets = [with_secret(mask, seed) for mask in MASKS.values()]
        encoded = encode(secrets, codec=codec, pixel_format=pixel_format, options=options, gop=1)
        files.append(opened(encoded.write(tmp_path / f"{seed}.mp4"), 1))
    for number, (name, mask) in enumerate(MASKS.items()):
        at_utc_ns = T0 + number * 100_000_000
        masked = msgspec.structs.replace(burn, masks=(mask,), mask_version=2)
        for max_width in (WIDTH, 200, 80):
            hidden = [await pictures.async_still([file], at_utc_ns, masked, max_width=max_width) for file in files]
            assert hidden[0].jpeg == hidden[1].jpeg, f"{name}, {max_width} pixels wide"
            assert (hidden[0].mask_version, hidden[0].shown_utc_ns) == (2, at_utc_ns)
        bare = [await pictures.async_still([file], at_utc_ns, burn, max_width=WIDTH) for file in files]
        assert bare[0].jpeg != bare[1].jpeg, "the secrets differ, or this test shows nothing"


@pytest.mark.parametrize("stream", ["H.264", "H.265 10 bit"])
async def test_not_one_bit_of_a_jpeg_depends_on_what_a_moving_box_hides_at_that_moment(
    pictures: Pictures, burn: Burn, tmp_path: Path, stream: str
) -> None:
    codec, pixel_format, options = LOSSLESS[stream]
    # Three frames of a tenth of a second; the box goes to the right and grows.
    first, last = KeyPoint(T0, 500, 1117, 2000, 6000), KeyPoint(T0 + 200_000_000, 2511, 999, 4777, 9003)
    box = MovingBox(burn.camera, (first, last))
    places = [place(box, T0 + number * 100_000_000) for number in range(3)]
    corners = [((a, b), (c, b), (c, d), (a, d)) for a, b, c, d in filter(None, places)]
    files = []
    for seed in (1, 2):
        secrets = [with_secret(Mask(points), seed) for points in corners]
        encoded = encode(secrets, codec=codec, pixel_format=pixel_format, options=options, gop=1)
        files.append(opened(encoded.write(tmp_path / f"{seed}.mp4"), 1))
    boxed = msgspec.structs.replace(burn, boxes=(box,))
    for number in range(3):
        for max_width in (WIDTH, 200):
            at = T0 + number * 100_000_000
            one, other = [await pictures.async_still([file], at, boxed, max_width=max_width) for file in files]
            assert one.jpeg == other.jpeg, f"{number}, {max_width} pixels wide"
    later = msgspec.structs.replace(
        burn, boxes=(msgspec.structs.replace(box, points=(last, KeyPoint(T0 + NS, 0, 0, 9, 9))),)
    )
    one, other = [await pictures.async_still([file], T0, later, max_width=WIDTH) for file in files]
    assert one.jpeg != other.jpeg, "it is not there yet"


@pytest.mark.parametrize("name", MASKS)
async def test_a_mask_hides_what_it_covers_and_little_more(
    pictures: Pictures, burn: Burn, tmp_path: Path, name: str
) -> None:
    def white(frame: Frame) -> None:
        frame[:, : WIDTH // 2] = 255

    file = opened(encode(counting(1, paint=white), options=("-qp", "0")).write(tmp_path / "s.mp4"), 1)
    mask = MASKS[name]
    shown = await pictures.async_still([file], T0, msgspec.structs.replace(burn, masks=(mask,)), max_width=WIDTH)
    gray = np.asarray(pixels(shown).convert("L"), int)
    covered = inside(mask)
    assert (abs(gray[covered] - 93) < 40).all()
    if "crosses itself" in name:
        return  # its corners and what lies between them: more than its outline
    near = np.asarray(Image.fromarray(covered).filter(ImageFilter.MaxFilter(13)))
    far = ~near & (np.arange(WIDTH) < WIDTH // 2 - 8)[None, :]
    assert (gray[far] > 200).all()


async def test_live_pictures_are_masked_and_the_decoder_goes_on_unharmed(
    pictures: Pictures, burn: Burn, tmp_path: Path
) -> None:
    # One key frame, then differences only: were the mask painted on the decoder's own frame, it would stay in later ones.
    encoded = encode(counting(2), gop=1000)
    masked = msgspec.structs.replace(burn, masks=(MASKS["a triangle"],))
    writer = encoded.writer(tmp_path / "s.mp4")
    file = opened(tmp_path / "s.mp4", None)
    for pts, dts, data, key in encoded.frames[:10]:
        writer.write(Encoded(data, pts, dts, key, frozenset()))
    first = await pictures.async_live([file], masked, "v", max_width=WIDTH)
    for pts, dts, data, key in encoded.frames[10:]:
        writer.write(Encoded(data, pts, dts, key, frozenset()))
    writer.finish()
    second = await pictures.async_live([file], burn, "v", max_width=WIDTH)
    afresh = await pictures.async_still([file], second.shown_utc_ns if second else 0, burn, max_width=WIDTH)
    assert first is not None
    assert second is not None
    assert second.jpeg == afresh.jpeg
    assert pixels(first).getpixel((80, 120)) != pixels(second).getpixel((80, 120))


def test_a_mask_without_an_area_is_refused_rather_than_ignored() -> None:
    with pytest.raises(ValueError, match="fewer than three corners"):
        Burn(library="L", camera_name="C", person="P", log_seq=1, masks=(Mask(((0, 0), (1, 1))),))


# --- the legend -----------------------------------------------------------------------------------------------------


def legend_of(picture: Picture) -> Image.Image:
    with Image.open(BytesIO(picture.jpeg)) as image:
        return image.convert("RGB").crop((0, picture.picture_height, picture.width, picture.height))


def greatest_difference(one: Image.Image, other: Image.Image) -> int:
    return int(np.asarray(ImageChops.difference(one.convert("L"), other.convert("L"))).max())


@pytest.mark.parametrize("max_width", [320, 160])
async def test_the_legend_is_readable_in_every_picture_p21(
    pictures: Pictures, segment: OpenPicture, burn: Burn, max_width: int
) -> None:
    still = await pictures.async_still([segment], T0 + 1_250_000_000, burn, max_width=max_width)
    expected = draw_legend(burn, still.shown_utc_ns, still.width, damaged=False)
    seen = legend_of(still)
    assert seen.size == expected.size
    # Drawn anew it is the same but for what JPEG does to it: black and white stay apart.
    assert greatest_difference(seen, expected) < 120
    other = draw_legend(msgspec.structs.replace(burn, log_seq=4712), still.shown_utc_ns, still.width, damaged=False)
    assert greatest_difference(seen, other) > 150


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuvj422p", "yuv444p"])
@pytest.mark.parametrize("max_width", [318, 200], ids=["as it is", "scaled"])
async def test_a_picture_keeps_its_colors_and_the_legend_has_none(
    pictures: Pictures, burn: Burn, tmp_path: Path, pixel_format: str, max_width: int
) -> None:
    frame = np.zeros((178, 318, 3), np.uint8)
    frame[..., 0] = np.linspace(0, 255, 318)[None, :]
    frame[..., 1] = np.linspace(255, 0, 178)[:, None]
    frame[..., 2] = 90
    file = opened(encode([frame], pixel_format=pixel_format, options=("-qp", "0")).write(tmp_path / "s.mp4"), 1)
    mask = Mask(((4000, 4000), (6000, 4000), (6000, 6000), (4000, 6000)))
    for masks in ((), (mask,)):
        still = await pictures.async_still([file], T0, msgspec.structs.replace(burn, masks=masks), max_width=max_width)
        shown = pixels(still)
        meant = np.asarray(Image.fromarray(frame).resize(shown.size, Image.Resampling.BOX), int)
        off = abs(np.asarray(shown, int) - meant).max(axis=2)
        away = np.ones(off.shape, bool)
        away[off.shape[0] // 3 : -off.shape[0] // 3, off.shape[1] // 3 : -off.shape[1] // 3] = not masks
        assert off[away].mean() < 4
        legend = np.asarray(legend_of(still), int)[16:]  # a JPEG mixes what lies within 16 lines
        assert legend.min() < 20
        assert legend.max() > 235
        assert (legend.max(axis=2) - legend.min(axis=2)).max() < 12


def test_the_legend_names_camera_time_person_log_entry_library_and_masks() -> None:
    burn = Burn(library="Town Library", camera_name="Front desk", person="Ada", log_seq=4711)
    when, place, rest = legend_lines(burn, T0 + 1_250_000_000, damaged=False, short=False)
    assert when == local_time_words(T0 + 1_250_000_000)
    assert place == "Front desk - Town Library"
    assert rest == "Confidential - for Ada - log #4711 - no masks"
    masked = msgspec.structs.replace(burn, masks=(MASKS["a triangle"],), mask_version=3)
    assert legend_lines(masked, T0, damaged=True, short=False)[2].endswith("masks version 3 - PICTURE DAMAGED")
    assert legend_lines(burn, T0, damaged=False, short=True) == [local_time_words(T0), "log #4711"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("es", "Confidencial - para Ada - registro #4711 - máscaras versión 3 - IMAGEN DAÑADA"),
        ("fr", "Confidentiel - pour Ada - journal #4711 - masques version 3 - IMAGE ENDOMMAGÉE"),
        ("de", "Confidential - for Ada - log #4711 - masks version 3 - PICTURE DAMAGED"),
    ],
)
def test_the_legend_is_in_the_policys_language_where_papers_speak_it(language: str, said: str) -> None:
    masks = (MASKS["a triangle"],)
    burn = Burn(
        library="", camera_name="Desk", person="Ada", log_seq=4711, masks=masks, mask_version=3, language=language
    )
    assert legend_lines(burn, T0, damaged=True, short=False)[2] == drawn_line(said)


@pytest.fixture
def new_england(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    reload_localzone()
    yield
    monkeypatch.undo()
    time.tzset()
    reload_localzone()


async def test_both_half_past_ones_of_a_clock_change_differ(new_england: None, burn: Burn, tmp_path: Path) -> None:
    first, second = T0 + 3_600 * NS, T0 + 7_200 * NS
    assert local_time_words(first) == "2026-11-01 01:30:00.0 -04:00"
    assert local_time_words(second) == "2026-11-01 01:30:00.0 -05:00"
    clip = encode(counting(1))
    files = [opened(clip.write(tmp_path / f"{at}.mp4"), 1, at) for at in (first, second)]
    pictures = Pictures()
    pictures.open()
    await pictures.async_confinement()
    try:
        stills = [await pictures.async_still([file], file.start_utc_ns, burn) for file in files]
    finally:
        await pictures.async_stop()
    for still, at in zip(stills, (first, second), strict=True):
        expected = draw_legend(burn, at, still.width, damaged=False)
        assert greatest_difference(legend_of(still), expected) < 120
    assert stills[0].jpeg != stills[1].jpeg


def test_names_are_drawn_inert() -> None:
    assert drawn_line("Desk\n\x1b[31m\u202e\u2066North\u200b\tEast") == "Desk [31mNorth East"
    assert drawn_line("\u4e2d") in ("?", "\u4e2d")  # whether the typeface at hand has it
    assert drawn_line("\U0010ffff\ud800") == ""
    assert len(drawn_line("x" * 5_000)) == 80
    assert drawn_line("  ") == ""
    assert drawn_line("Zoë Łuk") in ("Zoë Łuk", "Zoe ?uk")


@pytest.mark.parametrize("width", [48, 160, 240, 320, 1920, 7680])
def test_a_legend_is_as_wide_as_its_picture_whatever_the_names(width: int) -> None:
    burn = Burn(library="L" * 400, camera_name="Wi " * 100, person="\u202eEve" * 90, log_seq=2**60)
    band = draw_legend(burn, T0, width, damaged=True)
    assert band.width == width
    assert band.height <= max(220, width // 4)
    assert band.getextrema() == (0, 255)
