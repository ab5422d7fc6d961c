"""Which branches of ``policy/`` calls from the product reach, while tests act through the product's own entry points.

In the tests' own process, a call that a test makes into ``policy/`` itself does not count. A service or a command that a test
starts is the product: all that it does counts. Prints what is not reached, and ends with 1 if anything is:

    .venv/bin/python scripts/policy_coverage.py [TEST …]
"""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path
from types import FrameType

import coverage
import pytest

ROOT = Path(__file__).resolve().parents[1]
POLICY = ROOT / "core" / "holdshelf_core" / "policy"
PRODUCT = tuple(f"{ROOT / room}/" for room in ("core/holdshelf_core", "tui/holdshelf_tui"))
TESTS = (
    "tests/core/policy/product",
    "tests/core/holds/test_hold_book.py",
    "tests/core/api/ssh/test_user_signature.py",
    "tests/tui/screens/test_redaction.py::test_a_drawn_box_begins_ends_and_comes_back_as_it_was_kept",
    "tests/core/policy/test_date_forms.py",
    "tests/core/policy_file/test_file.py",
    "tests/core/policy_file/test_adopting.py",
    "tests/core/policy_file/test_signed_file.py",
    "tests/core/policy_file/test_own_forms.py",
    "tests/core/looks/test_screens.py",
    "tests/tui/cli/test_policy.py",
    "tests/tui/cli/test_policy_files.py",
    "tests/tui/cli/test_policy_facts.py",
)
"""Those that act as people do; of a hold's spans, SSH's wire form and boxes that move, those of the parts that ask the rules."""
PROCESSES = """
[run]
branch = true
source = {source}
data_file = {data}
parallel = true
patch = subprocess, fork, _exit
disable_warnings = no-data-collected, module-not-measured
"""
BY_THE_PRODUCT, BY_A_TEST = "product", "test"


class Callers(coverage.CoveragePlugin):
    """Says of each outermost frame of ours whether the product stands there, or a rule that a test called itself."""

    def dynamic_context(self, frame: FrameType) -> str | None:
        """The context of what this frame and those below it do; None: not ours, its callees are asked.

        One context holds for all threads at a time. Tests call rules in the main thread alone: no other one sets it.
        """
        if threading.current_thread() is not threading.main_thread():
            return None
        name = frame.f_code.co_filename
        if name.startswith(f"{POLICY}/"):
            return BY_A_TEST if frame.f_code.co_name != "<module>" else BY_THE_PRODUCT
        return BY_THE_PRODUCT if name.startswith(PRODUCT) else None


def main(tests: list[str]) -> int:
    """Runs the tests, and says what no call of the product reached: the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # a session's process has another account
        config = Path(folder, "config")
        config.write_text(PROCESSES.format(source=POLICY, data=f"{folder}/coverage"))
        measured = coverage.Coverage(
            config_file=str(config), plugins=[lambda plugins: plugins.add_dynamic_context(Callers())]
        )
        measured.start()
        failed = pytest.main(["-q", "-p", "no:cacheprovider", "-m", "not soak", *tests])
        measured.stop()
        measured.save()
        told = coverage.Coverage(config_file=str(config))
        told.combine([folder])
        # Other threads are the product's, and so are other processes; what they do may bear no context.
        percent = told.report(show_missing=True, skip_covered=True, contexts=["^$", f"^{BY_THE_PRODUCT}$"])
    return int(failed) or int(percent < 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(TESTS)))
