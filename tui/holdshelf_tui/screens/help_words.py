"""What the help says: the keys of a tab, form or dialog in plain words, then those that work everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from textual.binding import Binding
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.keys import key_to_character
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from holdshelf_tui.screens.actions_pane import ActionsPane
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.help import Help, Keys
from holdshelf_tui.screens.home import HomeScreen

_KEYS = {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "enter": "Enter",
    "escape": "Esc",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "space": "Space",
    "home": "Home",
    "end": "End",
    "delete": "Del",
    "backspace": "Backspace",
    "tab": "Tab",
    "plus": "+",
    "minus": "-",
    "ctrl": "Ctrl",
    "shift": "Shift",
}
# Where a footer's word alone would not say it.
_WORDS = {
    "strip.page_back": "A whole width back",
    "strip.page_on": "A whole width on",
    "strip.far_back": "Five steps back",
    "strip.far_on": "Five steps on",
    "strip.start": "To the start of what is shown",
    "strip.end": "To the end of what is shown",
}
_MOVING: tuple[Keys, ...] = (
    ("Tab, Shift+Tab", "To the next list, field or button, and back"),
    ("↑ ↓ ← →", "Move in a list, in a row of tabs, in a text"),
    ("PgUp PgDn", "A page up or down; Home and End: to its start or end"),
    ("Enter", "Press the button, or open the line under the cursor"),
    ("Esc", "Back: closes the top dialog"),
)
_ALWAYS: tuple[Keys, ...] = (
    ("F1", "Open or close this help"),
    ("Ctrl+P", "What this tab does, the tabs, colors, help, by name"),
    ("Ctrl+L", "Repaint the screen"),
    ("Ctrl+Q", "Close your looks and leave"),
)
_PALETTE: tuple[Keys, ...] = (
    ("Letters", "Shows only commands with these letters in the name"),
    ("↑ ↓", "Choose"),
    ("Enter", "Do it"),
    ("Esc", "Back; nothing is done"),
)


def help_for(screen: Screen[object]) -> Help:
    """Of what is in front on that screen."""
    if isinstance(screen, HomeScreen):
        return _of_home(screen)
    always = ("Everywhere", list(_ALWAYS))
    if isinstance(screen, FormDialog):
        return Help(_title(screen), [("In this form", [*_form_keys(screen), *keys_of(screen)]), always])
    if isinstance(screen, CommandPalette):
        return Help("Commands by name", [("Here", list(_PALETTE)), always])
    own = [*keys_of(screen), *(line for widget in _ours(screen) for line in keys_of(widget))]
    known = {keys for keys, _ in own}
    moving = [line for line in _MOVING if line[0] not in known]
    return Help(_title(screen), [("Here", [*own, *moving]), always])


def _of_home(home: HomeScreen) -> Help:
    front = home.front
    parts: list[tuple[str, list[Keys]]] = []
    if front is not None:
        own = [line for widget in (*_ours(front), front) for line in keys_of(widget)]
        own += front.keyless() if isinstance(front, ActionsPane) else []
        parts.append(("In this tab", own or [("Tab", "To its buttons (this tab has no keys of its own)")]))
    tabs = [(str(number), title) for number, title in enumerate(home.titles)]
    parts.append(("To another tab", [*tabs, ("Ctrl+PgUp PgDn", "The tab to the left or to the right")]))
    everywhere = [line for line in keys_of(home) if line[0] in ("F2", "H")]
    parts.append(("Everywhere", [*everywhere, *_MOVING, *_ALWAYS]))
    return Help(front.title if front is not None else "Holdshelf", parts)


def _title(screen: Screen[object]) -> str:
    titles = (str(widget.border_title or "") for widget in screen.query(".dialog").results(Widget))
    return next((title for title in titles if title), str(screen.title or ""))


def _ours(node: DOMNode) -> Iterable[Widget]:
    """Widgets of this program that are in sight and take keys."""
    return (
        widget
        for widget in node.query("*").results(Widget)
        if type(widget).__module__.startswith("holdshelf_tui.") and widget.focusable and widget.display
    )


def _form_keys(form: FormDialog[object]) -> list[Keys]:
    return [
        ("Tab, Shift+Tab", "To the next field or button, and back"),
        ("↑ ↓", "Choose one of several (●)"),
        ("Space", "Check or uncheck ([x])"),
        ("Enter", f"“{form.does}”: do it as it is filled in"),
        ("Esc", "Back, without doing it"),
    ]


def keys_of(node: DOMNode) -> list[Keys]:
    """What a screen or widget binds, a line for each act; what has no id is for nobody to know."""
    found: dict[str, tuple[list[str], str]] = {}
    for _, one in node._bindings:
        if not one.id or node.app._check_action_state(one.action, node) is False:
            continue
        keys, words = found.setdefault(one.action, ([], _words(one)))
        if not words:
            found[one.action] = (keys, _words(one))
        if (sign := key_words(one)) not in keys:
            keys.append(sign)
    is_form = isinstance(node, ModalScreen)
    return [
        (", ".join(keys), words)
        for keys, words in found.values()
        if not (is_form and keys == ["Esc"] and isinstance(node, FormDialog))
    ]


def _words(one: Binding) -> str:
    return one.tooltip or _WORDS.get(one.id or "", "") or one.description


def key_words(one: Binding, names: Mapping[str, str] = _KEYS) -> str:
    """'Ctrl+←', 'PgDn', '['."""
    if one.key_display:
        return one.key_display
    parts = one.key.split("+")
    return "+".join(names.get(part) or _sign(part) for part in parts)


def _sign(part: str) -> str:
    sign = key_to_character(part) or part
    return sign.upper() if len(part) > 1 and part[0] == "f" and part[1:].isdecimal() else sign
