"""What a policy file says otherwise on papers: the sign, sentences, clauses in the library's own numbering."""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.read import read_file
from holdshelf_core.reports.types import AdoptedText, PaperFacts, PolicyText
from holdshelf_tui.papers import catalogs, sign_text
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.sign import sign_paper
from holdshelf_tui.papers.sign_pdf import sign_pdf
from tests.tui.papers.points import POINTS
from tests.tui.papers.test_accessible import FACTS_OF
from tests.tui.papers.test_sign import FACTS, words_of

POLICY = Policy(read_file(Path(__file__).parents[2] / "policies" / "h.toml")[0])
OWN = msgspec.structs.replace(FACTS, signs=dict(POLICY.signs), numbers=dict(POLICY.numbers), points=POINTS)


def test_the_sign_says_what_the_policy_says_and_in_another_language_what_holdshelf_does() -> None:
    for said in (words_of(sign_pdf(OWN, "letter")), " ".join(sign_paper(OWN).split())):
        for words in (
            "Recorded under the Freedom of Information and Protection of Privacy Act.",
            "For the safety of people and property.",
            "Privacy Officer, 1 Library Road, Nanaimo, 250-555-0100",
        ):
            assert said.count(words) == 1, words
        assert "No sound is recorded" not in said and "Questions?" not in said
    assert "This area is under video surveillance" in words_of(sign_pdf(OWN, "letter"))
    assert "Aucun son n'est enregistré." in words_of(sign_pdf(OWN, "letter", "fr"))
    assert sign_text.text_version(OWN) != sign_text.text_version(FACTS)


@pytest.mark.parametrize("page", ["letter", "12x18"])
def test_a_board_that_writes_much_still_has_a_sign_of_one_page(page: str) -> None:
    much = next(iter(POLICY.signs.values()))
    lines = tuple(f"{number}. " + "The library records what happens here. " * 6 for number in range(1, 5))
    facts = msgspec.structs.replace(OWN, signs={"en": msgspec.structs.replace(much, lines=lines)})
    pdf = sign_pdf(facts, page)
    assert pdf.count(b"/Type/Page/") == 1 or b"/Count 1" in pdf
    said = words_of(pdf)
    assert all(f"{number}. The library records" in said for number in range(1, 5))


def test_a_sign_that_names_whom_to_ask_is_not_printed_without_anybody() -> None:
    nobody = {key: msgspec.structs.replace(words, contact="") for key, words in POLICY.signs.items()}
    facts = msgspec.structs.replace(OWN, signs=nobody, contact="")
    for prints in (sign_pdf, sign_paper):
        with pytest.raises(BadRequest, match="nobody is named yet") as refused:
            prints(facts)
        assert "board set contact" in refused.value.next_step
    assert "Ada Byron" in sign_paper(msgspec.structs.replace(facts, contact="Ada Byron"))


def test_a_sentence_is_said_as_the_policy_says_it_and_the_others_as_they_are() -> None:
    own = {
        "en-CA": {"Ask for a copy at any desk.": "Ask at the circulation desk."},
        "fr": {"Questions?": "Une question ?"},
    }
    facts = msgspec.structs.replace(FACTS, words=own, policy_address="")
    assert "Ask at the circulation desk." in sign_paper(facts)
    assert "Une question ?" in sign_paper(msgspec.structs.replace(facts, language="fr"))
    assert "Une question" not in sign_paper(facts)
    assert "Ask for a copy at any desk." in catalogs.messages()
    assert catalogs.words("en-CA") is catalogs.ENGLISH_WORDS


