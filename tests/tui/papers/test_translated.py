"""Each paper and sign in Spanish and French, under several libraries' policies: nothing that the catalogs say stays English."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.policy import date_forms, gates
from holdshelf_core.policy.date_forms import DateForm
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Adopted, Board, Determination, Release, Span
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.first import FIRST, first_policy
from holdshelf_core.policy_file.read import read_bytes
from holdshelf_core.reports.paper_facts import paper_facts, refusal_paper
from holdshelf_core.reports.report_types import RequestsPaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_storage.units import DAY_NS
from holdshelf_tui.papers import catalogs
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.release_form import _BASES
from holdshelf_tui.text.words import columns
from tests.tui.papers.test_accessible import FACTS_OF
from tests.tui.papers.test_requests import ROW

ROOT = Path(__file__).parents[3]
TEXT = "The policy."
D = ROOT / "tests" / "policies" / "d.toml"
TWO_LANGUAGES = """
format = 1
[library]
name = "Bibliothèque"
languages = ["fr", "es"]
dates = "ymd"
contact = { title = { fr = "Responsable", es = "Encargada" }, address = "1, rue du Lac", telephone = "100" }
[[role]]
key = "lead"
words = { fr = "Direction", es = "Jefatura" }
rights = ["live", "archive", "hold", "share", "release", "commission"]
decides = ["all"]
[[ground]]
key = "case"
words = { fr = "une affaire", es = "un asunto" }
[keeping]
at_least = "1 month"
at_most = "90 days"
[[basis]]
key = "court"
words = { fr = "une ordonnance", es = "una orden" }
from = "court"
needs = ["written", "judge", "docket"]
steps = ["paper", "judge"]
[[basis]]
key = "own-image"
words = { fr = "ma propre image", es = "mi propia imagen" }
from = "person-seen"
needs = ["identity", "name"]
"""
FILES = {
    "the first library": FIRST.read_text(),
    "own data": (FIRST.parent / "own-data.toml").read_text(),
    "a statute": (FIRST.parent / "statute.toml").read_text(),
    "D": D.read_text(),
    "French and Spanish": TWO_LANGUAGES,
}
ENGLISH_MESSAGES = sorted(
    (one for one in catalogs.messages() if re.search(r"[A-Za-z]{3}", one) and "{" not in one and "[[" not in one),
    key=len,
)


@pytest.fixture(autouse=True)
def _usual_days() -> Iterator[None]:
    yield
    date_forms.use(DateForm())


def facts_of(name: str, statute: str = "enforce", *, asked: str = "") -> PaperFacts:
    """What papers know under that policy; ``asked``: of a refused request on this basis."""
    policy = Policy(read_bytes(FILES[name].encode(), "policy.toml"))
    sha256 = hashlib.sha256(TEXT.encode()).hexdigest()
    adopted, now = Adopted("1", "2026-03-10", sha256, statute, file_sha256="a" * 64), Now(DAY_NS, DAY_NS)
    counsels = Determination("D-1", "0f" * 32, tuple(policy.bases), 9 * DAY_NS)
    state = State(policy=policy, adopted=adopted)
    spans = (Span("front", 0, DAY_NS),)
    release = Release("R-2026-0001", asked, "26-1", spans, spans, "p1", 0, "stopped") if asked else None
    facts = paper_facts(
        policy=policy,
        board=Board(),
        adopted=adopted,
        texts={sha256: TEXT},
        cameras=(),
        commissions={},
        entrances=(),
        people={},
        head="",
        now=now,
        determinations=[counsels],
        refusal=refusal_paper(state, release, now) if release is not None else None,
    )
    rows = tuple(
        msgspec.structs.replace(ROW, basis=policy.basis_words(key), asker=row.asker, extended_why="")
        for key, row in policy.bases.items()
    )
    return msgspec.structs.replace(facts, requests=RequestsPaper("2026-Q4", "2026-10-01", "2026-12-31", rows))


def printed(facts: PaperFacts, language: str) -> Iterator[tuple[str, str]]:
    """Each paper that is to be had in that language, as one line: but for what was adopted."""
    asked = msgspec.structs.replace(facts, language=language)
    for paper in PAPERS.values():
        if paper.translated:
            text = paper.as_text(asked)
            assert max(columns(line) for line in text.splitlines()) <= 80
            yield paper.name, " ".join(text.replace(TEXT, "").split())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", ["es", "fr"])
@pytest.mark.parametrize("statute", ["enforce", "advise"])
def test_no_sentence_basis_or_day_of_a_translated_print_is_english(name: str, language: str, statute: str) -> None:
    said = catalogs.words(language)
    # A word of both languages (French “clause”) is in some translation.
    vocabulary = {word for one in catalogs.messages() for word in re.findall(r"\w+", said(one).casefold())}
    english = [one for one in ENGLISH_MESSAGES if said(one) != one and one.casefold() not in vocabulary]
    policy = Policy(read_bytes(FILES[name].encode(), "policy.toml"))
    # A file's own words are there in its own languages, and those of a template in all.
    own = [policy.basis_words(key) for key in policy.bases]
    speaks = language in policy.file.library.languages or name != "D"
    everything = [facts_of(name, statute), *(facts_of(name, statute, asked=key) for key in policy.bases)]
    for facts in everything:
        for paper, text in printed(facts, language):
            bare = text.replace(facts.library, "").replace(facts.refusal.sentence or "\n", "")
            for words in () if speaks else own:
                bare = bare.replace(words, "")
            found = [one for one in english if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", bare)]
            assert found == [], f"{paper}: {bare}"
            assert language == policy.language or [words for words in own if words in bare] == [], paper
            assert not re.search(r"\b(?:Jan|Feb|Apr|Aug|Dec|January|March|October|December)\b", bare), paper
            days = re.findall(r"\b\d{4}-\d\d-\d\d\b(?! \d\d:\d\d)", bare)
            assert not days or policy.date_form.order == "ymd", (paper, days)


def test_a_day_of_a_translated_print_is_written_as_that_language_has_it() -> None:
    facts = facts_of("own data")
    for language, days in (
        ("es", ("adoptada: 10 mar 2026", "1 de octubre de 2026")),
        ("fr", ("10 mars 2026", "1 octobre 2026")),
        ("en", ("adopted Mar 10, 2026", "October 1, 2026")),
    ):
        text = " ".join(words for _, words in printed(facts, language))
        assert [day for day in days if day not in text] == []


def test_the_sheet_says_a_files_own_words_in_each_of_its_languages() -> None:
    for language, words in (
        (
            "fr",
            (
                "une ordonnance, avec la signature d'un juge",
                "ma propre image, sans document",
                "Responsable, 1, rue du Lac",
            ),
        ),
        ("es", ("una orden, con la firma de un juez", "mi propia imagen, sin documento", "Encargada, 1, rue du Lac")),
        ("en", ("ma propre image, without a paper",)),
    ):
        text = " ".join(
            words
            for key in ("", "court")
            for _, words in printed(facts_of("French and Spanish", "advise", asked=key), language)
        )
        assert [one for one in words if one not in text] == [], language


def test_p13_the_sheet_lists_what_takes_no_paper_and_does_not_say_that_all_do() -> None:
    text = dict(printed(facts_of("own data"), "en"))
    sheet = text["refusal"]
    assert "a person's request for recordings of themselves, without a paper: proof of who asks" in sheet
    assert "on a paper that the library's policy names" not in sheet + text["release"]
    assert "two people approve" not in sheet + text["release"], "its file has one person approve"
    policy = Policy(read_bytes(FILES["own data"].encode(), "policy.toml"))
    assert gates.without_paper(policy) == ("own-image",)
    first = dict(printed(facts_of("the first library"), "en"))["refusal"]
    assert "without a paper" not in first and "on a paper that the library's policy names" in first


@pytest.mark.parametrize(
    ("language", "danger", "never"),
    [
        ("en", "can be met only in imminent danger, and the paper follows.", "or telephone cannot be met."),
        ("es", "solo se puede atender en caso de peligro inminente, y el documento", "no se puede atender."),
        (
            "fr",
            "ne peut être satisfaite qu'en cas de danger imminent, et le document suit.",
            "ne peut pas être satisfaite.",
        ),
    ],
)
def test_p13_the_sheet_says_that_a_word_is_enough_in_danger_where_a_basis_takes_one(
    language: str, danger: str, never: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dict(printed(facts_of("the first library"), language))["refusal"]
    assert danger in first and never not in first
    on_paper = FILES["the first library"].replace('needs = ["danger", "scope"]', 'needs = ["written"]')
    monkeypatch.setitem(FILES, "no danger", on_paper)
    without = dict(printed(facts_of("no danger"), language))["refusal"]
    assert never in without and danger not in without


def test_danger_that_the_staff_see_is_no_request_by_word_of_mouth() -> None:
    policy = Policy(read_bytes(FILES["the first library"].encode(), "policy.toml"))
    assert gates.takes_a_word(policy)
    own = tuple(msgspec.structs.replace(row, asker="own") for row in policy.file.basis)
    assert not gates.takes_a_word(Policy(msgspec.structs.replace(policy.file, basis=own)))


def test_the_blank_forms_own_words_are_for_bases_of_the_first_library() -> None:
    assert set(_BASES) <= set(map(first_policy().basis_words, first_policy().bases))


def test_a_basis_on_the_blank_form_has_the_words_of_this_policy() -> None:
    form = dict(printed(facts_of("own data"), "en"))["release"]
    assert "the emergency services, to prevent or detect crime" in form and "imminent danger" not in form


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        ("the first library", "en", "Recordings are erased on schedule when the disk needs the room."),
        ("D", "en", "erased once they are older than 30 days, and sooner when the disk needs the room."),
        ("D", "es", "se borran cuando tienen más de 30 días, y antes si el disco necesita el espacio."),
        ("French and Spanish", "fr", "au moins 1 mois et au plus 90 jours."),
        ("a statute", "en", "keeps recordings for at least 30 days, and after that until the disk needs the room."),
    ],
)
def test_p15_the_sheet_says_which_limits_hold(name: str, language: str, said: str) -> None:
    assert said in dict(printed(facts_of(name), language))["refusal"]


@pytest.mark.parametrize(
    ("form", "day"),
    [(DateForm("dmy", 24), "1 Oct 2026"), (DateForm("mdy", 12), "Oct 1, 2026"), (DateForm("ymd", 24), "2026-10-01")],
)
def test_every_paper_writes_days_as_the_policys_page_says(form: DateForm, day: str) -> None:
    date_forms.use(form)
    said = {}
    for name, facts in FACTS_OF.items():
        if "text" in PAPERS[name].formats:
            said[name] = " ".join(PAPERS[name].as_text(facts).split())
    assert len(said) > 10 and f"adopted {day}" in said["refusal"]
    if form.order != "ymd":
        for name, text in said.items():
            assert not (found := re.findall(r"\b\d{4}-\d\d-\d\d\b(?![T ]\d\d:\d\d)", text)), (name, found)
