"""What can be read on a posted page, and whether it says what was adopted (P18): without a service, a network or a screen."""

from __future__ import annotations

import hashlib
from html import escape
from io import BytesIO

import pytest
from pypdf import PdfReader

from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.reports.types import PaperFacts, PolicyText
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.model_policy import filled_model
from holdshelf_tui.text import posted as posted_words
from holdshelf_tui.text.posted import ABSENT, DIFFERENT, EXACT, SAME, Compared, Difference, compare
from holdshelf_tui.text.posted_policy import read_posted

TEXT = """SECURITY CAMERAS

1. The Library's cameras serve safety; nobody "watches" them all day - ever.
2. Recordings are kept 30 days at most
   and erased oldest first.

   * Entrances and seating
   * The service desk

A copy goes to anyone who asks. Questions? Ask the Director.
"""
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
PAGE = (
    "<!doctype html><html><head><title>Cameras</title><style>p { color: red }</style></head><body><nav><ul><li>Home<li>Books"
    "</ul></nav><h1>Security <b>C</b>ameras</h1><ol><li>The Library&rsquo;s cameras serve safety; nobody "
    "<q>watches</q> them all&nbsp;day &mdash; ever.<li>Recordings are kept 30&#8239;days at most and<br>erased oldest "
    "fi&shy;rst.</ol><ul><li>Entrances and <a href=x>seating</a></li><li>The service desk</li></ul><p>A copy goes to anyone who "
    "asks. Questions? Ask the Director.<script>document.write('all of it is untrue')</script></p><footer>Open 9 to 5</footer>"
)


def found(page: str | bytes, *, text: str = TEXT, **how: str) -> Compared:
    raw = page if isinstance(page, bytes) else page.encode()
    return compare(text, hashlib.sha256(text.encode()).hexdigest(), read_posted(raw, **how), raw)


def facts(text: str) -> PaperFacts:
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    return PaperFacts(library="Example Town Library", policy=PolicyText("3", "2026-10-01", sha256, text))


# --- the same ---------------------------------------------------------------------------------------------------------


def test_p18_the_file_itself_is_the_text_by_its_hash() -> None:
    assert found(TEXT).verdict == EXACT
    assert found(TEXT.replace("\n", "\r\n")).verdict == SAME


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_p18_our_own_page_is_the_text_by_its_hash_and_our_other_papers_say_the_same(ends: str) -> None:
    text = TEXT.replace("\n", ends)
    paper = PAPERS["policy"]
    assert found(paper.as_html(facts(text)), text=text).verdict == EXACT
    assert found(paper.as_text(facts(text)), text=text).verdict == SAME


def test_the_hash_that_our_own_page_names_proves_nothing_by_itself() -> None:
    page = PAPERS["policy"].as_html(facts(TEXT)).replace("nobody", "somebody", 1)
    assert SHA256 in page
    differences = found(page).differences
    assert [one.posted for one in differences] == ['somebody "watches" them all day ever.'], differences


@pytest.mark.parametrize("large", [False, True])
def test_p18_our_own_pdf_over_several_pages_says_the_same_and_one_word_more_is_found(large: bool) -> None:
    text = filled_model(PaperFacts("Example Town Library", "Ada", "https://library.example"))
    pdf = PAPERS["policy"].as_pdf(facts(text), large=large)
    assert len(PdfReader(BytesIO(pdf)).pages) > 1
    assert found(pdf, text=text).verdict == SAME
    assert "No sound." in text
    differences = found(pdf, text=text.replace("No sound.", "Little sound.")).differences
    assert differences == (Difference("Little sound.", "No sound."),)


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        TEXT.upper(),
        "<html><p>" + escape(TEXT).replace("\n\n", "<p>"),
        "<html><pre>" + escape(TEXT) + "</pre>",
        "Home Books " + TEXT.replace("\n", " ") + " Open 9 to 5",
    ],
)
def test_how_a_page_is_set_does_not_matter(page: str) -> None:
    assert found(page).verdict == SAME


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_letters_are_read_as_a_browser_reads_them(codec: str) -> None:
    page = PAGE.replace("&rsquo;", "’").replace("&mdash;", "—")
    assert found(page.encode(codec), kind="text/html").verdict == SAME


def test_a_page_that_says_its_letters_wrongly_is_told() -> None:
    raw = PAGE.replace("&rsquo;", "’").encode()
    posted = read_posted(raw, kind="text/html", charset="iso-8859-1")
    assert "UTF-8: browsers may show some of them wrongly" in posted.note
    assert compare(TEXT, SHA256, posted, raw).verdict == DIFFERENT
    declared = b"<meta charset=latin1>" + raw
    assert "wrongly" in read_posted(declared, kind="text/html").note
    for odd in ("zip", "punycode", "unicode_escape", "no-such", "utf-8"):
        assert read_posted(raw, kind="text/html", charset=odd).note == ""


