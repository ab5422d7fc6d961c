"""Asks a terminal, before the app starts, how it can draw pictures. Never longer than a moment, and eats no key.

A terminal at the end of a slow line answers when the app runs already: then `later` says what its answer changes.

Only questions that every terminal either answers or swallows are asked: its name (XTVERSION), the size of a cell and of all
cells in pixels (XTWINOPS 16 and 14), its attributes (DA1, the last one: whoever answers it has answered all). Answers are taken
out of the keys by `Answers` wherever they are read.

Pictures in pixels need the size of a cell: on a guess they would overlap one another and the words below them. Where nobody
tells it, they are drawn in half-blocks.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import termios
import time
import tty
from codecs import getincrementaldecoder
from collections.abc import Mapping
from dataclasses import replace

from holdshelf_tui.session.answers import Answers
from holdshelf_tui.session.graphics import ALL, DEFAULT_CELL, FEW, HALF, KITTY, NO_COLORS, SIXEL, SOME, Graphics

PROBE_S = 0.2
CELL_QUESTIONS = "\x1b[16t\x1b[14t"
QUESTIONS = f"\x1b[>0q{CELL_QUESTIONS}\x1b[c"
CELL_WIDTHS_PX, CELL_HEIGHTS_PX = range(2, 101), range(4, 201)
"""What is believed."""
# Terminals that paint true colors and say their name, whatever $TERM says.
_TRUE_COLOR_NAMES = (
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
# Those whose terminfo says `bce`, by $TERM. Windows Terminal, Terminal.app and PuTTY call themselves xterm, and do as it does.
# kitty does not say it, GNU screen only as `screen-bce`; tmux has had it since 2.4, long before it said its name.
_ERASING_TERMS = (
    "xterm",
    "linux",
    "putty",
    "rxvt",
    "alacritty",
    "foot",
    "konsole",
    "gnome",
    "vte",
    "mintty",
    "wezterm",
    "st-",
)
_NOT_ERASING_NAMES = ("kitty", "screen", "zellij")
# Windows Terminal gives no name: these are its attributes (level 1, and text macros, which it alone has together).
_WINDOWS_TERMINAL = frozenset(("61", "32"))


def colors_of(environment: Mapping[str, str]) -> int:
    """How many colors a terminal has, by its name and what the environment says."""
    term = environment.get("TERM", "").strip().lower()
    if "NO_COLOR" in environment or term in ("dumb", "unknown") or term.startswith("vt"):
        return NO_COLORS
    if environment.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit") or term.endswith("-direct"):
        return ALL
    # Whatever calls itself xterm has had 256 for twenty years; PuTTY does so without saying it.
    if "256" in term or term.startswith(("xterm", "kitty", "alacritty", "foot", "tmux", "putty")):
        return SOME
    return FEW


def keeps_ground_of(term: str, name: str) -> bool:
    """Whether a terminal is known to erase in the color that is set, by $TERM and by the name that it says, if any."""
    if "kitty" in term or name.startswith(_NOT_ERASING_NAMES):
        return False
    return term.startswith(_ERASING_TERMS) or term.endswith("-bce") or name.startswith("tmux")


def ask(tty_fd: int, term: str) -> bool:
    """Put the questions to a terminal in raw mode before there is time for its answers. Returns whether they were put."""
    if term.strip().lower() in _PLAIN_TERMS:
        return False
    with contextlib.suppress(OSError):
        return os.write(tty_fd, QUESTIONS.encode()) == len(QUESTIONS)
    return False


def probe(
    tty_fd: int,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = PROBE_S,
    *,
    asked: bool = False,
    wanted: str = "",
) -> Graphics:
    """How pictures are drawn on the terminal behind a descriptor. To be called before the app reads from it.

    ``asked``: by `ask`, already. ``wanted``: a protocol, '' the best one that the terminal has. Takes at most ``timeout_s``. Keys
    that were typed meanwhile are in ``typed`` of what it returns, what has been said of a late answer in ``answers``.
    """
    environment = os.environ if environment is None else environment
    colors = colors_of(environment)
    term = environment.get("TERM", "").strip().lower()
    plain = Graphics(HALF, colors, wanted=wanted, keeps_ground=keeps_ground_of(term, ""))
    if term in _PLAIN_TERMS or not os.isatty(tty_fd):
        return plain
    answers, typed = Answers(), ""
    try:
        before = termios.tcgetattr(tty_fd)
        try:
            # Not TCSAFLUSH: that would throw away what was typed.
            tty.setcbreak(tty_fd, termios.TCSANOW)
            typed = _ask(tty_fd, answers, timeout_s, b"" if asked else QUESTIONS.encode())
        finally:
            termios.tcsetattr(tty_fd, termios.TCSANOW, before)
    except (OSError, termios.error):
        return replace(plain, typed=typed, answers=answers)
    return replace(_decide(answers, colors, environment, tty_fd, wanted), typed=typed)


def _ask(tty_fd: int, answers: Answers, timeout_s: float, asked: bytes) -> str:
    ends = time.monotonic() + timeout_s
    decode = getincrementaldecoder("utf-8")("ignore").decode
    typed = ""
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
    # An answer that has begun stays with them: whoever reads on gives them its rest.
    return typed


def window_cell(tty_fd: int) -> tuple[int, int] | None:
    """(width, height) of a cell in pixels as the kernel was told, or None."""
    columns, rows, width, height = _window(tty_fd)
    return believed_cell(width, height, columns, rows)


def _window(tty_fd: int) -> tuple[int, int, int, int]:
    """(columns, rows, width, height) of a terminal, in pixels the latter two; 0 where the kernel was not told."""
    try:
        asked = fcntl.ioctl(tty_fd, termios.TIOCGWINSZ, struct.pack("4H", 0, 0, 0, 0))
    except OSError:
        return 0, 0, 0, 0
    rows, columns, width, height = struct.unpack("4H", asked)
    return columns, rows, width, height


def believed_cell(width: int, height: int, columns: int = 1, rows: int = 1) -> tuple[int, int] | None:
    """(width, height) in pixels of a cell, if so many take so many; None: that is no cell, or nobody knows.

    Rounded down: a picture that is a little too small overlaps nothing.
    """
    if not columns or not rows:
        return None
    cell = width // columns, height // rows
    return cell if cell[0] in CELL_WIDTHS_PX and cell[1] in CELL_HEIGHTS_PX else None


def cell_size(answers: Answers, tty_fd: int) -> tuple[int, int] | None:
    """(width, height) of a cell in pixels: as the terminal says, as the kernel was told, or by all cells together. None: nobody
    knows.
    """
    columns, rows, width, height = _window(tty_fd)
    cell = believed_cell(*answers.cell_px) if answers.cell_px is not None else None
    area = believed_cell(*answers.area_px, columns, rows) if answers.area_px is not None else None
    return cell or believed_cell(width, height, columns, rows) or area


def _decide(answers: Answers, colors: int, environment: Mapping[str, str], tty_fd: int, wanted: str) -> Graphics:
    term = environment.get("TERM", "").strip().lower()
    multiplexed = term.startswith(_MULTIPLEXERS) or answers.name.startswith(_MULTIPLEXERS)
    true_color = answers.name.startswith(_TRUE_COLOR_NAMES) or answers.attributes >= _WINDOWS_TERMINAL
    if colors == SOME and true_color and not multiplexed:
        colors = ALL
    cell = cell_size(answers, tty_fd)
    has_pixels = cell is not None and colors > NO_COLORS
    return Graphics(
        (wanted or _best_protocol(answers, multiplexed=multiplexed)) if has_pixels else HALF,
        colors,
        *(cell or DEFAULT_CELL),
        wanted=wanted,
        keeps_ground=keeps_ground_of(term, answers.name),
        answers=answers,
    )


def _best_protocol(answers: Answers, *, multiplexed: bool) -> str:
    # A multiplexer says that it can do sixel even when the terminal around it cannot.
    if multiplexed:
        return HALF
    if answers.name.startswith(_KITTY_NAMES):
        return KITTY
    return SIXEL if "4" in answers.attributes else HALF


def later(before: Graphics, tty_fd: int, environment: Mapping[str, str] | None = None) -> Graphics:
    """What is known once a late answer has come, or the size of a cell is another. ``before``: what was known until then."""
    environment = os.environ if environment is None else environment
    if before.answers is None:
        return before
    return _decide(before.answers, before.colors, environment, tty_fd, before.wanted)
