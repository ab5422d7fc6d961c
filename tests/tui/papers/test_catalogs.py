"""Papers for the public in other languages: what a catalog may say, what carries over exactly, and how a language is added."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pypdf import PdfReader

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.policy.gates import what_we_need, what_would_pass
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Adopted, Determination
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.reports.types import PaperFacts
from holdshelf_storage.units import DAY_NS
from holdshelf_tui.papers import catalogs, printing
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.catalogue import PAPERS, Paper
from holdshelf_tui.papers.model_policy import filled_model
from tests.tui.papers import sheets
from tests.tui.papers.test_accessible import structure
from tests.tui.papers.test_papers import FACTS, adopted
from tests.tui.papers.test_refusal import FACTS as REFUSED
from tests.tui.papers.test_requests import FACTS as REQUESTED

ROOT = Path(__file__).parents[3]
TRANSLATED = [paper for paper in PAPERS.values() if paper.translated]
MODEL = msgspec.structs.replace(FACTS, policy=adopted(filled_model(FACTS)))
FACTS_OF = {"policy": MODEL, "sign": FACTS, "refusal": REFUSED, "release": FACTS, "requests": REQUESTED}


def tool() -> Any:
    spec = spec_from_file_location("catalogs_script", ROOT / "scripts" / "catalogs.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = tool()


def in_language(paper: Paper, language: str) -> PaperFacts:
    return msgspec.structs.replace(FACTS_OF[paper.name], language=language)


# --- the catalogs -------------------------------------------------------------------------------------------------------


def test_every_message_is_collected_translated_and_faithful() -> None:
    assert SCRIPT.check() == [], "python scripts/catalogs.py --check"


@pytest.mark.parametrize("path", SCRIPT.po_files(), ids=SCRIPT.language_of)
def test_what_is_put_into_a_message_is_the_same_in_each_language(path: Path) -> None:
    catalog = SCRIPT.read(path)
    messages = [message for message in catalog if message.id and message.string]
    assert len(messages) > 150
    for message in messages:
        places = re.compile(r"\{\w*\}|\[\[\w+\]\]|\bP\d+\.")
        assert sorted(places.findall(message.id)) == sorted(places.findall(message.string)), message.id


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("Versión {version}, adoptada.", "{day}"),
        ("Versión {version}, adoptada el {dia}.", "{dia}"),
        ("Versión {version.secret}, adoptada el {day}.", "version.secret"),
        ("Versión {version}, adoptada el {day}. {", "a single brace"),
        ("Versión {version}, adoptada el {day}.\x1b[31m", "cannot be printed"),
    ],
)
def test_a_translation_that_changes_a_fact_is_found_and_is_not_compiled(
    said: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = add_language(tmp_path, monkeypatch, {"Version {version}, adopted {day}.": said})
    with pytest.raises(SystemExit, match=re.escape(fault)):
        SCRIPT.compile_all()
    assert not begun.with_suffix(".mo").exists()


def test_what_the_service_says_on_a_sheet_is_in_the_catalogs() -> None:
    say = catalogs.words("es")
    for basis, words in ((key, first_policy().basis_words(key)) for key in first_policy().bases):
        assert [need for need in (*what_we_need(first_policy(), basis), words) if not say.has(need)] == []
    counsels = Determination("D-1", "0f" * 32, ("active-investigation",), DAY_NS)
    for statute, determined in (("advise", ()), ("enforce", (counsels,))):
        needs = what_would_pass(first_policy(), Adopted("1", "2026-01-01", "0f" * 32, statute), determined, Now(0, 0))
        assert [need for need in needs if not say.has(need)] == []


# --- adding a language, as docs/papers.md tells ------------------------------------------------------------------------


def add_language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]) -> Path:
    """A language of the tests' own: begun by the script, with some messages translated. Its papers.po."""
    monkeypatch.setattr(SCRIPT, "ROOT", tmp_path)
    monkeypatch.setattr(SCRIPT, "LOCALE", tmp_path)
    monkeypatch.setattr(SCRIPT, "TEMPLATE", tmp_path / "papers.pot")
    monkeypatch.setattr(SCRIPT, "_of_the_service", lambda: iter(()))
    SCRIPT.update("pt")
    (path,) = SCRIPT.po_files()
    path.with_suffix(".mo").unlink()
    catalog = SCRIPT.read(path, "pt")
    for message in catalog:
        if message.id in said:
            message.string = said[message.id]
    SCRIPT._write(path, catalog)
    return path


