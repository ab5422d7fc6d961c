"""What is passed on of a paste, however it is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual._xterm_parser import XTermParser

from holdshelf_tui.session.pastes import BEGIN, END, Pastes

PIECES = st.lists(st.sampled_from([BEGIN, END, "\x1b", "\x1b[A", "x", "200~", "\x1b[20", "yesterday"]), max_size=12)


def passed_on(sent: str) -> str:
    """All of it, but the escapes that are in pastes."""
    keys, begin, rest = sent.partition(BEGIN)
    inside, end, after = rest.partition(END)
    return keys + begin + inside.replace("\x1b", "") + end + (passed_on(after) if end else "")


@given(PIECES, st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_small_pastes_and_keys_come_through_as_they_are_at_once(pieces: list[str], cuts: list[int]) -> None:
    sent, pastes, got, at = "".join(pieces), Pastes(), "", 0
    for number in range(len(sent)):
        part = sent[at : at + cuts[number % len(cuts)]]
        at += len(part)
        got += pastes.feed(part)
    whole = passed_on(sent)
    held = whole[len(got) :]
    assert got == whole[: len(got)]
    assert len(held) < len(END)
    if sent.rfind(END) >= sent.rfind(BEGIN):  # no paste is open: nothing is held back
        assert held == ""


def test_nothing_in_a_paste_is_taken_for_keys_whatever_escapes_are_in_it() -> None:
    sent = f"{BEGIN}{'yesterday 3 pm [x] \x1b[A12' * 100}\x1b{END}k"
    found = list(XTermParser().feed(Pastes().feed(sent)))
    assert [type(event) for event in found] == [events.Paste, events.Key]
    assert found[0].text == "yesterday 3 pm [x] [A12" * 100  # type: ignore[attr-defined]


def test_a_long_paste_ends_where_it_would_have_ended_and_keys_after_it_are_keys() -> None:
    pastes = Pastes(10)
    assert pastes.feed(BEGIN[:3]) + pastes.feed(BEGIN[3:] + "0123456789abc") == BEGIN + "01234567"
    got = "".join(pastes.feed("z" * 1000) for _ in range(1000))
    assert got == "89"
    assert pastes.feed(END[:2]) + pastes.feed(END[2:] + "k") == END + "k"
    assert pastes.feed(BEGIN + "again" + END) == BEGIN + "again" + END
