"""What clerks really typed is answered in one sentence, and its advice works when it is followed."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy_file.offline import lint
from holdshelf_core.policy_file.read import read_file
from tests.core.policy_file.mistakes import SOUND, answers
from tests.core.policy_file.typed import TYPED


@pytest.mark.parametrize("name", TYPED)
def test_what_was_typed_is_one_mistake_and_none_once_the_advice_was_followed(name: str) -> None:
    one = TYPED[name]
    assert one.before in SOUND
    (told,) = answers(SOUND.replace(one.before, one.after))
    assert one.told in told
    assert told.endswith(".") and "more; `holdshelf policy lint`" not in told
    assert answers(SOUND.replace(one.before, one.followed)) == []


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_all_headings_with_one_bracket_are_one_mistake(ending: str) -> None:
    text = SOUND
    for table in ("role", "clause", "basis", "case"):
        text = text.replace(f"[[{table}]]", f"[{table}]")
    (told,) = answers(text.replace("\n", ending))
    assert "[clause] in line 6, [role] in lines 10 and 15, [basis] in line 35 and [case] in line 55" in told
    assert "Write [[clause]], [[role]], [[basis]] and [[case]] in their places." in told


def test_a_character_is_told_once_with_all_its_lines_and_comments_may_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    text = SOUND.replace('words.en = "', 'words.en =\u2003"').replace("[keeping]", "[keeping]  # thirty\u00a0days")
    (told,) = answers(text)
    assert "line 12: Here and in lines 17, 27, 34, 37 and 47 is an em space (U+2003), which" in told
    path.write_text(SOUND.replace("[keeping]", "[keeping]  # thirty\u00a0days"), encoding="utf-8")
    assert "U+00A0" not in str(lint(path).mistakes)
    path.write_text(SOUND.replace("Library Director", "Library\u00a0Director"), encoding="utf-8")
    assert [one.where for one in lint(path).mistakes] == ["line 12"]
    path.write_text(f'{SOUND}[words.en]\n"Questions\u00a0?" = "Ask us."\n', encoding="utf-8")
    assert [one.where for one in lint(path).mistakes] == ["line 62"]


@pytest.mark.parametrize(
    ("name", "kind"), [("a.docx", r"\(\.docx, \.odt\)"), ("a.doc", r"\(\.doc\)"), ("a.rtf", "rtf"), ("a.pdf", "a PDF")]
)
def test_a_document_in_the_place_of_the_file_is_named_as_one(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / name
    if name == "a.docx":
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("[Content_Types].xml", "<Types/>")
    else:
        path.write_bytes(
            {"a.doc": b"\xd0\xcf\x11\xe0\xa1", "a.rtf": b"{\\rtf1", "a.pdf": b"%PDF-1.7"}[name] + b"\n\xff" * 99
        )
    with pytest.raises(BadRequest, match=f"is .*{kind}.*, not plain text.*save it as plain text, UTF-8"):
        read_file(path)


@given(st.data())
def test_whatever_was_typed_is_answered_in_printable_sentences(data: st.DataObject) -> None:
    text = SOUND
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        typed = data.draw(
            st.sampled_from(
                [*"[]{}\"'=#.,:\n\\“\u00a0\u200b", "", "True", '"""', "\nx =\n", "\nx = [\n", "[[x", "\r\n"]
            )
        )
        text = text[:at] + typed + text[at + data.draw(st.integers(0, 3)) :]
    assert all(told.isprintable() for told in answers(text))
