"""What came of checking a bundle that was released, in words."""

from __future__ import annotations

from holdshelf_core.releases.types import Report
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import counted, inert, size

_BESIDE = 3
"""Files that SHA256SUMS cannot name: itself, its signature, and that one's checksum. A bundle without one is not sound."""


def report_lines(report: Report, *, here: bool) -> list[str]:
    """Problems, or whose signature it bears; what is proven of its footage; notes. ``here``: the bundle lies on the server."""
    lines = [f"✗ {inert(problem, 400)}" for problem in report.problems]
    if not report.problems:
        lines.append(
            f"{inert(report.release)}: {counted(report.files, 'file')} ({size(report.bytes)}) {_as_signed(report.files)}. "
            f"With the list, its signature and its checksum, the bundle has {report.files + _BESIDE} files, as the receipt says."
        )
        lines.append(f"Signed with {inert(report.fingerprint)}")
        if here:
            lines.append("which is the library's key, as the register has it.")
        elif report.proven_origin:
            lines.append("which is the key that you gave.")
        else:
            lines.append(
                "Compare it with the paper receipt: a key found only in the bundle does not prove where it came from."
            )
        lines += _footage_lines(report)
    lines += [f"Note: {inert(note, 400)}" for note in report.notes]
    return [*lines, f"Entry {report.seq} of the access log."] if report.seq else lines


def _as_signed(files: int) -> str:
    return "is as it was signed" if files == 1 else "are as they were signed"


def _footage_lines(report: Report) -> list[str]:
    """What is proven of where it comes from; what is not, the notes say."""
    found = report.anchored
    if found is None or not found.files:
        return []
    one = found.files == 1
    what = "1 file of footage" if one else f"{found.files} files of footage"
    if not found.framed:
        what += " that it was made from is one" if one else " that it was made from are those"
    elif found.framed == found.files:
        what += f" and {'its' if one else 'their'} frames are those"
    else:
        what += f", and the frames of {found.framed} of them, are those"
    until = local(found.until_utc_ns)
    return [f"{what} that the access log anchored by {until}; signed head {found.head}."]
