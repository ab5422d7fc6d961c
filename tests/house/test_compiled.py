"""The recording path can be compiled from the same sources, and then does the same (ADR 46)."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.compile_hook import MODULES, ROOMS

ROOT = Path(__file__).parents[2]
PURE = {"len", "min", "max"}


def _calls(node: ast.AST) -> list[str]:
    calls = [one.func for one in ast.walk(node) if isinstance(one, ast.Call)]
    return [call.id if isinstance(call, ast.Name) else ast.unparse(call) for call in calls]


@pytest.mark.parametrize("module", MODULES)
def test_the_bound_of_a_slice_has_no_effect(module: str) -> None:
    """mypyc 2.4 evaluates it twice: each picture was recorded twice where a call that records stood there."""
    tree = ast.parse((ROOT / ROOMS[module.partition("/")[0]] / module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Slice):
            assert set(_calls(node)) <= PURE, f"{module}:{node.lineno}: give the bound a name first"


@pytest.mark.parametrize("module", MODULES)
def test_no_thread_is_compiled(module: str) -> None:
    """A program that had one ended with a segmentation fault (mypyc 2.4, Python 3.13)."""
    tree = ast.parse((ROOT / ROOMS[module.partition("/")[0]] / module).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            assert "Thread" not in " ".join(map(ast.unparse, node.bases)), f"{module}: {node.name} belongs elsewhere"


@pytest.mark.soak  # compiling takes half a minute of a processor
@pytest.mark.timeout(900)
def test_the_compiled_modules_record_what_the_sources_do(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"]
    subprocess.run(build, cwd=ROOT, env={**os.environ, "HOLDSHELF_COMPILE": "1"}, check=True, timeout=600)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "compiled")
    assert list((tmp_path / "compiled").rglob("es/LC_MESSAGES/papers.mo")), "the papers' languages are not in the wheel"
    for module in MODULES:
        assert list((tmp_path / "compiled" / module).parent.glob(f"{Path(module).stem}.*.so")), (
            f"{module} is not compiled"
        )
    tests = ["test_rtsp_recorded.py", "test_udp.py", "test_reading.py", "test_rtp.py", "test_sink.py"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *(ROOT / "tests/core/recorder/worker" / name for name in tests)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "compiled")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
