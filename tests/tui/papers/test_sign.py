"""The sign for an entrance: what it says, letters for their distance, a code that phones read, nothing off the page."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from PIL import Image, ImageChops
from textual.app import App

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.outbox.types import Printers
from holdshelf_core.reports.types import LogHead, PaperFacts, PolicyText, SignWords
from holdshelf_tui.papers import catalogs, printing, sign_text
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.sign import sign_paper
from holdshelf_tui.papers.sign_pdf import sign_pdf
from holdshelf_tui.papers.typeset import PAGES
from holdshelf_tui.screens.dialogs.print_forms import Opened, PrintDialog
from holdshelf_tui.widgets.fields import Choice
from tests.rig.hang import HANG_S
from tests.tui.papers import sheets
from tests.tui.stage import until

DPI = 48
MARGIN_IN = 0.5
CAP_HEIGHT = 0.714
"""Of a capital of Noto Sans, in parts of the size."""
FEET_BEST = 10
"""Read with ease, for each inch of a capital: the rule of thumb of those who make signs."""
FACTS = PaperFacts(
    "Example Town Library",
    "Ada Byron, Library Director, 555-0100",
    "https://library.example/cameras",
    PolicyText("3.1", "2026-10-01", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    LogHead("holdshelf.local/0123456789abcdef", 1234, "1234:" + " ".join(["abcd"] * 8)),
)
LONG = msgspec.structs.replace(
    FACTS,
    library="The Eleanor & Marguerite Featherstonhaugh Memorial Library !",
    contact="Aleksandra Konstantinopolskaya-Featherstonhaugh, Library Director, (860) 555-0100, director@library.example",
    policy_address="https://www.featherstonhaugh-memorial-library.example.org/about/policies/security-cameras.html",
)
OTHERS = msgspec.structs.replace(
    FACTS, library="Βιβλιοθήκη της Αλεξάνδρειας · Библиотека имени Пушкина", contact="Έλλη, Ирина"
)
ALIVE = msgspec.structs.replace(FACTS, library="a\x1b[31mred\x1b]0;t\x07\u202eevil 図書館", contact="x" * 120)


def words_of(pdf: bytes) -> str:
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=HANG_S
    )
    return " ".join(read.stdout.decode().split())


def picture_of(pdf: bytes, dpi: int = DPI) -> Image.Image:
    drawn = subprocess.run(
        ["pdftoppm", "-r", str(dpi), "-png", "-"], input=pdf, capture_output=True, check=True, timeout=HANG_S
    )
    return Image.open(io.BytesIO(drawn.stdout)).convert("RGB")


def cap_height_in(page: str, language: str = "en") -> float:
    """Of the headline's capitals, in inches."""
    return max(sheets.sizes_of(sign_pdf(PaperFacts(), page, language))) * CAP_HEIGHT / 72


