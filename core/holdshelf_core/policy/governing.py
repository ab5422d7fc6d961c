"""What a library calls the body that governs it: Holdshelf's own sentences say "the Board", or the policy file's own word for it.

Only Holdshelf's own sentences are given to this, never what a file, a person or a paper says. One word for the process, as with
the numbering: a service and a session belong to one library.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from holdshelf_core.policy.schema import ByLanguage

ENGLISH = "en"
_ARTICLE = re.compile(r"\Athe ", re.IGNORECASE)
_BOARD = re.compile(r"\bBoard('s)?(?!\w)", re.ASCII)


class _Used:
    word = ""
    ask: Callable[[], str] | None = None


def use(word: str = "", *, ask: Callable[[], str] | None = None) -> None:
    """Say this word from now on, English and without its article: 'Council'; '' for 'Board'.

    ``ask``: returns it when it is first needed, as a command asks its service.
    """
    _Used.word, _Used.ask = word, ask


def _word() -> str:
    if (ask := _Used.ask) is not None:
        _Used.ask = None
        _Used.word = ask()
    return _Used.word


def english(words: ByLanguage) -> str:
    """Return the English word of a file without its article; '' where it has none."""
    said = next((text for code, text in words.items() if code.partition("-")[0] == ENGLISH), "")
    return _ARTICLE.sub("", " ".join(said.split()))


def own_board(text: str, word: str | None = None) -> str:
    """Return one of Holdshelf's own sentences as the library says it: 'The Council has not said …', 'the Council's minutes'.

    ``word``: in place of the one in use.
    """
    if "Board" not in text:
        return text
    own = _word() if word is None else word
    if not own:
        return text
    whose = f"{own}'" if own.endswith("s") else f"{own}'s"
    return _BOARD.sub(lambda found: whose if found[1] else own, text)
