"""The words of the legend below a picture, in the languages of the papers. Another language's legend is in English.

They stand here and not in the papers' catalogs: the process that draws them is confined, and reads no file.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegendWords:
    """One language's."""

    notice: str = "Confidential"
    """First word of the last line (P21)."""
    viewer: str = "for {name}"
    release: str = "release {id}"
    entry: str = "log #{seq}"
    masks: str = "masks version {version}"
    unmasked: str = "no masks"
    others: str = "others masked for this release"
    damaged: str = "PICTURE DAMAGED"
    damaged_short: str = "damaged"


_WORDS = {
    "es": LegendWords(
        "Confidencial",
        "para {name}",
        "entrega {id}",
        "registro #{seq}",
        "máscaras versión {version}",
        "sin máscaras",
        "otras personas ocultas para esta entrega",
        "IMAGEN DAÑADA",
        "dañada",
    ),
    "fr": LegendWords(
        "Confidentiel",
        "pour {name}",
        "remise {id}",
        "journal #{seq}",
        "masques version {version}",
        "sans masques",
        "autres personnes masquées pour cette remise",
        "IMAGE ENDOMMAGÉE",
        "endommagée",
    ),
}
_ENGLISH = LegendWords()


def legend_words(language: str) -> LegendWords:
    """Return the words in a language ('es'); the English ones where there are none."""
    return _WORDS.get(language, _ENGLISH)
