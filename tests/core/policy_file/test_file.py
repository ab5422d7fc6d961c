"""A policy file is read, or told what is wrong with it: each mistake one sentence with its place, and all of them at once."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.errors import BadRequest
from holdshelf_core.policy.lengths import BUSINESS_DAYS, DAYS, HOURS, MONTHS, Length, parse_length
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy_file.cases import failures
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.offline import lint
from holdshelf_core.policy_file.read import MAX_BYTES, Misshapen, read_bytes, read_file
from holdshelf_core.policy_file.shape import shape_mistakes
from scripts import policy_file_page
from tests.core.policy_file.mistakes import HEAD, MEANING, PAGE, SOUND, SYNTAX, page

ROOT = Path(__file__).parents[3]
FILES = sorted(
    [*(ROOT / "core/holdshelf_core/policy_file/templates").glob("*.toml"), *(ROOT / "tests/policies").glob("*.toml")]
)


def test_the_sound_file_has_no_mistake() -> None:
    assert mistakes(read_bytes(SOUND.encode(), "policy.toml")) == []


@pytest.mark.parametrize("name", SYNTAX)
def test_a_file_that_cannot_be_read_is_told_in_one_sentence_with_its_place(name: str) -> None:
    text, sentence = SYNTAX[name]
    with pytest.raises(BadRequest) as refused:
        read_bytes(text.encode(), "policy.toml")
    told = str(refused.value)
    assert told.startswith("policy.toml")
    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize("name", MEANING)
def test_a_mistake_of_meaning_is_told_with_its_place_and_what_to_do(name: str) -> None:
    before, after, sentence = MEANING[name]
    assert before in SOUND
    told = mistakes(read_bytes(SOUND.replace(before, after, 1).encode(), "policy.toml"))
    one = next((mistake for mistake in told if sentence in mistake.sentence), None)
    assert one is not None, [str(mistake) for mistake in told]
    assert one.where
    assert one.step.endswith(".")
    assert one.sentence.endswith(".")


@pytest.mark.parametrize("name", ["a reviewer of nobody else", "a second person who is always the first"])
def test_the_second_person_that_is_advised_is_taken(name: str) -> None:
    before, after, _ = MEANING[name]
    (one,) = mistakes(read_bytes(SOUND.replace(before, after, 1).encode(), "policy.toml"))
    for advised in re.findall(r'"[a-z.]+" = \[.*?\]', one.step):
        assert mistakes(read_bytes(SOUND.replace(before, f"[second]\n{advised}").encode(), "policy.toml")) == []


@pytest.mark.parametrize("languages", [["es"], ["en", "es"], ["es", "fr"]])
def test_languages_that_no_text_has_are_one_mistake_and_what_it_advises_works(languages: list[str]) -> None:
    name = 'name = "Example Library"'
    text = SOUND.replace(name, f"{name}\nlanguages = {languages}".replace("'", '"'), 1)
    (one,) = mistakes(read_bytes(text.encode(), "x"), text)
    (advised,) = re.findall(r"languages = \[.*?\]", one.step)
    assert mistakes(read_bytes(SOUND.replace(name, f"{name}\n{advised}", 1).encode(), "x")) == []


def test_the_pages_are_those_of_the_rules_and_of_these_tests() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run: python -m tests.core.policy_file.mistakes"
    text = policy_file_page.PAGE.read_text(encoding="utf-8")
    assert policy_file_page.page(text) == text, "run: python scripts/policy_file_page.py"


def test_names_in_lists_are_told_once_where_the_words_are_the_same_too() -> None:
    text = SOUND.replace('words.en = "Library Board"', 'words.en = "Library Director"')
    assert [one.where for one in mistakes(read_bytes(text.encode(), "x"))] == ["role 2 ('board'), words"]


@pytest.mark.parametrize("act", ["share.view", "share.end", "screen.give"])
@pytest.mark.parametrize("uses", ['["look"]', '["look", "share"]'])
def test_what_no_case_asks_is_answered_by_an_act_that_one_can_ask(act: str, uses: str) -> None:
    """The advice, taken literally, is a case that the file answers with yes."""
    text = SOUND.replace('key = "crime"', f'key = "crime"\nfor = {uses}').replace('"hold"]', '"hold", "share"]')
    text = text.replace('act = "release.approve"\nbasis = "police"', f'act = "{act}"')
    (one,) = mistakes(read_bytes(text.encode(), "x"))
    assert ("share.make" in one.step) == (act != "screen.give" and "share" in uses)
    advised = one.step.partition('act = "')[2].partition('"')[0]
    file = read_bytes(text.replace(act, advised).encode(), "x")
    assert mistakes(file) == [] and failures(file) == []


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        SOUND.replace("consent:director", "consent:x")
        .replace('by = "board"', 'by = "y"')
        .replace('duty = "P13"', 'duty = "Q"')
    )
    assert len(mistakes(read_bytes(text.encode(), "policy.toml"))) == 3


def test_all_fields_that_are_wrong_are_told_at_once(tmp_path: Path) -> None:
    text = (
        SOUND.replace("rights =", "rigths =")
        .replace('words.en = "a crime"\n', "")
        .replace('every = "3 years"', "every = 3")
        .replace("value = 10, ", "")
        .replace('expect = "yes"', 'expect = "maybe"')
    )
    with pytest.raises(Misshapen) as refused:
        read_bytes(text.encode(), "policy.toml")
    assert [one.where for one in refused.value.mistakes] == [
        "role 1 ('director')",
        "purpose 1 ('crime')",
        "check 1 ('review'), every",
        "setting, live_minutes",
        "case 1 ('release.approve'), expect",
    ]
    assert "There are 4 more; `holdshelf policy lint` lists all of them." in str(refused.value)
    path = tmp_path / "policy.toml"
    path.write_text(text, encoding="utf-8")
    found = lint(path)
    assert (found.mistakes, found.unread) == (refused.value.mistakes, True)


_JUNK = st.one_of(
    st.integers(), st.booleans(), st.floats(), st.text(max_size=5), st.just([]), st.just({}), st.just([{}]), st.dates()
)


@given(st.data())
def test_the_fields_that_are_told_are_those_for_which_the_file_is_refused(data: st.DataObject) -> None:
    tables = tomllib.loads(SOUND)
    for _ in range(data.draw(st.integers(0, 3))):
        at: Any = tables
        while True:
            key: Any = data.draw(st.sampled_from(list(at) if isinstance(at, dict) else range(len(at))))
            if isinstance(at[key], dict | list) and at[key] and data.draw(st.booleans()):
                at = at[key]
                continue
            if isinstance(at, dict) and data.draw(st.booleans()):
                at.pop(key)
                at |= data.draw(st.dictionaries(st.text(max_size=3), _JUNK, max_size=1))
            else:
                at[key] = data.draw(_JUNK)
            break
        if not tables:
            break
    try:
        msgspec.convert(tables, PolicyFile)
    except msgspec.ValidationError as error:
        assert shape_mistakes(tables), error
    else:
        assert shape_mistakes(tables) == []


def test_a_circle_of_deputies_is_told_once() -> None:
    roles = "".join(
        f'[[role]]\nkey = "{one}"\nwords.en = "{one}"\nstands_in = {{ for = "{other}" }}\n'
        for one, other in (("ann", "bob"), ("bob", "cy"), ("cy", "ann"))
    )
    told = [one.sentence for one in mistakes(read_bytes((SOUND + roles).encode(), "policy.toml"))]
    assert told == ["ann, bob and cy stand in for each other in a circle."]


def test_what_is_no_policy_file_is_refused_in_words(tmp_path: Path) -> None:
    large, folder, binary, pipe = (tmp_path / name for name in ("large", "folder", "binary", "pipe"))
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    folder.mkdir()
    binary.write_bytes(b"format = 1\n# \xff\n")
    os.mkfifo(pipe)
    for path, sentence in (
        (tmp_path / "absent", "cannot be read: No such file"),
        (large, "is larger than 512 KB"),
        (folder, "is not a file"),
        (binary, "line 2: this is not UTF-8 text"),
        (pipe, "is not a file"),
    ):
        with pytest.raises(BadRequest, match=sentence):
            read_file(path)
    deep = HEAD + "x = " + "[" * 5000 + "]" * 5000
    with pytest.raises(BadRequest, match="lists within lists"):
        read_bytes(deep.encode(), "policy.toml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_templates_and_other_libraries_policies_have_no_mistake(path: Path) -> None:
    file, data = read_file(path)
    assert mistakes(file) == []
    assert data.startswith(b"# ")


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("72 hours", Length(72, HOURS)),
        ("72 h", Length(72, HOURS)),
        ("1 Month", Length(1, MONTHS)),
        ("5 business days", Length(5, BUSINESS_DAYS)),
        ("2 weeks", Length(14, DAYS)),
        ("0 days", None),
        ("-1 days", None),
        ("five days", None),
        ("5 fortnights", None),
        ("100000 days", None),
        ("", None),
    ],
)
def test_lengths_are_read_as_they_are_said(text: str, length: Length | None) -> None:
    assert parse_length(text) == length
    if length is not None:
        assert parse_length(str(length)) == length
        assert 0 < length.shortest_ns <= length.longest_ns


@given(st.binary(max_size=300))
def test_whatever_the_bytes_are_the_answer_is_a_sentence(data: bytes) -> None:
    try:
        mistakes(read_bytes(b"format = 1\n" + data, "policy.toml"))
    except BadRequest as refused:
        assert str(refused).isprintable()
