"""Where a line may not end: between a number and its unit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.policy.listing import unbroken, wrapped


@pytest.mark.parametrize(
    "amount",
    [
        *("5 min 00 s", "1 h 05 min", "1 h 00 min 05 s", "12.3 days", "100 %", "9.9 GB", "3 cameras"),
        "10 business days",
        *("2:05 pm", "1:30:10 a.m.", "Nov 24", "November 7", "24 Nov", "no. 26-1234", "30 días", "14 jours"),
    ],
)
def test_an_amount_stays_on_one_line(amount: str) -> None:
    kept = unbroken(f"word {amount}, word")
    whole = amount.removesuffix(" days") if "business" in amount else amount
    assert kept.split(" ")[1].replace("\u00a0", " ").rstrip(",") == whole
    for width in range(20, 60):
        lines = wrapped(f"It was kept for {amount}, and then it was erased, as the policy says", width)
        assert any(whole in line for line in lines), lines


@pytest.mark.parametrize("words", ["by 2026 someone", "no. None", "may 7 people", "Marc 7", "5 hundred"])
def test_other_words_are_broken_as_before(words: str) -> None:
    assert unbroken(words) == words


@given(st.text(alphabet="ab 0123456789smin", max_size=80), st.integers(12, 40))
def test_nothing_is_lost(text: str, width: int) -> None:
    assert len(unbroken(text)) == len(text)
    assert " ".join(wrapped(text, width)).split() == text.split() or any(len(one) > width for one in text.split())
