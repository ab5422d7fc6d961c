"""The cases of other libraries' policies, each by the commands that people type under that policy: not by the rules' function."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.policy_library import CASES, No, PolicyLibrary


@pytest.mark.parametrize(("file", "number"), CASES)
def test_each_case_is_answered_as_the_file_says(file: Path, number: int, tmp_path: Path) -> None:
    library = PolicyLibrary(file, tmp_path)
    case = library.policy.file.case[number]
    with library.service:
        library.settle()
        if case.expect == "yes":
            library.ask(case)
            return
        with pytest.raises(No) as refused:
            library.ask(case)
    if case.clause:
        assert str(refused.value).count(f"({case.clause}") == 1
