"""What `doctor` says of the SSH door's bounds, for each kind of kernel that it may run on."""

from __future__ import annotations

import pytest

from holdshelf_core.api.session_types import DoorConfined
from holdshelf_core.operations.doctor import door_step


@pytest.mark.parametrize(
    ("confined", "status", "words"),
    [
        (DoorConfined(7, True), "ok", "reads only the program's own files"),
        (DoorConfined(3, True), "warning", "an old Landlock"),
        (DoorConfined(0, True), "warning", "no Landlock"),
        (DoorConfined(7, False), "warning", "no seccomp"),
        (DoorConfined(7, True, own_account=True), "warning", "the service's own account"),
    ],
)
def test_doctor_tells_where_the_kernel_cannot_confine_the_door(confined: DoorConfined, status: str, words: str) -> None:
    step = door_step(confined)
    assert step.outcome == status
    assert words in step.sentence
    assert bool(step.next_step) == (status == "warning")
