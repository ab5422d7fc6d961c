"""What a PDF tells a screen reader (PDF/UA-1, which ADA Title II asks of a public body): for every paper that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import page
import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from holdshelf_core.reports.case_types import LookedPaper, LookedRow
from holdshelf_core.reports.report_types import DestroyedPaper, DestroyedRow
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import pdf
from holdshelf_tui.papers.catalogue import PAPERS
from tests.tui.papers import sheets
from tests.tui.papers.report_facts import facts as report_facts
from tests.tui.papers.test_case_papers import FACTS as CASE
from tests.tui.papers.test_checklist_pages import LARGE
from tests.tui.papers.test_papers import FACTS
from tests.tui.papers.test_pdf import every_block, paper
from tests.tui.papers.test_refusal import FACTS as REFUSED
from tests.tui.papers.test_requests import FACTS as REQUESTED

SEEN = LookedRow(
    **{name: f"words of {name}" for name in LookedRow.__struct_fields__} | {"seq": 7, "section": "pictures"}  # type: ignore[arg-type]
)
DESTROYED = DestroyedPaper(
    "2026-Q4",
    "2026-10-01",
    "2026-12-31",
    tuple(
        DestroyedRow(
            f"2026-{month}", "front", "Front entrance", "at most 30 days", "2026-09-01", "2026-10-01", f"2026-{month}-01",
            f"2026-{month}-30", 43_200,
        )
        for month in (10, 11, 12)
    ),
    keeping=("at least 7 days", "at most 30 days"),
)  # fmt: skip
FACTS_OF: dict[str, PaperFacts] = {
    "policy": FACTS,
    "checklist": msgspec.structs.replace(LARGE, cameras=LARGE.cameras[:4], entrances=LARGE.entrances[:2]),
    "sign": FACTS,
    "refusal": REFUSED,
    "hold": CASE,
    "release": CASE,
    "receipt": CASE,
    "custody": CASE,
    "certificate": CASE,
    "still": CASE,
    "sheet": CASE,
    "report": report_facts(16),
    "destroyed": msgspec.structs.replace(FACTS, destroyed=DESTROYED),
    "requests": REQUESTED,
    "who": msgspec.structs.replace(FACTS, looked=LookedPaper("Front entrance, on November 27, 2026", (SEEN,), 12)),
}


@dataclass(frozen=True)
class Tag:
    """One element of a PDF's structure."""

    kind: str
    alt: str = ""
    scope: str = ""
    language: str = ""
    parts: list[Tag] = field(default_factory=list)

    def all(self, kind: str = "") -> Iterator[Tag]:
        """Itself and what is in it, in the order of reading."""
        if not kind or re.fullmatch(kind, self.kind):
            yield self
        for part in self.parts:
            yield from part.all(kind)


def structure(raw: bytes) -> Tag:
    root: Any = PdfReader(BytesIO(raw)).trailer["/Root"]
    return Tag("Root", parts=[_tag(kid) for kid in _kids(root["/StructTreeRoot"])])


def _each(value: Any) -> list[DictionaryObject]:
    """One or several, direct or not, as PDF puts it."""
    value = value.get_object() if isinstance(value, PdfObject) else value
    found = [one.get_object() for one in (value if isinstance(value, list) else [value])]
    return [one for one in found if isinstance(one, DictionaryObject)]


def _kids(of: DictionaryObject) -> list[DictionaryObject]:
    return [kid for kid in _each(of.get("/K", ArrayObject())) if "/S" in kid]


def _tag(of: DictionaryObject) -> Tag:
    scopes = [str(mark["/Scope"]) for mark in _each(of.get("/A", ArrayObject())) if "/Scope" in mark]
    kids, language = [_tag(kid) for kid in _kids(of)], str(of.get("/Lang", ""))
    return Tag(str(of["/S"])[1:], str(of.get("/Alt", "")), "".join(scopes), language, kids)


def violations(raw: bytes) -> list[str]:
    """What another one's validator says against it, by the rules of PDF/UA-1 that a machine can hold a file against."""
    report = page.validate_pdf_bytes(raw, profile="ua1")
    assert report.rules.total > 50
    return [f"{failure.rule_id}: {failure.message}" for failure in report.failures]


def check(raw: bytes, title: str, language: str = "en") -> Tag:
    """What must hold for any of them. Gives its structure."""
    assert violations(raw) == []
    read = PdfReader(BytesIO(raw))
    root: Any = read.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == language
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert read.metadata is not None and read.metadata.title == title
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_data()
    assert all("/StructParents" in page and page["/Tabs"] == "/S" for page in read.pages)
    tags = structure(raw)
    assert [part.kind for part in tags.parts] == ["Document"]
    assert all(figure.alt.strip() for figure in tags.all("Figure"))
    depth = 0
    for heading in tags.all(r"H\d"):
        assert int(heading.kind[1]) <= depth + 1, "a section in no section"
        depth = int(heading.kind[1])
    for list_ in tags.all("L"):
        assert {part.kind for part in list_.parts} == {"LI"}
    for table in tags.all("Table"):
        heads = list(table.all("TH"))
        assert heads and all(head.scope == "/Column" for head in heads)
    return tags


