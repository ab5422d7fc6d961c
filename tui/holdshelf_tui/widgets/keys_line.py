"""The last line: the keys of what is in front, whole ones only; at its right end, on every width, how to get help and leave."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Footer, Static
from textual.widgets._footer import FooterKey

type _Shown = tuple[Binding, bool, str, str] | None
"""A key: whether it can be pressed now, its tooltip, and its class. None is a gap."""

ALWAYS = ("help", "leave")
"""Ids of the bindings at the right end, in this order."""


class KeysLine(Footer):
    """Keys that have no room are left out whole: the help has all of them."""

    DEFAULT_CSS = """
    KeysLine { overflow: hidden; }
    KeysLine > Static { width: 1fr; height: 1; }
    KeysLine.-compact > FooterKey.last { margin-right: 0; }
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False, compact=True)
        self._made_for_columns = 0
        self._made: list[_Shown] = []

    def compose(self) -> ComposeResult:
        """As many as fit, in their order; a gap; help and leave."""
        if not self._bindings_ready:
            return
        self._made = self._shown()
        for one in self._made:
            # A gap of no width would take a column all the same, and is left out.
            yield self._key(*one) if one else Static("")

    async def recompose(self) -> None:
        """Only when other keys are to be seen: Textual asks after each change of the focus, and making them is slow."""
        if self.is_attached and self._made != self._shown():
            await super().recompose()

    def _shown(self) -> list[_Shown]:
        """What is to be seen from left to right; None is the gap."""
        self._made_for_columns = columns = self.app.size.width
        found: dict[str, tuple[Binding, bool, str]] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show:
                found.setdefault(binding.action, (binding, enabled, tooltip))
        last = [one for name in ALWAYS for one in found.values() if one[0].id == name]
        room = columns - sum(self._columns(binding) for binding, _, _ in last) + 1
        shown: list[_Shown] = []
        for one in found.values():
            if one not in last and (takes := self._columns(one[0])) <= room:
                room -= takes
                shown.append((*one, ""))
        if room:
            shown.append(None)
        return [*shown, *((*one, "last" if one is last[-1] else "") for one in last)]

    def _columns(self, binding: Binding) -> int:
        return len(self.app.get_key_display(binding)) + len(binding.description) + 2

    def _key(self, binding: Binding, enabled: bool, tooltip: str, classes: str) -> FooterKey:
        words, sign = binding.description, self.app.get_key_display(binding)
        compact = (
            f"{classes} -compact"  # from the beginning: Textual would add the class, and style the key once more for it
        )
        key = FooterKey(binding.key, sign, words, binding.action, not enabled, tooltip or words, compact)
        return key.data_bind(compact=Footer.compact)

    def on_resize(self) -> None:
        """As many as fit now."""
        if self._bindings_ready and self.app.size.width != self._made_for_columns:
            self.call_after_refresh(self.recompose)
