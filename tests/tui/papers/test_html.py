"""Papers as a page for a website: it stands alone, is valid, says what was adopted letter for letter, and runs nothing (P18)."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from holdshelf_core.api.errors import Conflict
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import frame, html
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.model_policy import filled_model
from holdshelf_tui.papers.policy import policy_document
from holdshelf_tui.text.words import inert
from tests.tui.papers.test_papers import ADOPTED, FACTS, HOSTILE, adopted
from tests.tui.papers.test_pdf import every_block

VOID = {"meta", "img", "br", "hr", "link", "input"}
FORBIDDEN = {"script", "iframe", "object", "embed", "form", "link", "base", "a", "svg", "video", "audio", "template"}


class Page(HTMLParser):
    """A page taken apart; raises for a tag that is not closed in its order."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.policy: dict[str, str | None] | None = None
        self.policy_text = ""
        self._open: list[str] = []
        self._policy_at: int | None = None
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in VOID:
            return
        if dict(attrs).get("id") == "policy-text":
            assert self.policy is None
            self.policy, self._policy_at = dict(attrs), len(self._open)
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if self._policy_at == len(self._open):
            self._policy_at = None

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] != "style":
            self.words += data
        if self._policy_at is not None:
            self.policy_text += data

    def adopted(self) -> str:
        """The text as docs/papers.md says that it is got back."""
        assert self.policy is not None
        crlf = self.policy.get("data-line-ends") == "crlf"
        return self.policy_text.replace("\n", "\r\n") if crlf else self.policy_text


def of(words: str) -> Page:
    return Page(html.render(policy_document(msgspec.structs.replace(FACTS, policy=adopted(words)))))


@pytest.mark.parametrize(
    "words",
    [
        ADOPTED,
        "one\n\n\n  two\n\t· three\n",
        "\ufeffBOM and CRLF\r\n\r\nend",
        "mixed\r\nends\nof\rlines",
        "\n\n  a text that begins with empty lines",
        "& < > \" ' &amp; <b>bold</b> ]]> <!-- x --> </div></p>",
        "no line end",
        "می\u200cخواهم",
    ],
)
def test_p18_the_adopted_text_can_be_got_back_letter_for_letter(words: str) -> None:
    page = of(words)
    assert page.policy is not None
    assert page.adopted() == words
    assert hashlib.sha256(page.adopted().encode()).hexdigest() == page.policy["data-sha256"]
    assert (page.policy["data-version"], page.policy["data-adopted"]) == ("3.1", "2026-10-01")


@settings(max_examples=120, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf", "Co", "Cn"]) | st.sampled_from("\r\n\t"), min_size=1)
)
@example("\r\n")
@example("a\r\n\r")
def test_p18_any_text_without_control_characters_survives(words: str) -> None:
    if words.strip():
        assert of(words).adopted() == words


def test_version_day_and_hash_stand_in_the_head_too() -> None:
    assert FACTS.policy
    page = Page(PAPERS["policy"].as_html(FACTS))
    marks = {attrs.get("name"): attrs.get("content") for tag, attrs in page.tags if tag == "meta"}
    assert marks["holdshelf-policy-version"] == "3.1"
    assert marks["holdshelf-policy-adopted"] == "2026-10-01"
    assert marks["holdshelf-policy-sha256"] == FACTS.policy.sha256
    assert FACTS.policy.sha256 in page.words and FACTS.contact in page.words


def test_the_model_is_named_as_one_and_claims_no_hash() -> None:
    page = Page(PAPERS["policy"].as_html(PaperFacts()))
    assert page.policy is None
    assert "A MODEL, NOT ADOPTED" in page.words
    assert " ".join(filled_model(PaperFacts()).split()) in " ".join(page.words.split())


def test_p20_a_text_that_is_not_the_adopted_one_becomes_no_page() -> None:
    with pytest.raises(Conflict, match="P20"):
        of_ = msgspec.structs.replace(adopted(), text="Something else.")
        PAPERS["policy"].as_html(msgspec.structs.replace(FACTS, policy=of_))


@pytest.mark.parametrize(
    "name", ["Name", HOSTILE, '"><script>alert(1)</script>', "' onload='x", "</style></title><img src=x>"]
)
def test_any_paper_is_one_page_that_runs_and_fetches_nothing(name: str) -> None:
    facts = msgspec.structs.replace(FACTS, library=name, contact=name, policy_address=name, caveats=(name,))
    made = html.render(frame.document(facts, f"Paper of {name}", every_block(name), confidential=True))
    page = Page(made)
    assert made.startswith('<!DOCTYPE html>\n<html lang="en">')
    tags = {tag for tag, _ in page.tags}
    assert not tags & FORBIDDEN
    assert {"title", "h1", "h2", "h3", "main", "header", "footer", "table", "th", "img"} <= tags
    for _, attrs in page.tags:
        assert not any(name.startswith("on") or name == "href" for name in attrs)
        assert (attrs.get("src") or "data:image/jpeg;base64,").startswith("data:image/jpeg;base64,")
    assert not re.search(r"@import|url\(|expression\(", made)
    policy = next(attrs for tag, attrs in page.tags if "Content-Security-Policy" in (attrs.get("http-equiv") or ""))
    assert "default-src 'none'" in (policy["content"] or "")
    assert inert(page.words, len(page.words) + 1) == page.words.replace("\n", "").replace("\t", "")
    made.encode()


def test_a_page_can_be_read_by_whoever_does_not_see_it() -> None:
    page = Page(html.render(frame.document(FACTS, "A paper", every_block("Name"))))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(attrs.get("alt") for tag, attrs in page.tags if tag == "img")
    assert {attrs.get("aria-label") for _, attrs in page.tags if attrs.get("role") == "img"} == {
        "checked:",
        "to check:",
    }
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.tags if tag == "th")
    made = html.render(frame.document(FACTS, "A paper", [d.Para("x")]))
    for words in ("color-scheme: light dark", "@media print", 'name="viewport"', '<meta charset="utf-8">'):
        assert words in made
