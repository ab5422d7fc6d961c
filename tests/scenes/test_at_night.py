"""Scenes 19, 21, 26 and 27 over ssh: an order without a judge, footage that nobody holds, a stolen PC, a kill in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.holds.types import HoldAsk
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_tui.text.time_format import local
from tests.log_files import months
from tests.looking import NS, Recorded
from tests.people import wait_past_midnight
from tests.rig.hang import HANG_S
from tests.rig.processes import wait_dead
from tests.service import wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, Ran, house_with_footage
from tests.tui.ssh.outbox_rig import sftp


@pytest.fixture
def night(tmp_path: Path) -> Iterator[tuple[DoorHouse, Recorded]]:
    with house_with_footage(tmp_path, cameras={"lobby": "Front entrance"}) as (house, made):
        house.enrol("carl", "Carl Moss")
        named = house.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        assert named.code == 0, named.said
        yield house, made


def well(ran: Ran) -> str:
    assert ran.code == 0, ran.said
    return " ".join(ran.out.split())


def told(ran: Ran) -> Any:
    """An answer as JSON."""
    assert ran.code == 0, ran.said
    return json.loads(ran.out)


def offered(ran: Ran) -> list[str]:
    """The hold that a refusal offers, as the server gets what is typed as it stands."""
    (line,) = re.findall(r"`ssh -p \d+ dora@\S+ (hold place [^`]*)`", ran.err)
    return shlex.split(" ".join(shlex.split(line)))


def test_scene_19_an_order_that_no_judge_signed_releases_nothing_and_the_footage_is_held(
    night: tuple[DoorHouse, Recorded],
) -> None:
    house, made = night
    start, end = (local(made.start_utc_ns + at * NS) for at in (0, 20))
    asked = [
        *("release", "request", "--basis", "search-warrant", "--reference", "A 200-117", "--paper", "-"),
        *("--issuer", "Immigration and Customs Enforcement", "--docket", "I-205"),
        *("--camera", "lobby", "--from", start, "--to", end, "--scope", f"lobby,{start},{end}", "--sheet", "-"),
    ]
    refused = house.run("dora", *asked, stdin=b"scan of the form I-205")
    assert refused.code == 1
    assert "no judge signed" in refused.err and "(P13: " in refused.err
    sheet = " ".join(refused.out.split())
    assert "What we need" in sheet or "what we need" in sheet
    assert "signed by a judge" in sheet
    held = told(house.run("dora", *offered(refused), "--json"))
    assert (held["state"], held["reference"]) == ("active", "A 200-117")
    entry = house.log_entries("release.request")[-1]
    assert (entry["outcome"], entry["clause"], entry["facts"]["gate"]) == ("refused", "P13", 1)


def test_scene_21_what_nobody_holds_is_kept_under_its_number_and_survives_roll_off_once_it_is_held(
    night: tuple[DoorHouse, Recorded],
) -> None:
    house, made = night
    start, end = (local(made.start_utc_ns + at * NS) for at in (0, 20))
    asked = [
        *("release", "request", "--basis", "records-request", "--reference", "26-21", "--paper", "-"),
        *("--issuer", "Prospect Herald", "--camera", "lobby", "--from", start, "--to", end),
    ]
    refused = house.run("dora", *asked, "--scope", f"lobby,{start},{end}", stdin=b"scan of the letter")
    assert refused.code == 1 and "Video is not released on this basis (P13: " in refused.err
    assert "The requested footage is not on hold and may be erased" in refused.err
    release = refused.err.removeprefix("holdshelf: ").split()[0]
    assert release in well(house.run("dora", "release", "list", "--refusals"))
    hold = told(house.run("dora", *offered(refused), "--json"))["id"]

    house.service.stop()
    log = AccessLog.open(house.service.data / "state")
    try:  # as `capacity set` has it, with less than a command would take
        last = next(iter(log.read(log.size, log.size))).public
        changes = [{"table": "settings", "key": "budget", "row": {"bytes": 1}}]
        log.append({"at": last["at"], "action": "capacity.set", "outcome": "done"}, {"changes": json.dumps(changes)})
    finally:
        log.close()
    folder = house.service.data / "media" / "footage" / "lobby"
    held, *others = sorted(folder.rglob("*.mp4"))
    assert others
    house.service.start()
    wait_for("everything else rolled off", lambda: sorted(folder.rglob("*.mp4")) == [held])
    assert covers(house, hold, made)


def test_scene_26_a_stolen_pc_loses_its_key_and_one_command_says_what_it_has_seen_since(
    night: tuple[DoorHouse, Recorded],
) -> None:
    house, made = night
    wait_past_midnight()
    at = local(made.start_utc_ns + 5 * NS)
    still = ("look", "still", "--camera", "lobby", "--at", at, "--purpose", "violation", "--incident", "1")
    with house.terminal("dora") as thief:
        thief.until(HOME_SHOWS)
        laid = well(house.run("dora", *still, "--outbox")).partition(" is in your outbox")[0]
        # Over the telephone: the Chair has the keys listed, and takes away the one that is read out.
        people = told(house.run("carl", "person", "list", "--json"))
        (keys,) = (one["keys"] for one in people if one["login"] == "dora")
        (stolen,) = (key["fingerprint"] for key in keys)
        well(house.run("carl", "person", "remove-key", "dora", stolen))
        thief.await_end()
    assert "not enrolled here" in house.run("dora", "today").said
    # What was put into the outbox before the call lies there still, and is not to be had.
    fetched = sftp(house, "dora", f'get "{laid}" taken.jpg')
    assert fetched.code != 0 and not (house.folder / "taken.jpg").exists(), fetched.said
    assert house.log_entries("outbox.fetch") == []
    seen = well(house.run("carl", "log", "who", "--person", "dora", "--from", "2 hours ago"))
    assert "Dora Reed, Library Director, looked at pictures of Front entrance, " in seen
    assert "no. 1: 1 picture" in seen and "that is all of it" in seen
    assert stolen in str(house.log_entries("person.key")[-1])


@pytest.mark.parametrize("dies", ["service", "everything"])
@pytest.mark.parametrize("moment", ["at once", "with its entry", "with its folder"])
def test_scene_27_killed_while_a_hold_is_placed_it_is_wholly_there_or_not_at_all_and_the_answer_is_true(
    night: tuple[DoorHouse, Recorded], moment: str, dies: str
) -> None:
    house, made = night
    start, end = (local(made.start_utc_ns + at * NS) for at in (0, 20))
    state, shelf = house.service.data / "state", house.service.data / "media" / "shelf"
    words = ["hold", "place", "--ground", "violation", "--reference", "26-27", "--camera", "lobby"]
    words += ["--from", start, "--to", end, "--json"]

    def has_entry() -> bool:
        return any(b'"hold.place"' in path.read_bytes() for path in months(state))

    until: dict[str, Callable[[], bool]] = {
        "at once": lambda: True,
        "with its entry": has_entry,
        "with its folder": lambda: any(shelf.glob("H-*")),
    }
    asking = subprocess.Popen(
        [*house.ssh("dora"), shlex.join(words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for("it is placed, or refused", lambda: asking.poll() is not None or until[moment](), every=0.001)
    if dies == "service":
        house.service.kill_service()
        out, err = asking.communicate(timeout=2 * HANG_S)
        house.service.await_answer()
    else:
        kill_everything(house)
        out, err = asking.communicate(timeout=2 * HANG_S)
        house.service.start()
    listed = told(house.run("dora", "hold", "list", "--json"))["holds"]
    if asking.returncode == 0:
        assert [one["id"] for one in listed] == [json.loads(out)["id"]], "what was answered is there"
    else:
        # Where nothing of it lives, only the person's own client is left to say so.
        says = (
            ("holdshelf: ", "Holdshelf: ") if dies == "service" else ("holdshelf: ", "Holdshelf: ", "closed", "reset")
        )
        assert any(words in err for words in says) and "Traceback" not in err, err
    assert len(listed) <= 1
    for hold in listed:
        assert (hold["reference"], hold["state"]) == ("26-27", "active")
        wait_for("all of it is held", lambda key=hold["id"]: covers(house, key, made))
    if not listed:
        assert not has_entry() and not list(shelf.glob("H-*"))


def kill_everything(house: DoorHouse) -> None:
    """SIGKILL of the supervisor, so that it starts nothing again, and of all that it started."""
    family = [house.service.pid, *(pid for pid, _line in house.processes())]
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert house.service.process is not None
    house.service.process.wait(HANG_S)
    assert all(wait_dead(pid) for pid in family[1:])


def covers(house: DoorHouse, hold: str, made: Recorded) -> bool:
    """Whether all of its footage is kept by it."""
    spans = [(one.kind, one.start_utc_ns, one.end_utc_ns) for one in house.client().act(HoldAsk(hold)).coverage]
    return spans == [("recorded", made.start_utc_ns, (made.start_utc_ns + 20 * NS) // NS * NS)]
