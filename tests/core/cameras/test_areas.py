"""The policy's places: what P4 permits, what P5 forbids, and names that sound like the latter."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.areas import PERMITTED, PRIVATE, questionable_name
from holdshelf_core.policy.places import check_place
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.policy_file.read import read_file

POLICIES = sorted((Path(__file__).parents[2] / "policies").glob("*.toml"))
KINDS = [area.kind for area in PERMITTED]


@pytest.mark.parametrize("kind", KINDS)
def test_p4_each_permitted_kind_of_area_is_taken(kind: str) -> None:
    check_place(first_policy(), kind, "the vestibule, where bicycles stand")


def test_p4_another_common_area_says_which_and_why() -> None:
    for note in ("", "  ", "\n"):
        with pytest.raises(BadRequest, match=r"P4.*--area-note|--area-note"):
            check_place(first_policy(), "other", note)


@given(st.text(max_size=200))
def test_p4_any_other_kind_is_refused_in_one_bounded_sentence(kind: str) -> None:
    if kind in KINDS:
        return
    with pytest.raises(BadRequest, match=r"P[45]") as refused:
        check_place(first_policy(), kind, "a note")
    # An escape is shown by its repr, never sent to a terminal; a long one is cut.
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    "area", [*(area.kind for area in PRIVATE), *(area.words for area in PRIVATE), "bathroom", "WC"]
)
def test_p5_no_private_kind_of_area_is_ever_taken_whatever_it_is_called(area: str) -> None:
    with pytest.raises(BadRequest, match=r"P5.*Nobody can override"):
        check_place(first_policy(), area, "with a good reason")


def test_p4_p5_the_first_librarys_file_says_what_holds_where_a_file_names_no_place() -> None:
    own, bare = first_policy(), Policy(structs.replace(first_policy().file, place=()))
    assert list(bare.places.items()) == list(own.places.items())
    assert list(bare.private_places.items()) == list(own.private_places.items())
    for kind in KINDS:
        for policy in (own, bare):
            if kind != "other":
                check_place(policy, kind, "")
            else:
                with pytest.raises(BadRequest, match="--area-note"):
                    check_place(policy, kind, "")


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_p4_p5_each_library_lists_its_own_places_and_opens_none_of_the_private_ones(path: Path) -> None:
    policy = Policy(read_file(path)[0])
    for kind in policy.places:
        check_place(policy, kind, "which and why")
    for kind in {*policy.private_places, *(area.kind for area in PRIVATE)}:
        with pytest.raises(BadRequest, match=r"P5.*Nobody can override"):
            check_place(policy, kind, "with a good reason")
    others = {kind for other in POLICIES for kind in Policy(read_file(other)[0]).places} - {*policy.places}
    for kind in others - {*policy.private_places}:
        with pytest.raises(BadRequest, match=r"\(P[45]\)"):
            check_place(policy, kind, "which and why")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("Men's restroom", "Men's"),
        ("Men\N{RIGHT SINGLE QUOTATION MARK}s door", "Men's"),
        ("2nd floor RESTROOM", "RESTROOM"),
        ("Restroom2", "Restroom"),
        ("restroom-door", "restroom"),
        ("rest-room", "rest room"),
        ("2ndFloorRestroom", "Restroom"),
        ("Staff_Lounge", "Lounge"),
        ("staff  locker", "locker"),
        ("Changing table", "Changing"),
        ("lactation room", "lactation"),
        ("WC1", "WC"),
        ("W.C.", "W.C."),
        ("\N{FULLWIDTH LATIN CAPITAL LETTER W}\N{FULLWIDTH LATIN CAPITAL LETTER C}", "WC"),
        ("Break Room", "Break Room"),
        ("Bathroom\N{NO-BREAK SPACE}hall", "Bathroom"),
    ],
)
def test_p5_a_name_that_sounds_private_is_questioned(name: str, word: str) -> None:
    assert questionable_name(name) == word


@pytest.mark.parametrize(
    "name",
    [
        "Front entrance",
        "Reading room",
        "Exchange desk",
        "Mother Goose corner",
        "Women in history",
        "Menswear exhibition",
        "Lookout",
        "Newcastle map",
        "Loom",
        "Blocker",
        "Café",
    ],
)
def test_p5_a_harmless_name_is_not(name: str) -> None:
    assert questionable_name(name) is None


@given(st.sampled_from(["restroom", "locker room", "Nursing", "toilet"]), st.text(max_size=8), st.text(max_size=8))
def test_p5_a_private_word_is_found_between_any_other_words(word: str, before: str, after: str) -> None:
    assert questionable_name(f"{before} {word} {after}") is not None
