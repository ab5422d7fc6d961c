"""The service's own processes that end again and again are told, by the doctor and by alerts, though each is begun anew."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from holdshelf_core.alerts.conditions import conditions_of
from holdshelf_core.api.ssh.mint import CLOSED
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.operations.children import STEP
from holdshelf_core.operations.types import ReadDoctor
from holdshelf_core.processes.ends import ENDS
from tests.rig.processes import members
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.streams import furnish


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(tmp_path_factory.mktemp("children") / "data", mint=True)
    with RtspServer([Mount("lobby")]) as server:
        furnish(made.data, {"lobby": server.url("lobby")})
        with made:
            yield made


def is_told(service: Service, issue: str, words: str) -> None:
    """By the doctor as a step, and by alerts as a condition."""
    wait_for(f"{issue} is told", lambda: issue in service.repairs())
    row = service.repairs()[issue]
    assert words in row.sentence and row.next_step == STEP
    assert row.sentence in {step.sentence for step in service.client.read(ReadDoctor()).steps if step.outcome != "ok"}
    (condition,) = conditions_of([Repair(row.issue_id, None, row.severity, row.sentence, row.next_step, 1)])
    assert condition.kind in ("door", "other")


def test_of_recorders_with_the_cameras_that_they_record(service: Service) -> None:
    for _ in range(ENDS):
        service.await_recording("lobby")
        (pid,) = service.worker_pids()
        assert "recorders_end" not in service.repairs()
        os.kill(pid, signal.SIGKILL)
        wait_for("another one", lambda pid=pid: service.worker_pids() not in ([], [pid]))
    is_told(service, "recorders_end", "The process that records lobby ends again and again, so there are gaps.")
    service.await_recording("lobby")


def test_of_those_that_make_pictures(service: Service) -> None:
    killed: set[int] = set()

    def another() -> set[int]:
        return set(members(service.pid, "looks.worker.main")) - killed

    for _ in range(ENDS):
        service.client.read(ReadDoctor())  # it has one ready, to ask it how it is confined
        wait_for("there is one", another)
        assert "pictures_end" not in service.repairs()
        for pid in another():
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)
    is_told(service, "pictures_end", "so nobody can look")


def test_of_the_door_although_it_is_open_between_two_ends(service: Service) -> None:
    assert service.door is not None
    service.ask_mint(hello={})
    for _ in range(ENDS):
        assert "door_ends" not in service.repairs()
        service.door.send(CLOSED + b"1}")
        assert "hello" in service.ask_mint(hello={})
    is_told(service, "door_ends", "people who are logged in get disconnected")


def test_of_what_the_doors_sessions_come_from_by_its_word_until_it_takes_it_back_or_ends(service: Service) -> None:
    assert service.door is not None
    for over in ({"stuck": False}, None):
        assert service.ask_mint(stuck=True) == {"noted": True, "id": service._asked}
        is_told(service, "door_sessions", "nobody gets in over the network")
        if over is not None:
            service.ask_mint(**over)
        else:
            service.door.send(CLOSED + b"1}")
            service.ask_mint(hello={})
        wait_for("it is over", lambda: "door_sessions" not in service.repairs())
