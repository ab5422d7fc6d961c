"""The keys of the timeline. Everything they do has a button, too; the footer shows those that one needs most."""

from __future__ import annotations

from textual.binding import Binding, BindingType


def _extra(key: str, action: str, words: str, name: str, tooltip: str = "") -> Binding:
    """A letter that is in the help and not in the footer."""
    return Binding(key, action, words, show=False, id=f"timeline.{name}", tooltip=tooltip)


def _sign(key: str, sign: str, action: str, words: str, name: str, tooltip: str) -> Binding:
    return Binding(key, action, words, key_display=sign, id=f"timeline.{name}", tooltip=tooltip)


TIMELINE_KEYS: list[BindingType] = [
    Binding("enter", "into", "Zoom in", id="timeline.in", tooltip="See a shorter time, in more detail"),
    Binding("t", "go_to", "Time", id="timeline.time", tooltip="Go to a time in plain words"),
    Binding("o", "look", "Look", id="timeline.look", tooltip="Say why, and see pictures of this time"),
    _sign("left_square_bracket", "[", "mark(-1)", "Start", "mark_in", "Mark where it starts"),
    _sign("right_square_bracket", "]", "mark(1)", "End", "mark_out", "Mark where it ends"),
    Binding("h", "hold", "Hold", id="timeline.hold", tooltip="Keep the marked span"),
    _extra("plus,equals_sign", "zoom(1)", "Zoom in", "plus"),
    _extra("minus", "zoom(-1)", "Zoom out", "minus"),
    _extra("escape", "zoom(-1)", "Zoom out", "out", "See a longer time"),
    _extra("n", "activity(1)", "Next movement", "next", "To where something moves next"),
    _extra("p", "activity(-1)", "Movement before", "previous", "To where something moved before"),
    _extra("c", "camera(1)", "Next camera", "camera", "The same time at the next camera"),
    _extra("s", "share", "Share", "share", "Share the marked span, view only"),
    _extra("r", "release", "Release", "release", "The marked span is asked for from outside, on a paper"),
    _extra("f", "full_size", "Full size to my outbox", "full_size", "The picture of this time, to be fetched by SFTP"),
    _extra("w", "still_sheet", "Still on paper", "still_sheet", "The picture of this time, for somebody without a key"),
    _extra("x", "close_look", "Close the look", "close", "End the look that is open here"),
]
