"""Asks a terminal, before the app starts, how it can draw pictures. Never longer than a moment, and eats no key.

A terminal at the end of a slow line answers when the app runs already: then `later` says what its answer changes.

Only questions that every terminal either answers or swallows are asked: its name (XTVERSION), the size of a cell in pixels
(XTWINOPS 16), its attributes (DA1, the last one: whoever answers it has answered all). Answers are taken out of
the keys by `Answers` wherever they are read.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import termios
import time
import tty
from codecs import getincrementaldecoder
from collections.abc import Mapping

from holdshelf_tui.widgets.graphics import ALL, FEW, HALF, KITTY, NO_COLOURS, SIXEL, SOME, Graphics

PROBE_S = 0.2
QUESTIONS = "\x1b[>0q\x1b[16t\x1b[c"
MAX_HELD = 256
"""An answer is never longer; what is, are keys."""

_NAME = re.compile(r"\x1bP>\|([^\x1b\x07]{0,100})\x1b\\")
_CELL = re.compile(r"\x1b\[6;(\d{1,4});(\d{1,4})t")
_ATTRIBUTES = re.compile(r"\x1b\[\?([\d;]{0,100})c")
_SEEN = re.compile(r"\x1b\[[03]n")
_PICTURE = re.compile(r"\x1b_G[^\x1b]{0,200}\x1b\\")
_ANSWER = re.compile("|".join(p.pattern for p in (_NAME, _CELL, _ATTRIBUTES, _SEEN, _PICTURE)))
# The beginning of an answer, at the end of what was read so far.
_BEGUN = re.compile(
    r"\x1b(?:\[(?:[03]|6(?:;[\d;]{0,9})?|\?[\d;]{0,100})?|P(?:>(?:\|[^\x1b]{0,100}\x1b?)?)?|_(?:G[^\x1b]{0,200}\x1b?)?)?\Z"
)

# Terminals that paint true colours and say their name, whatever $TERM says.
_TRUE_COLOUR_NAMES = (
    "kitty",
    "ghostty",
    "wezterm",
    "foot",
    "iterm2",
    "xterm",
    "konsole",
    "mintty",
    "vte",
    "contour",
    "windows",
)
# kitty's protocol as we use it (placed at the cursor, deleted by its number).
_KITTY_NAMES = ("kitty", "ghostty")
_MULTIPLEXERS = ("tmux", "screen", "zellij")
_PLAIN_TERMS = ("", "dumb", "unknown", "linux")
# Windows Terminal gives no name: these are its attributes (level 1, and text macros, which it alone has together).
_WINDOWS_TERMINAL = frozenset(("61", "32"))


class Answers:
    """Takes a terminal's answers out of what it sends. What is left are keys, in their order."""

    def __init__(self) -> None:
        self._held = ""
        self.name = ""
        self.attributes: frozenset[str] = frozenset()
        self.answered = False
        """Whether the last question was answered."""
        self.cell_px: tuple[int, int] | None = None
        """(width, height)."""
        self.seen = 0
        """How many times it has said that it is there (DSR 5)."""

    def feed(self, text: str) -> str:
        """The keys in what was read; the beginning of what may be an answer is kept back for the next call."""
        text = self._held + text
        self._held = ""
        out, at = [], 0
        for match in _ANSWER.finditer(text):
            out.append(text[at : match.start()])
            at = match.end()
            self._note(match.group())
        rest = text[at:]
        begun = _BEGUN.search(rest)
        if begun is not None and len(begun.group()) <= MAX_HELD:
            self._held = begun.group()
            rest = rest[: begun.start()]
        return "".join(out) + rest

    @property
    def holding(self) -> bool:
        """Something is kept back."""
        return bool(self._held)

    def let_go(self) -> str:
        """What was kept back, when no more comes: a key after all (Escape)."""
        held, self._held = self._held, ""
        return held

    def _note(self, answer: str) -> None:
        if (match := _NAME.fullmatch(answer)) is not None:
            self.name = match[1].lower()
        elif (match := _CELL.fullmatch(answer)) is not None:
            self.cell_px = int(match[2]), int(match[1])
        elif (match := _ATTRIBUTES.fullmatch(answer)) is not None:
            self.attributes, self.answered = frozenset(match[1].split(";")), True
        elif _SEEN.fullmatch(answer) is not None:
            self.seen += 1


