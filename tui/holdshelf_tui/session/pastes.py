"""Pastes of a bearable size: what is longer than any field takes is dropped before anybody keeps it in memory."""

from __future__ import annotations

BEGIN, END = "\x1b[200~", "\x1b[201~"
ESCAPE = "\x1b"
"""Taken out of a paste: Textual's parser makes keys of what follows one there, and those would be obeyed."""
MOST_CHARS = 200_001
"""One more than an adopted policy may have, the longest that a field takes: a longer one is known by it."""


class Pastes:
    """Between the terminal and the parser of its keys (bracketed paste). Never holds a key back outside of a paste."""

    def __init__(self, most: int = MOST_CHARS) -> None:
        self._most = most
        self._inside = False
        self._left = 0
        self._before = ""
        """The end of what was passed on, or inside a paste of what may be its end."""

    def feed(self, text: str) -> str:
        """What is passed on of what was read."""
        out: list[str] = []
        while text:
            text = self._within(text, out) if self._inside else self._outside(text, out)
        return "".join(out)

    def _outside(self, text: str, out: list[str]) -> str:
        seen = self._before + text
        at = seen.find(BEGIN)
        if at < 0:
            out.append(text)
            self._before = seen[-(len(BEGIN) - 1) :]
            return ""
        taken = at + len(BEGIN) - len(self._before)
        out.append(text[:taken])
        self._inside, self._left, self._before = True, self._most, ""
        return text[taken:]

    def _within(self, text: str, out: list[str]) -> str:
        seen = self._before + text
        at = seen.find(END)
        kept = seen[:at] if at >= 0 else seen[: -(len(END) - 1)]
        out.append(kept[: self._left].replace(ESCAPE, ""))
        self._left = max(0, self._left - len(kept))
        if at < 0:
            self._before = seen[len(kept) :]
            return ""
        out.append(END)
        self._inside, self._before = False, ""
        return seen[at + len(END) :]