def decoded(pdf: bytes, folder: Path) -> str:
    file = folder / "sign.png"
    whole = picture_of(pdf, 84)
    whole.crop((0, whole.height * 2 // 3, whole.width, whole.height)).save(file, compress_level=1)
    read = subprocess.run(["zbarimg", "--quiet", "--raw", file], capture_output=True, check=False, timeout=HANG_S)
    return read.stdout.decode().strip()


def test_p3_p7_p9_p10_p18_p19_the_sign_says_what_it_must() -> None:
    said = words_of(sign_pdf(FACTS))
    for words in (
        "Security cameras are in use",
        "No sound is recorded.",
        "The cameras are not constantly monitored.",
        "Please look after yourself and your belongings.",
        "Ada Byron, Library Director, 555-0100",
        "https://library.example/cameras",
        "Example Town Library",
        f"Text version {sign_text.text_version(FACTS)}",
        "policy 3.1 (9f86d081…)",
        "log 1234:abcd",
    ):
        assert words in said


@pytest.mark.parametrize("language", list(catalogs.known()))
def test_p10_no_language_promises_a_retention_time_or_somebody_watching(language: str) -> None:
    facts = msgspec.structs.replace(FACTS, language=language)
    for said in (words_of(sign_pdf(facts, "letter")), " ".join(sign_paper(facts).split())):
        assert not re.search(
            r"24\s*/\s*7|24 hours|24 horas|around the clock|\bdays?\b|\bweeks?\b|\bdías?\b|\bsemanas?\b|kept for|\bft\b|feet",
            said.casefold(),
        )


def test_p3_letters_are_an_inch_high_for_each_ten_feet() -> None:
    """What docs/papers.md says of each size: the distance from which it is read with ease."""
    feet = {page: cap_height_in(page) * FEET_BEST for page in PAGES}
    assert feet["letter"] >= 10 and feet["a4"] >= 10
    assert feet["tabloid"] >= 14 and feet["12x18"] >= 15
    assert min(cap_height_in(page, "en+es") for page in PAGES) * FEET_BEST >= 7
    # Told apart from the rest by measure: the tallest black strokes of the page are the headline's.
    picture = picture_of(sign_pdf(FACTS, "letter"), 100).convert("L")
    column = picture.crop((50, 290, 50 + 75, 430)).point(lambda shade: 255 if shade < 60 else 0)
    box = column.getbbox()  # the S of Security
    assert box is not None and box[3] - box[1] >= 100 * cap_height_in("letter") * 0.98


@pytest.mark.parametrize(
    ("page", "facts"),
    [
        *((page, LONG) for page in PAGES),
        ("letter", OTHERS),
        ("letter", ALIVE),
        ("12x18", ALIVE),
        ("letter", PaperFacts()),
    ],
    ids=lambda of: of if isinstance(of, str) else "",
)
def test_nothing_is_nearer_to_the_edge_than_half_an_inch(page: str, facts: PaperFacts) -> None:
    language = "en+es" if facts in (LONG, OTHERS) else "en"
    picture = picture_of(sign_pdf(facts, page, language))
    width, height = (round(points / 72 * DPI) for points in PAGES[page])
    assert abs(picture.width - width) <= 1 and abs(picture.height - height) <= 1
    inked = ImageChops.invert(picture.convert("L")).getbbox()
    assert inked is not None
    edge = MARGIN_IN * DPI - 1
    assert inked[0] >= edge and inked[1] >= edge
    assert inked[2] <= width - edge + 1 and inked[3] <= height - edge + 1


@pytest.mark.parametrize("facts", [LONG, OTHERS], ids=["60 letters", "scripts"])
def test_a_library_of_sixty_letters_in_any_of_our_scripts_stands_there_whole(facts: PaperFacts) -> None:
    said = words_of(sign_pdf(facts, "letter", "en+es"))
    assert facts.library in said and facts.contact in said
    assert sign_text.policy_address(facts) in said.replace(" ", "") or facts.policy_address in said
    assert "□" not in said and "Cámaras de seguridad en uso" in said


def test_letters_of_another_script_are_said_to_be_missing() -> None:
    said = words_of(sign_pdf(ALIVE, "letter"))
    assert "□ stands for a letter that this paper's font does not have." in said and "\x1b" not in said


@pytest.mark.parametrize("page", list(PAGES))
def test_p18_the_policys_address_is_read_back_from_its_code(page: str, tmp_path: Path) -> None:
    facts, language = (FACTS, "es+en") if page == "12x18" else (LONG, "en")
    assert decoded(sign_pdf(facts, page, language), tmp_path) == facts.policy_address


def test_p18_the_code_is_an_inch_wide_and_has_white_around_it() -> None:
    picture = picture_of(sign_pdf(FACTS, "letter"), 100).convert("L")
    right = picture.width - 50
    # From the code's own right edge leftwards: its finder pattern's first column is black and seven modules high.
    strip = picture.crop((right - 170, 620, right + 30, 940)).point(lambda shade: 255 if shade < 128 else 0)
    box = strip.crop((0, 0, 200, 270)).getbbox()
    assert box is not None
    assert box[2] - box[0] >= 100
    module = (box[2] - box[0]) / 25
    around = strip.crop((int(box[0] - 4 * module), int(box[1] - 4 * module), box[0], box[3]))
    assert around.getbbox() is None


@pytest.mark.parametrize(
    ("typed", "in_code"),
    [
        ("https://library.example/cameras", "https://library.example/cameras"),
        ("library.example/cameras", "https://library.example/cameras"),
        ("http://library.example", "http://library.example"),
        ("", ""),
        ("ask at the desk", ""),
        ("desk", ""),
        ("javascript://library.example/%0aalert(1)", ""),
        ("tel:555-0100", ""),
    ],
)
def test_only_a_web_address_becomes_a_code(typed: str, in_code: str) -> None:
    assert sign_text.qr_address(msgspec.structs.replace(FACTS, policy_address=typed)) == in_code


def test_p18_without_an_address_a_copy_is_to_be_had_at_the_desk(tmp_path: Path) -> None:
    pdf = sign_pdf(msgspec.structs.replace(FACTS, policy_address=""), "letter")
    assert "Ask for a copy at any desk." in words_of(pdf)
    assert decoded(pdf, tmp_path) == ""


def test_p3_the_text_version_tells_another_text_apart_and_is_on_both_forms() -> None:
    versions = {
        sign_text.text_version(facts, language)
        for facts in (
            FACTS,
            LONG,
            msgspec.structs.replace(FACTS, contact="Bea"),
            msgspec.structs.replace(FACTS, log=None),
        )
        for language in ("en", "es", "en+es")
    }
    assert len(versions) == 9  # the log's head is no text of the sign's
    assert all(re.fullmatch(r"\d+\.[a-z]{2}(\+[a-z]{2})?\.[0-9a-f]{8}", one, re.ASCII) for one in versions)
    assert sign_text.text_version(FACTS) in sign_paper(FACTS)


def test_a_language_that_there_is_not_is_refused_with_those_that_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadRequest, match="not available in 'de'") as refused:
        sign_pdf(FACTS, "letter", "de")
    assert "es (Español)" in refused.value.next_step
    monkeypatch.setattr(catalogs, "words", lambda language: catalogs.ENGLISH_WORDS)
    with pytest.raises(BadRequest, match="one language, or two"):
        sign_text.languages("en+es+fr")


def test_the_sign_is_in_the_catalogue_at_twelve_by_eighteen_and_the_same_bytes_twice() -> None:
    paper = PAPERS["sign"]
    assert paper.pages == ("12x18", "tabloid", "letter", "a4")
    assert paper.as_pdf(FACTS) == sign_pdf(FACTS, "12x18") == paper.as_pdf(FACTS, "12x18")
    spanish = msgspec.structs.replace(FACTS, language="es")
    assert "Cámaras de seguridad en uso" in words_of(paper.as_pdf(spanish, "letter"))


def test_no_picture_and_no_font_of_the_readers_is_in_it() -> None:
    pdf = sign_pdf(FACTS)
    assert b"/Subtype /Image" not in pdf
    listed = subprocess.run(
        ["pdffonts", "-"], input=pdf, capture_output=True, check=True, timeout=HANG_S
    ).stdout.decode()
    rows = listed.splitlines()[2:]
    assert rows and all(re.search(r"\byes yes (yes|no)\b", row) for row in rows), (
        listed
    )  # embedded, and a part of it only


IRISH = msgspec.structs.replace(
    FACTS, signs={"ga": SignWords(("Tá ceamaraí", "i bhfeidhm"), ("Gan fuaim a thaifeadadh.",), "")}
)


@pytest.mark.parametrize("language", ["ga", "en+ga", "ga-IE+en"])
def test_a_sign_in_a_language_that_papers_do_not_speak_has_the_files_words(language: str) -> None:
    facts = msgspec.structs.replace(IRISH, language=language)
    for said in (sign_paper(facts), words_of(sign_pdf(facts))):
        plain = re.sub(r"\s", "", said).upper()
        assert "TÁCEAMARAÍIBHFEIDHM" in plain and "GANFUAIMATHAIFEADADH." in plain
        assert ("NOSOUNDISRECORDED." in plain) is ("+" in language)
    assert sign_text.text_version(facts).startswith("1.")


def test_a_sign_in_a_language_that_nobody_has_words_for_is_not_printed() -> None:
    with pytest.raises(BadRequest, match="Papers are not available in 'cy'"):
        sign_paper(msgspec.structs.replace(IRISH, language="en+cy"))


def test_where_the_policys_first_language_is_one_that_papers_do_not_speak_its_sign_is_the_files() -> None:
    assert FACTS.policy is not None
    facts = msgspec.structs.replace(IRISH, policy=msgspec.structs.replace(FACTS.policy, language="ga"))
    for said in (sign_paper(facts), words_of(sign_pdf(facts))):
        assert "TÁCEAMARAÍIBHFEIDHM" in re.sub(r"\s", "", said).upper()


def test_a_sign_in_one_kind_of_a_language_is_set_as_well() -> None:
    facts = msgspec.structs.replace(FACTS, language="en-IE")
    assert "No sound is recorded." in words_of(sign_pdf(facts))


@pytest.mark.parametrize(
    ("paper", "languages", "chosen"),
    [
        ("sign", ("ga", "fr"), "ga"),
        ("sign", ("cy", "fr"), "fr"),
        ("policy", ("ga", "fr"), "fr"),
        ("policy", ("es", "en"), "es"),
        ("policy", ("ga",), "en"),
    ],
)
async def test_the_print_dialog_has_the_librarys_first_language_that_the_paper_can_be_in(
    paper: str, languages: tuple[str, ...], chosen: str
) -> None:
    assert FACTS.policy is not None
    policy = msgspec.structs.replace(FACTS.policy, language=languages[0], languages=languages)
    facts = msgspec.structs.replace(IRISH, policy=policy)
    dialog = PrintDialog(Opened(PAPERS[paper], "", "", facts=facts), Printers([]), outbox=True)
    async with App[None]().run_test(size=(80, 24)) as pilot:
        await pilot.app.push_screen(dialog)
        field = await until(pilot, "the languages", lambda: dialog.query_one("#language", Choice))
        assert field.value == chosen
    said = printing.make(PAPERS[paper], msgspec.structs.replace(facts, language=chosen), "text")
    assert said == printing.make(PAPERS[paper], facts, "text"), "as without --language"


def test_the_print_dialog_offers_the_languages_that_the_policy_words_the_sign_in() -> None:
    paper = PAPERS["sign"]
    offered = PrintDialog(Opened(paper, "", "", facts=IRISH), Printers([]), outbox=True).languages()
    assert ("ga", "ga") in offered and ("en+ga", "English, ga below it") in offered
    assert all(code not in dict(printing.languages_of(paper)) for code in ("ga", "en+ga"))
    assert "ga" not in dict(printing.languages_of(PAPERS["refusal"], "", IRISH.signs))
