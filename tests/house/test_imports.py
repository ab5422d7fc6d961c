"""Who may import whom: the contracts in pyproject.toml hold, and would notice a breach.

The breaches are tried on a skeleton of the house, one empty module for each that the contracts name, so that a slip
in a contract's wording (a wildcard that matches nothing, an exception too wide) fails here and not in a year.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

SKELETON = {
    "core": [
        "holdshelf_core",
        "holdshelf_core.api.client",
        "holdshelf_core.app",
        "holdshelf_core.integration.bus",
        "holdshelf_core.integration.entry",
        "holdshelf_core.buffer.retention",
        "holdshelf_core.looks.worker.decode",
        "holdshelf_core.looks.pictures",
        "holdshelf_core.recorder.recorder",
        "holdshelf_core.recorder.worker.main",
        "holdshelf_core.recorder.worker.protocol",
        "holdshelf_core.recorder.worker.source",
        "holdshelf_core.releases.bundle",
        "holdshelf_core.releases.check",
        "holdshelf_core.releases.worker",
        "holdshelf_core.holds.book",
        "holdshelf_core.policy.rules",
        "holdshelf_core.actions.registry",
        "holdshelf_core.people.types",
    ],
    "onvif": ["holdshelf_onvif.client", "holdshelf_onvif.discovery"],
    "storage": [
        "holdshelf_storage.footage.footage",
        "holdshelf_storage.ledger.ledger",
        "holdshelf_storage.volume.journal",
    ],
    "tui": [
        "holdshelf_tui.app",
        "holdshelf_tui.cli.camera",
        "holdshelf_tui.cli.demo",
        "holdshelf_tui.cli.serve",
        "holdshelf_tui.demo.cameras",
        "holdshelf_tui.ssh.connection",
        "holdshelf_tui.supervisor",
    ],
}

LAYERED = (
    "core/holdshelf_core/api",
    "core/holdshelf_core/recorder",
    "tui/holdshelf_tui/screens",
    "tui/holdshelf_tui/ssh",
)

ALLOWED = [
    ("holdshelf_tui.app", "holdshelf_core.api"),
    ("holdshelf_tui.cli.camera", "holdshelf_core.api.client"),
    ("holdshelf_tui.cli.camera", "holdshelf_core.people.types"),
    ("holdshelf_tui.cli.serve", "holdshelf_core.app"),
    ("holdshelf_tui.cli.demo", "holdshelf_tui.demo.cameras"),
    ("holdshelf_tui.demo.cameras", "holdshelf_core.app"),
    ("holdshelf_tui.demo.cameras", "av"),
    ("holdshelf_tui.demo.cameras", "ipycam"),
    ("holdshelf_tui.ssh.connection", "asyncssh"),
    ("holdshelf_tui.ssh.connection", "holdshelf_core.api.client"),
    ("holdshelf_tui.supervisor", "holdshelf_core.api"),
    ("holdshelf_core.app", "holdshelf_core.recorder.recorder"),
    ("holdshelf_core.app", "holdshelf_core.buffer.retention"),
    ("holdshelf_core.app", "holdshelf_core.api.client"),
    ("holdshelf_core.recorder.recorder", "holdshelf_storage.footage.footage"),
    ("holdshelf_core.recorder.worker.main", "holdshelf_core.recorder.worker.source"),
    ("holdshelf_core.recorder.worker.source", "av"),
    ("holdshelf_core.looks.worker.decode", "av"),
    ("holdshelf_core.releases.worker", "av"),
    ("holdshelf_core.integration.entry", "holdshelf_core.integration.bus"),
    ("holdshelf_core.api.server", "holdshelf_core.api.ssh"),
    ("holdshelf_core.api.ssh", "holdshelf_core.api.tokens"),
    ("holdshelf_core.recorder.recorder", "holdshelf_core.recorder.worker.protocol"),
    ("holdshelf_tui.screens.pane", "holdshelf_tui.screens.dialogs"),
    ("holdshelf_onvif.discovery", "holdshelf_core.integration.entry"),
    ("holdshelf_onvif.discovery", "holdshelf_onvif.client"),
    ("holdshelf_onvif.client", "onvif"),
    ("holdshelf_onvif.client", "zeep.exceptions"),
]

FORBIDDEN = [
    ("terminal", "holdshelf_tui.app", "holdshelf_core.integration.bus"),
    ("terminal", "holdshelf_tui.app", "holdshelf_core.app"),
    ("terminal", "holdshelf_tui.cli.camera", "holdshelf_core.app"),
    ("terminal", "holdshelf_tui.cli.serve", "holdshelf_core.recorder.recorder"),
    ("terminal", "holdshelf_tui.cli.camera", "holdshelf_storage.footage.footage"),
    ("terminal", "holdshelf_tui.cli.camera", "holdshelf_onvif.discovery"),
    ("core", "holdshelf_core.integration.bus", "holdshelf_tui.app"),
    ("core", "holdshelf_core.integration.entry", "holdshelf_onvif"),
    ("core", "holdshelf_core.api.client", "textual"),
    ("integration", "holdshelf_onvif.discovery", "holdshelf_core.clock"),
    ("integration", "holdshelf_onvif.discovery", "holdshelf_storage.footage.footage"),
    ("storage", "holdshelf_storage.footage.footage", "holdshelf_core.integration.bus"),
    ("onvif-client", "holdshelf_onvif.discovery", "onvif"),
    ("onvif-client", "holdshelf_core.integration.entry", "zeep"),
    ("decoders", "holdshelf_core.recorder.recorder", "av"),
    ("decoders", "holdshelf_tui.app", "aiortc"),
    ("no-decoder-in-service", "holdshelf_core.recorder.recorder", "holdshelf_core.recorder.worker.source"),
    ("no-decoder-in-service", "holdshelf_core.looks.pictures", "holdshelf_core.looks.worker.decode"),
    ("ssh", "holdshelf_tui.app", "asyncssh"),
    ("ssh", "holdshelf_core.api.client", "asyncssh"),
    ("supervisor", "holdshelf_tui.supervisor", "msgspec"),
    ("demo-extra", "holdshelf_tui.app", "numpy"),
    ("rooms", "holdshelf_core.buffer.retention", "holdshelf_core.holds.book"),
    ("rooms", "holdshelf_core.recorder.recorder", "holdshelf_core.buffer.retention"),
    ("rooms", "holdshelf_core.holds.book", "holdshelf_core.app"),
    ("rooms", "holdshelf_core.api.client", "holdshelf_core.looks.pictures"),
    ("rooms", "holdshelf_core.policy.rules", "holdshelf_core.actions.registry"),
    ("rooms", "holdshelf_core.integration.bus", "holdshelf_core.frame"),
    ("storage-rooms", "holdshelf_storage.volume.journal", "holdshelf_storage.ledger.ledger"),
    ("storage-rooms", "holdshelf_storage.atomic", "holdshelf_storage.volume.journal"),
    ("no-decoder-in-service", "holdshelf_core.releases.bundle", "holdshelf_core.releases.worker"),
    ("dialogs", "holdshelf_tui.screens.dialogs", "holdshelf_tui.screens.pane"),
    ("session-processes", "holdshelf_tui.ssh.children", "holdshelf_tui.ssh.link"),
    ("recorder-worker", "holdshelf_core.recorder.worker.main", "holdshelf_core.recorder.ports"),
    ("api-ssh", "holdshelf_core.api.ssh", "holdshelf_core.api.server"),
    ("api-ssh", "holdshelf_core.api.tokens", "holdshelf_core.api.ssh"),
]


def root_modules(root: str) -> list[str]:
    """Every module and room directly in a package, or in a room of it that has layers of its own: they name all of them."""
    (package,) = (ROOT / root).glob("holdshelf_*")
    found = []
    for room in (package, *(ROOT / room for room in LAYERED if ROOT / room in package.rglob("*"))):
        names = {path.stem for path in room.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
        dotted = ".".join(room.relative_to(ROOT / root).parts)
        found += [f"{dotted}.{name}" for name in sorted(names - {"__init__"})]
    return found


def build_house(folder: Path, imports: list[tuple[str, str]]) -> None:
    """Write the skeleton into `folder`, with `imports` as (importer, imported) pairs, and the project's contracts.

    Every module is a package here, so that each can carry its imports in its `__init__.py`.
    """
    (folder / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    for root, modules in SKELETON.items():
        for module in (*modules, *root_modules(root)):
            path = folder / root / module.replace(".", "/")
            for package in (path, *path.parents):
                if package == folder / root:
                    break
                package.mkdir(parents=True, exist_ok=True)
                (package / "__init__.py").touch()
    for importer, imported in imports:
        root = next(root for root, modules in SKELETON.items() if importer.split(".")[0] in modules[0])
        with (folder / root / importer.replace(".", "/") / "__init__.py").open("a") as file:
            file.write(f"import {imported}\n")


def lint_imports(folder: Path, *contracts: str) -> subprocess.CompletedProcess[str]:
    roots = os.pathsep.join(str(folder / root) for root in SKELETON)
    return subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache", *(f"--contract={contract}" for contract in contracts)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": roots, "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_house_keeps_its_contracts() -> None:
    result = subprocess.run(
        [LINT_IMPORTS, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_what_the_design_allows_is_allowed(tmp_path: Path) -> None:
    build_house(tmp_path, ALLOWED)
    result = lint_imports(tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize("contract", sorted({contract for contract, _, _ in FORBIDDEN}))
def test_a_breach_is_noticed(tmp_path: Path, contract: str) -> None:
    breaches = [(importer, imported) for name, importer, imported in FORBIDDEN if name == contract]
    build_house(tmp_path, ALLOWED + breaches)
    result = lint_imports(tmp_path, contract)
    assert result.returncode == 1, result.stdout + result.stderr
    said = re.sub(r"\s+", " ", result.stdout)
    for importer, imported in breaches:
        target = imported if imported.startswith("holdshelf") else imported.split(".")[0]
        assert f"{importer} -> {target} (" in said, f"{contract} does not notice {importer} -> {imported}:\n{said}"


def test_a_command_is_done_without_what_only_some_commands_need(tmp_path: Path) -> None:
    """Commands are typed by people who wait, and this is half of their time. One that takes all of its way: options, a parser,
    a refusal."""
    script = (
        "import sys; sys.argv = ['holdshelf', 'log', 'show', '--camera', 'x', '--data', sys.argv[1]]\n"
        "from holdshelf_tui.cli import main\n"
        "try: main()\n"
        "finally: print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "is not set up" in done.stderr, done.stderr
    # Two modules may come along: reading JSON takes one rule, which imports nothing but msgspec, and a second has one length.
    allowed = {"holdshelf_storage", "holdshelf_storage.decoding", "holdshelf_storage.units"}
    loaded = {name.partition(".")[0] for name in done.stdout.split() if name not in allowed}
    assert "holdshelf_tui" in loaded
    assert (
        loaded & {"asyncio", "asyncssh", "cryptography", "holdshelf_storage", "pydantic", "textual", "typst"} == set()
    )
