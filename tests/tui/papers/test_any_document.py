"""Any document of any blocks and words: set without a fault, within its margins, nothing on anything, the same twice."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import html, pdf, text
from holdshelf_tui.text.words import columns, inert
from tests.tui.papers import sheets
from tests.tui.papers.test_html import Page

LETTERS = st.characters() | st.sampled_from("aWi.,-/ \n\t\u0301\u202e\u200d□→&<>\"'()\\éЖλ図م📚")
WORDS = (
    st.text(LETTERS, max_size=60)
    | st.text(LETTERS, max_size=400)
    | st.sampled_from(["", "W" * 300, "word " * 90, "0f" * 32])
)
FEW = st.lists(WORDS, max_size=4)
NUMBERS = st.floats(min_value=-10, max_value=1e12, allow_nan=False)
PLAIN = (
    st.builds(d.Heading, WORDS, st.sampled_from([1, 2]))
    | st.builds(d.Para, WORDS, st.sampled_from(["body", "small", "lead", "caveat", "quote"]))
    | st.builds(d.Facts, st.lists(st.tuples(WORDS, WORDS), max_size=4))
    | st.builds(d.Item, WORDS, st.sampled_from([None, False, True]), FEW)
    | st.builds(d.Boxes, st.lists(st.tuples(WORDS, st.booleans()), max_size=5))
    | st.builds(d.Fields, st.lists(st.builds(d.Field, WORDS, st.integers(0, 200), WORDS), max_size=4))
    | st.builds(d.Checks, st.lists(st.builds(d.Check, WORDS, WORDS, WORDS, st.booleans()), max_size=5))
    | st.builds(d.Mono, FEW)
    | st.builds(d.Verbatim, WORDS)
    | st.builds(d.Bars, WORDS, st.lists(st.tuples(WORDS, NUMBERS, WORDS), max_size=6), NUMBERS | st.none(), WORDS)
    | st.builds(d.Picture, st.binary(max_size=20), WORDS)
    | st.integers(1, 9).flatmap(
        lambda n: st.builds(
            d.Table,
            st.lists(WORDS, min_size=n, max_size=n),
            st.lists(st.lists(WORDS, min_size=n, max_size=n), max_size=6),
        )
    )
    | st.just(d.NewPage())
)
BLOCKS = st.lists(PLAIN | st.builds(d.Keep, st.lists(PLAIN, max_size=4)), max_size=12)
FOOT = st.builds(d.Foot, st.lists(st.tuples(WORDS, WORDS), max_size=5), WORDS)
DOCUMENTS = st.builds(
    d.Document,
    library=WORDS,
    title=WORDS,
    blocks=BLOCKS,
    foot=FOOT,
    caveats=FEW,
    confidential=st.booleans(),
    one_page=st.booleans(),
    printed_at=WORDS,
)


@pytest.mark.soak  # two hundred documents are set, each in a third of a second
@pytest.mark.timeout(900)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(DOCUMENTS, st.sampled_from(["letter", "a4"]), st.booleans())
def test_any_document_is_set(document: d.Document, page: pdf.Page, large: bool) -> None:
    raw = pdf.render(document, page=page, large=large)
    assert raw == pdf.render(document, page=page, large=large)
    with tempfile.TemporaryDirectory() as folder:
        sheet = sheets.read(raw, Path(folder))
    assert sheets.outside(sheet) == []
    assert sheets.overlapping(sheet) == []
    Page(html.render(document))
    for line in text.render(document).split("\n"):
        assert columns(line) <= text.WIDTH
        assert inert(line, 1000) == line
