"""Screens without what differs from run to run: ids, hashes, sizes of this machine's disk, times of the run itself."""

from __future__ import annotations

import re

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# What is shown instead; a shorter or longer word takes from the blanks after it, so that nothing else moves.
WORDS = (
    (re.compile(r"Log \d+:[0-9a-f]{4}(?: [0-9a-f]{1,4})*"), "Log 9:abcd abcd abcd abcd abcd abcd abcd abcd"),
    (re.compile(r"\b\d+:[0-9a-f]{4}(?: [0-9a-f]{4})+"), "9:abcd abcd abcd abcd abcd abcd abcd abcd"),
    (re.compile(r"(?<=holdshelf\.local/)[0-9a-f]{16}\b"), "0123456789abcdef"),
    (re.compile(r"SHA256:[A-Za-z0-9+/]*"), "SHA256:abcdefghijklmnopqrstuvwxyz"),
    (re.compile(r"\d[\d.,]* (?:[kMGT]?B|bytes)\b"), "9.9 GB"),
    (re.compile(r"Media: \S+"), "Media: /srv/media"),
    (re.compile(r"about [\d,.]+ days"), "about 9 days"),
    (re.compile(r"\b2:0\d(?::\d\d)?(?= pm)"), "2:00"),
    (re.compile(r"\b14:0\d(?::\d\d)?\b"), "14:00"),
)
_BLANKS = re.compile(r"  +|$")


def scrubbed(line: str) -> str:
    """As long as it was."""
    for pattern, word in WORDS:
        at = 0
        while (found := pattern.search(line, at)) is not None:
            at = found.start() + len(word)
            short = word[: len(found.group())] if found.end() == len(line) else word
            more, rest = len(found.group()) - len(short), line[found.end() :]
            blanks = _BLANKS.search(rest)
            assert blanks is not None
            there = blanks.end() - blanks.start()
            if more >= 0 or there > -more:
                rest = rest[: blanks.start()] + " " * (there + more) + rest[blanks.end() :]
            line = (line[: found.start()] + short + rest)[: len(line)].ljust(len(line))
    return line


class Scrub(LineFilter):
    """Over every line of every widget."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same styles at the same places."""
        before = "".join(segment.text for segment in segments)
        after = scrubbed(before)
        if after == before:
            return segments
        texts, at = [], 0
        for text, _, _ in segments:
            texts.append(after[at : at + len(text)])
            at += len(text)
        for number in range(len(texts) - 1):  # where a text ended and the blanks after it began is the run's own, too
            if texts[number + 1].isspace():
                whole = texts[number] + texts[number + 1]
                texts[number] = texts[number].rstrip()
                texts[number + 1] = whole[len(texts[number]) :]
        return [
            Segment(text, style, control) for text, (_, style, control) in zip(texts, segments, strict=True) if text
        ]
