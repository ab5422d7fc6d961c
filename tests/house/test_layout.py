"""The layout: what may lie where, so that a reader finds each thing where the design puts it."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE_ROOTS = {
    "core": "holdshelf_core",
    "onvif": "holdshelf_onvif",
    "storage": "holdshelf_storage",
    "tui": "holdshelf_tui",
}
TOP_LEVEL = {
    *PACKAGE_ROOTS,
    *("tests", "docs", "bench", "contrib", "scripts", "requirements", ".ci"),
    *(
        "pyproject.toml",
        "Makefile",
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "LICENSE",
        ".gitignore",
        ".gitattributes",
    ),
}
TEST_FOLDERS = {*PACKAGE_ROOTS, "rig", "house", "policies", "scenes", "stranger"}
MODULE_LINES_MAX = 500
# Put together here, or this file would name what it forbids.
MACHINE_PATHS = ["/" + folder + "/" for folder in ("work", "root", "home")]


def project_files() -> list[Path]:
    """Every file that is tracked, or would be by the next `git add`; paths are relative to the root."""
    listed = subprocess.run(
        # The folder belongs to whoever cloned it, who need not be who runs the tests.
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [Path(name) for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


FILES = project_files()


def test_the_top_level_holds_only_what_the_design_puts_there() -> None:
    assert {path.parts[0] for path in FILES} - TOP_LEVEL == set()


def test_each_package_root_holds_its_one_package() -> None:
    for root, package in PACKAGE_ROOTS.items():
        inside = {path.parts[1] for path in FILES if path.parts[0] == root}
        assert inside == {package}, f"{root}/ holds {inside}"
        assert (ROOT / root / package / "py.typed").exists()


def test_no_package_root_is_a_heap() -> None:
    """What has a subject lies in its room; in the root is what all rooms need."""
    for package, most in (("core/holdshelf_core", 12), ("storage/holdshelf_storage", 10), ("tui/holdshelf_tui", 8)):
        loose = [path.name for path in FILES if path.parent == Path(package) and path.suffix == ".py"]
        assert len(set(loose) - {"__init__.py"}) <= most, loose


def test_the_tests_mirror_the_house() -> None:
    assert {path.parts[1] for path in FILES if path.match("tests/*/**")} - TEST_FOLDERS == set()


def test_the_wheel_and_the_checkout_hold_the_same_four_packages() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = [f"{root}/{package}" for root, package in PACKAGE_ROOTS.items()]
    assert config["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == packages
    assert config["tool"]["hatch"]["build"]["dev-mode-dirs"] == list(PACKAGE_ROOTS)


@pytest.mark.parametrize("how", ["from the root", "with the root on sys.path"])
def test_onvif_is_the_library_and_never_our_folder(how: str, tmp_path: Path) -> None:
    script = "import onvif; print(onvif.__file__)"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    if how == "with the root on sys.path":
        environment["PYTHONPATH"] = str(ROOT)
    where = ROOT if how == "from the root" else tmp_path
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=where, env=environment, capture_output=True, text=True, check=True
    )
    assert "site-packages" in found.stdout
    assert not (ROOT / "onvif" / "__init__.py").exists()


def test_no_module_is_too_long_to_be_one_thing() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text().splitlines())
        for path in FILES
        if path.parts[0] in PACKAGE_ROOTS and path.suffix == ".py"
    }
    assert {name: lines for name, lines in lengths.items() if lines > MODULE_LINES_MAX} == {}


def test_nothing_names_a_place_on_one_machine() -> None:
    found = []
    for path in FILES:
        try:
            text = (ROOT / path).read_text()
        except UnicodeDecodeError:
            continue  # a picture or a recording
        found += [
            f"{path}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), start=1)
            if any(place in line for place in MACHINE_PATHS)
        ]
    assert found == []


def test_a_rule_that_the_product_does_not_call_is_no_rule() -> None:
    """A public function of policy/ that only tests call is a copy of a rule that lives elsewhere."""
    policy = Path("core/holdshelf_core/policy")
    called: set[tuple[str, str]] = set()
    public: set[tuple[str, str]] = set()
    for path in FILES:
        if path.suffix != ".py" or path.parts[0] not in PACKAGE_ROOTS:
            continue
        tree = ast.parse((ROOT / path).read_text())
        modules: dict[str, str] = {}
        """Of policy/, by the names that this file has for them."""
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "holdshelf_core.policy":
                modules |= {alias.asname or alias.name: alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("holdshelf_core.policy."):
                called |= {((node.module or "").rpartition(".")[2], alias.name) for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
                called.add((modules[node.value.id], node.attr))
            elif isinstance(node, ast.Name) and path.parent == policy:
                called.add((path.stem, node.id))
        if path.parent == policy:
            public |= {
                (path.stem, node.name)
                for node in tree.body
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_")
            }
    assert public - called == set(), "the product never calls these"
