"""The table of docs/keys.md is of the tasks as they are now."""

from __future__ import annotations

import re

from tests.scenes.year.all_tasks import ALL
from tests.scenes.year.table import PAGE, WHO


def test_the_document_has_each_task_within_its_bound() -> None:
    """Else: HOLDSHELF_SAVE_KEYS=1 make soak T=tests/scenes/year."""
    rows = [re.split(r" ?\| ?", line)[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    told = {(words, who): ways for words, who, *ways, _ in rows}
    assert [(one.words, WHO[one.login]) for one in ALL] == list(told)[1:], "the head, then each in its order"
    for one in ALL:
        keys = [int(found[0]) for way in told[one.words, WHO[one.login]] if (found := re.match(r"\d+", way))]
        assert keys, f"{one.words}: not played by any way"
        assert not one.most or max(keys) <= one.most, one.words
