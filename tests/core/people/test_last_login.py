"""When a person was here before, as they are told at log-in."""

from __future__ import annotations

import os
from pathlib import Path

from holdshelf_core.people.types import LoginsRow, ReadLogins
from tests.people import People
from tests.service import Service


def test_the_log_in_before_this_one_and_nobody_elses(tmp_path: Path) -> None:
    with Service(tmp_path / "data", mint=True) as service:
        people = People(service)
        director = people.name_director()
        assert director.read(ReadLogins()) == LoginsRow(None, whole_log=True)
        people.enrol("fay", "Fay Dunn", director)
        people.appoint("fay", "Fay Dunn", director, "hold")
        first = service.as_person("fay", people.fingerprints["fay"], "192.0.2.50")
        assert first.read(ReadLogins()).before is None
        for number in range(3):
            service.as_person("dora", people.fingerprints["dora"], f"192.0.2.{number}")
        again = service.as_person("fay", people.fingerprints["fay"], "192.0.2.51")
        before = again.read(ReadLogins()).before
        assert before is not None and before.source == "192.0.2.50"
        mine = director.read(ReadLogins()).before
        assert mine is not None and mine.source == "192.0.2.1"


def test_a_session_that_the_door_opens_anew_after_a_restart_is_no_log_in(tmp_path: Path) -> None:
    memory = os.memfd_create("sessions")
    with Service(tmp_path / "data", mint=True, sessions_fd=memory) as service:
        people = People(service)
        people.name_director()
        opened = service.open_session("dora", people.fingerprints["dora"], "192.0.2.9")
        service.open_session("dora", people.fingerprints["dora"], "192.0.2.8")
        service.kill()
        service.start()
        service.ask_mint(hello={})
        assert "token" in service.ask_mint(resume=opened["ticket"])
        client = people.client("dora")
        before = client.read(ReadLogins()).before
        assert before is not None and before.source == "192.0.2.8"
    os.close(memory)
