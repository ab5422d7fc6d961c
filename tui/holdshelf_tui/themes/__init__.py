"""How it looks: a light, a dark and a high-contrast theme of our own, and one that keeps to the terminal's sixteen colors.

Nothing is meant by color alone: every state has its word or its sign. With NO_COLOR, Textual shows none of them. On terminals
of 256 or 16 colors the first three have palettes (`palettes`). The fourth writes all letters in the terminal's own color on its
own ground, since nobody here knows what the others look like there.
"""

from __future__ import annotations

import functools

from textual.theme import Theme

from holdshelf_tui.themes.palettes import CONTRAST_PALETTE, DARK_PALETTE, LIGHT_PALETTE, Painter

DARK, LIGHT, CONTRAST, ANSI = "holdshelf-dark", "holdshelf-light", "holdshelf-contrast", "holdshelf-ansi"

# Slate and paper; the accent is the buff of a hold slip.
THEMES = (
    Theme(
        name=DARK,
        primary="#7fb2d9",
        secondary="#9fb3c8",
        accent="#e0b872",
        foreground="#e6eaee",
        background="#14181d",
        surface="#1b2128",
        panel="#252d36",
        success="#84c49a",
        warning="#e5b567",
        error="#ef8f86",
        dark=True,
        variables={"block-cursor-text-style": "bold", "footer-key-foreground": "#e0b872"},
    ),
    Theme(
        name=LIGHT,
        primary="#1f5f8b",
        secondary="#4d6375",
        accent="#865700",
        foreground="#1b2127",
        background="#faf8f3",
        surface="#f1ede4",
        panel="#e4ded1",
        success="#1f6b3a",
        warning="#7d5200",
        error="#a5281f",
        dark=False,
        variables={"block-cursor-text-style": "bold", "footer-key-foreground": "#865700"},
    ),
    Theme(
        name=CONTRAST,
        primary="#ffffff",
        secondary="#ffffff",
        accent="#ffe100",
        foreground="#ffffff",
        background="#000000",
        surface="#000000",
        panel="#1a1a1a",
        success="#5cff8d",
        warning="#ffe100",
        error="#ff9c94",
        dark=True,
        text_alpha=1.0,
        variables={
            "block-cursor-foreground": "#000000",
            "block-cursor-background": "#ffe100",
            "block-cursor-text-style": "bold",
            "border": "#ffffff",
            "border-blurred": "#ffffff",
            "footer-key-foreground": "#ffe100",
            "scrollbar": "#ffffff",
        },
    ),
    Theme(
        name=ANSI,
        primary="ansi_default",
        secondary="ansi_default",
        accent="ansi_default",
        foreground="ansi_default",
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        boost="ansi_default",
        success="ansi_default",
        warning="ansi_default",
        error="ansi_default",
        dark=True,
        luminosity_spread=0.0,
        text_alpha=1.0,
        ansi=True,
        variables={
            "ansi-background": "ansi_default",
            "ansi-foreground": "ansi_default",
            "block-cursor-foreground": "ansi_default",
            "block-cursor-background": "ansi_default",
            "block-cursor-text-style": "bold reverse",
            "block-cursor-blurred-foreground": "ansi_default",
            "block-cursor-blurred-background": "ansi_default",
            "block-cursor-blurred-text-style": "reverse",
            "block-hover-background": "ansi_default",
            "border": "ansi_blue",
            "border-blurred": "ansi_default",
            "footer-key-foreground": "ansi_default",
            "footer-background": "ansi_default",
            "footer-foreground": "ansi_default",
            "input-cursor-background": "ansi_default",
            "input-cursor-foreground": "ansi_default",
            "input-cursor-text-style": "reverse",
            "input-selection-background": "ansi_default",
            "scrollbar": "ansi_blue",
            "scrollbar-background": "ansi_default",
            "text-muted": "ansi_default",
            "link-color": "ansi_default",
        },
    ),
)
NAMES = {"dark": DARK, "light": LIGHT, "contrast": CONTRAST, "ansi": ANSI}
COLORS = {DARK: "dark", LIGHT: "light", CONTRAST: "high contrast", ANSI: "those of your terminal"}
PALETTES = {DARK: DARK_PALETTE, LIGHT: LIGHT_PALETTE, CONTRAST: CONTRAST_PALETTE}


@functools.cache
def painter(theme: str, colors: int) -> Painter | None:
    """What a theme is painted with on a terminal of so many colors; None: as it is."""
    if theme not in PALETTES or colors not in (16, 256):
        return None
    return PALETTES[theme].on(next(one for one in THEMES if one.name == theme), colors)
