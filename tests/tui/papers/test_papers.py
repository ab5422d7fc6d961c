"""The papers as text: what each must and must never say, in 80 columns, whatever names people and cameras have."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_core.api.errors import Conflict
from holdshelf_core.reports.types import (
    Attestation,
    CameraPaper,
    EntrancePaper,
    LogHead,
    Mending,
    PaperFacts,
    PolicyText,
)
from holdshelf_tui.papers import text
from holdshelf_tui.papers.checklist import checklist_document
from holdshelf_tui.papers.model_policy import filled_model, model_text
from holdshelf_tui.papers.policy import policy_document
from holdshelf_tui.papers.sign import sign_paper
from holdshelf_tui.papers.sign_text import text_version
from holdshelf_tui.text.words import columns, inert
from tests.tui.papers.points import POINTS

ADOPTED = "CAMERA POLICY\r\n\r\n§ 1  Cameras are “here”.\r\n· " + "The second rule is a long one. " * 12 + "\r\n"
HOSTILE = "a\x1b[31mred\x1b]0;title\x07\u202eevil\u2066\u200b\x9b2J\ud800"
WIDE = "図書館の正面玄関にあるとても長い名前の防犯カメラ第一号機おしらせ" * 2
LONG_NAME = "The Eleanor & Marguerite Featherstonhaugh Memorial Library !"


def adopted(words: str = ADOPTED) -> PolicyText:
    sha256 = hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()
    return PolicyText("3.1", "2026-10-01", sha256, words)


FACTS = PaperFacts(
    "Example Town Library",
    "Ada Byron, Library Director, 555-0100",
    "https://library.example/cameras",
    adopted(),
    LogHead("holdshelf.local/0123456789abcdef", 1234, "1234:" + " ".join(["abcd"] * 8)),
    (
        CameraPaper(
            "front",
            "Front door",
            "entrance",
            "entrance or exit",
            state="approved",
            approved_by="Ada Byron",
            approved_on="2026-10-02",
            still_on="2026-10-02",
            masks=2,
            mask_version=3,
            mask_reasons=("desk", "hold shelf"),
            exterior=True,
            microphone="off",
            sound_found=False,
        ),
    ),
    (EntrancePaper("e1", "Main Street", "12 × 18 in", "Ada Byron", "2026-10-01", "2027-03-30"),),
    points=POINTS,
    printed_at="2026-11-24 14:00 -05:00",
)


def policy_paper(facts: PaperFacts) -> str:
    """The policy as text."""
    return text.render(policy_document(facts))


def checklist_paper(facts: PaperFacts) -> str:
    """The checklist as text."""
    return text.render(checklist_document(facts))


type Prints = Callable[[PaperFacts], str]
PAPERS = [policy_paper, checklist_paper, sign_paper]


def lines_of(paper: str) -> list[str]:
    assert paper.endswith("\n") and not paper.endswith("\n\n")
    return paper.removesuffix("\n").split("\n")


def one_line(paper: str) -> str:
    return " ".join(paper.split())


def with_(**more: object) -> PaperFacts:
    return msgspec.structs.replace(FACTS, **more)


# --- every paper -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("paper", PAPERS)
def test_each_paper_names_library_contact_policy_version_hash_checkpoint_and_time(paper: Prints) -> None:
    printed = one_line(paper(FACTS))
    assert FACTS.policy and FACTS.log
    for words in (
        "Example Town Library",
        "Ada Byron, Library Director, 555-0100",
        "https://library.example/cameras",
        "3.1, adopted Oct 1, 2026",
        FACTS.policy.sha256,
        FACTS.log.origin,
        FACTS.log.short,
        "2026-11-24 14:00 -05:00",
    ):
        assert words in printed


@pytest.mark.parametrize("paper", PAPERS)
def test_an_empty_register_still_gives_a_paper_to_fill_in(paper: Prints) -> None:
    printed = paper(PaperFacts())
    assert max(map(columns, lines_of(printed))) <= text.WIDTH
    assert "none adopted here yet" in printed
    assert "no checkpoint available" in printed


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("name", [LONG_NAME, WIDE, HOSTILE, "", " ", "مكتبة البلدة", "x" * 500])
def test_no_name_of_a_library_breaks_the_layout_or_reaches_the_terminal_alive(paper: Prints, name: str) -> None:
    cameras = tuple(CameraPaper(f"c{i}", name, "seating", name, name, mask_reasons=(name,), masks=1) for i in range(40))
    entrance = EntrancePaper(
        "e1", name, name, name, "2026-10-01", "2027-01-01", waived_by=name, waived_until="x", waived_why=name
    )
    note = Attestation("2026-01-01", name, name, "2027-01-01")
    facts = with_(
        library=name, contact=name, policy_address=name, cameras=cameras, entrances=(entrance,), caveats=(name,),
        house={point.id: note for point in POINTS["house"]},
    )  # fmt: skip
    printed = paper(facts)
    for line in lines_of(printed):
        assert columns(line) <= text.WIDTH, line
        assert inert(line, 1000) == line
    printed.encode()


def test_a_wide_name_is_centered_by_columns_and_not_by_letters() -> None:
    shown = next(line for line in lines_of(sign_paper(with_(library="図書館" * 4))) if "図書館" in line)
    left = len(shown) - len(shown.lstrip())
    assert abs(2 * left + columns(shown.strip()) - text.WIDTH) <= 1


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.integers(0, 20))
def test_folding_loses_no_letter_and_exceeds_no_width(words: str, indent: int) -> None:
    clean = inert(" ".join(words.split()), 10_000).strip()
    folded = text.fold(clean, first=" " * indent, rest=" " * indent)
    assert "".join("".join(folded).split()) == "".join(clean.split())
    assert all(columns(line) <= text.WIDTH for line in folded)


# --- the policy --------------------------------------------------------------------------------------------------


def between_the_rules(paper: str) -> str:
    return paper.split(text.rule())[1]


def test_p17_the_adopted_text_is_printed_word_for_word() -> None:
    assert between_the_rules(policy_paper(FACTS)).split() == ADOPTED.split()


def test_p17_a_print_asks_and_says_nothing_of_who_wants_it() -> None:
    assert "nobody is asked why (P17)" in policy_paper(FACTS)


def test_p20_a_text_that_differs_from_the_adopted_hash_is_refused() -> None:
    policy = adopted()
    for changed in (policy.text + " ", policy.text.replace("\r\n", "\n"), policy.text.replace("long", "short")):
        with pytest.raises(Conflict, match="P20"):
            policy_paper(with_(policy=msgspec.structs.replace(policy, text=changed)))


def test_p20_the_disclaimer_points_at_the_adopted_text_and_claims_nothing() -> None:
    printed = one_line(policy_paper(FACTS))
    assert "Disclaimer (P20)" in printed
    assert "does not claim that it meets any law" in printed


def test_an_adopted_text_with_terminal_codes_prints_without_them_and_says_so() -> None:
    printed = policy_paper(with_(policy=adopted("Rule one.\x1b[2J\x07 \u202eRule two.\n\tRule three.")))
    assert "\x1b" not in printed and "\u202e" not in printed
    assert "3 characters that cannot be printed were left out" in printed
    assert "    Rule three." in printed


def test_an_adopted_text_in_other_scripts_keeps_the_joiners_that_its_spelling_needs() -> None:
    assert "می\u200cخواهم" in policy_paper(with_(policy=adopted("می\u200cخواهم")))


def test_without_an_adopted_text_the_model_is_printed_and_named_as_one() -> None:
    for facts in (with_(policy=None), with_(policy=PolicyText("3", "2026-10-01", "0" * 64))):
        printed = one_line(policy_paper(facts))
        assert "A MODEL, NOT ADOPTED" in printed
        assert "It is not this library's policy" in printed
        assert "word for word" not in printed


def test_the_model_has_a_rule_for_each_clause_and_no_place_left_unfilled() -> None:
    assert re.findall(r"^P(\d+)\. ", model_text(), re.MULTILINE) == [str(number) for number in range(1, 22)]
    for facts in (FACTS, PaperFacts()):
        assert "[[" not in filled_model(facts)
    assert "Ada Byron" in filled_model(FACTS)
    assert filled_model(PaperFacts()).startswith("The library has cameras")


def test_papers_never_say_that_the_record_cannot_be_changed() -> None:
    for paper in (model_text(), policy_paper(FACTS), checklist_paper(FACTS), sign_paper(FACTS)):
        assert not re.search(
            r"cannot be (altered|changed|forged)|tamper-?proof|compl(y|ies|iant)", paper, re.IGNORECASE
        )


# --- the sign ----------------------------------------------------------------------------------------------------


def test_p3_the_sign_says_cameras_no_sound_not_watched_whom_to_ask_and_where_the_policy_is() -> None:
    printed = one_line(sign_paper(FACTS))
    assert "SECURITYCAMERAS" in printed.replace(" ", "")
    assert "No sound is recorded." in printed
    assert "not constantly monitored" in printed
    assert "Questions? Ada Byron, Library Director, 555-0100" in printed
    assert "The camera policy: https://library.example/cameras" in printed


def test_p10_the_sign_promises_no_retention_time_and_nobody_watching() -> None:
    printed = one_line(sign_paper(FACTS)).lower()
    assert not re.search(
        r"24\s*/\s*7|24 hours|around the clock|\bdays?\b|\bweeks?\b|kept for|monitored at all", printed
    )


# --- the checklist -----------------------------------------------------------------------------------------------


def form(paper: str, title: str) -> str:
    """All below a form's title, up to the next one."""
    body = paper.split(f"{title}\n---", 1)[1]
    return one_line(re.split(r"\n[^\n]+\n----+\n", body, maxsplit=1)[0])


