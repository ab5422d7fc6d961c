"""Pictures as characters: colors right on every kind of terminal, never stretched, and few bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from PIL import Image
from rich.console import Console
from textual._compositor import LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from holdshelf_tui.session.graphics import ALL, FEW, NO_COLORS, SOME, Graphics
from holdshelf_tui.session.screen_diff import ScreenDiff
from holdshelf_tui.widgets.half_block import NEAR, Fitted, fit, paint
from holdshelf_tui.widgets.picture import prepare

_SGR = re.compile(r"\x1b\[([\d;]*)m|\x1b\[[\d;]*H|(.)", re.DOTALL)


def written(rows: Sequence[Strip], screen: ScreenDiff | None = None) -> str:
    """What comes to a terminal with all colors that shows nothing yet, or what that screen does."""
    frame = LayoutUpdate([[row] for row in rows], Region(0, 0, rows[0].cell_length, len(rows)))
    return (screen or ScreenDiff()).write(frame, Console(color_system="truecolor"))


def solid(red: int, green: int, blue: int, size: tuple[int, int] = (40, 40)) -> Image.Image:
    return Image.new("RGB", size, (red, green, blue))


def gradient(width: int = 256, height: int = 128) -> Image.Image:
    image = Image.linear_gradient("L").rotate(90).resize((width, height))
    return Image.merge("RGB", (image, image.transpose(Image.Transpose.ROTATE_180), image))


def painted(
    image: Image.Image, size: Fitted, colors: int, *, dark: bool = True, before: Sequence[Strip] = ()
) -> list[Strip]:
    return paint(image, size, colors, dark=dark, before=before)[0]


def halves(strip: Strip) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """(upper, lower) color of each cell, from what is written to the terminal."""
    front: tuple[int, ...] = ()
    ground: tuple[int, ...] = ()
    cells = []
    for codes, character in _SGR.findall(written([strip])):
        if character:
            cells.append(
                {"▀": (front, ground), "▄": (ground, front), "█": (front, front), " ": (ground, ground)}[character]
            )
            continue
        numbers = [int(n) for n in codes.split(";") if n]
        while numbers:
            first = numbers.pop(0)
            if first in (38, 48):
                count = 4 if numbers[0] == 2 else 2
                color, numbers = tuple(numbers[1:count]), numbers[count:]
            else:
                color = (first,)
            if first in (38, *range(30, 38), *range(90, 98)):
                front = color
            else:
                ground = color
    return cells


@pytest.mark.parametrize(
    ("picture", "box", "size"),
    [
        ((320, 240), (80, 20), (53, 20)),
        ((320, 240), (20, 20), (20, 8)),
        ((1920, 1080), (64, 64), (64, 18)),
        ((100, 400), (80, 20), (10, 20)),
        ((1, 1000), (10, 10), (1, 10)),
        ((320, 240), (0, 5), (0, 0)),
    ],
)
def test_a_picture_keeps_its_shape(picture: tuple[int, int], box: tuple[int, int], size: tuple[int, int]) -> None:
    fitted = fit(*picture, *box)
    assert (fitted.columns, fitted.rows) == size


def test_true_color_is_the_color_itself() -> None:
    (row, *_) = painted(solid(17, 130, 201), Fitted(8, 4), ALL)
    assert halves(row) == [((17, 130, 201), (17, 130, 201))] * 8


def test_upper_and_lower_half_of_a_cell_are_two_pixels() -> None:
    image = solid(200, 0, 0, (4, 2))
    image.paste((0, 0, 200), (0, 1, 4, 2))
    (row,) = painted(image, Fitted(4, 1), ALL)
    assert halves(row) == [((200, 0, 0), (0, 0, 200))] * 4


def test_no_color_is_off_by_more_than_cannot_be_seen() -> None:
    image = gradient()
    size = Fitted(64, 16)
    small = image.resize((64, 32), Image.Resampling.BOX)
    for number, row in enumerate(painted(image, size, ALL)):
        for column, (upper, lower) in enumerate(halves(row)):
            for shown, y in ((upper, 2 * number), (lower, 2 * number + 1)):
                true = small.getpixel((column, y))
                assert isinstance(true, tuple)
                assert all(abs(a - b) <= NEAR for a, b in zip(shown, true, strict=True))


@pytest.mark.parametrize(
    ("color", "number"),
    [((255, 0, 0), 196), ((0, 0, 0), 16), ((255, 255, 255), 231), ((128, 128, 128), 244), ((95, 135, 175), 67)],
)
def test_with_256_colors_the_nearest_of_them(color: tuple[int, int, int], number: int) -> None:
    (row, *_) = painted(solid(*color), Fitted(2, 1), SOME)
    assert halves(row) == [((number,), (number,))] * 2


@pytest.mark.parametrize(("color", "code"), [((250, 10, 10), 101), ((0, 0, 0), 40), ((255, 255, 255), 107)])
def test_with_16_colors_the_nearest_of_them(color: tuple[int, int, int], code: int) -> None:
    (row, *_) = painted(solid(*color), Fitted(4, 1), FEW)
    assert {ground for cell in halves(row) for ground in cell} == {(code,)}


def test_with_16_colors_brightness_still_grows() -> None:
    def brightness(shade: int) -> float:
        lit = {(40,): 0, (100,): 128, (47,): 192, (107,): 255, (30,): 0, (90,): 128, (37,): 192, (97,): 255}
        cells = [
            c for row in painted(solid(shade, shade, shade), Fitted(8, 4), FEW) for pair in halves(row) for c in pair
        ]
        return sum(lit[cell] for cell in cells) / len(cells)

    steps = [brightness(shade) for shade in range(10, 250, 20)]
    assert steps == sorted(steps)
    assert len(set(steps)) > 5


def test_without_colors_five_shades_and_no_escape() -> None:
    (row, *_) = painted(gradient(), Fitted(40, 10), NO_COLORS)
    assert set(row.text) == set(" ░▒▓█")
    assert "\x1b" not in row.render(Console())
    (light, *_) = painted(gradient(), Fitted(40, 10), NO_COLORS, dark=False)
    assert (row.text[0] == "█") == (light.text[0] == " ")


@pytest.mark.parametrize(("colors", "most"), [(ALL, 24), (SOME, 16), (FEW, 8), (NO_COLORS, 3)])
def test_a_cell_costs_few_bytes(colors: int, most: int) -> None:
    noise = Image.effect_noise((320, 240), 60)
    busy = Image.blend(gradient(320, 240), Image.merge("RGB", (noise, noise, noise)), 0.3)
    rows = painted(busy, Fitted(40, 15), colors)
    cost = len(written(rows).encode()) / (40 * 15)
    assert cost <= most, f"{cost:.1f} bytes a cell"


def test_a_still_picture_costs_next_to_nothing() -> None:
    rows = painted(solid(60, 70, 80, (320, 240)), Fitted(40, 15), ALL)
    assert len(written(rows)) < 15 * 80


def test_of_a_picture_that_is_nearly_the_one_before_next_to_nothing_is_written() -> None:
    """Within what is not seen anyway, however often: it never drifts."""
    size, screen, first = Fitted(40, 15), ScreenDiff(), 0
    rows: list[Strip] = []
    for shade in range(24):
        image = gradient(320, 240).point(lambda value, shade=shade: min(255, value + shade))
        rows = painted(image, size, ALL, before=rows)
        cost = len(written(rows, screen).encode())
        first = first or cost
        small = image.resize((40, 30), Image.Resampling.BOX)
        for number, row in enumerate(rows):
            for column, (upper, lower) in enumerate(halves(row)):
                for color, y in ((upper, 2 * number), (lower, 2 * number + 1)):
                    true = small.getpixel((column, y))
                    assert isinstance(true, tuple)
                    assert all(abs(a - b) <= NEAR for a, b in zip(color, true, strict=True))
        if shade == 1:
            assert cost < first / 5, f"{cost} bytes after {first}"


def far(rows: Sequence[Strip], image: Image.Image, size: Fitted) -> int:
    """How far the farthest channel of all cells is from the picture."""
    small, most = image.resize((size.columns, 2 * size.rows), Image.Resampling.BOX, reducing_gap=2.0), 0
    for number, row in enumerate(rows):
        for column, both in enumerate(halves(row)):
            for half, color in enumerate(both):
                true = small.getpixel((column, 2 * number + half))
                assert isinstance(true, tuple)
                most = max(most, *(abs(a - b) for a, b in zip(color, true, strict=True)))
    return most


def test_a_picture_that_somebody_may_leave_at_once_keeps_to_its_bytes_and_is_sharp_when_it_stays() -> None:
    size, screen, most_bytes = Fitted(100, 30), ScreenDiff(), 16_000
    noise = Image.effect_noise((320, 240), 60)
    busy = Image.blend(gradient(320, 240), Image.merge("RGB", (noise, noise, noise)), 0.3)
    sharp, is_coarse = paint(busy, size, ALL)
    assert not is_coarse
    assert len(written(sharp).encode()) > 1.4 * most_bytes, "it would have fit anyway"
    rows, is_coarse = paint(busy, size, ALL, most_bytes=most_bytes)
    assert is_coarse
    assert len(written(rows, screen).encode()) <= 1.1 * most_bytes
    assert far(rows, busy, size) > 2 * NEAR
    rows, is_coarse = paint(busy, size, ALL, before=rows)
    assert not is_coarse
    written(rows, screen)
    assert far(rows, busy, size) <= 2 * NEAR, "its own color, and that of the half beside it"


def test_cut_in_two_it_shows_the_same() -> None:
    (row, *_) = painted(gradient(), Fitted(40, 10), ALL)
    left, right = row.divide([13, 40])
    assert left.cell_length == 13
    assert left.text + right.text == row.text


@pytest.mark.parametrize("raw", [b"", b"GIF89a", b"\xff\xd8\xff" + b"x" * 1000])
def test_what_is_no_picture_of_ours_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        prepare(raw, 10, 5, Graphics(), dark=True)


def test_a_picture_of_another_kind_is_refused() -> None:
    out = io.BytesIO()
    solid(1, 2, 3).save(out, "PNG")
    with pytest.raises(ValueError):
        prepare(out.getvalue(), 10, 5, Graphics(), dark=True)


@pytest.mark.parametrize("protocol", ["sixel", "kitty"])
def test_pixels_are_sent_at_the_pictures_own_size_in_bands(protocol: str) -> None:
    out = io.BytesIO()
    gradient(200, 150).save(out, "JPEG")
    painting = prepare(out.getvalue(), 80, 30, Graphics(protocol, ALL, 10, 20), dark=True)
    assert (painting.size.columns, painting.size.rows) == (20, 8)  # 200 × 150 pixels, not scaled up to 800 × 600
    assert [band.first_row for band in painting.bands] == [0, 2, 4, 6]
    assert all(len(band.text) < 32 << 10 for band in painting.bands)
    smaller = prepare(out.getvalue(), 10, 30, Graphics(protocol, ALL, 10, 20), dark=True)
    assert smaller.size.columns == 10
    if protocol == "kitty":
        assert all(band.erase for band in painting.bands)
