"""What is compiled while Holdshelf is built: the message catalogs of the papers, always; and, asked for, the recording path.

The catalogs become the .mo files that Python's gettext reads, beside their .po files: `catalogs.py`. For an editable
install, too.

The recording path becomes machine code (mypyc, from the same sources): ADR 46.

Asked for with HOLDSHELF_COMPILE=1 (`make wheel` does); needs mypy, setuptools, a C compiler and Python's headers. Without it the
wheel is the sources alone, for every machine. Both hold the sources: Python takes the compiled module where there is one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS = {"holdshelf_core": "core", "holdshelf_storage": "storage"}
# What runs for each packet and each picture. No subclass of Thread: compiled, it crashes Python 3.13 at exit.
WORKER_MODULES = "bounds nal order reorder replay rtcp rtp rtsp segment shown source spares udp units"
MODULES = (
    "holdshelf_core/recorder/worker/timeline.py",
    *(f"holdshelf_core/recorder/worker/{name}.py" for name in WORKER_MODULES.split()),
)
SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
modules = mypycify(["--explicit-package-bases", "--namespace-packages", *sys.argv[3:]], opt_level="3", group_name="holdshelf")
setup(name="holdshelf", packages=[], ext_modules=modules, script_args=["-q", "build_ext", "--build-lib", sys.argv[1]])
"""


class CompileHook(BuildHookInterface[BuilderConfig]):
    """Adds the compiled modules to a wheel, and says in its name which Python and machine they are for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """See hatchling's build hooks. No machine code for an editable install: an edited source must be what runs."""
        sys.path.insert(0, str(Path(self.root) / "scripts"))
        try:
            from catalogs import compile_all  # noqa: PLC0415 (scripts are no package)
        finally:
            sys.path.pop(0)
        compile_all()
        if version == "editable" or os.environ.get("HOLDSHELF_COMPILE") != "1":
            return
        self._scratch = Path(tempfile.mkdtemp(prefix="holdshelf-compile-"))
        for module in compiled(Path(self.root), self._scratch):
            build_data["force_include"][str(module)] = str(module.relative_to(self._scratch / "built"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the folder in which the modules were compiled, once the wheel holds them."""
        if hasattr(self, "_scratch"):
            shutil.rmtree(self._scratch, ignore_errors=True)


def compiled(root: Path, scratch: Path) -> list[Path]:
    """Compile the modules in a copy of the sources under ``scratch``; return the files made, under ``scratch/built``.

    Raises SystemExit with one sentence when it cannot be done here.
    """
    sources, built = scratch / "sources", scratch / "built"
    for package, room in ROOMS.items():
        shutil.copytree(root / room / package, sources / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    command = [sys.executable, "-c", SETUP, str(built), "--", *MODULES]
    done = subprocess.run(
        command, cwd=sources, env={**os.environ, "MYPYPATH": "."}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise SystemExit(
            f"The recording path could not be compiled: {''.join(last)}. It needs mypy, setuptools, a C compiler and Python's "
            "headers (Debian: build-essential python3-dev). Without HOLDSHELF_COMPILE=1 the wheel is built of the sources alone."
        )
    return sorted(built.rglob("*.so"))