def test_p3_the_checklist_has_every_entrance_with_its_attestation_and_boxes_for_the_walk() -> None:
    printed = checklist_paper(FACTS)
    entrance = form(printed, "e1 · Main Street")
    assert "sign attested: by Ada Byron on Oct 1, 2026; next check by Mar 30, 2027" in entrance
    for words in ("sign present", "unobstructed", "lit", "legible from (ft)", "text version", "language"):
        assert re.search(rf"\[ \] {re.escape(words)}", entrance), words
    for words in ("checker ___", "date ___", "defect ___", "mended ___"):
        assert words in entrance
    assert f"now has the text version {text_version(FACTS, 'en')} (English)" in one_line(printed)


def test_p3_an_entrance_whose_check_is_due_and_one_that_is_waived_say_so() -> None:
    due = EntrancePaper("e1", "A", "", "Ada", "2026-01-01", "2026-07-01", check_is_due=True)
    waived = EntrancePaper("e2", "B", waived_by="Bea", waived_until="2026-12-01", waived_why="sign is at the printer's")
    printed = one_line(checklist_paper(with_(entrances=(due, waived))))
    assert "CHECK IS DUE since Jul 1, 2026" in printed
    assert "until Dec 1, 2026 by Bea: sign is at the printer's" in printed


def test_p3_p4_what_was_entered_stands_beside_its_box_and_no_box_is_ticked() -> None:
    points = {
        "present": Attestation("2026-11-20", "Pat Doe", "", "2027-05-19", "e1.present"),
        "lit": Attestation("2025-11-20", "Pat Doe", "", "2026-05-19", "e1.lit", is_due=True),
        "legible": Attestation("2026-11-20", "Pat Doe", "25 ft", "", "e1.legible"),
    }
    mending = Mending("a corner is torn", "Ada", "2026-11-21")
    entrance = EntrancePaper("e1", "Main", code="e1", points=points, mending=mending)
    printed = checklist_paper(with_(entrances=(entrance,)))
    assert "[x]" not in printed
    shown = form(printed, "e1 · Main")
    assert re.search(r"sign present +e1\.present +Nov 20, 2026, Pat Doe", shown)
    assert re.search(r"lit, also after dark +e1\.lit +DUE · Nov 20, 2025, Pat Doe", shown)
    assert re.search(r"legible from \(ft\) _+ +e1\.legible= +Nov 20, 2026, Pat Doe: 25 ft", shown)
    assert "! DEFECT, found by Ada on Nov 21, 2026: a corner is torn" in shown
    mended = msgspec.structs.replace(entrance, mending=Mending("", "", "", "torn", "Ada", "2026-11-23"))
    assert "Mended by Ada on Nov 23, 2026: torn" in one_line(checklist_paper(with_(entrances=(mended,))))