def test_there_are_facts_for_every_paper() -> None:
    assert set(FACTS_OF) == set(PAPERS)


@pytest.mark.parametrize("name", FACTS_OF)
def test_every_paper_is_tagged_titled_and_in_a_language(name: str) -> None:
    title = "Security cameras are in use" if name == "sign" else PAPERS[name].makes(FACTS_OF[name]).title
    check(PAPERS[name].as_pdf(FACTS_OF[name]), title)


@pytest.mark.parametrize("name", [name for name, paper in PAPERS.items() if paper.translated])
def test_so_is_every_translated_paper_in_its_own_language(name: str) -> None:
    facts = msgspec.structs.replace(FACTS_OF[name], language="es", released=None)
    title = "Cámaras de seguridad en uso" if name == "sign" else PAPERS[name].makes(facts).title
    check(PAPERS[name].as_pdf(facts), title, "es")


def test_a_pdf_that_is_not_accessible_would_be_found() -> None:
    raw = PAPERS["sign"].as_pdf(FACTS)
    writer = PdfWriter(BytesIO(raw))
    del writer.root_object["/StructTreeRoot"]
    del writer.root_object["/Lang"]
    bare = BytesIO()
    writer.write(bare)
    assert violations(raw) == []
    assert violations(bare.getvalue())


@pytest.mark.parametrize("words", ["Name", ""])
@pytest.mark.parametrize("large", [False, True])
def test_every_block_is_tagged_whatever_stands_in_it(words: str, large: bool) -> None:
    check(pdf.render(paper(every_block(words)), large=large), "A paper")


def figures(name: str) -> list[str]:
    return [figure.alt for figure in structure(PAPERS[name].as_pdf(FACTS_OF[name])).all("Figure")]


def test_a_picture_a_plot_and_a_code_are_told_in_words() -> None:
    assert CASE.still and figures("still")[0].startswith(CASE.still.camera)
    report = figures("report")
    assert [alt.partition(" (")[0] for alt in report[:2]] == [
        "Bar chart: Days of footage kept, by camera",
        "Bar chart: Looks, by purpose",
    ]
    assert "Front door: 31.2" in report[0]
    sign = figures("sign")
    assert sign == ["A security camera on a wall", f"QR code: {FACTS.policy_address}"]


def test_boxes_and_lines_are_told_in_words() -> None:
    blocks: list[d.Block] = [
        d.Item("one", True),
        d.Item("two", False),
        d.Boxes([("three", True)]),
        d.Fields([d.Field("four", 9)]),
    ]
    told = [figure.alt for figure in structure(pdf.render(paper(blocks))).all("Figure")]
    assert told[:4] == ["checked:", "to check:", "checked:", "blank, to be written by hand"]


def test_headings_lists_tables_and_quotes_are_what_they_are() -> None:
    blocks: list[d.Block] = [
        d.Heading("Within nothing", 2),
        d.Heading("One"),
        d.Heading("Within it", 2),
        d.Item("a"),
        d.Item("b"),
        d.Para("Said.", "quote"),
        d.Table(["A", "B"], [["1", "2"]] * 3),
    ]
    tags = check(pdf.render(paper(blocks)), "A paper")
    assert [tag.kind for tag in tags.all(r"H\d|BlockQuote|Table")] == ["H1", "H1", "H2", "BlockQuote", "Table"]
    assert len(next(tags.all("L")).parts) == 2
    assert [len(list(table.all("TR"))) for table in tags.all("Table")] == [4]
    assert [head.kind for head in tags.all("TH|TD")] == ["TH"] * 2 + ["TD"] * 6


def test_the_legend_and_the_running_lines_are_heard_once_however_many_pages_there_are(tmp_path: Path) -> None:
    blocks = [block for number in range(5) for block in (d.NewPage(), d.Para(f"part {number}"))][1:]
    raw = pdf.render(paper(blocks, confidential=True))
    assert sheets.text_of(raw, tmp_path).count(d.LEGEND) == 5
    heard = " ".join(sheets.run("pdfinfo", "-struct-text", "-", pdf=raw, folder=tmp_path).split())
    assert heard.count(d.LEGEND) == 1
    assert "page 2 of 5" not in heard and "part 4" in heard
