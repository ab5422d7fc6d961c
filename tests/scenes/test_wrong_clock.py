"""Scene 25 through real ssh: the clock goes forward a month, then back a year, and a seat confirms the time.

What is erased first, whatever the clock says: tests/core/buffer/test_rolling.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from holdshelf_core.operations.types import ReadClock
from tests.looking import commissioned, record, seed
from tests.rig.faults import FakeClock
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import DoorHouse, Ran
from tests.tui.stage import entry

DAY_S = 86_400
REPAIR = "clock_disagreement"
WHY = ("--why", "compared with the town hall")


def well(ran: Ran) -> str:
    assert ran.code == 0, ran.said
    return " ".join(ran.out.split())


def stepped(house: DoorHouse, fake: FakeClock, days: int) -> None:
    """The clock is set, and everything that is done when the service starts has been done under it."""
    house.service.stop()
    fake.step(days * DAY_S)
    house.service.start()
    wait_for("the step is a repair", lambda: REPAIR in house.service.repairs())


def test_scene_25_no_step_of_the_clock_revives_or_lets_go_and_a_seat_confirms(tmp_path: Path) -> None:
    with FakeClock() as fake:
        service = Service(tmp_path / "data", door=True, budget_bytes=1 << 30, environment=fake.environment({}))
        seed(service.data, [*commissioned("lobby"), entry("lobby", "Front entrance")])
        made = record(service.data, ["lobby"])
        with service:
            house = DoorHouse(service, tmp_path)
            house.name_director()
            house.enrol("carl", "Carl Moss")
            house.enrol("pat", "Pat Lane")
            well(house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter"))
            letter = house.appoint("pat", "archive")
            well(house.run("dora", "appointment", "end", letter, "--why", "has another task"))
            place = ("hold", "place", "--ground", "violation", "--incident", "26-25", "--camera", "lobby")
            held = well(house.run("dora", *place, "--from", "2h ago", "--to", "now"))
            (hold,) = set(re.findall(r"H-\d{4}-\d{4}", held))
            well(house.run("dora", "hold", "lift", hold, "--why", "case closed"))
            well(house.run("carl", "hold", "approve", hold))
            kept = service.files("lobby")
            assert kept and made.start_utc_ns

            for days, words in ((30, "30.0 days ahead"), (-395, ""), (367, "2.0 days ahead")):
                stepped(house, fake, days)
                if not words:
                    # Their terms begin in a time to come by one clock: nobody but the admin, who sees no picture, may confirm.
                    assert "has not begun yet by both clocks" in house.run("dora", "clock", "show").said
                    clock = house.client().read(ReadClock())
                    assert clock.doubtful and round((clock.utc_ns - clock.trusted_utc_ns) / 1e9 / DAY_S) == -365
                else:
                    shown = well(house.run("dora", "clock", "show"))
                    assert words in shown
                    assert "lifted; kept until" in well(house.run("dora", "hold", "show", hold)), "it is not let go"
                assert house.log_entries("hold.lifted") == []
                assert service.files("lobby") == kept
                assert house.run("pat", "status").code != 0, "no right revives"

            asked = house.run("carl", "clock", "confirm", *WHY)
            assert asked.code == 1 and "2.0 days ahead" in asked.err and "--yes" in asked.err
            assert "The time is confirmed" in well(house.run("carl", "clock", "confirm", *WHY, "--yes"))
            wait_for("it agrees", lambda: REPAIR not in service.repairs())
            (confirmed,) = [row for row in house.log_entries("clock.confirm") if row["outcome"] == "done"]
            assert confirmed["seat"] == "chair"
            assert house.run("pat", "status").code != 0, "nor by the confirmation"
            assert "lifted; kept until" in well(house.run("dora", "hold", "show", hold))
            assert service.files("lobby") == kept


@pytest.mark.parametrize(("days", "words"), [(30, "30.0 days ahead"), (-365, "365.0 days behind")])
def test_scene_25_a_chair_of_years_confirms_the_wrong_time_and_then_the_right_one(
    tmp_path: Path, days: int, words: str
) -> None:
    """What somebody's word on the clock can do at the worst: no right revives by it, and nothing on hold is let go."""
    with FakeClock() as fake:
        service = Service(tmp_path / "data", door=True, budget_bytes=1 << 30, environment=fake.environment({}))
        seed(service.data, [*commissioned("lobby"), entry("lobby", "Front entrance")])
        record(service.data, ["lobby"])
        with service:
            house = DoorHouse(service, tmp_path)
            house.name_director()
            house.enrol("carl", "Carl Moss")
            house.enrol("pat", "Pat Lane")
            term = ("seat", "name", "chair", "--person", "carl", "--from", "2019-01-01", "--paper", "-")
            well(house.run("dora", *term, stdin=b"letter"))
            letter = house.appoint("pat", "archive")
            well(house.run("dora", "appointment", "end", letter, "--why", "has another task"))
            place = ("hold", "place", "--ground", "violation", "--incident", "26-25", "--camera", "lobby")
            (hold,) = set(
                re.findall(r"H-\d{4}-\d{4}", well(house.run("dora", *place, "--from", "2h ago", "--to", "now")))
            )
            kept = service.files("lobby")

            for step, said in ((days, words), (-days, "")):
                stepped(house, fake, step)
                asked = house.run("carl", "clock", "confirm", *WHY)
                assert asked.code == 1 and said in asked.err and "--yes" in asked.err, asked.said
                well(house.run("carl", "clock", "confirm", *WHY, "--yes"))
                wait_for("it agrees", lambda: REPAIR not in service.repairs())
                assert house.run("pat", "status").code != 0, "no right revives"
                assert "; in force" in well(house.run("carl", "hold", "show", hold))
                assert service.files("lobby") == kept and kept
            by = [(row["seat"], row["outcome"]) for row in house.log_entries("clock.confirm")]
            assert by.count(("chair", "done")) == 2
            well(house.run("dora", "status"))
            assert "0 problems" in well(house.run("dora", "log", "verify"))
