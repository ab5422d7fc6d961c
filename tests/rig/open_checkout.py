"""Lets every account enter the checkout, for the tests that run something as another account than root.

A clone in /root, or in a home of Debian 12 and later, lies below a folder that only its owner may enter. The test run then
goes on in a mount namespace of its own, in which each such folder is covered by one that is open and holds the same things.
Outside that namespace nothing changes.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OTHERS_ENTER = 0o001


def open_checkout(root: Path = ROOT) -> list[Path]:
    """The folders above ``root`` that were shut and are open now, for this process and what it starts. Only root may do this:
    for anybody else, and where nothing is shut, it does nothing."""
    opened: list[Path] = []
    if os.geteuid() != 0:
        return opened
    for folder in reversed(root.parents):
        if folder.stat().st_mode & _OTHERS_ENTER:
            continue
        if not opened:
            os.unshare(os.CLONE_NEWNS)
            _run("mount", "--make-rprivate", "/")
        _cover(folder)
        opened.append(folder)
    if opened:
        os.chdir(Path.cwd())  # the working folder still was the covered one
    return opened


def _cover(folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="holdshelf-open-") as aside:
        _run("mount", "--rbind", folder, aside)
        _run("mount", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", folder)
        for inner in Path(aside).iterdir():
            at = folder / inner.name
            if inner.is_symlink():
                at.symlink_to(inner.readlink())
            elif inner.is_dir() or inner.is_file():
                at.mkdir() if inner.is_dir() else at.touch()
                _run("mount", "--rbind", inner, at)
        _run("umount", "--lazy", aside)


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True)
