"""tui: the screens, on this terminal. For an account of this machine that the register knows, and for the admin."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from enum import StrEnum
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_tui.cli.options import Data, client
from holdshelf_tui.text.words import inert

root = typer.Typer()


class ThemeName(StrEnum):
    """How it looks."""

    DARK = "dark"
    LIGHT = "light"
    CONTRAST = "contrast"
    ANSI = "ansi"


class PictureProtocol(StrEnum):
    """How pictures are drawn."""

    AUTO = "auto"
    HALF_BLOCK = "half-block"
    SIXEL = "sixel"
    KITTY = "kitty"


@root.command(short_help="The screens, on this terminal.", epilog="Example: holdshelf tui --theme light")
def tui(
    theme: Annotated[
        ThemeName, typer.Option(help="Color theme; ansi uses the terminal's own colors.")
    ] = ThemeName.DARK,
    pictures: Annotated[
        PictureProtocol, typer.Option(help="How to draw pictures; auto asks the terminal.")
    ] = PictureProtocol.AUTO,
    data: Data = None,
) -> None:
    """The screens, on this terminal."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise BadRequest("The screens need a terminal.", "Use the other commands in a script: `holdshelf --help`.")
    service = client(data)
    service.status()  # before anything is drawn: an error is a sentence on the normal screen

    from holdshelf_tui.app import HoldshelfApp  # noqa: PLC0415 - loads Textual, which no other command needs
    from holdshelf_tui.session.probe import probe  # noqa: PLC0415
    from holdshelf_tui.themes import NAMES  # noqa: PLC0415

    graphics = probe(sys.stdin.fileno(), wanted="" if pictures is PictureProtocol.AUTO else pictures.value)
    app = HoldshelfApp(service, graphics=graphics, theme=NAMES[theme.value])
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: app.leave_soon())
    try:
        reason = app.run()
    finally:
        # However it ended: no look of a local account outlives its terminal.
        with contextlib.suppress(HoldshelfError, OSError):
            app.looks.close_left_open(service)
    if reason:
        typer.echo(inert(reason, 400), err=True)
    code = app.return_code or 0
    sys.stdout.flush()
    # No thread that still waits for an answer may keep a terminal that was left.
    os._exit(code or (1 if reason else 0))
