"""What a paper is, and what it is called: by its bytes, and so that every system takes the name."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.actions.rate_limit import MAX_KEYS, RateLimit
from holdshelf_core.errors import BadRequest
from holdshelf_core.outbox.fetches import BURST, PER_S
from holdshelf_core.outbox.names import HTML, PDF, TEXT, kind_of, name_of, stem_of
from holdshelf_core.times import NS

DAY = "2026-11-25"
WINDOWS_FORBIDS = set('<>:"/\\|?*')


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7\n...\n%%EOF\n", PDF),
        (b"%PDF-2.0\n%%EOF", PDF),
        (b"<!DOCTYPE html>\n<html></html>", HTML),
        (b"\n  <HTML lang='en'>", HTML),
        ("Política\n\tEnde\n\f".encode(), TEXT),
        (b"\xef\xbb\xbftext", TEXT),
        (b"PDF is a form", TEXT),
    ],
)
def test_a_paper_is_known_by_its_bytes(content: bytes, kind: str) -> None:
    assert kind_of(content) == kind


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 cut off",
        b"MZ\x90\0",
        b"PK\3\4",
        b"\x89PNG\r\n",
        b"%!PS-Adobe-3.0\n\x04",
        b"\x1b%-12345X@PJL",
        b"\xff\xfe",
    ],
    ids=repr,
)
def test_anything_else_is_no_paper(content: bytes) -> None:
    with pytest.raises(BadRequest):
        kind_of(content)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("policy.pdf", "2026-11-25 policy.pdf"),
        ("../../etc/passwd", "2026-11-25 passwd.pdf"),
        ("C:\\evil\\..\\CON.pdf", "2026-11-25 CON.pdf"),
        ("2026-11-24 Sign.pdf", "2026-11-24 Sign.pdf"),
        ("evil.exe", "2026-11-25 evil.exe.pdf"),
        (".htaccess", "2026-11-25 htaccess.pdf"),
        ("a\0b\n\u202egnp.txt", "2026-11-25 abgnp.pdf"),
        ("", "2026-11-25 Policy.pdf"),
        ("...", "2026-11-25 Policy.pdf"),
        ("Πολιτική Библиотека.pdf", "2026-11-25 Πολιτική Библиотека.pdf"),
        ("$(reboot);`id`|x<y>", "2026-11-25 (reboot) id x y.pdf"),
    ],
)
def test_names_are_made_safe(typed: str, name: str) -> None:
    assert name_of(DAY, stem_of(typed, "Policy"), PDF, set()) == name


def test_a_second_of_the_same_name_gets_a_number() -> None:
    taken = {"2026-11-25 policy.pdf"}
    assert name_of(DAY, "Policy", PDF, taken) == "2026-11-25 Policy (2).pdf", "Windows knows no capital letters"
    taken |= {f"2026-11-25 policy ({n}).pdf" for n in range(2, 1000)}
    with pytest.raises(BadRequest):
        name_of(DAY, "Policy", PDF, taken)


@given(st.text(max_size=400), st.sampled_from([PDF, HTML, TEXT, ".jpg"]))
def test_whatever_is_typed_every_system_takes_the_name(typed: str, end: str) -> None:
    name = name_of(DAY, stem_of(typed, "Paper"), end, set())
    assert re.match(r"\d{4}-\d\d-\d\d", name)
    assert name.endswith(end)
    assert len(name.encode()) <= 200
    assert not WINDOWS_FORBIDS & set(name)
    assert all(unicodedata.category(char)[0] != "C" for char in name)
    assert not name.startswith(".")
    assert not name.removesuffix(end).endswith((" ", "."))
    assert name == unicodedata.normalize("NFC", name)


def test_a_thousand_files_at_once_and_then_one_every_two_seconds() -> None:
    pace, at = RateLimit(BURST, PER_S), 5 * NS
    assert [pace.take("p1", at) for _ in range(BURST)] == [0] * BURST
    assert pace.take("p1", at) == pytest.approx(2)
    assert pace.take("p2", at) == 0, "each has their own"
    assert pace.take("p1", at + NS) == pytest.approx(1)
    assert pace.take("p1", at + 2 * NS) == 0
    assert pace.take("p1", at + 2 * NS) > 0
    assert pace.take("p1", at) > 0, "a clock that goes back gives nothing"
    assert [pace.take("p1", at + 3 * 3600 * NS) for _ in range(BURST)] == [0] * BURST


def test_many_others_do_not_give_one_a_new_pace() -> None:
    pace = RateLimit(2, 1.0)
    assert [pace.take("p1", 0), pace.take("p1", 0)] == [0, 0]
    for other in range(MAX_KEYS - 2):
        pace.take(f"other {other}", 0)
    assert pace.take("p1", 0) == 1
    assert pace.wait_s("p1", NS // 2) == 0.5, "asking takes none"
    for other in range(MAX_KEYS):
        pace.take(f"another {other}", 10 * NS)
    assert pace.take("p1", 10 * NS) == 0
