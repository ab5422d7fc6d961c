"""What is installed is locked with hashes, satisfies pyproject.toml, and is what `make setup` and the guide install."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
LOCKS = ("runtime", "apprise", "dev", "cameras")
# Distributions whose modules have another name.
DISTRIBUTION = {
    "PIL": "pillow",
    "botocore": "boto3",
    "wsdiscovery": "wsdiscovery",
    "onvif": "onvif-zeep-async",
    "OpenSSL": "pyopenssl",
    "cv2": "opencv-python-headless",
}
_LINE = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)( ; .+?)?(?: \\)?$")


def project() -> dict[str, list[Requirement]]:
    """Requirements by extra; '' the runtime's."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = {"": table["dependencies"], **table["optional-dependencies"]}
    return {extra: [Requirement(one) for one in lines] for extra, lines in found.items()}


def locked(name: str) -> dict[str, tuple[str, int]]:
    """(version, hashes) of each distribution of a lock."""
    found: dict[str, tuple[str, int]] = {}
    last = ""
    for line in (REQUIREMENTS / f"{name}.lock").read_text().splitlines():
        if match := _LINE.match(line):
            last = canonicalize_name(match[1])
            found[last] = (match[2], 0)
        elif line.strip().startswith("--hash=sha256:"):
            found[last] = (found[last][0], found[last][1] + 1)
        else:
            assert line.startswith("#"), f"{name}.lock: {line!r}"
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_distribution_of_a_lock_has_hashes_and_no_lock_says_where_it_comes_from(name: str) -> None:
    found = locked(name)
    assert found
    assert [one for one, (_, hashes) in found.items() if not hashes] == []
    text = (REQUIREMENTS / f"{name}.lock").read_text()
    assert "://" not in text
    assert "index" not in text


def test_the_locks_satisfy_what_pyproject_asks_for() -> None:
    asked = project()
    for name, extras in (
        ("runtime", [""]),
        ("apprise", ["", "apprise"]),
        ("s3", ["", "s3"]),
        ("dev", ["", "apprise", "demo", "s3", "dev"]),
    ):
        found = locked(name)
        for requirement in (one for extra in extras for one in asked[extra]):
            version = found[canonicalize_name(requirement.name)][0]
            assert requirement.specifier.contains(version), f"{name}.lock: {requirement} and {version}"
    for smaller, larger in (("runtime", "apprise"), ("apprise", "dev"), ("runtime", "s3"), ("s3", "dev")):
        part, whole = locked(smaller), locked(larger)
        assert {one: whole[one] for one in part} == part, f"{larger}.lock holds all of {smaller}.lock, as it is"
    runtime = locked("runtime")
    for line in (REQUIREMENTS / "cameras.in").read_text().splitlines():
        if not line.startswith("#"):
            requirement = Requirement(line.partition("#")[0])
            assert requirement.specifier.contains(locked("cameras")[requirement.name][0])
    builds = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    assert {canonicalize_name(Requirement(one).name) for one in builds} <= runtime.keys()


def test_every_requirement_has_a_lower_bound() -> None:
    for extra, requirements in project().items():
        for requirement in requirements:
            assert any(one.operator in (">=", "==") for one in requirement.specifier), f"{extra}: {requirement}"


def private_names() -> dict[str, set[str]]:
    """Distribution → modules of ours that use a private module or name of it, or are built on its classes from within."""
    found: dict[str, set[str]] = {}
    for path in sorted(ROOT.glob("*/holdshelf_*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            for name in names:
                root, *rest = name.split(".")
                private = any(part.startswith("_") and not part.startswith("__") for part in rest)
                if private and not root.startswith(("holdshelf", "_")) and root not in _STDLIB:
                    found.setdefault(canonicalize_name(DISTRIBUTION.get(root, root)), set()).add(path.stem)
    return found


_STDLIB = {"multiprocessing", "collections", "concurrent"}
# Private names that are reached through objects, which no import shows.
THROUGH_OBJECTS = {"asyncssh", "textual", "rich", "aiortc", "aioice"}


def test_a_library_whose_private_names_are_used_is_bounded_above_with_the_reason() -> None:
    asked = {canonicalize_name(one.name): one for one in project()[""]}
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for name in sorted({*private_names(), *THROUGH_OBJECTS}):
        assert any(one.operator == "<" for one in asked[name].specifier), f"{name} is used by its private names"
        (line,) = [line for line in lines if re.match(rf'  "{re.escape(name)}[><=]', line)]
        assert " # " in line, f"{name}: say by which module"


def test_every_library_that_is_imported_is_asked_for() -> None:
    import sys  # noqa: PLC0415

    asked = {canonicalize_name(one.name) for extra in ("", "apprise", "demo", "s3") for one in project()[extra]} | {
        "ipycam"
    }
    for path in sorted(ROOT.glob("*/holdshelf_*/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            roots: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                roots = [node.module.partition(".")[0]]
            elif isinstance(node, ast.Import):
                roots = [alias.name.partition(".")[0] for alias in node.names]
            for root in roots:
                if root not in sys.stdlib_module_names and not root.startswith("holdshelf_"):
                    assert canonicalize_name(DISTRIBUTION.get(root, root)) in asked, f"{path.name} imports {root}"


def test_make_setup_and_the_guide_install_what_is_locked() -> None:
    makefile = (ROOT / "Makefile").read_text()
    guide = "".join((ROOT / "docs" / f"{name}.md").read_text() for name in ("operate", "alerts"))
    for command in (line for line in makefile.splitlines() if "$(PIP) install" in line):
        assert "--require-hashes" in command or "--no-deps --no-build-isolation" in command, command
    installs = [line for line in guide.splitlines() if "pip install" in line and line.lstrip().startswith("/opt/")]
    assert installs
    for line in installs:
        assert "--require-hashes -r" in line or "--no-deps" in line, line
        for lock in re.findall(r"requirements/\S+\.lock", line):
            assert (ROOT / lock).is_file(), line


def test_every_module_can_be_imported_with_what_is_installed() -> None:
    """At the lowest versions too: `make test-lowest` runs this there."""
    for root in ("holdshelf_storage", "holdshelf_core", "holdshelf_onvif", "holdshelf_tui"):
        package = importlib.import_module(root)
        for module in pkgutil.walk_packages(package.__path__, f"{root}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
