"""A PDF read back by poppler's tools: its words and where they stand, its fonts, its pages. What papers are tested with."""

from __future__ import annotations

import html
import re
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

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
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode()


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
    sizes: set[float] = set()
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            drawn = zlib.decompress(stream)
        except zlib.error:
            continue
        sizes |= {float(size) for size in re.findall(rb"BT /F\d+ ([\d.]+) Tf ET", drawn)}
    assert sizes
    return sizes


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
    """Words that stand on one another: beside one another on a line, or with their middles on one another's line."""
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
                if beside > 1.0 and upright > 0.35 * least:
                    found.append((word.words, other.words))
    return found
