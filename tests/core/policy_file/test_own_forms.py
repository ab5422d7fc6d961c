"""A service under another library's policy file: its numbers, its way to write days, its checks and its sign."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api.errors import BadRequest, Refused
from holdshelf_core.cameras.checklist_types import ChecklistEnter, ReadChecklist
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt, ReadBoard, ReadPolicyLists
from holdshelf_core.people.types import SeatName
from holdshelf_core.policy import model
from holdshelf_core.policy.date_forms import DateForm
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.reports.types import PrintRequest
from holdshelf_storage.units import DAY_NS
from tests.keys import new_key
from tests.looking import seed
from tests.people import PAPER, People
from tests.service import Service

POLICIES = Path(__file__).parents[2] / "policies"
METRIC = POLICIES / "i.toml"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        yield running


def adopt(service: Service, file: str) -> None:
    service.client.act(PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", PAPER, file))


def test_papers_lists_and_refusals_are_in_the_librarys_own_forms(service: Service) -> None:
    adopt(service, (POLICIES / "h.toml").read_text())
    assert service.client.read(ReadPolicyLists()).date_form == DateForm("ymd", 24)
    facts = service.client.act(PrintRequest("sign"))
    assert facts.library == "Vancouver Island Regional Library" and facts.page == "letter"
    assert facts.contact == "Privacy Officer, 1 Library Road, Nanaimo, 250-555-0100"
    assert facts.signs["en-CA"].lines[0].startswith("Recorded under")
    assert facts.numbers["P3"] == "signs" and facts.numbers["P18"] == ""
    with pytest.raises(Refused) as refused:
        service.client.act(SeatName("mayor", "m", "Mia Sand", new_key()[0], paper_sha256=PAPER))
    assert "(P11)" not in refused.value.sentence, "its text has no such clause"


def test_what_the_board_has_not_set_is_as_the_policy_says(service: Service) -> None:
    def settings() -> dict[str, object]:
        return {row.key: row.value for row in director.read(ReadBoard())}

    director = People(service).name_director()
    before = settings()
    assert (before["paper_size"], before["review_days"]) == ("letter", 90)
    director.act(BoardSet("share_days", "3", "Shorter.", PAPER))
    file = (POLICIES / "e.toml").read_text()
    assert "[library]\n" in file and "[setting.review_days]" not in file
    adopt(service, file.replace("[library]\n", '[library]\npage = "a4"\n') + "\n[setting.review_days]\nvalue = 30\n")
    after = settings()
    assert (after["paper_size"], after["review_days"], after["share_days"]) == ("a4", 30, 3)
    assert service.client.act(PrintRequest("sign")).page == "a4"
    director.act(BoardSet("paper_size", "letter", "What the printer takes.", PAPER))
    adopt(service, file.replace("[library]\n", '[library]\npage = "a4"\n'))
    after = settings()
    assert (after["paper_size"], after["review_days"], after["share_days"]) == ("letter", 90, 3)


def test_the_checks_of_the_policy_are_entered_and_others_are_none(service: Service) -> None:
    client = People(service).name_director()
    adopt(service, (POLICIES / "e.toml").read_text())
    (house,) = (row for row in client.read(ReadChecklist()) if row.kind == "house")
    (review,) = house.points
    assert (review.code, review.words, review.clause) == ("house.review", "the policy was looked at again", "review")
    assert review.who, "the Board does it, and has no holder here"
    client.act(ChecklistEnter(["house.review"]))
    with pytest.raises(BadRequest, match="has no item 'website'"):
        client.act(ChecklistEnter(["house.website"]))
    facts = client.act(PrintRequest("checklist"))
    assert list(facts.house) == ["review"] and facts.house["review"].done_on
    assert msgspec.json.decode(msgspec.json.encode(facts), type=type(facts)).points == facts.points


@pytest.mark.parametrize(
    "lies", [("25 ft", "8 m"), ("25", "8")], ids=["with its unit", "without, as older releases wrote it"]
)
def test_a_distance_keeps_the_unit_in_which_it_was_measured(tmp_path: Path, lies: tuple[str, str]) -> None:
    feet, meters = lies
    service, now = Service(tmp_path / "data", mint=True), time.time_ns()
    adopted = model.Adopted("1", "2026-01-01", PAPER, installed_utc_ns=now)
    row = ("policy", "adopted", adopted), *door("e1", feet, now), *door("e2", feet, now - 400 * DAY_NS)
    seed(service.data, list(row))
    with service:
        assert found(service) == ["25 ft", "25 ft"]
        adopt(service, METRIC.read_text())
        assert found(service) == ["25 ft", "25 ft"], "an adoption measures nothing anew"
        facts = service.client.act(PrintRequest("checklist"))
        assert [point.value for point in facts.points["entrance"] if point.id == "legible"] == ["m"]
        assert [entrance.points["legible"].finding for entrance in facts.entrances] == ["25 ft", "25 ft"]
        service.stop()
        seed(service.data, [*door("e2", meters, time.time_ns())])
        service.start()
        assert found(service) == ["25 ft", "8 m"]
        adopt(service, FIRST.read_text())
        assert found(service) == ["25 ft", "8 m"]


def door(key: str, legible: str, at_utc_ns: int) -> list[tuple[str, str, msgspec.Struct]]:
    """An entrance of which somebody said from how far its sign can be read."""
    check = model.Check(f"entrance:{key}", {"legible": model.Seen(at_utc_ns, "p1", words=legible)})
    return [("entrances", key, model.Entrance(key, f"Door {key}")), ("checks", check.key, check)]


def found(service: Service) -> list[str]:
    rows = [row for row in service.client.read(ReadChecklist()) if row.kind == "entrance"]
    return [point.found for row in rows for point in row.points if point.id == "legible"]
