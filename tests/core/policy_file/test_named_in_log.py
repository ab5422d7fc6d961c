"""The access log says under which policy each thing was done: its text, and the file where the Board adopted one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.access_log.types import LogShow, LogVerify
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from tests.people import PAPER, People
from tests.service import Service
from tests.stranger.access_log import AccessLog as StrangersLog
from tests.tui.cli.test_driver import run

TEXT = "The policy of the library."
AGAIN = f"{FIRST.read_text()}# as decided in March\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        People(running).name_director()
        yield running


def adopt(service: Service, version: str, file: str = "") -> None:
    service.client.act(PolicyAdopt(TEXT, version, "2026-01-01", "enforce", PAPER, file))


def last(service: Service, action: str) -> dict[str, Any]:
    return service.client.act(LogShow(action=action)).entries[-1].entry


def done_under(service: Service) -> tuple[str, str | None]:
    """What the entry of an act names."""
    service.client.act(LogVerify())
    entry = last(service, "log.verify")
    return entry["policy"], entry.get("policy_file")


def test_a_changed_file_under_the_same_text_is_named_from_its_adoption_on(service: Service) -> None:
    assert done_under(service) == ("", None)
    adopt(service, "1")
    assert done_under(service) == (sha256(TEXT), None), "the first library's entries are as they were"
    adopt(service, "2", FIRST.read_text())
    assert done_under(service) == (sha256(TEXT), sha256(FIRST.read_text()))
    adopt(service, "3", AGAIN)
    assert last(service, "policy.adopt")["policy_file"] == sha256(FIRST.read_text()), "adopted under the one before"
    assert done_under(service) == (sha256(TEXT), sha256(AGAIN))
    service.stop()
    service.start()
    assert done_under(service) == (sha256(TEXT), sha256(AGAIN))
    found = service.client.act(LogVerify())
    assert found.problems == found.policies == []
    service.stop()
    said: list[str] = []
    StrangersLog(service.data / "state", said.append).check_policies()
    assert said == []


def test_an_entry_that_names_another_policy_is_told_and_the_log_goes_on(service: Service) -> None:
    adopt(service, "1", FIRST.read_text())
    service.stop()
    log = AccessLog.open(service.data / "state")
    before = {
        "at": time_text(1_795_579_200 * 10**9),
        "offset_s": 0,
        "outcome": "done",
        "person": "admin",
        "via": "local",
    }
    for file in (sha256(FIRST.read_text()), sha256(AGAIN)):
        log.append({**before, "action": "look.show", "policy": sha256(TEXT), "policy_file": file}, {})
    number = log.size
    log.close()
    told = run("log", "verify", service.data / "state")
    assert told.code == 1 and f"Entry {number} names a policy that was not in force" in told.out
    assert "The entries are those that were written" in told.err and "log show --action policy.adopt" in told.err
    service.start()
    assert run("log", "verify", "--data", service.data).code == 1
    assert service.client.act(LogVerify()).policies
    adopt(service, "2", AGAIN)
    assert done_under(service)[1] == sha256(AGAIN), "nothing is stopped by it"
    shown = run("log", "show", "--action", "policy.adopt", "--data", service.data)
    assert shown.code == 0
