"""The register of requests on paper (P13): when each came, on what basis, when it was due, and what came of it."""

from __future__ import annotations

import csv
import io

import msgspec
import pytest

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.report_types import RequestRow, RequestsPaper
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.text.words import columns
from tests.tui.papers.test_papers import FACTS as ANYONES

ROW = RequestRow(
    id="R-2026-0001",
    received_on="2026-11-02",
    asker="person-seen",
    identity=True,
    basis="a person's request for recordings of themselves",
    clause="5",
    due_on="2027-02-02",
    extended_why="three hours to look through",
    state="exported",
    ended_on="2026-11-20",
    days=18,
    late=False,
)
ROWS = (
    ROW,
    msgspec.structs.replace(
        ROW, id="R-2026-0002", asker="law-enforcement", identity=False, state="refused", late=True, due_on="2026-11-09",
        extended_why="", basis="a request by law enforcement in an active investigation",
    ),
    msgspec.structs.replace(
        ROW, id="R-2026-0003", asker="", identity=False, state="stopped", late=True, ended_on="", extended_why="",
        basis="", clause="", due_on="2026-11-09", days=30,
    ),
    msgspec.structs.replace(ROW, id="R-2026-0004", state="withdrawn", due_on="", extended_why="", asker="anyone"),
)  # fmt: skip
FACTS = msgspec.structs.replace(
    ANYONES, requests=RequestsPaper("2026-Q4", "2026-10-01", "2026-12-31", ROWS, so_far=True)
)


def one_line(text: str) -> str:
    return " ".join(text.split())


def rows_of(language: str = "") -> list[dict[str, str]]:
    said = PAPERS["requests"].as_csv(msgspec.structs.replace(FACTS, language=language))
    return list(csv.DictReader(io.StringIO(said.removeprefix("\ufeff"))))


def test_p13_the_register_says_of_each_request_what_a_board_asks() -> None:
    text = PAPERS["requests"].as_text(FACTS)
    assert max(columns(line) for line in text.splitlines()) <= 80
    for words in (
        "Register of requests",
        "from October 1, 2026 to December 31, 2026, so far",
        "R-2026-0003",
        "OVERDUE",
        "no day",
    ):
        assert words in one_line(text)
    first, second, third, last = rows_of()
    assert first == {
        "Request": "R-2026-0001",
        "Received": "2026-11-02",
        "Asked by": "a person who is seen, identity proven",
        "Basis": "a person's request for recordings of themselves",
        "Clause": "5",
        "Due": "2027-02-02",
        "Extended": "three hours to look through",
        "What came of it": "given out",
        "On": "2026-11-20",
        "Days": "18",
        "Late": "no",
    }
    assert (second["Asked by"], second["What came of it"], second["Late"]) == ("law enforcement", "refused", "yes")
    assert (third["Asked by"], third["On"], third["Late"]) == ("not known", "", "yes")
    assert (last["What came of it"], last["Due"]) == ("withdrawn", "")


@pytest.mark.parametrize(("language", "words"), [("es", "Registro de solicitudes"), ("fr", "Registre des demandes")])
def test_it_is_read_in_the_librarys_language(language: str, words: str) -> None:
    text = PAPERS["requests"].as_text(msgspec.structs.replace(FACTS, language=language))
    assert words in text and "Register" not in text
    first = rows_of(language)[0]
    assert "Request" not in first and "three hours to look through" in first.values(), "the reason is as on record"


def test_a_quarter_without_a_request_says_so_and_without_facts_there_is_no_paper() -> None:
    none = msgspec.structs.replace(FACTS, requests=RequestsPaper("2026-Q4", "2026-10-01", "2026-12-31"))
    assert "No request was received" in PAPERS["requests"].as_text(none)
    with pytest.raises(BadRequest, match="Of which quarter"):
        PAPERS["requests"].as_text(ANYONES)


def test_what_people_typed_reaches_neither_a_terminal_nor_a_spreadsheet_alive() -> None:
    hostile = "=1+1\x1b[31mred\x07\u202eevil"
    fields = {name: hostile for name, kind in RequestRow.__annotations__.items() if kind == "str"}
    paper = RequestsPaper("2026-Q4", hostile, hostile, (msgspec.structs.replace(ROW, **fields),))
    spoiled = msgspec.structs.replace(FACTS, requests=paper)
    assert all(line.isprintable() or not line for line in PAPERS["requests"].as_text(spoiled).splitlines())
    assert "\x1b" not in PAPERS["requests"].as_csv(spoiled) and ",=1" not in PAPERS["requests"].as_csv(spoiled)