@pytest.fixture
def _own_catalogs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(catalogs, "LOCALE", tmp_path)
    for kept in (catalogs.known, catalogs._load):
        kept.cache_clear()
    yield
    for kept in (catalogs.known, catalogs._load):
        kept.cache_clear()


@pytest.mark.usefixtures("_own_catalogs")
def test_a_librarian_adds_a_language_and_what_it_does_not_say_yet_is_said_in_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_language(tmp_path, monkeypatch, {"English": "Português", "No sound is recorded.": "O som não é gravado."})
    assert "not translated yet" in capsys.readouterr().out
    SCRIPT.compile_all()
    assert catalogs.known() == {"en": "English", "pt": "Português"}
    said = PAPERS["sign"].as_text(in_language(PAPERS["sign"], "pt"))
    assert "O som não é gravado." in said and "The cameras are not constantly monitored." in said
    assert ("pt", "Português") in printing.languages_of(PAPERS["policy"])
    with pytest.raises(BadRequest, match="not available in 'es'"):
        catalogs.words("es")


@pytest.mark.usefixtures("_own_catalogs")
@pytest.mark.parametrize("paper", TRANSLATED, ids=lambda paper: paper.name)
def test_no_sentence_of_such_a_paper_is_outside_the_catalogs(
    paper: Paper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A language in which each message stands between «»: what stands outside of them is a fact, or was forgotten."""
    path = add_language(tmp_path, monkeypatch, {})
    catalog = SCRIPT.read(path, "pt")
    for message in catalog:
        if message.id:
            message.string = "\n".join(f"«{line}»" for line in message.id.split("\n"))
    SCRIPT._write(path, catalog)
    monkeypatch.setattr(SCRIPT, "faults", lambda _catalog: [])
    SCRIPT.compile_all()
    document = paper.makes(in_language(paper, "pt"))
    known = FACTS_OF[paper.name]
    assert known.policy is not None
    facts = str(msgspec.structs.replace(known, policy=msgspec.structs.replace(known.policy, text="")))
    for words in strings(document):
        bare = words
        while (less := re.sub(r"«[^«»]*»", " ", bare)) != bare:  # a message may stand in another one
            bare = less
        left = [word for word in re.findall(r"[A-Za-z]{3,}", bare) if word not in facts and word not in ("SHA",)]
        assert left == [], words


def strings(document: d.Document) -> Iterator[str]:
    """What a document says, but for what somebody else wrote word for word, and what the drawing of a sign is."""
    yield document.title
    yield document.foot.running
    yield from (label for label, _ in document.foot.rows)
    blocks = list(document.blocks)
    while blocks:
        match blocks.pop(0):
            case d.Keep(inside):
                blocks = [*inside, *blocks]
            case d.Heading(words) | d.Para(words, language=""):
                yield words
            case d.Verbatim(words, sha256="", language=""):
                yield from words.split("\n\n")
            case d.Item(words, notes=notes):
                yield from (words, *notes)
            case d.Boxes(boxes):
                yield from (words for words, _ in boxes)
            case d.Fields(fields):
                yield from (field.label for field in fields)
            case d.Facts(rows):
                yield from (label for label, _ in rows)
            case d.Table(head, cells):
                yield from head
                for row in cells:
                    yield from row


# --- Spanish ----------------------------------------------------------------------------------------------------------


SAID = {
    "policy": (
        "Normas sobre las cámaras de seguridad",
        "Solo ese texto obliga",
        "P1. Para qué son.",
        "P21. Confidencial.",
        "P1. What they are for.",
    ),
    "sign": ("No se graba sonido.", "El texto que obliga es el inglés."),
    "refusal": ("Lo que necesitamos", "la orden de registro, firmada por un juez", "El texto que obliga es el inglés."),
    "release": ("Petición de grabaciones de las cámaras", "El texto que obliga es el inglés."),
    "requests": ("Registro de solicitudes", "no se nombra a nadie", "El texto que obliga es el inglés."),
}


@pytest.mark.parametrize("paper", TRANSLATED, ids=lambda paper: paper.name)
def test_a_spanish_paper_says_the_same_facts_and_which_text_binds(paper: Paper, tmp_path: Path) -> None:
    english, spanish = (in_language(paper, language) for language in ("en", "es"))
    raw = paper.as_pdf(spanish)
    said = {
        "text": " ".join(paper.as_text(spanish).split()),
        "pdf": sheets.text_of(raw, tmp_path),
        **({"html": paper.as_html(spanish)} if "html" in paper.formats else {}),
    }
    for form, words in said.items():
        for expected in SAID[paper.name]:
            assert expected in words, f"{form}: {expected}"
    root: Any = PdfReader(BytesIO(raw)).trailer["/Root"]
    assert root["/Lang"] == "es"
    facts = msgspec.to_builtins(FACTS_OF[paper.name])
    exact = [facts["library"], facts["contact"], facts["printed_at"], facts["log"]["short"], facts["policy"]["version"]]
    exact += [facts["policy"]["sha256"], *re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [-+]\d\d:\d\d", str(facts))]
    for fact in exact:
        told = re.sub(r"\s", "", paper.as_text(english))
        if fact.replace(" ", "") in told:
            assert fact.replace(" ", "") in re.sub(r"\s", "", paper.as_text(spanish)), fact


def test_the_adopted_text_stays_english_and_word_for_word_and_a_screen_reader_is_told_so() -> None:
    spanish = msgspec.structs.replace(FACTS, language="es")
    assert FACTS.policy is not None
    page = PAPERS["policy"].as_html(spanish)
    assert '<html lang="es">' in page and f'data-sha256="{FACTS.policy.sha256}"' in page
    assert re.search(r'<div id="policy-text"[^>]* lang="en"', page)
    assert "Aquí no hay traducción de ese texto." in page and "P1. Para qué son." not in page
    tags = structure(PAPERS["policy"].as_pdf(spanish))
    assert {tag.language for tag in tags.all() if tag.language} == {"en"}


def test_boxes_and_lines_are_told_in_spanish_too() -> None:
    tags = structure(PAPERS["release"].as_pdf(in_language(PAPERS["release"], "es")))
    told = {figure.alt for figure in tags.all("Figure")}
    assert told == {"por marcar:", "en blanco, para escribir a mano"}
    page = PAPERS["policy"].as_html(in_language(PAPERS["policy"], "es"))
    assert "to check" not in page


@pytest.mark.parametrize(
    ("paper", "asked", "id", "refused"),
    [
        ("policy", "de", "", "not available in 'de'"),
        ("hold", "es", "H-2026-0001", "it has no other"),
        ("release", "es", "R-2026-0001", "is its record"),
        ("refusal", "en+es", "", "one language, not two"),
        ("policy", "../es", "", "not available"),
        ("sign", "en+es+en+de", "", "not available in 'de'"),
    ],
)
def test_a_language_that_a_paper_is_not_to_be_had_in_is_refused_in_a_sentence(
    paper: str, asked: str, id: str, refused: str
) -> None:
    with pytest.raises(BadRequest, match=re.escape(refused)):
        printing.check_language(PAPERS[paper], asked, id)
