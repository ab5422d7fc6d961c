"""Where a camera may look: the adopted policy's list of places (P4), and the private ones that it forbids (P5)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from holdshelf_core.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Area:
    """A kind of place, as shown for selection."""

    kind: str
    words: str


PERMITTED = (
    Area("parking", "parking lot"),
    Area("entrance", "entrance or exit"),
    Area("seating", "seating area"),
    Area("service-desk", "service desk"),
    Area("community-room", "community room"),
    Area("collections", "near book and media collections"),
    Area("prone-to-theft", "prone to theft or misconduct"),
    Area("money", "where money is stored or handled"),
    Area("other", "other common area (say which and why)"),
)
PRIVATE = (
    Area("restroom", "restroom"),
    Area("changing-room", "changing room"),
    Area("locker-room", "locker room"),
    Area("staff-lounge", "staff lounge"),
    Area("nursing-room", "nursing room"),
)
_PRIVATE_WORDS = re.compile(
    r"\b(rest\s?rooms?|bath\s?rooms?|wash\s?rooms?|powder\s?rooms?|toilets?|lavator(?:y|ies)|wcs?|w\.c\.|loos?|urinals?"
    r"|men'?s|ladies'?|women'?s|gents'?|chang(?:e|ing)|dressing|fitting|lockers?|showers?|lounges?"
    r"|break\s?rooms?|staff\s?rooms?|nursing|lactation|mother'?s)(?!\w)",
    re.IGNORECASE,
)
# Characters that join or end words in names but count as letters in a pattern, or hide a word: Staff_Lounge, Restroom2, men’s.
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "_": " ", "-": " ", "‐": " ", "–": " "})
_SEAMS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")


def is_private(kind: str) -> bool:
    """Return whether this is a private area (P5), by the policy's list or by its name."""
    if any(kind == area.kind for area in PERMITTED):
        return False
    return any(kind == area.kind for area in PRIVATE) or questionable_name(kind) is not None


def check_area(kind: str, note: str = "") -> None:
    """Refuse what the policy does not allow. Raises BadRequest with the clause's id."""
    known = {area.kind for area in PERMITTED}
    if is_private(kind):
        raise BadRequest(
            f"No camera is allowed in a private area such as a {kind[:40].replace('-', ' ')} (P5).",
            "Nobody can override this. Choose another place.",
        )
    if kind not in known:
        raise BadRequest(
            f"{kind[:40]!r} is not a kind of area on the policy's list (P4).",
            "One of: " + ", ".join(sorted(known)) + ".",
        )
    if kind == "other" and not note.strip():
        raise BadRequest(
            "An area of kind 'other' needs a note that explains which area and why (P4).", "Add --area-note."
        )


def questionable_name(name: str) -> str | None:
    """Return the word in a camera's name that suggests a private place, or None."""
    plain = _SEAMS.sub(" ", unicodedata.normalize("NFKC", name).translate(_APOSTROPHES))
    match = _PRIVATE_WORDS.search(plain)
    return match[0] if match else None
