"""What is passed on of a paste, however it is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdshelf_tui.session.pastes import BEGIN, END, Pastes

PIECES = st.lists(st.sampled_from([BEGIN, END, "\x1b", "\x1b[A", "x", "200~", "\x1b[20", "yesterday"]), max_size=12)


@given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_small_pastes_and_keys_come_through_as_they_are_at_once(pieces: list[str], cuts: list[int]) -> None:
    sent, pastes, got, at = "".join(pieces), Pastes(), "", 0
    for number in range(len(sent)):
        part = sent[at : at + cuts[number % len(cuts)]]
        at += len(part)
        got += pastes.feed(part)
    held = sent[len(got) :]
    assert got == sent[: len(got)]
    assert len(held) < len(END)
    if sent.rfind(END) >= sent.rfind(BEGIN):  # no paste is open: nothing is held back
        assert held == ""


def test_a_long_paste_ends_where_it_would_have_ended_and_keys_after_it_are_keys() -> None:
    pastes = Pastes(10)
    assert pastes.feed(BEGIN[:3]) + pastes.feed(BEGIN[3:] + "0123456789abc") == BEGIN + "01234567"
    got = "".join(pastes.feed("z" * 1000) for _ in range(1000))
    assert got == "89"
    assert pastes.feed(END[:2]) + pastes.feed(END[2:] + "k") == END + "k"
    assert pastes.feed(BEGIN + "again" + END) == BEGIN + "again" + END
