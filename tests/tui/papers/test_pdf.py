"""Papers as PDF, read back by poppler: margins, fonts, pages, large type, other scripts, hostile words, equal bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from pypdf import PdfReader

from holdshelf_core.api.errors import Conflict
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import frame, pdf
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.letters import ABOUT_INSTEAD, INSTEAD, settable
from holdshelf_tui.papers.model_policy import filled_model
from holdshelf_tui.papers.policy import policy_document
from holdshelf_tui.papers.refusal import refusal_document
from tests.tui.papers import sheets
from tests.tui.papers.test_papers import ADOPTED, FACTS, HOSTILE, LONG_NAME, WIDE, adopted
from tests.tui.papers.test_refusal import FACTS as REFUSED

MODEL = msgspec.structs.replace(FACTS, policy=None)
OTHER_SCRIPTS = (
    "Thư viện Thành phố Ằẵ · Biblioteka Żółć Łódź · Βιβλιοθήκη Ἀθήνας · Библиотека Ґалаґана · Kütüphane İğdır"
)
NAMES = {
    "60 letters": LONG_NAME,
    "160 wide letters": "W" * 160,
    "160 letters": "Featherstonhaugh " * 9,
    "other scripts": OTHER_SCRIPTS,
    "right to left": "مكتبة البلدة الطويلة جدا " * 3 + "ספריית העיר",
    "wide": WIDE,
    "hostile": HOSTILE,
    "marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334a\u0301\u0301\u0301" * 12,
    "nothing": "",
}


def picture(width: int = 640, height: int = 360) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "JPEG")
    return file.getvalue()


def every_block(name: str) -> list[d.Block]:
    return [
        d.Heading(name or "A section"),
        d.Para(name, "lead"),
        d.Para(f"{name} and some words after it " * 4),
        d.Para(name, "caveat"),
        d.Para(name, "quote"),
        d.Heading("Within it", 2),
        d.Facts([(name, name), ("SHA-256", "0f" * 32), ("without a value", "")]),
        d.Item(name),
        d.Item(name, False, (name, name)),
        d.Item(name, True),
        d.Boxes([("present", True), (name, False), ("lit", False)]),
        d.Fields([d.Field("legible from (ft)", 6), d.Field(name, 20), d.Field("language", 14, name)]),
        d.Checks([d.Check(name, "front.microphone", name, due=True), d.Check("lit", "e1.lit")]),
        d.Mono(["ssh-keygen -Y verify " + "-f allowed_signers " * 9, name]),
        d.Table(["Camera", name, "Days"], [[name, f"{number} {name}", str(number)] for number in range(12)]),
        d.Table([name] * 14, [[name] * 14]),
        d.Bars(name, [(name, 3.0, name), ("none", 0.0, "0"), ("more than the axis", 99.0, "99")], most=10, unit="days"),
        d.Plots([[d.Panel(name, [(name, 1.0, name)], name, mark=(0.5, name))], [d.Panel("Looks", [("a", 2.0, "2")])]]),
        d.Picture(picture(), name),
        d.Picture(b"\xff\xd8 no picture", name),
        d.Pictures([d.Picture(picture(), name), d.Picture(b"\xff\xd8 no picture", name)] * 2),
        d.Keep([d.Heading("Together", 2), d.Para(name)]),
        d.NewPage(),
        d.Verbatim(f"TITLE\n\n  1) {name} {name}\n     · {name}\n\n{name}"),
    ]


def paper(blocks: list[d.Block], facts: PaperFacts = FACTS, **more: bool) -> d.Document:
    return frame.document(facts, "A paper", blocks, **more)  # type: ignore[arg-type]


# --- within the margins -------------------------------------------------------------------------------------------


SETTINGS: list[tuple[str, pdf.Page, bool]] = [
    *((name, "letter", False) for name in NAMES),
    *((name, "a4", True) for name in ("160 wide letters", "right to left", "hostile")),
]
"""Large type on A4 is another layout: the names that are hardest for it. `make soak` sets all."""
MORE_SETTINGS: list[tuple[str, pdf.Page, bool]] = [
    (name, "a4", True) for name in NAMES if (name, "a4", True) not in SETTINGS
]


@pytest.mark.parametrize(
    ("name", "page", "large"),
    [
        *(pytest.param(NAMES[name], *how, id=f"{how[0]}-{name}") for name, *how in SETTINGS),
        *(
            pytest.param(NAMES[name], *how, id=f"{how[0]}-{name}", marks=pytest.mark.soak)
            for name, *how in MORE_SETTINGS
        ),
    ],
)
def test_nothing_leaves_the_margins_or_stands_on_another_word(
    name: str, page: pdf.Page, large: bool, tmp_path: Path
) -> None:
    facts = msgspec.structs.replace(FACTS, library=name, contact=name, policy_address=name, caveats=(name,))
    document = frame.document(facts, f"A paper of {name}", every_block(name), confidential=True)
    sheet = sheets.read(pdf.render(document, page=page, large=large), tmp_path)
    assert {(round(width), round(height)) for width, height in sheet.pages} == {
        (612, 792) if page == "letter" else (595, 842)
    }
    assert len(sheet.words) > 100
    assert sheets.outside(sheet) == []
    assert sheets.overlapping(sheet) == []


def test_a_word_outside_the_margins_would_be_seen(tmp_path: Path) -> None:
    inside = sheets.read(pdf.render(paper([d.Para("inside")])), tmp_path)
    assert sheets.outside(inside, margin=80) != []


@pytest.mark.parametrize("name", [LONG_NAME, "W" * 160])
def test_a_long_library_name_still_leaves_the_refusal_on_one_page(name: str, tmp_path: Path) -> None:
    facts = msgspec.structs.replace(REFUSED, library=name)
    assert len(sheets.read(pdf.render(refusal_document(facts)), tmp_path).pages) == 1


def test_forms_and_plots_are_bounded_whatever_stands_in_them(tmp_path: Path) -> None:
    words = "W" * 20_000
    forms: list[d.Block] = [
        d.Boxes([(words, True)]),
        d.Fields([d.Field(words, 80, words)]),
        d.Checks([d.Check(words, words, words)]),
        d.Bars("Days", [(words, 1.0, words)]),
        d.Table([words, words], [["a", "b"]]),
    ]
    sheet = sheets.read(pdf.render(paper(forms), large=True), tmp_path)
    assert sheets.outside(sheet) == []
    assert len(sheet.pages) < 8


# --- pages --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["letter", "a4"])
def test_p17_the_model_policy_takes_two_pages_and_says_which_is_which(page: pdf.Page, tmp_path: Path) -> None:
    pages = sheets.pages_of(pdf.render(policy_document(MODEL), page=page), tmp_path)
    assert len(pages) == 2
    for number, words in enumerate(pages, 1):
        assert f"page {number} of 2" in words
        assert "Example Town Library" in words and "log 1234:" in words


def test_a_paper_for_one_page_is_set_smaller_before_it_takes_a_second_and_never_below_nine_points(
    tmp_path: Path,
) -> None:
    def made(paragraphs: int, *, one_page: bool) -> bytes:
        return pdf.render(paper([d.Para("Some words of a paper. " * 14)] * paragraphs, one_page=one_page))

    def pages(raw: bytes) -> int:
        return len(sheets.read(raw, tmp_path).pages)

    fits = next(raw for raw in (made(n, one_page=True) for n in range(14, 5, -1)) if pages(raw) == 1)
    assert 9 <= min(sheets.sizes_of(fits) - {7.5, 8, 7.68}) < 10
    assert pages(made(14, one_page=True)) == 2
    assert max(sheets.sizes_of(made(3, one_page=True)) - {22 * 1.15}) > 12  # and larger, to fill its page


def test_a_table_has_its_head_on_each_page_and_loses_no_row(tmp_path: Path) -> None:
    table = d.Table(["Camera", "What was seen"], [[f"camera-{number}", "words " * 30] for number in range(60)])
    pages = sheets.pages_of(pdf.render(paper([table])), tmp_path)
    assert len(pages) > 2
    assert all("Camera What was seen" in page for page in pages)
    assert [f"camera-{number} " in " ".join(pages) for number in range(60)] == [True] * 60


def test_blocks_that_belong_together_stay_on_one_page(tmp_path: Path) -> None:
    kept = d.Keep([d.Heading("Signed", 2), d.Para("first line"), d.Fields([d.Field("last line", 30)])])
    for lines in range(26, 40, 3):
        pages = sheets.pages_of(pdf.render(paper([*[d.Para("x")] * lines, kept])), tmp_path)
        assert sum("Signed" in page and "first line" in page and "last line" in page for page in pages) == 1


def test_p21_the_legend_stands_on_each_page_of_a_confidential_paper_and_on_no_other(tmp_path: Path) -> None:
    blocks: list[d.Block] = [d.Para("a"), d.NewPage(), d.Para("b")]
    pages = sheets.pages_of(pdf.render(paper(blocks, confidential=True)), tmp_path)
    assert len(pages) == 2 and all(d.LEGEND in page for page in pages)
    assert d.LEGEND not in sheets.text_of(pdf.render(paper(blocks)), tmp_path)


def test_a_paper_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MOST_PAGES", 4)
    with pytest.raises(Conflict, match="pages, more than 4"):
        pdf.render(paper([d.Verbatim("word\n" * 400)]))


# --- large type ---------------------------------------------------------------------------------------------------


def test_large_type_is_eighteen_points_and_more_but_for_the_running_lines() -> None:
    document = frame.document(FACTS, "A paper", every_block("Name"), confidential=True, one_page=True)
    assert min(sheets.sizes_of(pdf.render(document, large=True)) - {11.0}) >= 18


# --- what it says ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("large", [False, True])
def test_each_paper_names_library_contact_version_hash_and_checkpoint(large: bool, tmp_path: Path) -> None:
    assert FACTS.policy and FACTS.log
    words = sheets.text_of(pdf.render(paper([d.Para("body")]), large=large), tmp_path)
    for expected in (
        "Example Town Library",
        FACTS.contact,
        "3.1, adopted Oct 1, 2026",
        FACTS.log.origin,
        FACTS.log.short,
    ):
        assert expected in words
    assert FACTS.policy.sha256 in words.replace("→ ", "").replace(" ", "")
    assert FACTS.printed_at in words


def test_p17_the_adopted_text_is_set_word_for_word(tmp_path: Path) -> None:
    words = sheets.text_of(pdf.render(policy_document(FACTS)), tmp_path)
    assert " ".join(ADOPTED.split()) in words


def test_p17_each_paragraph_of_the_model_is_there_in_its_order(tmp_path: Path) -> None:
    found = sheets.run("pdftotext", "-raw", "-", "/dev/stdout", pdf=pdf.render(policy_document(MODEL)), folder=tmp_path)
    lines = [line for line in found.split("\n") if not re.search(r"page \d of \d$|^\f?Example Town Library · ", line)]
    words = " ".join(" ".join(lines).split())
    at = 0
    for line in filter(None, filled_model(MODEL).split("\n")):
        at = words.index(" ".join(line.split()), at)


def test_p20_a_text_that_is_not_the_adopted_one_becomes_no_pdf() -> None:
    forged = msgspec.structs.replace(FACTS, policy=msgspec.structs.replace(adopted(), text="Something else."))
    with pytest.raises(Conflict, match="P20"):
        PAPERS["policy"].as_pdf(forged)


def test_hostile_words_are_letters_and_nothing_else(tmp_path: Path) -> None:
    marked = r"**bold** __u__ <b>x</b> [a](https://evil.example) (\051 \\) Tj ET"
    raw = pdf.render(paper([d.Para(HOSTILE), d.Para(marked), d.Heading(HOSTILE), d.Verbatim("a\x1b[2Jb\u202ec")]))
    words = sheets.text_of(raw, tmp_path)
    assert marked in words
    assert words.isprintable()
    assert "ab[2Jc" not in words and "a[2Jbc" in words
    assert b"/URI" not in raw and b"/JavaScript" not in raw


def test_a_megabyte_of_one_word_is_bounded(tmp_path: Path) -> None:
    raw = pdf.render(paper([d.Para("x" * 1_000_000), d.Mono(["y" * 1_000_000])]))
    assert len(sheets.read(raw, tmp_path).pages) < 20


def test_a_long_typed_line_is_marked_where_it_goes_on(tmp_path: Path) -> None:
    line = "ssh-keygen -Y verify -f allowed_signers -I a@b.example -n release@holdshelf -s SHA256SUMS.sig < SHA256SUMS"
    found = sheets.run(
        "pdftotext", "-layout", "-", "/dev/stdout", pdf=pdf.render(paper([d.Mono([line])])), folder=tmp_path
    )
    begin, rest = found.split("ssh-keygen", 1)[1].split("→ ", 1)
    assert f"ssh-keygen{begin.strip()}{rest.splitlines()[0].strip()}".replace(" ", "") == line.replace(" ", "")


def test_a_checksum_stands_in_one_line(tmp_path: Path) -> None:
    assert FACTS.policy
    words = sheets.read(pdf.render(paper([d.Facts([("Of the file that was handed over", "ab" * 32)])])), tmp_path).words
    assert {"ab" * 32, FACTS.policy.sha256} <= {word.words for word in words}


def test_a_picture_is_there_and_what_is_none_is_told_in_words(tmp_path: Path) -> None:
    raw = pdf.render(paper([d.Picture(picture(), "Front door"), d.Picture(b"no", "Desk"), d.Picture(b"", "Door")]))
    assert sheets.run("pdfimages", "-list", "-", pdf=raw, folder=tmp_path).count(" jpeg ") == 1
    assert all(words in sheets.text_of(raw, tmp_path) for words in ("Front door", "Desk", "Door"))


# --- type ---------------------------------------------------------------------------------------------------------


def test_all_fonts_are_embedded_as_subsets(tmp_path: Path) -> None:
    raw = pdf.render(paper(every_block("Name é Ж")))
    table = sheets.run("pdffonts", "-", pdf=raw, folder=tmp_path).splitlines()[2:]
    assert {line.split()[0].partition("+")[2] for line in table} == {
        "NotoSans-Regular",
        "NotoSans-Bold",
        "NotoSans-Italic",
        "NotoSansMono-Regular",
    }
    assert all(
        line.split()[-5:-2] == ["yes", "yes", "yes"] for line in table
    )  # embedded, subset, with its letters' names
    assert len(raw) < 150_000


def test_latin_greek_and_cyrillic_are_set_and_other_letters_are_told_of(tmp_path: Path) -> None:
    known = sheets.text_of(pdf.render(paper([d.Para(OTHER_SCRIPTS), d.Para(OTHER_SCRIPTS, "caveat")])), tmp_path)
    assert known.count(OTHER_SCRIPTS) == 2
    assert ABOUT_INSTEAD not in known and INSTEAD not in known
    missing = sheets.text_of(pdf.render(paper([d.Para("A مكتبة B 図書 C 📚 D")])), tmp_path)
    assert f"A {INSTEAD * 5} B {INSTEAD * 2} C {INSTEAD} D" in missing
    assert ABOUT_INSTEAD in missing


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("e\u0301", "é"),  # composed, so that accents sit where they belong
        ("Z" + "\u0351\u036b\u0343" * 30, "Z\u0351\u036b"),  # no tower of accents over the line above
        ("\u0301a", "a"),  # nothing to stand on
        ("a\x00\x1b[2J\u202eb\u200b\u2066c\ud800d", "a[2Jbcd"),
        ("a\u00a0b\u2003c", "a b c"),
        ("Ａ１ﬁ", "A1ﬁ"),
        ("पुस्त", INSTEAD * 3),
        ("👨\u200d👩", INSTEAD * 2),
    ],
    ids=["composed", "a tower", "no ground", "control", "spaces", "compatible", "marks of another script", "joined"],
)
def test_words_become_letters_that_can_be_set(words: str, shown: str) -> None:
    assert settable(words) == shown


def test_signs_that_the_text_face_lacks_come_from_the_typewriter(tmp_path: Path) -> None:
    words = [word.words for word in sheets.read(pdf.render(paper([d.Para("a → b ≤ c − d")])), tmp_path).words]
    assert " a → b ≤ c − d " in " ".join(words) and INSTEAD not in words


def test_the_fonts_come_with_their_license_and_are_small() -> None:
    folder = Path(pdf.__file__).parent / "fonts"
    assert len(list(folder.glob("*.ttf"))) == 4
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 3_000_000
    license = (folder / "OFL.txt").read_text()
    assert "SIL OPEN FONT LICENSE Version 1.1" in license and "Google" in license
    ignored = subprocess.run(
        ["git", "-c", "safe.directory=*", "check-ignore", *folder.iterdir()],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert ignored.stdout == b""  # a wheel holds what git does not ignore


# --- the file -----------------------------------------------------------------------------------------------------


def test_it_carries_title_library_language_and_the_day_it_was_printed(tmp_path: Path) -> None:
    raw = pdf.render(paper([d.Heading("A section"), d.Para("x"), d.Heading("Within", 2)]))
    told = sheets.run("pdfinfo", "-isodates", "-", pdf=raw, folder=tmp_path)
    for line in ("A paper", "Example Town Library", "2026-11-24T19:00:00Z"):
        assert line in told
    root = PdfReader(BytesIO(raw)).trailer["/Root"]
    assert root["/Lang"] == "en" and root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert root["/Outlines"]["/Count"] == 1


SCRIPT = """
import sys
from tests.tui.papers.test_pdf import every_block, paper
from holdshelf_tui.papers import pdf
sys.stdout.buffer.write(pdf.render(paper(every_block("Name Ж □")), page="a4"))
"""


def test_equal_facts_give_equal_bytes_whenever_and_wherever() -> None:
    environment = {"PYTHONHASHSEED": "7", "TZ": "UTC5", "PATH": "/usr/bin:/bin", "PYTHONPATH": "."}
    elsewhere = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True).stdout
    assert elsewhere.startswith(b"%PDF")
    assert elsewhere == pdf.render(paper(every_block("Name Ж □")), page="a4")


def test_nothing_but_a_pdf_loads_what_makes_one() -> None:
    script = (
        "import sys, holdshelf_tui.cli.papers, holdshelf_tui.papers.catalogue as c, holdshelf_core.app;"
        "from holdshelf_core.reports.types import PaperFacts;"
        "c.PAPERS['policy'].as_text(PaperFacts()); c.PAPERS['policy'].as_html(PaperFacts());"
        "print([name for name in ('typst', 'typst._typst') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_line_ends_between_a_number_and_its_unit(tmp_path: Path) -> None:
    paragraphs = [d.Para("x " * count + "kept for 5 min 00 s, until Nov 24, 2:05 pm.") for count in range(40, 90)]
    found = sheets.run("pdftotext", "-layout", "-", "/dev/stdout", pdf=pdf.render(paper(paragraphs)), folder=tmp_path)
    lines = [line.replace("\u00a0", " ") for line in found.splitlines()]
    for amount in ("5 min 00 s", "Nov 24", "2:05 pm"):
        assert sum(line.count(amount) for line in lines) == len(paragraphs), amount
