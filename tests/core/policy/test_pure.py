"""The rules are pure: they meet no clock, no disk, no socket and nothing else of the house, so any answer can be had again."""

from __future__ import annotations

import ast
from pathlib import Path

import holdshelf_core.policy

FOLDER = Path(holdshelf_core.policy.__file__).parent
ALLOWED = {
    *(
        "__future__",
        "base64",
        "binascii",
        "bisect",
        "collections",
        "dataclasses",
        "datetime",
        "difflib",
        "functools",
        "hashlib",
        "re",
        "struct",
    ),
    *("textwrap", "typing", "unicodedata", "msgspec"),
    *("holdshelf_core.policy.areas", "holdshelf_core.errors", "holdshelf_storage.units"),
}
IMPURE = {"open", "input", "print", "exec", "eval", "today", "utcnow", "get_localzone"}


def test_the_rules_import_nothing_that_reads_or_writes() -> None:
    modules = sorted(FOLDER.glob("*.py"))
    assert modules
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                known = name.split(".")[0] in ALLOWED or name in ALLOWED or name.startswith("holdshelf_core.policy")
                assert known, f"{path.name} imports {name}"
            if isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert called not in IMPURE, f"{path.name}:{node.lineno} calls {called}"
                # datetime.now() is a clock; Now(...) is what the caller read from two of them.
                assert called != "now", f"{path.name}:{node.lineno} reads a clock"
