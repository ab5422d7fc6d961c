"""Any document in 80 columns: inert whatever stands in it, nothing lost, each kind of block as it is to be read."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import frame, text
from holdshelf_tui.text.words import columns, inert
from tests.tui.papers.test_papers import FACTS
from tests.tui.papers.test_pdf import NAMES, every_block


def lines_of(blocks: list[d.Block], **more: bool) -> list[str]:
    return text.render(frame.document(FACTS, "A paper", blocks, **more)).split("\n")  # type: ignore[arg-type]


def body_of(blocks: list[d.Block]) -> list[str]:
    """Between the head and the foot."""
    lines = lines_of(blocks)
    begin = len(lines) - 1 - lines[::-1].index(next(line for line in lines if line.startswith("Questions:")))
    return lines[4 : begin - 1]


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_no_block_leaves_its_eighty_columns_or_reaches_the_terminal_alive(name: str) -> None:
    facts = msgspec.structs.replace(FACTS, library=name, contact=name, policy_address=name, caveats=(name,))
    printed = text.render(frame.document(facts, name, every_block(name), confidential=True))
    for line in printed.removesuffix("\n").split("\n"):
        assert columns(line) <= text.WIDTH, line
        assert inert(line, 1000) == line
    printed.encode()


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200), st.text(max_size=60))
def test_any_words_keep_within_the_columns(words: str, other: str) -> None:
    blocks: list[d.Block] = [
        d.Facts([(other, words)]),
        d.Table([other, words], [[words, other]]),
        d.Checks([d.Check(words, other, words)]),
        d.Mono([words]),
        d.Item(words, True, (other,)),
    ]
    for line in lines_of(blocks):
        assert columns(line) <= text.WIDTH
        assert inert(line, 1000) == line


def test_each_kind_of_block_as_it_is_read() -> None:
    blocks: list[d.Block] = [
        d.Heading("Within", 2),
        d.Item("a point"),
        d.Item("open", False, ("a note",)),
        d.Item("known", True),
        d.Fields([d.Field("date", 8), d.Field("language", 8, "English")]),
        d.Facts([("Basis", "a paper"), ("Left out", ""), ("", "goes on")]),
        d.Mono(["sha256sum -c SHA256SUMS"]),
        d.Table(["Camera", "Days"], [["Front", "31"]]),
        d.Bars("Days kept", [("Front", 10, "10 d"), ("Desk", 5, "5 d")], unit="days"),
        d.Picture(b"", "Front door"),
        d.Para("their words", "quote"),
    ]
    assert body_of(blocks) == [
        "",
        "Within",
        "------",
        "  - a point",
        "  [ ] open",
        "      a note",
        "  [x] known",
        "  date ________   language: English",
        "",
        "Basis:  a paper",
        "        goes on",
        "",
        "    sha256sum -c SHA256SUMS",
        "",
        "Camera  Days",
        "------  ----",
        "Front   31",
        "",
        "Days kept (days)",
        "Front |" + "█" * 67 + " 10 d",
        "Desk  |" + "█" * 34 + " 5 d",
        "",
        "[Picture: Front door]",
        "",
        "    their words",
        "",
    ]


def test_a_typed_line_that_is_too_long_is_marked_where_it_goes_on() -> None:
    line = "0123456789 " * 12
    typed = [shown for shown in body_of([d.Mono([line])]) if shown]
    assert typed[0].startswith("    0123") and all(shown.startswith("    → ") for shown in typed[1:])
    assert "".join(shown.strip().removeprefix("→ ").strip() for shown in typed).replace(" ", "") == line.replace(
        " ", ""
    )


def test_a_checksum_is_not_cut() -> None:
    shown = body_of([d.Facts([("Of the file that was handed over", "ab" * 32)])])
    assert any("ab" * 32 in line for line in shown)


def test_p21_a_confidential_paper_says_so_at_its_top() -> None:
    assert d.LEGEND in " ".join(" ".join(lines_of([d.Para("x")], confidential=True)[:8]).split())
    assert d.LEGEND not in " ".join(" ".join(lines_of([d.Para("x")])).split())


def test_a_megabyte_takes_no_time() -> None:
    shown = lines_of([d.Para("x" * 1_000_000), d.Mono(["y" * 1_000_000]), d.Facts([("z", "z" * 1_000_000)])])
    assert len(shown) < 1000


def test_a_ticks_code_is_typed_and_stands_in_one_piece() -> None:
    code = "front-entrance-of-the-annex.microphone"
    for known in ("", "never entered"):
        lines = body_of([d.Checks([d.Check("microphone off in its settings (P7)", code, known)])])
        assert any(code in line for line in lines), lines


def test_no_line_ends_between_a_number_and_its_unit() -> None:
    for long in range(30, 90):
        shown = body_of(
            [d.Para("x" * 20 + " " + "y" * (long - 20) + " was kept for 5 min 00 s, until Nov 24, 2:05 pm.")]
        )
        assert all(any(amount in line for line in shown) for amount in ("5 min 00 s", "Nov 24", "2:05 pm")), shown
