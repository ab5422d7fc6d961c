"""Whether a posted text says what was adopted (P18): word for word, whatever stands around it, and if not, where they part.

White space, line ends, bullets, numbers of a list, quotation marks, dashes and capitals are how a page is set, not what it
says. Pure. The hash alone proves the same text; "the same words" is what a reader would find.
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import Match, SequenceMatcher

from holdshelf_tui.text.posted_policy import Posted

EXACT, SAME, DIFFERENT, ABSENT = "exact", "same", "different", "absent"
ABSENT_BELOW = 0.4
"""Less of the adopted words than this on a page: it is another page."""
MOST_S = 5.0
"""Of comparing words; what takes longer is compared by whole sentences."""
MOST_STEPS = 8_000_000
"""Pairs of equal words; a longer text is compared by whole sentences."""
_MOST_WORDS = 60
_MARGIN = 50
_QUOTES = str.maketrans(dict.fromkeys("‘’‚‛′`´", "'") | dict.fromkeys("“”„‟″«»", '"'))
_DASH_IN_NUMBERS = re.compile(r"(?<=\d)[‐‑‒–—−](?=\d)")
_HYPHENS = str.maketrans(dict.fromkeys("‐‑‒−﹣－", "-"))
_DASHES = re.compile(r"[–—―]|--+")
_BULLET = re.compile(r"[•·*▪▫◦‣⁃●○■□§¶-]+")
_NUMBER = re.compile(r"\s*(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{1,5})[.)])\s+")
_SENTENCE_ENDS = re.compile(r"[.!?;:][\"')\]]*$")


@dataclass(frozen=True, slots=True)
class Difference:
    """A place where they part: what was adopted, '' nothing; what is posted, '' nothing."""

    adopted: str
    posted: str


@dataclass(frozen=True, slots=True)
class Compared:
    """``verdict``: exact (the same text by its hash) | same (the same words) | different | absent (it is not there)."""

    verdict: str
    differences: tuple[Difference, ...] = ()

    @property
    def same(self) -> bool:
        """Whether what is posted says what was adopted."""
        return self.verdict in (EXACT, SAME)


@dataclass
class _Words:
    """A text's words as they stand there, as they are compared, and where its sentences begin."""

    shown: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    begins: list[int] = field(default_factory=list)


def compare(adopted: str, sha256: str, posted: Posted, raw: bytes) -> Compared:
    """``sha256``: of the adopted text's UTF-8 bytes; ``raw``: what was posted, as it came."""
    own = posted.own if posted.own is not None else ""
    if sha256 in (hashlib.sha256(raw).hexdigest(), hashlib.sha256(own.encode("utf-8", "replace")).hexdigest()):
        return Compared(EXACT)
    parted: list[Compared] = []
    for numbers in (True, False):
        ours, theirs = _words(adopted, numbers=numbers), _words(posted.text, numbers=numbers)
        if not ours.keys:
            return Compared(ABSENT)
        if f" {' '.join(ours.keys)} " in f" {' '.join(theirs.keys)} ":
            return Compared(SAME)
        parted.append(_parted(ours, theirs))
    # Where a page counts its points by itself, the numbers are nothing that differs.
    return min(parted, key=lambda one: (one.verdict == ABSENT, len(one.differences)))


# --- words ------------------------------------------------------------------------------------------------------------


def _words(text: str, *, numbers: bool) -> _Words:
    words = _Words()
    begins = True
    for line in text.replace("\r", "\n").split("\n"):
        if not line.strip():
            begins = True
            continue
        counted = None
        if not numbers and (begins or _SENTENCE_ENDS.search(words.shown[-1])):
            counted = _NUMBER.match(line)
        for shown, key in _tokens(line[counted.end() :] if counted is not None else line):
            if begins:
                words.begins.append(len(words.keys))
            words.shown.append(shown)
            words.keys.append(key)
            begins = bool(_SENTENCE_ENDS.search(shown))
    return words


def _tokens(line: str) -> Iterator[tuple[str, str]]:
    for shown in _DASHES.sub(" – ", _DASH_IN_NUMBERS.sub("-", line)).split():
        plain = unicodedata.normalize("NFKC", shown).translate(_QUOTES).translate(_HYPHENS).casefold()
        key = "".join(char for char in plain if unicodedata.category(char) not in ("Cc", "Cf"))
        if key and key != "–" and not _BULLET.fullmatch(key):
            yield shown, key