def test_p4_to_p8_the_checklist_fills_in_what_the_register_knows_of_a_camera_and_ticks_nothing() -> None:
    camera = form(checklist_paper(FACTS), "front · Front door")
    for words in (
        "entrance or exit; may see beyond library property (P8); approved by Ada Byron on Oct 2, 2026",
        "2 masks, version 3: desk; hold shelf (P6); no sound in its files; the camera says that its microphone is off (P7)",
    ):
        assert words in camera
    for point in POINTS["camera"]:
        assert (
            f"[ ] {point.words} ({point.clause})" in camera.replace(f" front.{point.id}", "") or point.words in camera
        )
        assert f"front.{point.id}" in camera
    assert "[x]" not in camera  # the camera's word is not a person's look at it


def test_p7_sound_that_was_found_and_a_microphone_that_is_on_are_said_aloud() -> None:
    loud = CameraPaper("front", "Front", "entrance", microphone="on", sound_found=True)
    camera = form(checklist_paper(with_(cameras=(loud,))), "front · Front")
    assert "! SOUND WAS FOUND" in camera and "MICROPHONE IS ON" in camera


def test_forty_cameras_and_twelve_entrances_are_as_many_forms() -> None:
    cameras = tuple(CameraPaper(f"c{number}", f"Camera {number}", "seating") for number in range(40))
    entrances = tuple(EntrancePaper(f"e{number}", f"Door {number}") for number in range(12))
    printed = checklist_paper(with_(cameras=cameras, entrances=entrances))
    assert re.findall(r"^c(\d+) · ", printed, re.MULTILINE) == [str(number) for number in range(40)]
    assert re.findall(r"^e(\d+) · ", printed, re.MULTILINE) == [str(number) for number in range(12)]
    assert "Cameras: 40" in printed and "Signs at entrances (P3): 12" in printed


def test_p1_p18_the_checklist_has_staff_notice_website_and_board_review() -> None:
    website = Attestation("2026-11-01", "Ada", code="house.website", is_due=True, defect="the old version is posted")
    printed = checklist_paper(
        with_(house={"website": website, "copies": Attestation(code="house.copies", is_due=True)})
    )
    for words in ("policy posted on", "staff notice given", "Board review held", "counsel consulted"):
        assert words in printed
    assert re.search(r"house\.website +DEFECT · Nov 1, 2026, Ada", printed)
    assert re.search(r"house\.copies +DUE · never entered", printed)


def test_p21_the_checklist_is_marked_confidential_and_sign_and_policy_are_not() -> None:
    assert "Confidential library record (P21)" in checklist_paper(FACTS)
    for public in (sign_paper(FACTS), policy_paper(FACTS)):
        assert "Confidential library record" not in public
