"""clock show | confirm at a terminal and in a script, under a clock that was set: a person compares, then says so."""

from __future__ import annotations

from pathlib import Path

from tests.rig.faults import FakeClock
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import Terminal, run


def test_a_clock_that_was_set_is_shown_compared_and_confirmed(tmp_path: Path) -> None:
    with FakeClock() as fake, Service(tmp_path / "data", environment=fake.environment({})) as service:
        data = ("--data", str(service.data))
        confirm = ("clock", "confirm", "--why", "compared with the town hall", *data)
        fake.step(3 * 3600)
        wait_for("the step is a repair", lambda: "clock_disagreement" in service.repairs())
        shown = run("clock", "show", *data)
        assert "The clock is 3 h 00 min ahead." in shown.out
        assert "holdshelf clock confirm" in shown.out
        assert "add --yes" in run(*confirm).refusal()
        with Terminal(*confirm) as terminal:
            terminal.expect("3 h 00 min ahead")
            terminal.answer("Is it right", "n")
            assert terminal.end() == 1
            assert "Nothing was confirmed" in terminal.screen
        with Terminal(*confirm) as terminal:
            terminal.answer("Is it right", "y")
            assert terminal.end() == 0
            assert "The time is confirmed" in terminal.screen
        assert "It agrees" in run("clock", "show", *data).out
        assert service.repairs() == {}
        fake.step(-3 * 3600)
        wait_for("the step is a repair", lambda: "clock_disagreement" in service.repairs())
        done = run(*confirm, "--yes", "--json").json()
        assert done["ended"] == []
        assert abs(done["moved_ns"] + 3 * 3600 * 10**9) < 60 * 10**9
