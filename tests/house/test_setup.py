"""`make setup` finds a Python that runs, whatever stands first on PATH, and says what to install when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.hang import HANG_S

ROOT = Path(__file__).parents[2]
MAKE = shutil.which("make") or "make"

# What a version manager leaves on PATH for a version that it does not have.
BROKEN_SHIM = """#!/bin/sh
echo "pyenv: python3.12: command not found" >&2
echo "The \\`python3.12' command exists in these Python versions:" >&2
echo "  3.12.1" >&2
exit 127
"""


def write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def python_that_says(prelude: str) -> str:
    """A program that runs this Python on what it is given, changed by `prelude` first (a real probe meets it)."""
    return f"""#!/bin/sh
[ "$1" = -c ] || exit 64
exec {sys.executable} -I -c "{prelude}
$2"
"""


PYTHON_311 = python_that_says("import sys; sys.version_info = (3, 11, 7, 'final', 0)")
WITHOUT_ENSUREPIP = python_that_says("import sys; sys.modules['ensurepip'] = None")
# A program that runs, says something and is no Python.
NO_PYTHON = "#!/bin/sh\necho 3.13\n"


@pytest.fixture
def first_on_path(tmp_path: Path) -> Path:
    folder = tmp_path / "first on path"  # a blank, as in a person's own folders
    folder.mkdir()
    return folder


def print_python(path: str, *variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [MAKE, "-s", "print-python", *variables],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def works(python: str) -> bool:
    probe = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0


def test_a_broken_shim_and_an_old_python_first_on_path_are_passed_over(first_on_path: Path) -> None:
    write_program(first_on_path / "python3.12", BROKEN_SHIM)
    write_program(first_on_path / "python3", PYTHON_311)
    found = print_python(f"{first_on_path}{os.pathsep}{os.environ['PATH']}")
    assert found.returncode == 0, found.stderr
    assert not found.stdout.startswith(str(first_on_path))
    assert works(found.stdout.strip())


@pytest.mark.parametrize("program", [BROKEN_SHIM, PYTHON_311, WITHOUT_ENSUREPIP, NO_PYTHON])
def test_the_systems_own_python_is_found_behind_any_program_that_is_none(first_on_path: Path, program: str) -> None:
    system = first_on_path / "system"
    system.mkdir()
    (system / "python3").symlink_to(sys.executable)
    for name in ("python3.14", "python3.13", "python3.12", "python3"):
        write_program(first_on_path / name, program)
    found = print_python(str(first_on_path), f"SYSTEM_BIN={system}")
    assert found.returncode == 0, found.stderr
    assert works(found.stdout.strip())


def test_the_newest_that_runs_is_taken(first_on_path: Path) -> None:
    write_program(first_on_path / "python3.14", BROKEN_SHIM)
    for name in ("python3.13", "python3.12"):
        itself = first_on_path / f"real-{name}"
        itself.symlink_to(sys.executable)
        write_program(first_on_path / name, python_that_says(f"import sys; sys._base_executable = '{itself}'"))
    found = print_python(str(first_on_path), "SYSTEM_BIN=/nowhere")
    assert found.stdout.strip() == str(first_on_path / "real-python3.13")


def test_without_any_the_message_says_what_was_tried_and_what_to_install(first_on_path: Path) -> None:
    write_program(first_on_path / "python3.13", WITHOUT_ENSUREPIP)
    write_program(first_on_path / "python3.12", BROKEN_SHIM)
    write_program(first_on_path / "python3", PYTHON_311)
    found = print_python(str(first_on_path), "SYSTEM_BIN=/nowhere")
    assert found.returncode != 0
    assert found.stdout == ""
    assert f"{first_on_path}/python3.12 does not run" in found.stderr
    assert f"{first_on_path}/python3 is Python 3.11: too old" in found.stderr
    assert f"{first_on_path}/python3.13 is Python 3.1" in found.stderr
    assert "without its venv module" in found.stderr
    assert "sudo apt install python3-venv" in found.stderr


def test_setup_stops_there_and_makes_nothing(first_on_path: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    (checkout / "scripts").mkdir(parents=True)
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    for name in ("Makefile", "pyproject.toml", "scripts/find-python.sh"):
        shutil.copy(ROOT / name, checkout / name)
    write_program(first_on_path / "python3", BROKEN_SHIM)
    for tool in ("rm", "cat", "make"):
        (first_on_path / tool).symlink_to(shutil.which(tool) or tool)
    made = subprocess.run(
        [MAKE, "setup", "SYSTEM_BIN=/nowhere"],
        cwd=checkout,
        env={"PATH": str(first_on_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode != 0
    assert "sudo apt install python3-venv" in made.stderr
    assert not (checkout / ".venv").exists()


def test_make_and_ci_offer_what_the_readme_and_the_design_promise() -> None:
    for target in ("setup", "demo", "test-deps", "check", "test", "bench", "soak", "clean"):
        known = subprocess.run([MAKE, "-n", target], cwd=ROOT, capture_output=True, text=True, check=False)
        assert known.returncode == 0, known.stderr
    ci = (ROOT / ".ci" / "run").read_text()
    assert "set -euo pipefail" in ci
    assert ci.index("make check") < ci.index("make test\n")


def test_the_readme_says_how_to_begin() -> None:
    readme = (ROOT / "README.md").read_text()
    apt, demo, test = (readme.find(line) for line in ("apt install", "make demo", "make test"))
    assert 0 <= apt < demo < test, "README: the apt install line, then make demo, then make test"


def test_the_packages_that_tests_need_are_there_and_asking_is_quick() -> None:
    # `make test` has installed them; with nothing missing no package server is asked (none answers here: no network).
    asked = subprocess.run(
        ["unshare", "--net", "--map-root-user", MAKE, "-s", "test-deps"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )
    assert (asked.returncode, asked.stdout) == (0, ""), asked.stdout + asked.stderr
