"""Which words of a place sound private, and which only look so: as libraries write them, in English, Spanish and French."""

from __future__ import annotations

import pytest

from holdshelf_core.policy.areas import questionable_name

PRIVATE = {
    "en": (
        "restroom",
        "rest rooms",
        "family restroom",
        "bathroom",
        "washroom",
        "powder room",
        "toilets",
        "lavatory",
        "the men's",
        "women's room",
        "ladies",
        "changing room",
        "baby changing station",
        "dressing room",
        "fitting room",
        "locker room",
        "staff lockers",
        "showers",
        "staff lounge",
        "break room",
        "staff break area",
        "staff room",
        "nursing room",
        "lactation pod",
        "mothers' room",
        "breastfeeding nook",
        "breast-feeding corner",
        "breast milk expression room",
        "pumping room",
        "hallway by the restrooms",
    ),
    "es": (
        "baño",
        "baños públicos",
        "cuarto de baño",
        "aseos",
        "lavabos",
        "sanitarios",
        "servicios higiénicos",
        "retrete",
        "inodoros",
        "urinarios",
        "mingitorio",
        "vestuario",
        "vestidores",
        "probador",
        "camerinos",
        "duchas",
        "taquillas del personal",
        "sala de lactancia",
        "rincón para amamantar",
        "cambiador de bebés",
        "cambiapañales",
        "sala de descanso",
        "área de descanso del personal",
        "sala de personal",
        "pasillo de los aseos",
    ),
    "fr": (
        "toilettes",
        "les toilettes du rez-de-chaussée",
        "WC",
        "sanitaires",
        "latrines",
        "urinoirs",
        "cabinet d'aisances",
        "vestiaires",
        "cabines d'essayage",
        "douche",
        "casiers du personnel",
        "salle d'allaitement",
        "coin allaitement",
        "coin pour allaiter",
        "salle tire-lait",
        "table à langer",
        "salle de repos",
        "salle du personnel",
        "espace détente du personnel",
        "salle de pause",
        "salle de bains",
        "couloir des toilettes",
    ),
}
PUBLIC = {
    "en": (
        "front entrance",
        "reading room",
        "women's history shelves",
        "men's studies collection",
        "changing exhibits gallery",
        "coin change machine",
        "holds pickup lockers",
        "laptop lockers",
        "teen lounge",
        "reading lounge",
        "lounge seating",
        "nursing books",
        "nursing students' shelf",
        "Mother's Day display",
        "Mother Goose corner",
        "women in history",
        "hallway",
        "service desk",
        "parking lot",
        "community room",
    ),
    "es": (
        "entrada principal",
        "sala de lectura",
        "mostrador de préstamo",
        "aparcamiento",
        "sala infantil",
        "taquillas de recogida",
        "taquilla de devolución",
        "área de descanso del público",
        "servicios al público",
        "sala polivalente",
        "hemeroteca",
        "vestíbulo",
        "pasillo",
        "escalera",
        "ascensor",
    ),
    "fr": (
        "entrée principale",
        "salle de lecture",
        "banque de prêt",
        "parc de stationnement",
        "section jeunesse",
        "casiers de retrait",
        "casiers à livres",
        "casiers de consigne",
        "salle polyvalente",
        "hall d'accueil",
        "vestibule",
        "couloir",
        "escalier",
        "ascenseur",
        "salle de conférence",
        "boîte de retour",
        "espace numérique",
        "rayonnages",
    ),
}


@pytest.mark.parametrize("place", [place for rows in PRIVATE.values() for place in rows])
def test_p5_a_private_place_is_heard_in_any_language(place: str) -> None:
    assert questionable_name(place) is not None
    assert questionable_name(place.upper().replace(" ", "_")) is not None


@pytest.mark.parametrize("place", [place for rows in PUBLIC.values() for place in rows])
def test_p5_a_public_place_is_not_taken_for_a_private_one(place: str) -> None:
    assert questionable_name(place) is None
    assert questionable_name(place.capitalize()) is None


def test_p5_what_is_harmless_hides_nothing_beside_it() -> None:
    assert questionable_name("women's history and women's restroom") == "women's"
    assert questionable_name("reading lounge, staff lounge") == "lounge"
    assert questionable_name("book locker room") == "locker"


@pytest.mark.parametrize("language", ["en", "es", "fr"])
def test_the_tables_have_enough_rows(language: str) -> None:
    assert len(PRIVATE[language]) + len(PUBLIC[language]) >= 40
