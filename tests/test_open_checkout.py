"""The test run's own namespace: a checkout below a folder that only its owner may enter."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rig.open_checkout import ROOT

LOOK = """
import os, subprocess, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.rig.open_checkout import open_checkout

checkout = Path(sys.argv[1])
opened = open_checkout(checkout)
print(len(opened), Path.cwd() == checkout)
print(subprocess.check_output(["setpriv", "--reuid=65534", "--clear-groups", "cat", checkout / "page"], text=True))
(checkout / "written").write_text("by the test")
print((checkout.parent / "beside").read_text(), (checkout.parent / "link").readlink())
"""


@pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="mounts: needs root")
def test_a_checkout_in_two_shut_folders_is_open_to_others_for_the_run_alone(tmp_path: Path) -> None:
    outer, inner = tmp_path / "home", tmp_path / "home" / "work"
    checkout = inner / "checkout"
    checkout.mkdir(parents=True)
    (checkout / "page").write_text("seen")
    (inner / "beside").write_text("beside")
    (inner / "link").symlink_to("beside")
    for folder in (outer, inner):
        folder.chmod(0o700)
    above = [path for path in outer.parents if path.stat().st_mode & 0o001 == 0]

    done = subprocess.run(
        [sys.executable, "-c", LOOK, checkout, ROOT], cwd=checkout, capture_output=True, text=True, check=False
    )

    assert done.stdout.split() == [str(2 + len(above)), "True", "seen", "beside", "beside"], done.stderr
    assert (checkout / "written").read_text() == "by the test", "what is written is written where it belongs"
    assert [oct(folder.stat().st_mode & 0o777) for folder in (outer, inner)] == ["0o700", "0o700"]
    assert str(inner) not in Path("/proc/self/mounts").read_text()
