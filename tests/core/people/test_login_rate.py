"""Log-ins fill no disk: those of one key have a pace, refused ones are folded, and nobody waits for anybody else's."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.access_log import types as board
from holdshelf_core.actions.caller import SERVICE, Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.api.tokens import MAX_PER_PERSON
from holdshelf_core.people import types
from holdshelf_core.people.login_rate import AT_ONCE, PER_S, QUIET_S, LoginPace, TooOften
from holdshelf_core.times import NS
from tests.keys import new_key
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for

FLOOD = 400


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> int:
        return int(self.s * NS)


def test_a_siege_of_a_day_by_one_person_leaves_some_thirty_entries_that_count_every_attempt() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    written = []
    for second in range(24 * 3600):
        clock.s = second
        pace.refused("door.login", Caller("p4", False, -1, "ssh"), LogForm())
        written += pace.take_due()
    assert len(written) < 32
    written += pace.take_due(everything=True)
    assert sum(form.facts.get("attempts", 1) for _, _, form in written) == 24 * 3600


def test_after_some_quiet_hours_the_first_refusal_is_written_at_once_again_and_nobody_is_kept_in_memory() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    for who in range(300):
        pace.refused("door.login", Caller(f"p{who}", False, -1, "ssh"), LogForm())
    assert len(pace.take_due()) == 300
    clock.s = QUIET_S - 1
    assert pace.take_due() == []
    assert len(pace._refused) == 300
    clock.s = QUIET_S + 1
    assert pace.take_due() == []
    assert pace._refused == {}
    pace.refused("door.login", Caller("p4", False, -1, "ssh"), LogForm())
    assert [form.facts for _, _, form in pace.take_due()] == [{}]


def test_strangers_are_one_entry_however_often_and_whatever_the_door_says_of_them() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    pace.strangers(SERVICE, {"192.0.2.7": 3}, 3)
    assert len(pace.take_due()) == 1
    for number in range(5_000):
        pace.strangers(
            SERVICE, {f"{number}." + "x" * 500: 10**30, "192.0.2.7": -5}, -(10**40) if number % 2 else 10**40
        )
        assert pace.take_due() == []
    clock.s = 61
    ((_, _, form),) = pace.take_due()
    assert len(form.private["sources"]) <= 1000
    assert 0 < form.facts["attempts"] < 2**53


def test_a_key_has_its_pace_and_another_key_its_own() -> None:
    clock = Clock()
    pace = LoginPace(clock)
    for _ in range(AT_ONCE):
        pace.take("SHA256:a")
    with pytest.raises(TooOften, match="in 5 seconds"):
        pace.take("SHA256:a")
    pace.take("SHA256:b")
    clock.s = 5.1
    pace.take("SHA256:a")


def entries(service: Service, action: str) -> list[dict[str, Any]]:
    asked = board.LogShow(action=action, most=5_000)
    return [row.entry for row in service.client.act(asked, timeout_s=HANG_S).entries]


def flood(service: Service, login: str, fingerprint: str) -> list[dict[str, Any]]:
    """The answers to ``FLOOD`` log-ins, each ended at once."""
    answers = []
    for _ in range(FLOOD):
        answers.append(service.ask_login(login, fingerprint, "192.0.2.66"))
        if "session" in answers[-1]:
            service.end_session(answers[-1]["session"])
    return answers


def test_a_flood_of_log_ins_leaves_a_bounded_log_and_the_director_does_not_wait(tmp_path: Path) -> None:
    """With a right, without one, the admin's, and strangers'."""
    with Service(tmp_path / "data", mint=True) as service:
        people = People(service)
        dora = people.name_director()
        people.enrol("erin", "Erin", dora)
        people.appoint("dan", "Dan", dora, "hold")
        line, admins = new_key()
        service.client.act(types.AdminKeyAdd(line))
        began, before = time.monotonic(), len(entries(service, "door.login"))

        answers = flood(service, "dan", people.fingerprints["dan"])
        refused = next(answer for answer in answers if "refused" in answer)
        assert "too often" in refused["refused"]
        assert refused["next_step"].startswith("Log in again in ")
        assert all("refused" in answer for answer in flood(service, "erin", people.fingerprints["erin"]))
        assert any("too often" in answer.get("refused", "") for answer in flood(service, "admin", admins))
        for _ in range(FLOOD):
            service.ask_mint(failed={"sources": {"192.0.2.66": 30}, "total": 30})

        # Dan, Erin and the admin's key are three, and strangers are one: by kind and count, whoever they are.
        wait_for("who is locked out", lambda: locked_out(service) == (3, 1))
        assert people.client("dora").status()
        made = entries(service, "door.login")[before:]
        strangers = entries(service, "door.strangers")
        took_s = time.monotonic() - began
        done = [entry for entry in made if entry["outcome"] == "done"]
        # Two keys that came in, and the Director.
        assert len(done) <= 2 * (AT_ONCE + took_s) + 1
        refusals = [entry for entry in made if entry["outcome"] == "refused"]
        assert 3 <= len(refusals) <= 3 * (1 + took_s // 60)
        assert len(strangers) <= 1 + took_s // 60
    # What was counted and not yet due is written before the end.
    with Service(tmp_path / "data", mint=True) as service:
        made = entries(service, "door.login")
        mine = [e for e in made if e["person"] == people_id(made) and e["outcome"] == "refused"]
        assert sum(entry.get("facts", {}).get("attempts", 1) for entry in mine) == FLOOD


def locked_out(service: Service) -> tuple[int, int]:
    """How many people are, and whether strangers are told."""
    kinds = [issue.partition(":")[0] for issue in service.repairs()]
    return kinds.count("locked_out"), kinds.count("strangers")


def people_id(made: list[dict[str, Any]]) -> str:
    """Erin's: the only person who was never let in."""
    came_in = {entry["person"] for entry in made if entry["outcome"] == "done"}
    (mine,) = {entry["person"] for entry in made} - came_in
    return str(mine)


def test_a_resumed_session_has_the_same_pace(tmp_path: Path) -> None:
    """It is written down like a log-in, so it counts as one; and once the key's pace is used up, it is over."""
    memory = os.memfd_create("sessions")
    with Service(tmp_path / "data", mint=True, sessions_fd=memory) as service:
        people = People(service)
        people.name_director()
        key = people.fingerprints["dora"]
        tickets = [service.open_session("dora", key)["ticket"] for _ in range(MAX_PER_PERSON - 2)]
        service.kill()
        service.start()
        service.ask_mint(hello={})  # the door is the same: its sessions may go on
        before, began = len(entries(service, "door.login")), time.monotonic()
        assert all("session" in service.ask_mint(resume=ticket) for ticket in tickets[:2]), "within the pace"
        for _ in range(FLOOD):
            answer = service.ask_login("dora", key)
            if "refused" in answer:
                break
            service.end_session(answer["session"])
        used_up = time.monotonic()
        late = [service.ask_mint(resume=ticket) for ticket in tickets[2:]]
        over = [answer for answer in late if "refused" in answer]
        assert len(over) >= len(late) - 1 - (time.monotonic() - used_up) * PER_S
        for refused in (answer, *over):
            assert "too often" in refused["refused"]
        done = [entry for entry in entries(service, "door.login")[before:] if entry["outcome"] == "done"]
        assert AT_ONCE <= len(done) <= AT_ONCE + 1 + (time.monotonic() - began) * PER_S
        with pytest.raises(HoldshelfError, match="Log in again in"):
            for _ in range(AT_ONCE):  # meanwhile there may be room for one again
                service.end_session(service.open_session("dora", key)["session"])
    os.close(memory)
