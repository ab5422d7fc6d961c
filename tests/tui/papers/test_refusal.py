"""The sheet for whoever asks for footage (P13): what we need, in 80 columns, naming nobody and promising nothing."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.policy.gates import what_we_need, what_would_pass
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.reports.types import LogHead, PaperFacts, PolicyText, RefusalPaper
from holdshelf_tui.papers import text
from holdshelf_tui.papers.refusal import refusal_document, refusal_paper
from holdshelf_tui.papers.release_form import release_document
from holdshelf_tui.text.words import columns
from tests.tui.cli.test_driver import run

SHEET = RefusalPaper(
    needs=what_we_need(first_policy(), "search-warrant"),
    release="R-2026-0004",
    reference="26-0417",
    basis_words=first_policy().basis_words("search-warrant"),
    spans=(
        "Front door, 2026-11-01 01:30:00 -04:00 to 2026-11-01 01:30:00 -05:00",
        "Desk, 2026-11-24 14:00:00 -05:00 to 2026-11-24 15:00:00 -05:00",
    ),
    refused_on="2026-11-25 14:10 -05:00",
    sentence="There is no paper for a search warrant; a verbal request does not count. (P13: Video leaves on a paper.)",
)
FACTS = PaperFacts(
    "Example Town Library",
    "Ada Byron, Library Director, 555-0100",
    policy=PolicyText("3.1", "2026-10-01", "0f" * 32),
    log=LogHead("holdshelf.local/0123456789abcdef", 1234, "1234:" + " ".join(["abcd"] * 8)),
    refusal=SHEET,
    printed_at="2026-11-25 14:12 -05:00",
)
ANYONES = msgspec.structs.replace(FACTS, refusal=RefusalPaper(what_would_pass(first_policy(), None, (), Now(0, 0))))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_p13_the_sheet_says_what_was_asked_why_not_and_what_to_bring() -> None:
    text = one_line(refusal_paper(FACTS))
    for words in (
        "Request R-2026-0004, no. 26-0417",
        "a search warrant",
        "Front door, 2026-11-01 01:30:00 -04:00 to 2026-11-01 01:30:00 -05:00",
        "On 2026-11-25 14:10 -05:00 this could not be released",
        "a verbal request does not count. (P13:",
        "[ ] the search warrant, signed by a judge",
        "[ ] its docket number",
        "Example Town Library",
        "3.1, adopted Oct 1, 2026",
        "0f" * 32,
        "1234:abcd",
    ):
        assert words in text


def test_p13_the_sheet_and_the_form_say_two_people_only_where_it_takes_two() -> None:
    alone = msgspec.structs.replace(ANYONES, release_by_two=False)
    for paper in (refusal_document, release_document):
        assert "two people" in one_line(text.render(paper(ANYONES)))
        assert "two people" not in one_line(text.render(paper(alone)))
        assert "and only what it covers." in one_line(text.render(paper(alone)))


IN_DANGER = msgspec.structs.replace(ANYONES, in_danger=True)


def test_p13_a_request_by_word_of_mouth_is_refused_on_paper_only_where_no_basis_takes_one() -> None:
    """The sheet said that none can be met, also where the policy lets footage go in imminent danger."""
    for two in (True, False):
        never, danger = (
            one_line(refusal_paper(msgspec.structs.replace(facts, release_by_two=two)))
            for facts in (ANYONES, IN_DANGER)
        )
        assert "by word of mouth or telephone cannot be met." in never and "danger" not in never
        assert "or telephone can be met only in imminent danger, and the paper follows." in danger
        assert "cannot be met" not in danger
        assert ("two people" in never, "two people" in danger) == (two, two)


@pytest.mark.parametrize("facts", [FACTS, ANYONES, IN_DANGER], ids=["of one request", "for anyone", "in danger"])
def test_the_sheet_fits_a_page_and_promises_nothing(facts: PaperFacts) -> None:
    text = refusal_paper(facts)
    assert max(columns(line) for line in text.splitlines()) <= 80
    assert len(text.splitlines()) <= 60
    assert not re.search(r"\b(will be released|compl(y|ies|iant)|guarantee|legal advice)\b", text, re.IGNORECASE)


def test_a_request_on_hold_is_told_so_and_another_one_how_to_have_it_held() -> None:
    kept = msgspec.structs.replace(FACTS, refusal=msgspec.structs.replace(SHEET, holds=("H-2026-0003",)))
    assert "kept on hold (H-2026-0003)" in one_line(refusal_paper(kept))
    for facts in (FACTS, ANYONES):
        assert "a hold needs no paper" in one_line(refusal_paper(facts))


def test_what_people_typed_reaches_no_terminal_alive() -> None:
    hostile = "a\x1b[31mred\x1b]0;title\x07\u202eevil\x9b2J"
    sheet = RefusalPaper((hostile,), hostile, hostile, hostile, (hostile,), hostile, hostile, (hostile,))
    text = refusal_paper(msgspec.structs.replace(FACTS, refusal=sheet))
    assert all(line.isprintable() or not line for line in text.splitlines())


def test_scene_6_the_sheet_for_anyone_is_printed_without_a_service_and_one_request_is_not(tmp_path: Path) -> None:
    printed = run("print", "refusal", "--data", tmp_path / "nothing")
    assert printed.code == 0
    assert "[ ] a court order, or a warrant or subpoena that a judge signed" in printed.out
    assert "No service runs" in printed.err or "not set up" in printed.err
    refused = run("print", "refusal", "R-2026-0001", "--data", tmp_path / "nothing")
    assert "not set up" in refused.refusal()
    assert list(tmp_path.iterdir()) == []
