"""docs/metrics.md as it stands: the cron file finds the command by its own PATH, and mails when the state changes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.tui.cli.test_driver import HOLDSHELF

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"


def test_the_cron_line_mails_a_change_once(tmp_path: Path) -> None:
    files = dict(re.findall(r"^cat > (\S+) <<'EOF'\n(.*?)^EOF$", PAGE.read_text(), re.MULTILINE | re.DOTALL))
    script, cron = files["/usr/local/bin/holdshelf-check"], files["/etc/cron.d/holdshelf"]
    programs, mails = tmp_path / "bin", tmp_path / "mails"
    programs.mkdir()
    (programs / "holdshelf").symlink_to(HOLDSHELF)
    for name, text in {
        "holdshelf-check": script.replace("/run/", f"{tmp_path}/"),
        "mail": f'#!/bin/sh\n{{ echo "$2 to $3"; cat; }} >> {mails}\n',
    }.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (path,) = re.findall(r"^PATH=(.*)$", cron, re.MULTILINE)
    (command,) = re.findall(r"^\*/15 \* \* \* \* root (.*)$", cron, re.MULTILINE)
    environment = {"PATH": path.replace("/usr/local/bin", str(programs)), "HOLDSHELF_DATA": str(tmp_path / "none")}
    for _ in range(2):
        done = subprocess.run(["/bin/sh", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert done.stderr == ""
    title, line = mails.read_text().splitlines()
    assert title == "Holdshelf: UNKNOWN to you@town.example"
    assert "is not set up" in line
    assert (tmp_path / "holdshelf-check").read_text() == "3\n"
