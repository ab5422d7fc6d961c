"""Which policy was in force: each entry names its text and its file, and whoever checks a log sees where one names another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from holdshelf_storage.access_log.verify import verify_log
from tests.storage.access_log.log_parts import entry, opened
from tests.storage.access_log.test_stranger import ask, script

__all__ = ["script"]
T, U, F, G = (letter * 64 for letter in "abcd")
STRANGER = Path(__file__).resolve().parents[2] / "stranger"
ADOPT_F, ADOPT_G = ("adopt", T, F), ("adopt", T, G)
CASES: dict[str, tuple[list[tuple[Any, ...]], int]] = {
    "the first library's": ([("",), ("",), ("adopt", T), (T,), (T,)], 0),
    "a file": ([("",), ADOPT_F, (T, F), (T, F)], 0),
    "another file under the same text": ([("",), ADOPT_F, (T, F), ADOPT_G, (T, G)], 0),
    "one that was being written meanwhile": ([(T, F), ADOPT_G, (T, F), (T, G)], 0),
    "one that waited": ([(T, F), ADOPT_G, (T, G), ("queued", T, F), (T, G)], 0),
    "an older log": ([("",), ADOPT_F, (T,), ADOPT_G, (T,), (T, G)], 0),
    "from the middle of an older log": ([(T,), (T,), (T, F), (T, F)], 0),
    "the file changed without adoption": ([("",), ADOPT_F, (T, F), (T, G)], 4),
    "the text changed without adoption": ([(T, F), (U, F), (U, F)], 2),
    "the file before, once the new one is named": ([(T, F), ADOPT_G, (T, G), (T, F)], 4),
    "a file that was not adopted": ([("",), ("adopt", T), (T, F)], 3),
    "without its file": ([("",), ADOPT_F, (T, F), (T,)], 4),
    "an older log's text": ([("",), ADOPT_F, (T,), (U,)], 4),
}


def parts(named: tuple[Any, ...], before: tuple[str, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What an entry has for it, and what the one after it finds."""
    if named[0] == "adopt":
        facts = {"sha256": named[1], **({"file": named[2]} if len(named) > 2 else {})}
        return {"action": "policy.adopt", "facts": facts, **parts(before, ())[0]}, before
    outcome, pair = ("queued", named[1:]) if named[0] == "queued" else ("done", named)
    return {"outcome": outcome, **dict(zip(("policy", "policy_file"), pair, strict=False))}, pair


def written(state: Path, steps: list[tuple[Any, ...]], copy: Path) -> None:
    before: tuple[str, ...] = ("",)
    with opened(state) as log:
        for number, named in enumerate(steps):
            public, private = entry(number)
            more, before = parts(named, before)
            log.append({**public, **more}, private)
        with copy.open("wb") as file:
            log.export(file.write, public=True, first=1, last=len(steps))


@pytest.mark.parametrize("name", CASES)
def test_each_entry_names_the_policy_that_was_in_force(script: Path, tmp_path: Path, name: str) -> None:
    steps, wrong = CASES[name]
    written(tmp_path / "state", steps, tmp_path / "copy")
    words = f"Entry {wrong} names a policy that was not in force"
    for path in (tmp_path / "state", tmp_path / "copy"):
        report = verify_log(path)
        assert report.problems == [], "it is as it was written"
        assert [one.partition(":")[0] for one in report.policies] == ([words] if wrong else [])
    code, said = ask(script, tmp_path / "copy")
    assert (code, words in said) == (int(bool(wrong)), bool(wrong)), said
    code, said = ask(judge(tmp_path), tmp_path / "state")
    assert said == (f"{words}.\n" if wrong else ""), "the stranger's checker, too"


def judge(folder: Path) -> Path:
    path = folder / "judge.py"
    path.write_text(
        f"import sys\nsys.path.insert(0, {str(STRANGER)!r})\nfrom pathlib import Path\nfrom access_log import AccessLog\n"
        "AccessLog(Path(sys.argv[1]), print).check_policies()\n"
    )
    return path


def test_a_long_log_is_checked_by_helpers_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[tuple[Any, ...]] = [("",), ADOPT_F, *[(T, F)] * 150, (T, G), *[(T, G)] * 150]
    written(tmp_path / "state", steps, tmp_path / "copy")
    code = (
        "import sys; from pathlib import Path; from holdshelf_storage.access_log import stretches, verify\n"
        "stretches.WORTH_BYTES, stretches.STRETCH_BYTES = 1, 4096\n"
        "for one in verify.verify_log(Path(sys.argv[1])).policies: print(one)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "state"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Entry 153 names a policy") and done.stdout.count("\n") == 1
