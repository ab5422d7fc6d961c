"""What a library calls the body that governs it: in each of Holdshelf's own sentences, in place of the Board."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdshelf_core.policy import explain, governing
from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.policy.particulars import particulars
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.compare import differences
from holdshelf_core.policy_file.first import FIRST, first_policy
from holdshelf_core.policy_file.read import read_bytes

# The file's own words are never touched: here they have another word, to be told from Holdshelf's.
TEXT = FIRST.read_text().replace("Board", "Panel")


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    yield
    governing.use()


def governed(line: str, text: str = TEXT) -> Policy:
    file = read_bytes(text.replace('name = "Library"', f'name = "Library"\n{line}', 1).encode(), "own.toml")
    return Policy(file)


COUNCIL = 'board.en = "the County Council"'


def said_by(policy: Policy) -> str:
    rows = explain.table(policy)
    told = [text for row in rows for text in (row.words, row.sentence, row.who_can_help)]
    return " ".join("\n".join([explain.text(policy, rows), *told, *particulars(policy)]).split())


def test_the_word_stands_wherever_holdshelf_says_the_board() -> None:
    said = said_by(governed(COUNCIL))
    assert "Board" not in said
    for sentence in (
        "change a setting of the County Council",
        "Live pictures end after the County Council's minutes",
        "speaks for the County Council",
    ):
        assert sentence in said


def test_without_a_word_it_is_the_board_letter_for_letter() -> None:
    said = said_by(Policy(read_bytes(TEXT.encode(), "own.toml")))
    assert said.replace("the Board", "the County Council") == said_by(governed(COUNCIL))


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("", "The Board says so in the Board's minutes."),
        ("Council", "The Council says so in the Council's minutes."),
        ("Committee of Trustees", "The Committee of Trustees says so in the Committee of Trustees' minutes."),
    ],
)
def test_a_sentence_has_the_word_and_its_possessive(word: str, sentence: str) -> None:
    governing.use(word)
    assert own_board("The Board says so in the Board's minutes.") == sentence


def test_a_command_asks_for_the_word_once_and_when_a_sentence_has_it() -> None:
    asked: list[str] = []
    governing.use(ask=lambda: asked.append("asked") or "Council")
    assert own_board("Nothing of it.") == "Nothing of it." and not asked
    assert [own_board("the Board"), own_board("the Board")] == ["the Council"] * 2
    assert asked == ["asked"]


def test_the_english_word_is_taken_with_or_without_its_article() -> None:
    assert [english({"en-CA": said}) for said in ("the Council", "The  Council", "Council", "Theater Trust")] == [
        "Council",
        "Council",
        "Council",
        "Theater Trust",
    ]
    assert english({"es": "el Consejo"}) == ""


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('board.en = ""', "board has nothing in 'en'."),
        ('board = { en = "the Council", es = "el Consejo" }', "'es' is not one of"),
        ('board.es = "el Consejo"', "board is in 'es', and not in the library's language, 'en'."),
        ('board.English = "the Council"', "board is in 'English', and not in the library's language, 'en'."),
        ('board.en-US = "the Council"', "board is in 'en-US', and not in the library's language, 'en'."),
        ('board.en = "the\\nCouncil"', "has a line break"),
        ('board.en = "the"', "'the' is an article, and the name is missing."),
        ('board.en = "the [Council]"', "'the [Council]' is no name of a Board: [ is no letter of one."),
        ('board.en = "<b>the Council</b>"', "< is no letter of one"),
        ('board.en = "12"', "it has no letter"),
        (f'board.en = "the {"Very " * 20}Old Council"', "it has 115 characters; 60 are the most"),
        (f'board.en = "the {"Very " * 100}Old Council"', "it has 515 characters; 60 are the most"),
    ],
)
def test_a_word_that_is_none_is_a_mistake(line: str, sentence: str) -> None:
    found = [one for one in mistakes(governed(line).file) if one.where.startswith("library, board")]
    assert len(found) == 1 and sentence in found[0].sentence


def test_a_spanish_or_french_word_has_its_article() -> None:
    file = governed('board = { es = "Consejo", fr = "l\'Assemblée", en = "the Council" }').file
    found = [one for one in mistakes(file) if "article" in one.sentence]
    assert [one.sentence.split()[0] for one in found] == ["'Consejo'"]


def test_another_word_is_told_when_files_are_compared() -> None:
    told = [one.sentence for one in differences(first_policy(), governed(COUNCIL, FIRST.read_text()))]
    assert told == ["The body that governs the library is called “the County Council” (before: the Board)."]