def colours_of(environment: Mapping[str, str]) -> int:
    """How many colours a terminal has, by its name and what the environment says."""
    term = environment.get("TERM", "").strip().lower()
    if "NO_COLOR" in environment or term in ("dumb", "unknown") or term.startswith("vt"):
        return NO_COLOURS
    if environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return ALL
    # Whatever calls itself xterm has had 256 for twenty years; PuTTY does so without saying it.
    if "256" in term or term.startswith(("xterm", "kitty", "alacritty", "foot", "tmux", "putty")):
        return SOME
    return FEW


def probe(tty_fd: int, environment: Mapping[str, str] | None = None, timeout_s: float = PROBE_S) -> Graphics:
    """How pictures are drawn on the terminal behind a descriptor. To be called before the app reads from it.

    Takes at most ``timeout_s``. Keys that were typed meanwhile are in ``typed`` of what it returns.
    """
    environment = os.environ if environment is None else environment
    colours = colours_of(environment)
    term = environment.get("TERM", "").strip().lower()
    if term in _PLAIN_TERMS or not os.isatty(tty_fd):
        return Graphics(HALF, colours)
    answers, typed = Answers(), ""
    try:
        before = termios.tcgetattr(tty_fd)
        try:
            # Not TCSAFLUSH: that would throw away what was typed.
            tty.setcbreak(tty_fd, termios.TCSANOW)
            typed = _ask(tty_fd, answers, timeout_s)
        finally:
            termios.tcsetattr(tty_fd, termios.TCSANOW, before)
    except (OSError, termios.error):
        return Graphics(HALF, colours, typed=typed)
    return _decide(answers, colours, environment, _window_cell(tty_fd), typed)


def _ask(tty_fd: int, answers: Answers, timeout_s: float) -> str:
    ends = time.monotonic() + timeout_s
    decode = getincrementaldecoder("utf-8")("ignore").decode
    asked, typed = QUESTIONS.encode(), ""
    while (left_s := ends - time.monotonic()) > 0 and not answers.answered:
        # A terminal that takes nothing must not hold us up either.
        readable, writable, _ = select.select([tty_fd], [tty_fd] if asked else [], [], left_s)
        if writable:
            asked = asked[os.write(tty_fd, asked) :]
        if readable:
            read = os.read(tty_fd, 4096)
            if not read:
                break
            typed += answers.feed(decode(read))
    # An answer that has begun goes along: whoever reads on takes it out together with its rest.
    return typed + answers.let_go()


def _window_cell(tty_fd: int) -> tuple[int, int] | None:
    """(width, height) of a cell in pixels as the kernel was told, or None."""
    try:
        rows, columns, width, height = struct.unpack(
            "HHHH", fcntl.ioctl(tty_fd, termios.TIOCGWINSZ, struct.pack("HHHH", 0, 0, 0, 0))
        )
    except OSError:
        return None
    return (width // columns, height // rows) if rows and columns and width >= columns and height >= rows else None


def _decide(
    answers: Answers, colours: int, environment: Mapping[str, str], window: tuple[int, int] | None, typed: str
) -> Graphics:
    term = environment.get("TERM", "").strip().lower()
    multiplexed = term.startswith(_MULTIPLEXERS) or answers.name.startswith(_MULTIPLEXERS)
    true_colour = answers.name.startswith(_TRUE_COLOUR_NAMES) or answers.attributes >= _WINDOWS_TERMINAL
    if colours == SOME and true_colour and not multiplexed:
        colours = ALL
    width, height = answers.cell_px or window or (10, 20)
    if not (2 <= width <= 100 and 4 <= height <= 200):
        width, height = 10, 20
    protocol = HALF
    # A multiplexer says that it can do sixel even when the terminal around it cannot.
    if not multiplexed and colours > NO_COLOURS:
        if answers.name.startswith(_KITTY_NAMES):
            protocol = KITTY
        elif "4" in answers.attributes:
            protocol = SIXEL
    return Graphics(protocol, colours, width, height, typed, asked=not answers.answered, name=answers.name)


def later(before: Graphics, answers: Answers, tty_fd: int, environment: Mapping[str, str] | None = None) -> Graphics:
    """What is known once a late answer has come: ``before`` is what `probe` said without it."""
    environment = os.environ if environment is None else environment
    answers.name = answers.name or before.name
    return _decide(answers, before.colours, environment, _window_cell(tty_fd), "")
