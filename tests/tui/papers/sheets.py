"""A PDF read back by poppler's tools: its words and where they stand, its fonts, its pages. What papers are tested with."""

from __future__ import annotations

import html
import re
import subprocess
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from pypdf import PdfReader

from tests.rig.hang import HANG_S

MARGIN = 36.0
"""Half an inch, in points: what an office printer reaches. Nothing of a paper stands outside."""


@dataclass(frozen=True)
class Word:
    page: int
    left: float
    top: float
    right: float
    bottom: float
    words: str


@dataclass(frozen=True)
class Sheet:
    """``pages``: (width, height) of each."""

    pages: list[tuple[float, float]]
    words: list[Word]


def run(program: str, *arguments: str, pdf: bytes, folder: Path) -> str:
    """A tool's output on the PDF, which stands for '-' among the arguments."""
    file = folder / "read.pdf"
    file.write_bytes(pdf)
    command = [program, *(str(file) if argument == "-" else argument for argument in arguments)]
    return subprocess.run(command, capture_output=True, check=True, timeout=HANG_S).stdout.decode()


def text_of(pdf: bytes, folder: Path) -> str:
    """Its words in the order of reading, one line."""
    return " ".join(run("pdftotext", "-", "/dev/stdout", pdf=pdf, folder=folder).split())


def pages_of(pdf: bytes, folder: Path) -> list[str]:
    """The words of each page."""
    found = run("pdftotext", "-layout", "-", "/dev/stdout", pdf=pdf, folder=folder)
    return [" ".join(page.split()) for page in found.removesuffix("\f").split("\f")]


def read(pdf: bytes, folder: Path) -> Sheet:
    """Each word with its place."""
    found = run("pdftotext", "-bbox", "-", "/dev/stdout", pdf=pdf, folder=folder)
    pages, words = [], []
    for line in found.splitlines():
        if page := re.match(r'\s*<page width="([\d.]+)" height="([\d.]+)">', line):
            pages.append((float(page[1]), float(page[2])))
        elif word := re.match(r'\s*<word xMin="(\S+)" yMin="(\S+)" xMax="(\S+)" yMax="(\S+)">(.*)</word>', line):
            left, top, right, bottom = (float(word[at]) for at in range(1, 5))
            words.append(Word(len(pages), left, top, right, bottom, html.unescape(word[5])))
    return Sheet(pages, words)


def sizes_of(pdf: bytes) -> set[float]:
    """The sizes of letters in it, in points."""
    sizes = {
        float(size)
        for page in PdfReader(BytesIO(pdf)).pages
        for size in re.findall(rb"/\w+ ([\d.]+) Tf", page.get_contents().get_data())  # type: ignore[union-attr]
    }
    assert sizes
    return sizes


@dataclass(frozen=True)
class Bar:
    """A bar of a plot as it is drawn, in pixels. ``light``, ``dark``: where something white or black stands in its line."""

    left: int
    width: int
    light: tuple[int, ...]
    dark: tuple[int, ...]


BAR_GRAY, DPI = 105, 200


def bars(pdf: bytes, folder: Path) -> list[Bar]:
    """The gray bars of the first page, from the top down and from left to right."""
    (folder / "bars.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", str(DPI), "-gray", "-singlefile", "-aa", "no", "bars.pdf", "bars"]
    subprocess.run(command, cwd=folder, check=True, timeout=HANG_S)
    image = Image.open(folder / "bars.pgm")
    lines = [image.crop((0, y, image.width, y + 1)).tobytes() for y in range(image.height)]
    found: list[Bar] = []
    y = 0
    while y < len(lines):
        tall = 0
        while y + tall < len(lines) and bytes([BAR_GRAY]) * 3 in lines[y + tall]:
            tall += 1
        if tall > 3:
            found += _bars(lines[y : y + tall], image.width)
        y += tall + 1
    return found


def _bars(lines: list[bytes], width: int) -> list[Bar]:
    """The bars of one line of a plot: of each plot beside another one, half a page is one's own."""
    gray = [x for x in range(width) if sum(abs(line[x] - BAR_GRAY) < 3 for line in lines) > len(lines) // 3]
    runs: list[list[int]] = []
    for x in gray:
        if runs and x - runs[-1][-1] < DPI // 8:
            runs[-1].append(x)
        else:
            runs.append([x])
    middle = lines[len(lines) // 2]
    return [
        Bar(
            run[0],
            run[-1] - run[0] + 1,
            tuple(x for x in range(run[0], run[-1]) if middle[x] > 250),
            tuple(x for x in range(width) if sum(line[x] < 60 for line in lines[2:-2]) > len(lines) // 3),
        )
        for run in runs
    ]


def outside(sheet: Sheet, margin: float = MARGIN) -> list[Word]:
    """Words that are not wholly within the margins."""
    return [
        word
        for word in sheet.words
        if word.left < margin - 0.5
        or word.right > sheet.pages[word.page - 1][0] - margin + 0.5
        or word.top < margin - 0.5
        or word.bottom > sheet.pages[word.page - 1][1] - margin + 1
    ]


def overlapping(sheet: Sheet) -> list[tuple[str, str]]:
    """Words that stand on one another: beside one another on a line, or by half of their height.

    Not by less: poppler gives a letter with two accents, one above the other, a box that reaches into the line above.
    """
    found = []
    for page in range(1, len(sheet.pages) + 1):
        words = sorted((word for word in sheet.words if word.page == page), key=lambda word: word.top)
        for number, word in enumerate(words):
            for other in words[number + 1 :]:
                if other.top >= word.bottom:
                    break
                beside = min(word.right, other.right) - max(word.left, other.left)
                upright = min(word.bottom, other.bottom) - max(word.top, other.top)
                least = min(word.bottom - word.top, other.bottom - other.top)
                if beside > 1.0 and upright > 0.5 * least:
                    found.append((word.words, other.words))
    return found