# --- not the same -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "adopted", "posted"),
    [
        (
            "30&#8239;days",
            "60 days",
            "2. Recordings are kept 30 days at most and erased oldest first.",
            "60 days at most and erased oldest",
        ),
        ("Questions? ", "", "Questions?", ""),
        ("A copy goes to anyone who asks.", "", "A copy goes to anyone who asks.", ""),
        ("<p>A copy", "<p>Except on Sundays. A copy", "", "Except on Sundays."),
        ("at most", "at the very most", "at most", "at the very most"),
        ("<li>The service desk</li>", "<li hidden>The service desk</li>", "* The service desk", ""),
        ("at most", "<s>at most</s>", "at most", ""),
        ("at most", "<del>at most</del>", "at most", ""),
        ("at most", "<span style='display: none'>at most</span>", "at most", ""),
    ],
)
def test_what_differs_is_shown_sentence_by_sentence(before: str, after: str, adopted: str, posted: str) -> None:
    assert before in PAGE
    result = found(PAGE.replace(before, after))
    assert result.verdict == DIFFERENT
    assert len(result.differences) == 1, result.differences
    one = result.differences[0]
    assert adopted.lstrip("*2. ") in one.adopted and posted in one.posted, one
    assert bool(posted) or adopted.lstrip("* ") not in one.posted
    assert "Home" not in one.posted and "Open" not in one.posted


def test_another_page_is_not_shown_as_a_thousand_differences() -> None:
    assert found("<html><p>" + "The library is open on Sundays. " * 500).verdict == ABSENT
    assert found("<html><title>" + escape(TEXT) + "</title>").verdict == ABSENT
    assert found(b"<html><script>" + TEXT.encode() + b"</script>").verdict == ABSENT


def test_a_long_policy_in_a_long_page_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(f"Rule {n} says that nobody watches camera {n} for {n % 7} days." for n in range(400))
    page = (
        "<html>"
        + "<p>Home of the library. " * 20_000
        + "<p>"
        + text.replace("camera 250 ", "door 250 ")
        + "<p>Open 9 to 5."
    )
    result = found(page, text=text)
    assert len(result.differences) == 1 and "door 250" in result.differences[0].posted
    monkeypatch.setattr(posted_words, "MOST_STEPS", 1000)
    assert found(page, text=text).differences == (
        Difference("Rule 250 says that nobody watches camera 250 for 5 days.", ""),
    )


# --- what cannot be read ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "how", "words"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", {"kind": "image/png"}, "no text (image/png)"),
        (b"\0\1\2\3" * 100, {}, "no text"),
        (b"PK\x03\x04....", {"name": "policy.docx"}, "word processor"),
        (b"%PDF-1.7 nothing", {}, "holds no text"),
        (b"{}", {"kind": "application/json"}, "no text (application/json)"),
    ],
)
def test_what_is_no_text_is_refused(raw: bytes, how: dict[str, str], words: str) -> None:
    with pytest.raises(HoldshelfError) as refused:
        read_posted(raw, **how)
    assert words in str(refused.value)


def test_a_pdf_is_not_read_where_no_program_may_be_started() -> None:
    with pytest.raises(BadRequest, match="as HTML or plain text"):
        read_posted(b"%PDF-1.7", programs=False)


def test_a_page_without_ends_and_with_a_thousand_beginnings_is_read() -> None:
    raw = b"<div><p hidden>x<p>" * 2000 + TEXT.replace("\n", " ").encode() + b"<!-- <p>" * 1000
    assert found(raw, kind="text/html").verdict == SAME


def test_a_page_on_which_comparing_words_would_not_end_is_compared_by_sentences(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(posted_words, "MOST_S", 0.2)
    text = " ".join(f"Nobody but {n} watches the camera of the library at the door {n % 9}." for n in range(300))
    page = " ".join(
        f"{word} {['the', 'of', 'camera', 'library', 'door', 'watches'][n % 6]}" for n, word in enumerate(text.split())
    )
    assert found(page, text=text).verdict in (DIFFERENT, ABSENT)


def test_a_tangled_page_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdshelf_tui.text.posted_policy.READ_S", 0.3)
    with pytest.raises(BadRequest, match="tangled"):
        read_posted(b"<a a=" * 400_000, kind="text/html")
