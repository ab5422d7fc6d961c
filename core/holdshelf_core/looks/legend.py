"""The legend below a picture: camera, exact time, viewer, and log entry. Drawn into the image so that it stays with it.

It is below the picture and covers none of it. Names come from people and cameras: they are sanitized, limited to one line each,
without control or direction characters. Must never open a file after ``load_font`` was called.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from holdshelf_core.inert import inert
from holdshelf_core.looks.legend_words import legend_words
from holdshelf_core.looks.picture_protocol import Burn
from holdshelf_core.times import local_time_words

# Pillow's own typeface has no accents; DejaVu Sans (Debian: fonts-dejavu-core) has, and Greek, Cyrillic and more.
_FONT_FILES = (
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu/DejaVuSans.ttf",
    "/usr/share/fonts/TTF/DejaVuSans.ttf",
    "/usr/share/fonts/dejavu-sans-fonts/DejaVuSans.ttf",
)
SHORT_BELOW_PX = 240
"""A narrower picture shows only its time and its log entry; the log has the rest."""
_MAX_NAME = 80
_SMALLEST_PX, _LARGEST_PX = 9, 48
_MISSING = "\U0010fffe"  # no typeface has it

type _Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@lru_cache(maxsize=1)
def load_font() -> bytes:
    """Return the typeface's file, empty for Pillow's own. Called once before the process is confined."""
    for name in _FONT_FILES:
        try:
            return Path(name).read_bytes()
        except OSError:
            continue
    return b""


@lru_cache(maxsize=32)
def font(size_px: int) -> _Font:
    """Return the typeface in one size."""
    data = load_font()
    if not data:
        return ImageFont.load_default(size_px)
    return ImageFont.truetype(BytesIO(data), size_px, layout_engine=ImageFont.Layout.BASIC)


@lru_cache(maxsize=4096)
def _drawable(character: str) -> bool:
    if character == " ":
        return True
    face = font(16)
    glyph, missing = face.getmask(character), face.getmask(_MISSING)
    return glyph.getbbox() is not None and (glyph.size != missing.size or bytes(glyph) != bytes(missing))


def drawn_line(text: str) -> str:
    """Return one line of characters that the typeface has: control marks are dropped, unknown ones replaced by their base or
    '?'."""
    line = " ".join(inert(text[: 4 * _MAX_NAME], instead="").split())
    drawn = []
    for character in unicodedata.normalize("NFC", line):
        if _drawable(character):
            drawn.append(character)
            continue
        base = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c) and _drawable(c)]
        drawn.append("".join(base) or ("" if unicodedata.combining(character) else "?"))
    whole = "".join(drawn)
    return whole if len(whole) <= _MAX_NAME else whole[: _MAX_NAME - 3] + "..."


def legend_lines(burn: Burn, shown_utc_ns: int, *, damaged: bool, short: bool) -> list[str]:
    """Return the legend's text, before it is wrapped to the picture's width."""
    when, say = local_time_words(shown_utc_ns), legend_words(burn.language)
    entry = say.entry.format(seq=burn.log_seq)
    if short:
        return [when, entry + (f" - {drawn_line(say.damaged_short)}" if damaged else "")]
    place = " - ".join(filter(None, (drawn_line(burn.camera_name), drawn_line(burn.library))))
    last = [drawn_line(say.notice), say.viewer.format(name=drawn_line(burn.person)) if burn.person else "", entry]
    last.append(drawn_line(say.masks.format(version=burn.mask_version) if burn.masks else say.unmasked))
    last.append(drawn_line(say.others) if burn.boxes else "")
    if damaged:
        last.append(drawn_line(say.damaged))
    return [when, place, " - ".join(filter(None, last))]


def _wrapped(lines: list[str], face: _Font, width_px: int) -> list[str]:
    out: list[str] = []
    for line in lines:
        if face.getlength(line) <= width_px:
            out.append(line)
            continue
        row = ""
        for word in line.split(" "):
            longer = f"{row} {word}" if row else word
            if row and face.getlength(longer) > width_px:
                out.append(row)
                row = word
            else:
                row = longer
            while len(row) > 1 and face.getlength(row) > width_px:  # one word wider than the picture
                cut = next(n for n in range(len(row) - 1, 0, -1) if n == 1 or face.getlength(row[:n]) <= width_px)
                out.append(row[:cut])
                row = row[cut:]
        out.append(row)
    return out


def draw_legend(burn: Burn, shown_utc_ns: int, width_px: int, *, damaged: bool) -> Image.Image:
    """Return the band to put below a picture of that width: mode L, white on black."""
    size_px = min(_LARGEST_PX, max(_SMALLEST_PX, width_px // 75))
    face = font(size_px)
    pad = max(2, size_px // 3)
    lines = legend_lines(burn, shown_utc_ns, damaged=damaged, short=width_px < SHORT_BELOW_PX)
    rows = _wrapped(lines, face, width_px - 2 * pad)
    step = size_px + max(2, size_px // 4)
    height_px = 2 * pad + step * len(rows)
    # Even, so that the total height of a typical picture is even: swscale takes ten times as long for an odd number of lines.
    band = Image.new("L", (width_px, height_px + height_px % 2), 0)
    draw = ImageDraw.Draw(band)
    for index, row in enumerate(rows):
        draw.text((pad, pad + index * step), row, font=face, fill=255)
    return band
