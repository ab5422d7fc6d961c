"""The keys of the timeline. Everything they do has a button, too; the footer shows those that one needs most."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from holdshelf_tui.widgets import key_table


def _extra(key: str, action: str, words: str, name: str, tooltip: str = "") -> Binding:
    """A letter that is in the help and not in the footer."""
    return Binding(key, action, words, show=False, id=f"timeline.{name}", tooltip=tooltip)


def _shown(key: str, action: str, words: str, name: str, tooltip: str) -> Binding:
    return Binding(key, action, words, key_display=key_table.sign(key), id=f"timeline.{name}", tooltip=tooltip)


TIMELINE_KEYS: list[BindingType] = [
    Binding("enter", "into", "Zoom in", id="timeline.in", tooltip="See a shorter time, in more detail"),
    _shown(key_table.TIME, "go_to", "Time", "time", "Go to a time in plain words"),
    _shown(key_table.LOOK, "look", "Look", "look", "Say why, and see pictures of this time"),
    _shown(key_table.START, "mark(-1)", "Start", "mark_in", "Mark where it starts"),
    _shown(key_table.STOP, "mark(1)", "End", "mark_out", "Mark where it ends"),
    _shown(key_table.HOLD, "hold", "Hold", "hold", "Keep the marked span"),
    _extra(f"{key_table.NEARER},equals_sign", "zoom(1)", "Zoom in", "plus"),
    _extra(key_table.FARTHER, "zoom(-1)", "Zoom out", "minus"),
    _shown(key_table.SPLIT, "together", "Split", "together", "Up to four cameras side by side, or one again"),
    _extra("escape", "zoom(-1)", "Zoom out", "out", "See a longer time"),
    _extra(key_table.NEXT, "activity(1)", "Next movement", "next", "To the next movement"),
    _extra(key_table.PREVIOUS, "activity(-1)", "Previous movement", "previous", "To the previous movement"),
    _extra(key_table.CAMERA, "camera(1)", "Next camera", "camera", "The same time at the next camera"),
    _extra(key_table.SHARE, "share", "Share", "share", "Share the marked span, view only"),
    _extra(key_table.RELEASE, "release", "Release", "release", "The marked span was requested from outside"),
    _extra(key_table.OUTBOX, "full_size", "Full size to my outbox", "full_size", "The picture, to fetch with SFTP"),
    _extra(key_table.PAPER, "still_sheet", "Still on paper", "still_sheet", "The picture, for someone without a key"),
    _extra(key_table.CLOSE, "close_look", "Close the look", "close", "End the look that is open here"),
]

SPAN_BUTTONS = {
    "before": ("« Moved", "activity(-1)", "To the previous movement (N)"),
    "next": ("Moved »", "activity(1)", "To the next movement (n)"),
    "mark-in": ("[ Start", "mark(-1)", "Mark where it starts ([)"),
    "mark-out": ("End ]", "mark(1)", "Mark where it ends (])"),
    "hold": ("Hold", "hold", "Keep the marked span (h)"),
    "share": ("Share", "share", "Share the marked span, view only (s)"),
    "release": ("Release", "release", "It was requested from outside (r)"),
    "sheet": ("Paper", "still_sheet", "This picture on paper (p)"),
}
"""The row below the pictures: what stands on each button, what it does, and what is told of it under the mouse, by id."""
