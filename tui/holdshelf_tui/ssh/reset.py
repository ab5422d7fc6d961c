"""Leaves a client's terminal as it was found, however the program in it ended.

The door writes this itself, after the child has gone: a killed child cannot. Each sequence is one that the terminals in use
either know or skip.
"""

from __future__ import annotations

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
_MODES_OFF = (
    b"\x18\x1b\\"  # whatever sequence or string was being sent is over
    b"\x1b[?2026l"  # synchronized output: the screen is drawn again
    b"\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse
    b"\x1b[?1004l\x1b[?2004l\x1b[?2048l"  # focus, bracketed paste, sizes told in band
    b"\x1b[=0u\x1b[<9u"  # kitty's keyboard protocol
    b"\x1b[?1l\x1b>"  # cursor and keypad keys
    b"\x1b[?7h\x1b[4l"  # wrapping, insert
)
# Both move the cursor to the top, so they belong to the second screen: on the first one it stands below what was there.
_SECOND_OFF = b"\x1b[r\x1b[?6l" + LEAVE  # scrolling region, origin
_LAST = b"\x1b[0m\x1b(B\x0f\x1b[?25h"  # colors, character set, cursor


class Screen:
    """Watches what is sent to one terminal, as far as leaving it needs: is the second screen in use?"""

    def __init__(self) -> None:
        self._second = False
        self._tail = b""
        self.wrote = False

    def sent(self, data: bytes) -> None:
        """These bytes went to the terminal."""
        self.wrote = True
        seen = self._tail + data
        entered, left = seen.rfind(ENTER), seen.rfind(LEAVE)
        if entered != left:
            self._second = entered > left
        self._tail = seen[-(len(ENTER) - 1) :]

    def reset(self) -> bytes:
        """What leaves the terminal clean. The second screen is left only when it is in use: leaving it moves the cursor."""
        return _MODES_OFF + (_SECOND_OFF if self._second else b"") + _LAST