def test_papers_cite_the_librarys_own_clauses_and_the_adopted_text_stays_as_it_is() -> None:
    printed = PAPERS["checklist"].as_text(OWN)
    assert "Signs at entrances (signs)" in printed and "(P3)" not in printed and "(P21)" not in printed
    text = "Signs (P3) hang at every door."
    policy = PolicyText("3.1", "2026-10-01", hashlib.sha256(text.encode()).hexdigest(), text)
    shown = PAPERS["policy"].as_text(msgspec.structs.replace(OWN, policy=policy))
    assert "Signs (P3) hang at every door." in shown
    assert "nobody is asked why." in shown and "(P17)" not in shown
    assert "(P3)" in PAPERS["checklist"].as_text(PaperFacts(points=POINTS))


def test_a_meter_is_a_unit_of_the_checklist() -> None:
    from holdshelf_core.policy.checklist import points_of  # noqa: PLC0415

    (legible,) = (point for point in points_of(POLICY, "entrance") if point.id == "legible")
    assert (legible.words, legible.value, legible.clause) == ("legible from (m)", "m", "signs")


def test_papers_for_the_public_are_in_the_policys_first_language_and_records_in_english() -> None:
    text = "Règle 1. Personne ne regarde."
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    facts = msgspec.structs.replace(
        FACTS_OF["receipt"], policy=PolicyText("1", "2026-10-01", sha256, text, "fr"), contact="Ada Byron"
    )
    assert "Aucun son n'est enregistré." in sign_paper(facts)
    assert "Aucun son n'est enregistré." in words_of(sign_pdf(facts, "letter"))
    assert "No sound is recorded." in sign_paper(msgspec.structs.replace(facts, language="en"))
    printed = PAPERS["receipt"].as_text(facts)
    assert "Questions" in printed and "Politique" not in printed, "a record has one language"
    other = msgspec.structs.replace(facts, policy=PolicyText("1", "2026-10-01", sha256, text, "de"))
    assert "No sound is recorded." in sign_paper(other), "papers do not speak German"


def test_the_policy_in_its_second_language_has_that_texts_own_sha256_at_its_foot() -> None:
    english, spanish = "Rule 1. Nobody watches.", "Norma 1. Nadie mira."
    first, own = (hashlib.sha256(text.encode()).hexdigest() for text in (english, spanish))
    policy = PolicyText("1", "2026-10-01", first, english, "en", {"es": AdoptedText(own, spanish)})
    facts = PaperFacts(policy=policy, language="es")
    printed = PAPERS["policy"].as_text(facts)
    assert spanish in printed
    for shown in (printed, PAPERS["policy"].as_html(facts)):
        assert own in shown and own[:8] in shown and first[:8] not in shown
    assert first in PAPERS["policy"].as_text(msgspec.structs.replace(facts, language="en"))
    assert first in PAPERS["release"].as_text(facts), "what is signed says which policy, as the access log does"


def test_the_body_that_governs_is_called_as_the_policy_calls_it_in_each_language() -> None:
    own = {"en": "the Council", "es-MX": "el Consejo", "fr": "l'Assemblée"}
    for paper, facts in (("release", FACTS_OF["release"]), ("report", FACTS_OF["report"])):
        usual = PAPERS[paper].as_text(msgspec.structs.replace(facts, policy=None))
        said = PAPERS[paper].as_text(msgspec.structs.replace(facts, policy=None, board=own))
        usual, said = (" ".join(text.split()) for text in (usual, said))
        assert "the Board" in usual and "the Board" not in said
        assert usual.replace("the Board", "the Council") == said
    blank = msgspec.structs.replace(FACTS, policy=None)
    for language, usual, said in (("es", "la Junta", "el Consejo"), ("fr", "le Conseil", "l'Assemblée")):
        asked = msgspec.structs.replace(blank, language=language)
        for paper in ("refusal", "policy"):
            texts = [PAPERS[paper].as_text(one) for one in (asked, msgspec.structs.replace(asked, board=own))]
            plain = [" ".join(text.split()) for text in texts]
            if usual in plain[0]:
                assert plain[0].replace(usual, said, 1).split("P1. ")[0] == plain[1].split("P1. ")[0]
                break
        else:
            raise AssertionError(language)
