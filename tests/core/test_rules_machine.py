"""Random acts by random people over random time, revocations, clock steps, crashes (issue "The rules", "Must show").

After each step: no picture byte without an earlier entry that covers it; no held file gone; no right outlives its end; the
log verifies and says all that counts; and who may do what is what ``rules_model`` says, in both directions.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.rules_furnished import furnish
from tests.rules_machine import Machine
from tests.rules_trouble import TroubleRules

SHRINK = bool(os.environ.get("HOLDSHELF_RULES_SHRINK"))
"""Make a failing example small before it is printed: takes minutes."""
MUST_HAPPEN = (
    "picture by look.still", "picture by look.strip", "picture by look.live", "picture by share.still",
    "picture by commission.still", "erased", "held over the budget", "hold lifted", "crash before True",
    "crash after True", "register both lost", "register old", "hold.place done", "hold.approve done",
    "hold.approve refused", "appointment.make done", "seat.name done", "person.remove done", "log-in refused",
    "look.still refused", "purpose.open unavailable",
)  # fmt: skip


@pytest.fixture(scope="module")
def furnished() -> Iterator[None]:
    """A furnished house, in memory where there is such a disk: a campaign writes it some hundred times."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="holdshelf-rules-", dir=base) as folder:
        Machine.template = furnish(Path(folder))
        try:
            yield
        finally:
            Machine.template = None


def campaign(examples: int, steps: int, *, fixed: bool) -> None:
    Machine.seen.clear()
    logging.disable(logging.WARNING)  # what the service says of disks that fail, many thousand times
    try:
        _campaign(examples, steps, fixed=fixed)
    finally:
        logging.disable(logging.NOTSET)


def _campaign(examples: int, steps: int, *, fixed: bool) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        TroubleRules,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=fixed,
            database=None,
            print_blob=True,
            report_multiple_bugs=False,
            phases=(Phase.generate, Phase.shrink) if SHRINK else (Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(900)
@pytest.mark.usefixtures("furnished")
def test_the_rules_hold_whatever_happens() -> None:
    """The same cases each time; when one fails, it is made small and printed."""
    campaign(80, 50, fixed=True)
    absent = [what for what in MUST_HAPPEN if not Machine.seen[what]]
    assert not absent, f"this campaign shows nothing of {absent}: {Machine.seen}"


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
@pytest.mark.usefixtures("furnished")
def test_the_rules_hold_in_a_long_campaign() -> None:
    """Other cases each time; their number is HOLDSHELF_RULES_EXAMPLES."""
    campaign(int(os.environ.get("HOLDSHELF_RULES_EXAMPLES", "2000")), 80, fixed=False)
