"""Where a camera may look where a policy file names no places (P4), and the private ones that no file opens (P5)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass


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
    r"|break\s?rooms?|staff\s?rooms?|(?:staff|employees?'?) breaks?|nursing|lactation|mother'?s"
    r"|breast\s?feed(?:ing)?|breast\s?milk|(?:milk|breast) expression|pumping rooms?|latrines?"
    # Spanish and French, in which policies and their papers are printed, too.
    r"|baños?|aseos?|lavabos?|sanitarios?|servicios higiénicos|retretes?|inodoros?|vestuarios?|vestidores?|probador(?:es)?"
    r"|duchas?|taquillas?|lactancia|amamantar|amamantamiento|cambiador(?:es)?|cambia ?pañales|urinarios?|mingitorios?|camerinos?"
    r"|(?:sala|zona|área|cuarto) de (?:descanso|personal)|descanso del personal"
    r"|toilettes?|sanitaires?|cabinets? d'aisances?|vestiaires?|cabines? d'essayage|douches?|casiers?|allaitement|allaiter"
    r"|tire ?lait|tables? à langer|urinoirs?|(?:espace|coin|local) (?:de )?(?:détente|repos|pause) du personnel"
    r"|salles? (?:de repos|du personnel|de pause|de bains?))(?!\w)",
    re.IGNORECASE,
)
# The same words about something else: their neighbors say so, and they are covered before the search.
_HARMLESS = re.compile(
    r"\b((?:wo)?men'?s (?:history|studies|books?|fiction|literature|interests?|collections?|magazines?|month|movement)"
    r"|chang(?:e|ing) (?:exhibits?|exhibitions?|displays?|machines?|makers?)|(?:coin|money|bill) chang(?:e|ing)"
    r"|climate change|fitting (?:out|works?)|salad dressing|light fittings?"
    r"|(?:holds?|pick\s?up|parcel|book|laptop|charging|phone|return|reserves?|library|self service|amazon) lockers?(?! rooms?)"
    r"|(?:teens?|reading|readers'?|reader's|public|students?|quiet|library|magazines?|newspapers?|periodicals?|coffee|study|lobby"
    r"|children'?s|young adults?|ya|community|internet|computer|media|atrium) lounges?"
    r"|lounge (?:chairs?|seating|furniture)"
    r"|nursing (?:books?|collections?|journals?|students?|programs?|school|home)"
    r"|mother'?s day|(?:baby|bridal|rain) showers?"
    r"|taquillas? de (?:recogida|devolución|préstamo|reservas|entradas|libros|información)"
    r"|(?:zona|área) de descanso (?:del público|de lectores|para lectores|exterior)"
    r"|casiers? (?:de (?:retrait|prêt|retour|réservation|consigne)|à livres|automatiques?|de recharge))(?!\w)",
    re.IGNORECASE,
)
# Characters that join or end words in names but count as letters in a pattern, or hide a word: Staff_Lounge, Restroom2, men’s.
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "_": " ", "-": " ", "‐": " ", "–": " "})
_SEAMS = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[^\W\d])(?=\d)|(?<=\d)(?=[^\W\d])")


def questionable_name(name: str) -> str | None:
    """Return the word in a camera's name that suggests a private place, or None."""
    plain = _SEAMS.sub(" ", unicodedata.normalize("NFKC", name).translate(_APOSTROPHES))
    match = _PRIVATE_WORDS.search(_HARMLESS.sub(lambda found: "·" * len(found[0]), plain))
    return match[0] if match else None
