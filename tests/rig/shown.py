"""What a program shows on a terminal, and when: a pseudo-terminal that answers, and the screen that its bytes make.

Understands what full-screen programs send to an xterm: positions, colors, erasing. Must never be used to judge a terminal's
finer points; tmux is for that.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from tests.rig.hang import HANG_S
from tests.rig.processes import patience

RESTS_S = HANG_S / 3
"""So long a screen that never rests is waited for: then it is taken as it is."""
ANSWERS = {b"\x1b[5n": b"\x1b[0n", b"\x1b[c": b"\x1b[?6c", b"\x1b[>0q": b"\x1bP>|xterm(390)\x1b\\"}
"""Whether it is there, what it can, who it is: an xterm, with all colors and no pictures but of characters."""
_ASKED = re.compile(b"|".join(map(re.escape, ANSWERS)))
_LONGEST = max(map(len, ANSWERS))
_TOKEN = re.compile(
    r"\x1b\[([0-9;:?<>=!]*)([@-~])|\x1b[()][0-9A-B]|\x1b[=>78cDEHMNOZ\\]|"
    r"\x1b[\]P_][^\x07\x1b]*(?:\x07|\x1b\\)|[\r\n\b]"
)


type Pen = tuple[str, str, frozenset[str]]
"""SGR codes of the color, the ground, and the attributes."""
type Cell = tuple[str, Pen]
"""A character, and what it was written in; of a blank, what is seen of that."""

_PLAIN: Pen = ("39", "49", frozenset())
_OFF = {"22": "12", "23": "3", "24": "4", "25": "56", "27": "7", "28": "8", "29": "9"}
_SEEN_ON_BLANKS = frozenset("479")


def _blank(pen: Pen) -> Cell:
    return (" ", pen if pen[2] & _SEEN_ON_BLANKS else ("39", pen[1], frozenset()))


class Cells:
    """A screen of so many columns and rows, fed with what a program writes. ``keeps_ground``: it erases in the set color."""

    def __init__(self, columns: int, rows: int, *, keeps_ground: bool = True) -> None:
        self.columns, self.rows = columns, rows
        self._keeps_ground = keeps_ground
        self.lines = [[_blank(_PLAIN)] * columns for _ in range(rows)]
        self._x = self._y = 0
        self._pen = _PLAIN
        self._left = ""
        self._decode = getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data: bytes) -> None:
        """Whatever came; a sequence that is cut off waits for its rest."""
        text = self._left + self._decode(data)
        at = 0
        self._left = ""
        for token in _TOKEN.finditer(text):
            self._write(text[at : token.start()])
            at = token.end()
            self._do(token)
        rest = text[at:]
        if (begun := rest.rfind("\x1b")) >= 0:
            self._left, rest = rest[begun:], rest[:begun]
        self._write(rest)

    def _write(self, text: str) -> None:
        for character in text:
            if self._x < self.columns and self._y < self.rows:
                self.lines[self._y][self._x] = _blank(self._pen) if character == " " else (character, self._pen)
            self._x += 1

    def _do(self, token: re.Match[str]) -> None:
        sequence = token.group()
        if sequence == "\r":
            self._x = 0
        elif sequence == "\n":
            self._y = min(self._y + 1, self.rows - 1)
        elif sequence == "\b":
            self._x = max(0, self._x - 1)
        elif sequence.startswith("\x1b["):
            self._control(token[1], token[2])

    def _control(self, given: str, final: str) -> None:
        if given[:1] in ("?", ">", "<", "="):
            if (given, final) == ("?1049", "h"):
                self._erase(0, self.rows)
            return
        numbers = [int(word) if word.isdigit() else 0 for word in given.split(";")]
        first = max(1, numbers[0])
        match final:
            case "H" | "f":
                self._y = min(first, self.rows) - 1
                self._x = min(max(1, numbers[1] if len(numbers) > 1 else 1), self.columns) - 1
            case "m":
                self._set(given.split(";"))
            case "A":
                self._y = max(0, self._y - first)
            case "B":
                self._y = min(self.rows - 1, self._y + first)
            case "C":
                self._x = min(self.columns - 1, self._x + first)
            case "D":
                self._x = max(0, self._x - first)
            case "G":
                self._x = min(first, self.columns) - 1
            case "d":
                self._y = min(first, self.rows) - 1
            case "K":
                self.lines[self._y][self._x :] = [self._erased] * (self.columns - self._x)
            case "X":
                end = min(self._x + first, self.columns)
                self.lines[self._y][self._x : end] = [self._erased] * (end - self._x)
            case "J":
                self._erase(0 if numbers[0] == 2 else self._y, self.rows)
            case "b":
                self._write(self.lines[self._y][self._x - 1][0] * first)

    def _set(self, codes: list[str]) -> None:
        front, ground, attributes = self._pen
        while codes:
            code = codes.pop(0)
            if code in ("38", "48"):
                count = 4 if codes[0] == "2" else 2
                color, codes = ";".join((code, *codes[:count])), codes[count:]
                front, ground = (color, ground) if code == "38" else (front, color)
            elif code in ("", "0"):
                front, ground, attributes = _PLAIN
            elif code in _OFF:
                attributes -= frozenset(_OFF[code])
            elif len(code) == 1:
                attributes |= {code}
            elif code[:-1] in ("3", "9"):
                front = code
            else:
                ground = code
        self._pen = front, ground, attributes

    @property
    def _erased(self) -> Cell:
        return _blank(("39", self._pen[1] if self._keeps_ground else "49", frozenset()))

    def _erase(self, first: int, end: int) -> None:
        for row in range(first, end):
            self.lines[row] = [self._erased] * self.columns

    def text(self) -> str:
        """As a person reads it."""
        return "\n".join("".join(character for character, _ in line) for line in self.lines)


class Shown:
    """A program on a pseudo-terminal; times are monotonic, `chunks` are (when, bytes)."""

    def __init__(
        self,
        command: Sequence[str],
        size: tuple[int, int] = (160, 48),
        *,
        cell_px: tuple[int, int] = (0, 0),
        answers: Mapping[bytes, bytes] = ANSWERS,
    ) -> None:
        self.size = size
        self.cell_px = cell_px
        self._answers = answers
        self.master, end = os.openpty()
        self._set_size(*size)
        self.began_s = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=end,
            stdout=end,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "LC_ALL": "C.UTF-8"},
        )
        os.close(end)
        self.chunks: list[tuple[float, bytes]] = []
        self.cells = Cells(*size)
        self._unasked = b""

    def _set_size(self, columns: int, rows: int) -> None:
        fcntl.ioctl(
            self.master,
            termios.TIOCSWINSZ,
            struct.pack("4H", rows, columns, columns * self.cell_px[0], rows * self.cell_px[1]),
        )

    def resize(self, columns: int, rows: int, *, cell_px: tuple[int, int] | None = None) -> None:
        """Another window, or letters of another size in it; what was on it is gone."""
        self.cell_px = cell_px or self.cell_px
        self._set_size(columns, rows)
        self.size, self.cells = (columns, rows), Cells(columns, rows)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGWINCH)

    def read(self) -> bool:
        """Take what has come; False when there is nothing more to come."""
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.chunks.append((time.monotonic(), data))
        self._answer(data)
        self.cells.feed(data)
        return bool(data)

    def _answer(self, data: bytes) -> None:
        """What it is asked, also where the question comes in two pieces."""
        data, end = self._unasked + data, 0
        for asked in _ASKED.finditer(data):
            os.write(self.master, self._answers[asked[0]])
            end = asked.end()
        self._unasked = data[max(end, len(data) - _LONGEST + 1) :]

    def type(self, keys: bytes) -> float:
        """Press keys; when that was."""
        os.write(self.master, keys)
        return time.monotonic()

    def until(self, seen: Callable[[Cells], bool] | str, seconds: float = HANG_S) -> float:
        """Read until the screen shows it: when that was. Raises AssertionError."""
        (at,) = all_until([self], seen, seconds)
        return at

    def rests(self, quiet_s: float = 0.4, seconds: float = RESTS_S) -> bool:
        """Read until nothing has come for so long, in which nothing that this process runs waited for a processor: whether
        that came to be within ``seconds``. On a busy machine a screen that is painted each few seconds never rests."""
        ends, quiet = time.monotonic() + seconds, patience(quiet_s)
        while not quiet.is_over():
            if time.monotonic() > ends:
                return False
            if select.select([self.master], [], [], max(0.05, quiet_s - quiet.passed_s))[0]:
                if not self.read():
                    return True
                quiet = patience(quiet_s)
        return True

    def bytes_since(self, since_s: float) -> int:
        """How many came since then."""
        return sum(len(data) for at, data in self.chunks if at >= since_s)

    def settled_s(self, since_s: float, top: int, bottom: int) -> float:
        """When the rows from `top` on, before `bottom`, were first as they are now and stayed so; `since_s` at the earliest."""
        wanted = self.cells.lines[top:bottom]
        cells, last_s, was = Cells(*self.size), since_s, False
        for at, data in self.chunks:
            cells.feed(data)
            now = at >= since_s and cells.lines[top:bottom] == wanted
            if now and not was:
                last_s = at
            was = now
        return last_s

    def close(self, keys: bytes = b"") -> None:
        """Leave by these keys; else the line breaks."""
        if self.master < 0:
            return
        if keys and self.process.poll() is None:
            self.type(keys)
            ends = time.monotonic() + HANG_S
            while self.process.poll() is None and time.monotonic() < ends:
                if select.select([self.master], [], [], 0.1)[0]:
                    self.read()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        self.master = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


def all_until(shown: Sequence[Shown], seen: Callable[[Cells], bool] | str, seconds: float = HANG_S) -> list[float]:
    """Read from all until each shows it: when each did. Raises AssertionError."""
    shows = (lambda cells: seen in cells.text()) if isinstance(seen, str) else seen
    found: dict[int, float] = {}
    waiting = {one.master: one for one in shown}
    ends = time.monotonic() + seconds
    for one in shown:
        if shows(one.cells):
            found[one.master] = time.monotonic()
    while len(found) < len(shown):
        if time.monotonic() > ends:
            missing = next(one for one in shown if one.master not in found)
            raise AssertionError(f"after {seconds:g} s still not {seen!r} on:\n{missing.cells.text()}")
        for master in select.select(list(waiting), [], [], 0.1)[0]:
            one = waiting[master]
            if not one.read():
                raise AssertionError(f"the program ended; it showed:\n{one.cells.text()}")
            if master not in found and shows(one.cells):
                found[master] = one.chunks[-1][0]
    return [found[one.master] for one in shown]
