"""`make test`: what failed runs again, alone, and the second run decides. ADR 69."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN_TESTS = Path(__file__).parents[2] / "scripts" / "run_tests.py"

ONCE = """
from pathlib import Path

def test_fails_once():
    marker = Path(__file__).with_name("ran")
    first = not marker.exists()
    marker.touch()
    assert not first
"""
"""Fails the first time that it runs in a folder, as a test does that a busy machine stopped."""
GREEN = "def test_passes(): pass\n"
RED = "def test_is_broken(): assert False\n"
ALONE = "import pytest\n@pytest.mark.alone\n"
"""Before a test: that one needs the machine to itself."""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    soak: long\n    alone: by itself\n")
    return tmp_path


def run(project: Path, *targets: str, workers: int = 1) -> subprocess.CompletedProcess[str]:
    # Of pytest's plugins only the one that the script itself asks for: all of them take a second of each process.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment |= {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_PLUGINS": "xdist.plugin"}
    return subprocess.run(
        [sys.executable, RUN_TESTS, "--workers", str(workers), *targets],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_what_fails_twice_is_red(project: Path) -> None:
    (project / "test_once.py").write_text(ONCE)
    (project / "test_red.py").write_text(RED)
    done = run(project, workers=2)
    assert done.returncode == 1, done.stdout
    assert done.stdout.splitlines()[-2:] == ["unstable: 1", "  test_once.py::test_fails_once"]
    assert "FAILED test_red.py::test_is_broken" in done.stdout


def test_a_worker_that_dies_runs_again_and_is_red_when_it_dies_again(project: Path) -> None:
    (project / "test_dies.py").write_text("import os\ndef test_dies(): os._exit(1)\n")
    assert run(project).returncode != 0


def test_many_failures_are_red_at_once(project: Path) -> None:
    (project / "test_many.py").write_text(
        "import pytest\n@pytest.mark.parametrize('number', range(31))\ndef test_one(number): assert False\n"
    )
    done = run(project)
    assert done.returncode == 1, done.stdout
    assert "31 tests failed, more than the 30 that run again." in done.stderr
    assert "run again, alone" not in done.stdout


def test_a_file_that_cannot_be_collected_is_red_at_once(project: Path) -> None:
    (project / "test_green.py").write_text(GREEN)
    (project / "test_broken.py").write_text("import nothing_of_this_name\n")
    done = run(project)
    assert done.returncode not in {0, 5}, done.stdout
    assert "Not collected: test_broken.py" in done.stderr
    assert "run again, alone" not in done.stdout


def test_no_test_at_all_is_not_green(project: Path) -> None:
    (project / "test_none.py").write_text("")
    assert run(project).returncode == 5


def test_what_failed_in_an_earlier_run_does_not_count(project: Path) -> None:
    (project / "test_red.py").write_text(RED.replace("False", "True"))
    (project / "test_once.py").write_text(ONCE)
    written = project / ".pytest_cache" / "v" / "cache" / "lastfailed"
    written.parent.mkdir(parents=True)
    written.write_text('{"test_red.py::test_is_broken": true}')
    done = run(project, "test_once.py")
    assert "Failed tests that run again, alone: 1\n" in done.stdout
    assert done.stdout.splitlines()[-2:] == ["unstable: 1", "  test_once.py::test_fails_once"]


def test_what_needs_the_machine_to_itself_runs_after_all_others_in_one_process(project: Path) -> None:
    ran = "import os\nfrom pathlib import Path\nWORKER = os.environ.get('PYTEST_XDIST_WORKER', 'none')\n"
    (project / "test_a.py").write_text(
        f"{ran}{ALONE}def test_it(): Path('alone').write_text(WORKER + ' ' + Path('beside').read_text())\n"
    )
    (project / "test_b.py").write_text(f"{ran}def test_it(): Path('beside').write_text(WORKER[:2])\n")
    done = run(project, workers=2)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "unstable: 0"), done.stdout
    assert "run again" not in done.stdout, "all green is green at once"
    assert (project / "alone").read_text() == "none gw"


def test_what_passes_alone_is_green_and_named_a_fixture_of_either_lane_too(project: Path) -> None:
    (project / "test_beside.py").write_text(ONCE + "\n" + GREEN)
    fixture = ONCE.replace("def test_fails_once", "import pytest\n@pytest.fixture\ndef machine").replace(
        '"ran"', '"made"'
    )
    (project / "test_fixture.py").write_text(fixture + "\ndef test_uses_it(machine): pass\n")
    (project / "by_itself").mkdir()
    (project / "by_itself" / "test_alone.py").write_text(
        ONCE.replace("def test_fails", "import pytest\n@pytest.mark.alone\ndef test_fails")
    )
    done = run(project)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-4:] == [
        "unstable: 3",
        "  by_itself/test_alone.py::test_fails_once",
        "  test_beside.py::test_fails_once",
        "  test_fixture.py::test_uses_it",
    ]


@pytest.mark.parametrize("mark", ["", ALONE])
def test_a_lane_that_fails_twice_is_red_whatever_the_other_does(project: Path, mark: str) -> None:
    (project / "test_red.py").write_text(mark + RED)
    (project / "test_green.py").write_text((ALONE if not mark else "") + GREEN)
    done = run(project)
    assert done.returncode == 1, done.stdout
    assert "FAILED test_red.py::test_is_broken" in done.stdout.partition("run again, alone")[2]
    assert done.stdout.splitlines()[-1] == "unstable: 0"


@pytest.mark.parametrize("mark", ["", ALONE])
def test_a_target_of_one_lane_is_enough_and_long_campaigns_run_in_neither(project: Path, mark: str) -> None:
    (project / "test_green.py").write_text(f"import pytest\n{mark}{GREEN}{mark}@pytest.mark.soak\n{RED}")
    done = run(project, "test_green.py")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "unstable: 0"), done.stdout


def test_the_makefile_runs_tests_this_way() -> None:
    makefile = (RUN_TESTS.parents[1] / "Makefile").read_text()
    recipe = makefile.partition("\ntest: ")[2].partition("\n\n")[0]
    assert "scripts/run_tests.py" in recipe
