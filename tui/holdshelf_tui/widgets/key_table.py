"""Every key of the screens, and the one thing that it means on all of them.

Tabs, dialogs and widgets name a key by its meaning: `key=key_table.APPROVE`. So a key can have one meaning only, and what is
offered in two places has the same key in both. `docs/terminal.md` prints this table.
"""

from __future__ import annotations

from textual.keys import key_to_character

MEANINGS: dict[str, str] = {}
"""What each key means, in the order of the table below."""


def _key(key: str, means: str) -> str:
    if key in MEANINGS:
        raise ValueError(f"{key} already means: {MEANINGS[key]}")
    MEANINGS[key] = means
    return key


APPROVE = _key("a", "Approve or refuse what somebody asked for")
IN_USE = _key("b", "Bring a camera into use")
CAMERA = _key("c", "The next camera")
END = _key("d", "End, delete or remove it")
CHANGE = _key("e", "Add to it or change it")
OUTBOX = _key("f", "To my outbox, to be fetched")
GRANT = _key("g", "Give somebody a right")
PICTURES = _key("G", "Its pictures on one sheet")
HOLD = _key("h", "Put it on hold")
HOLD_ANYWHERE = _key("H", "Place a hold, from anywhere")
NEW = _key("i", "Put in something new")
OTHERS = _key("I", "Other people in the picture")
COUNSEL = _key("j", "Counsel's determinations")
KEY = _key("k", "A new key or password")
SENT = _key("J", "Papers that were sent, and those kept sealed")
LIFT = _key("l", "Ask for a hold to be lifted")
LIVE = _key("L", "Its live picture")
MAKE = _key("m", "Make the bundle")
NEXT = _key("n", "To the next movement")
PREVIOUS = _key("N", "To the previous movement")
LOOK = _key("o", "Look: say why, and see pictures")
PAPER = _key("p", "On paper")
WHO = _key("q", "Who looked")
NEXT_BOX = _key("Q", "The next box that is drawn")
RELEASE = _key("r", "Request a release")
AGAIN = _key("R", "Request it once more")
SHARE = _key("s", "Share it, view only")
TIME = _key("t", "To a time on the timeline")
RECEIPT = _key("u", "The receipt for the officer")
REVIEW = _key("v", "Review it: still needed, or looked into")
SHEET = _key("w", "The sheet “What we need”")
CLOSE = _key("x", "Stop or close it")
CHECK = _key("y", "Check or verify it")
SORT = _key("z", "Sort the list by the next column")
SIZE = _key("Z", "Size what is drawn with the arrows, or move it again")
ADDRESS = _key("A", "By its address")
CARD = _key("C", "A camera's own recording")
RAW = _key("B", "The line as it stands in the log")
DEVICE = _key("D", "Another device in its place")
MOVED = _key("M", "It was moved to another place")
MINE = _key("F", "What is in my outbox")
ELSEWHERE = _key("K", "A copy on another disk or a stick")
AT_CAMERA = _key("O", "At the camera itself")
TOLD = _key("V", "What a camera reported")
BRANCHES = _key("Y", "What the other branches hold")
MEND = _key("X", "Repair what is damaged")
SHAPE = _key("P", "Draw a rectangle, or a shape with more corners")
SAVE = _key("S", "Save what is drawn")
TABLE = _key("E", "As a table (CSV), into my outbox")
CLOCK = _key("T", "Confirm the server's time")
NOTHING = _key("U", "Nothing has to be hidden")
WAIVE = _key("W", "Go without a sign")
EXTEND = _key("semicolon", "Give it more time")
GONE = _key("apostrophe", "What was destroyed, and by which rule")
REQUESTS = _key("quotation_mark", "Which requests there were, and how they were answered")
DANGER = _key("exclamation_mark", "Look at once, in imminent danger; from anywhere")
FIND = _key("slash", "Find in this list, or choose another")
ALL = _key("full_stop", "All of them, including closed ones")
EARLIER = _key("less_than_sign", "Earlier ones")
LATER = _key("greater_than_sign", "Later ones")
START = _key("left_square_bracket", "Mark where it starts")
STOP = _key("right_square_bracket", "Mark where it ends")
SPLIT = _key("vertical_line", "Several cameras side by side, or one again")
NEARER = _key("plus", "See a shorter time")
FARTHER = _key("minus", "See a longer time")
COPY = _key("ctrl+c", "Copy the number under the cursor, or what is selected")
HELP = _key("f1", "Help")
TODAY = _key("f2", "What waits for you")
ANEW = _key("f5", "Refresh")
COMMANDS = _key("ctrl+p", "Commands by name")
REPAINT = _key("ctrl+l", "Repaint the screen")
LEAVE = _key("ctrl+q", "Close your looks and leave")

SAME = {"question_mark": HELP, "equals_sign": NEARER, "delete": END, "super+c": COPY}
"""Other keys for one of these."""
TABS = frozenset("0123456789")
"""The tab of that number; 0 is Start."""
MOVING = frozenset(
    f"{held}{key}"
    for key in (
        *("left", "right", "up", "down", "home", "end", "pageup", "pagedown"),
        *("tab", "enter", "escape", "space", "backspace"),
    )
    for held in ("", "shift+", "ctrl+")
)
"""They move within what is in front, fill in a form, choose, and go back; the same everywhere, and told by the help."""
_SIGNS = {"f1": "F1", "f2": "F2", "f5": "F5", "slash": "/", "plus": "+", "minus": "-", "vertical_line": "|"}


def sign(key: str) -> str:
    """How a key is written: 'a', '[', 'F5', 'Ctrl+C'; of several the first."""
    key = key.partition(",")[0]
    if key.startswith("ctrl+"):
        return f"Ctrl+{key.removeprefix('ctrl+').upper()}"
    return _SIGNS.get(key) or key_to_character(key) or key
