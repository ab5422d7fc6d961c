"""Nothing in the project unlinks footage but the ledger: held by reading the sources of all four packages.

Every function that removes or cuts a file must stand in ALLOWED, with what it removes. A new one fails this test until
somebody has written down why it cannot reach footage.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import holdshelf_core
import holdshelf_onvif
import holdshelf_storage
import holdshelf_tui

PACKAGES = [
    Path(package.__file__).parent for package in (holdshelf_core, holdshelf_onvif, holdshelf_storage, holdshelf_tui)
]
REMOVERS = {"unlink", "rmtree", "rmdir", "removedirs", "ftruncate", "truncate"}
OS_ONLY = {"remove"}
"""A list has this method, too: counted only as os.remove or shutil.…, or when imported by name."""

ALLOWED: dict[str, str] = {
    "holdshelf_storage/ledger/ledger.py:_unlink": "the one unlink of footage, of journals of days that have gone",
    "holdshelf_storage/ledger/ledger.py:_finish_day": "the empty folder of a day that has gone (rmdir cannot take a full one)",
    "holdshelf_storage/footage/anchor_files.py:let_go": "a list below MEDIA/anchors, named by its root, of which all is settled",
    "holdshelf_storage/access_log/tiles.py:_drop": "partial tiles of the published log, in a folder that holds nothing else",
    "holdshelf_storage/access_log/write.py:_prove": "cuts off the access log what was never confirmed",
    "holdshelf_storage/access_log/write.py:_begin": "empties a month's file in which a crash left no whole entry",
    "holdshelf_storage/ledger/ledger.py:_end_shelf_folder": "an empty folder of a hold whose names have all left the shelf",
    "holdshelf_storage/atomic.py:make_dir": "the empty folder that was made just now and could not be made durable",
    "holdshelf_storage/atomic.py:_discard_temp": "the temp file of a write that failed",
    "holdshelf_storage/atomic.py:append_durable": "cuts back the journal line that did not fit",
    "holdshelf_storage/atomic.py:cut_torn_tail": "cuts the torn tail of a journal",
    "holdshelf_storage/backup/backup.py:_discard": "the archive that this call made and could not finish",
    "holdshelf_storage/backup/restore.py:_discard_staging": "what was unpacked beside STATE and did not become it",
    "holdshelf_storage/outbox/outbox.py:begin_filled": "below MEDIA/outbox/.making alone: what it could not finish",
    "holdshelf_storage/outbox/outbox.py:give_up": "below MEDIA/outbox/.making alone: what was begun and is not delivered",
    "holdshelf_storage/outbox/outbox.py:place": "its name in MEDIA/outbox/.making, after it has its place",
    "holdshelf_storage/outbox/outbox.py:remove": "a delivered paper or still, and what is told of it",
    "holdshelf_storage/outbox/outbox.py:remove_person": "MEDIA/outbox/PERSON, by a name that was checked",
    "holdshelf_storage/outbox/outbox.py:clear": "what was left half delivered, below MEDIA/outbox",
    "holdshelf_storage/outbox/outbox.py:forget_sum": "the checksum of a bundle's zip that went",
    "holdshelf_storage/outbox/papers.py:remove": "a sealed paper below MEDIA/papers, by its checksum",
    "holdshelf_storage/outbox/bundles.py:_remove": "below MEDIA/bundles alone: bundles, and second names that were made there",
    "holdshelf_storage/footage/footage.py:open_segment": "the empty file that was made just now and could not be made durable",
    "holdshelf_storage/footage/recovery.py:_cut": "cuts a file in `open` back to its last whole fragment",
    "holdshelf_storage/volume/reserve.py:release": "empties STATE/reserve",
    "holdshelf_storage/volume/reserve.py:restore": "empties STATE/reserve when it did not fit",
    "holdshelf_storage/volume/volume.py:_try_links": "the two files that try hard links, before a volume is made",
}

ALLOWED_OUTSIDE: dict[str, str] = {
    "holdshelf_core/operations/offline.py:init": "the symbolic link DATA/media that the same call made and init_volume refused",
    "holdshelf_core/api/ssh/session_slots.py:__init__": "memory without a name in any folder: no file that is kept",
    "holdshelf_core/backups/place.py:remove": "a backup at its target, which is never below DATA or MEDIA (carrier.py, is_own)",
    "holdshelf_core/releases/copying.py:copy_bundle": "the copy on a stick that this call began and could not finish",
}


def removals(source: str, shown: str) -> list[tuple[str, int, str]]:
    """(file:function, line, call) of each call that removes or cuts a file."""
    found: list[tuple[str, int, str]] = []

    def visit(node: ast.AST, function: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            last = name.rsplit(".", 1)[-1]
            if last in REMOVERS or name in {"os.remove", "shutil.move"} or name in OS_ONLY:
                found.append((f"{shown}:{function}", node.lineno, name))
        elif isinstance(node, ast.Attribute | ast.Name) and not isinstance(node, ast.Call):
            last = node.attr if isinstance(node, ast.Attribute) else node.id
            if last in REMOVERS:  # handed on as a value
                found.append((f"{shown}:{function}", node.lineno, last))
        for child in ast.iter_child_nodes(node):
            visit(child, function)

    visit(ast.parse(source), "<module>")
    return found


def test_the_scan_sees_what_it_is_for() -> None:
    source = """
import os, shutil
from os import unlink as gone
def one(path):
    os.unlink(path)
    path.unlink(missing_ok=True)
    shutil.rmtree(path)
    os.remove(path)
    [1].remove(1)
    call(os.unlink, path)
"""
    assert [name for _, _, name in removals(source, "x")] == [
        "os.unlink", "unlink", "path.unlink", "unlink", "shutil.rmtree", "rmtree", "os.remove", "unlink",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "package", [path for path in PACKAGES if path.name == "holdshelf_storage"], ids=lambda path: path.name
)
def test_only_the_ledger_unlinks_footage(package: Path) -> None:
    seen = set()
    for path in sorted(package.rglob("*.py")):
        shown = f"{package.name}/{path.relative_to(package)}"
        for where, line, call in removals(path.read_text(), shown):
            assert where in ALLOWED, (
                f"{shown}:{line} calls {call} in {where}: footage may leave only through the ledger"
            )
            seen.add(where)
    assert seen == set(ALLOWED)


@pytest.mark.parametrize(
    "package", [path for path in PACKAGES if path.name != "holdshelf_storage"], ids=lambda path: path.name
)
def test_no_other_package_reaches_for_footage(package: Path) -> None:
    """Sockets and such may be removed there, but nothing by a descriptor of the volume or a path of footage."""
    for path in sorted(package.rglob("*.py")):
        source = path.read_text()
        for where, line, call in removals(source, f"{package.name}/{path.relative_to(package)}"):
            if where in ALLOWED_OUTSIDE:
                continue
            text = source.splitlines()[line - 1]
            assert call.rsplit(".", 1)[-1] not in {"rmtree", "removedirs", "ftruncate", "truncate", "move"}, (
                f"{where}:{line}"
            )
            for word in ("media", "footage", "segment", "root_fd", "dir_fd", "shelf", "path_of"):
                assert word not in text.replace("holdshelf", ""), f"{where}:{line}: {text.strip()}"
