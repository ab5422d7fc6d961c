"""Scene 23 for a day that is past: who looked on it, and who has looked at what was recorded on it since; nobody else."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from holdshelf_tui.text.time_format import local
from tests.looking import NS, commissioned, record, seed
from tests.people import wait_past_midnight
from tests.rig.faults import FakeClock
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import DoorHouse, Ran
from tests.tui.stage import entry

DAY_S = 86_400


def well(ran: Ran) -> str:
    assert ran.code == 0, ran.said
    return " ".join(ran.out.split())


def test_scene_23_a_day_that_is_past_has_its_own_answer(tmp_path: Path) -> None:
    wait_past_midnight()
    with FakeClock() as fake:
        now = datetime.now().astimezone()
        then = now - timedelta(days=3)
        fake.set_offset(-3 * DAY_S)
        service = Service(tmp_path / "data", door=True, budget_bytes=1 << 30, environment=fake.environment({}))
        cameras = {"lobby": "Front entrance", "desk": "Service desk"}
        rows = [*commissioned(*cameras, at_utc_ns=fake.utc_ns()), *(entry(*camera) for camera in cameras.items())]
        seed(service.data, rows, fake.utc_ns())
        old = record(service.data, list(cameras), (int(then.timestamp()) - 1800) * NS)
        new = record(service.data, list(cameras), (int(now.timestamp()) - 1800) * NS)

        def looks(login: str, camera: str, at_utc_ns: int, number: str) -> None:
            why = ("--purpose", "violation", "--incident", number)
            well(house.run(login, "look", "still", "--camera", camera, "--at", local(at_utc_ns), *why, "--outbox"))

        def answer(*words: str) -> set[tuple[str, str]]:
            """(incident, camera) of each that has one."""
            told = house.run("carl", "log", "who", *words, "--json")
            assert told.code == 0, told.said
            rows = [row["entry"] for row in json.loads(told.out)["entries"]]
            return {(row["incident"], *row["cameras"]) for row in rows if row.get("incident")}

        with service:
            house = DoorHouse(service, tmp_path)
            house.name_director()
            house.enrol("carl", "Carl Moss")
            well(house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter"))
            looks("dora", "lobby", old.start_utc_ns + 5 * NS, "26-1")
            looks("dora", "desk", old.start_utc_ns + 5 * NS, "26-2")

            service.stop()
            fake.set_offset(0)
            service.start()
            wait_for("the step is a repair", lambda: "clock_disagreement" in service.repairs())
            well(house.run("carl", "clock", "confirm", "--why", "three days without power", "--yes"))
            looks("dora", "lobby", old.start_utc_ns + 9 * NS, "26-3")
            looks("carl", "lobby", new.start_utc_ns + 5 * NS, "26-4")

            day, today = (f"{at:%Y-%m-%d}" for at in (then, now))
            entrance = ("--camera", "Front entrance")
            assert answer(*entrance, "--day", day) == {("26-1", "lobby"), ("26-3", "lobby")}
            assert answer(*entrance, "--day", today) == {("26-3", "lobby"), ("26-4", "lobby")}
            assert answer("--day", day) == {("26-1", "lobby"), ("26-2", "desk"), ("26-3", "lobby")}
            assert answer("--person", "carl", "--day", day) == set()
            between = f"{then - timedelta(days=1):%Y-%m-%d}"
            assert "Nobody, as far as the log tells" in well(house.run("carl", "log", "who", "--day", between))
            words = well(house.run("carl", "log", "who", *entrance, "--day", day))
            assert "no. 26-1: 1 picture" in words and "no. 26-3: 1 picture" in words and "that is all of it" in words
            assert "26-2" not in words and "26-4" not in words
