"""STATE/reports: the reports given to the Board, stored so that they can be shown again. Blocks.

    reports/2026-Q3.json     the facts of one report

Its SHA-256 is in the access log and in the register: a file changed since is not shown as the original. A file is never changed;
a quarter's report is stored once.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import msgspec

from holdshelf_core.reports.report_types import ReportPaper
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.decoding import decode_json

FOLDER = "reports"
MAX_BYTES = 16 << 20
_KEY = re.compile(r"\d{4}-Q[1-4]", re.ASCII)


def file_of(state: Path, quarter: str) -> Path:
    """Return the path of a quarter's report. Raises ValueError for an invalid quarter."""
    if not _KEY.fullmatch(quarter):
        raise ValueError(quarter)
    return state / FOLDER / f"{quarter}.json"


def write(state: Path, report: ReportPaper) -> str:
    """Store a report durably, replacing one that no log entry knows; return its SHA-256. Raises StorageError."""
    data = msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    make_dir(state / FOLDER)
    write_atomic(file_of(state, report.quarter), data)
    return hashlib.sha256(data).hexdigest()


def read(state: Path, quarter: str, sha256: str) -> ReportPaper | None:
    """Return the report whose file has that SHA-256; None: it is missing or different."""
    try:
        with file_of(state, quarter).open("rb") as file:
            data = file.read(MAX_BYTES)
    except OSError:
        return None
    if hashlib.sha256(data).hexdigest() != sha256:
        return None
    try:
        report = decode_json(data, ReportPaper)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.structs.replace(report, sha256=sha256)
