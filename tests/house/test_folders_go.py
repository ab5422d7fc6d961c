"""What tests write goes with them: a run of all took 20 GB of the disk, and one that is full fails whatever comes next."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shared")
    (folder / "large").touch()
    yield folder
    assert (folder / "large").exists(), "not before what uses it has ended"

def test_it(shared, tmp_path):
    (tmp_path / "large").touch()
    assert (shared / "large").exists() is {passes}
"""


@pytest.mark.parametrize("passes", [True, False])
def test_what_passed_leaves_no_folder_and_what_failed_may_say_why(tmp_path: Path, *, passes: bool) -> None:
    file, base = tmp_path / "test_large.py", tmp_path / "base"
    file.write_text(TESTS.format(passes=passes))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "-c", ROOT / "pyproject.toml", "--basetemp", base, file],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (0 if passes else 1), done.stdout + done.stderr
    left = sorted(path.name for path in base.rglob("large"))
    assert left == ([] if passes else ["large", "large"])