# --- where they part --------------------------------------------------------------------------------------------------


class _Matcher(SequenceMatcher[str]):
    """Gives up after a while: a page can be made on which it would go on for days. Raises TimeoutError."""

    _ends: float | None = None

    def find_longest_match(self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None) -> Match:
        """As ever, until the time is over."""
        self._ends = self._ends or time.monotonic() + MOST_S
        if time.monotonic() > self._ends:
            raise TimeoutError
        return super().find_longest_match(alo, ahi, blo, bhi)


def _parted(ours: _Words, theirs: _Words) -> Compared:
    theirs = _around(ours, theirs)
    often = Counter(theirs.keys)
    if sum(often[key] for key in ours.keys) > MOST_STEPS:
        return _by_sentences(ours, theirs)
    matcher = _Matcher(None, ours.keys, theirs.keys, autojunk=False)
    try:
        matched = sum(block.size for block in matcher.get_matching_blocks())
    except TimeoutError:
        return _by_sentences(ours, theirs)
    if matched < ABSENT_BELOW * len(ours.keys):
        return Compared(ABSENT)
    found: list[list[int]] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal" or (i1 == i2 and i1 in (0, len(ours.keys))):
            continue  # what stands before and after it is the rest of the page
        begin, end = _sentence(ours, i1, i2)
        place = [begin, end, j1 - (i1 - begin), j2 + (end - i2)]
        if found and begin < found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
            found[-1][3] = j2 + (found[-1][1] - i2)
        else:
            found.append(place)
    return Compared(
        DIFFERENT,
        tuple(
            Difference(
                _shown(ours.shown[begin:end]),
                _shown(theirs.shown[max(0, start) : stop], last=not begin, least=end - begin),
            )
            for begin, end, start, stop in found
        ),
    )


def _sentence(words: _Words, i1: int, i2: int) -> tuple[int, int]:
    """The sentences that words ``i1`` to ``i2`` belong to; none for something between two of them."""
    if i1 == i2 and words.begins[bisect_right(words.begins, i1) - 1] == i1:
        return i1, i1
    begin = bisect_right(words.begins, i1) - 1
    end = bisect_left(words.begins, max(i2, i1 + 1))
    return words.begins[begin], words.begins[end] if end < len(words.begins) else len(words.keys)


def _around(ours: _Words, theirs: _Words) -> _Words:
    """The part of a page that has most of the policy's phrases, twice as long as the policy."""
    width = 2 * len(ours.keys) + 50
    if len(theirs.keys) <= width:
        return theirs
    keys = ours.keys
    phrases = set(zip(keys, keys[1:], keys[2:], strict=False))
    their = theirs.keys
    hits = [(one in phrases) for one in zip(their, their[1:], their[2:], strict=False)]
    count = sum(hits[:width])
    best, most = 0, count
    for at in range(1, len(hits) - width + 1):
        count += hits[at + width - 1] - hits[at - 1]
        if count > most:
            best, most = at, count
    begin, end = max(0, best - _MARGIN), best + width + _MARGIN
    return _Words(theirs.shown[begin:end], their[begin:end])


def _by_sentences(ours: _Words, theirs: _Words) -> Compared:
    """Which sentences are nowhere on the page."""
    page = f" {' '.join(theirs.keys)} "
    spans = list(zip(ours.begins, [*ours.begins[1:], len(ours.keys)], strict=True))
    missing = [(begin, end) for begin, end in spans if f" {' '.join(ours.keys[begin:end])} " not in page]
    there = len(ours.keys) - sum(end - begin for begin, end in missing)
    if there < ABSENT_BELOW * len(ours.keys):
        return Compared(ABSENT)
    return Compared(DIFFERENT, tuple(Difference(_shown(ours.shown[begin:end]), "") for begin, end in missing))


def _shown(words: list[str], *, last: bool = False, least: int = 0) -> str:
    """So many words that one sees what is meant; ``last``: of the end, where before it lies the rest of the page."""
    most = max(_MOST_WORDS, least)
    if len(words) <= most:
        return " ".join(words)
    return "… " + " ".join(words[-most:]) if last else " ".join(words[:most]) + " …"
