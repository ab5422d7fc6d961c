"""A Board adopts another policy file: from the next act on it is what decides, and what is in doubt gives nobody rights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError, Refused
from holdshelf_core.cameras.types import CameraSettings, ReadCamerasToAdd
from holdshelf_core.people.board_types import (
    AdoptedRow,
    BoardSet,
    PolicyAdopt,
    PolicyLinted,
    ReadBoard,
    ReadMay,
    ReadPolicy,
    ReadPolicyLint,
    ReadPolicyLists,
    ReadPolicyText,
)
from holdshelf_core.people.types import AppointmentMake, ReadSeats, SeatName
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.reports.offline import read_offline
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.papers.catalogue import PAPERS
from tests.keys import new_key
from tests.people import PAPER, People, day
from tests.service import Service

POLICIES = Path(__file__).parents[2] / "policies"
TEXT = "Cameras stand in common areas. Recordings are for the Director."


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        yield running


@pytest.fixture
def people(service: Service) -> People:
    return People(service)


@pytest.fixture
def dora(people: People) -> Client:
    return people.name_director()


def adopt(by: Client, file: str, *, paper: str = PAPER, **texts: str) -> AdoptedRow:
    return by.act(PolicyAdopt(TEXT, "2026-2", "2026-01-01", "enforce", paper, file, texts))


def test_from_its_adoption_on_the_file_decides(service: Service, people: People, dora: Client) -> None:
    mayor = people.name("mayor", "mia", "Mia Sand", dora)
    before = service.client.read(ReadPolicyLists())
    assert [key for key, _ in before.seats] == ["director", "chair", "mayor"]
    text = (POLICIES / "a.toml").read_text()
    row = service.client.act(PolicyAdopt(TEXT, "2026-2", "2026-01-01", "enforce", PAPER, text))
    assert row.file_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert row.ended == ["Mia Sand, mayor"]
    lists = dora.read(ReadPolicyLists())
    assert [key for key, _ in lists.seats] == ["director", "assistant", "person-in-charge"]
    assert [key for key, _ in lists.purposes] == ["crime", "behavior"]
    (gone,) = [seat for seat in dora.read(ReadSeats()) if seat.seat == "mayor"]
    assert gone.state == "ended"
    with pytest.raises(HoldshelfError):
        mayor.read(ReadPolicyLists())
    dora.act(SeatName("assistant", "art", "Art Vale", new_key()[0], paper_sha256=PAPER))
    with pytest.raises(BadRequest, match="is not one of the policy's seats"):
        dora.act(SeatName("mayor", "art", paper_sha256=PAPER))


def test_it_is_in_force_after_a_restart_and_a_changed_file_gives_nobody_rights(
    service: Service, people: People, dora: Client
) -> None:
    text = FIRST.read_text().replace('words.en = "Mayor"', 'words.en = "Lady Mayor"')
    adopt(service.client, text)
    service.stop()
    service.start()
    assert ("mayor", "Lady Mayor") in people.client("dora").read(ReadPolicyLists()).seats
    service.stop()
    (path,) = (service.data / "state" / "policy").glob("*.toml")
    path.write_text(text.replace("Lady Mayor", "Lord Mayor"))
    service.start()
    with pytest.raises(HoldshelfError):
        people.client("dora").read(ReadPolicyLists())
    assert any("was changed" in repair.sentence for repair in service.client.status().repairs)
    service.stop()
    path.write_text(text)
    service.start()
    assert people.client("dora").read(ReadPolicyLists()).seats


def test_only_the_board_adopts_another_file(service: Service, people: People, dora: Client) -> None:
    text = FIRST.read_text()
    with pytest.raises(Refused, match="for the Board to decide"):
        adopt(dora, text, paper="")
    with pytest.raises(Refused, match="for the Board to decide") as refused:
        adopt(service.client, text, paper="")
    assert "signature" not in refused.value.next_step, "there is nobody yet whose it could be"
    chair = people.name("chair", "carl", "Carl Hill", dora)
    with pytest.raises(Refused) as refused:
        adopt(service.client, text, paper="")
    assert refused.value.next_step == (
        "Ask the Chair of the Library Board (Carl Hill). Or give their signature of the policy file (`ssh-keygen -Y sign`), "
        "or the Board's signed paper."
    )
    assert adopt(chair, text, paper="").reviewed_by == ""
    assert adopt(dora, text).reviewed_by == "Chair or Mayor"
    assert adopt(service.client, text).reviewed_by == "Director, Chair or Mayor"
    assert service.client.read(ReadPolicy()).file_sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_file_with_a_mistake_is_refused_and_nothing_changes(service: Service, dora: Client) -> None:
    broken = FIRST.read_text().replace('short.en = "Chair"', 'short.en = "Chair"\nrights = ["download"]', 1)
    for text, words in (
        (broken, "'rights' appears twice below one heading"),
        (FIRST.read_text().replace("speaks_for_board = true", ""), "No role speaks for the Board"),
        ("format = 1", "The table 'library' is missing"),
    ):
        with pytest.raises(BadRequest, match=words):
            adopt(service.client, text)
    assert service.client.read(ReadPolicy()).version == ""
    assert not (service.data / "state" / "policy").exists()


def test_every_language_has_its_text(service: Service, dora: Client) -> None:
    text = (POLICIES / "d.toml").read_text()
    with pytest.raises(BadRequest, match="there is no text in 'es'"):
        adopt(service.client, text)
    with pytest.raises(BadRequest, match="'fr' is not one of the policy's languages"):
        adopt(service.client, text, es="Hay cámaras.", fr="Des caméras.")
    adopt(service.client, text, es="Hay cámaras.")
    assert service.client.read(ReadPolicy()).languages == ["en", "es"]
    # And it is printed as it was adopted, in each.
    facts = service.client.act(PrintRequest("policy"))
    english, spanish, french = (
        PAPERS["policy"].as_text(msgspec.structs.replace(facts, language=language)) for language in ("en", "es", "fr")
    )
    assert TEXT in " ".join(english.split()) and "Hay cámaras." not in english
    assert "Hay cámaras." in spanish and "inglés" not in spanish and TEXT not in " ".join(spanish.split())
    assert TEXT in " ".join(french.split()) and "Lui seul fait foi" in " ".join(french.split())
    service.stop()
    offline = read_offline(service.data).policy
    assert offline is not None and offline.others["es"].text == "Hay cámaras."


def test_a_file_is_checked_and_compared_with_the_policy_in_force_before_it_is_adopted(dora: Client) -> None:
    first = FIRST.read_text()
    range_, shorter = "value = 10, least = 1, most = 60 }\ngrace", "value = 5, least = 1, most = 5 }\ngrace"
    found = dora.read(ReadPolicyLint(first.replace(range_, shorter)))
    assert found.mistakes == [] and found.looser == [] and found.stricter
    duties = [f"P{number}" for number in range(1, 22)]
    linted = PolicyLinted(library="Library", languages=["en"], unshown=duties)
    assert dora.read(ReadPolicyLint(first)) == linted, "it has no cases"
    (mistake,) = dora.read(ReadPolicyLint(first.replace("speaks_for_board = true", ""))).mistakes
    assert "No role speaks for the Board" in mistake
    with pytest.raises(BadRequest, match="format has no value"):
        dora.read(ReadPolicyLint("format ="))


def test_settings_stay_within_the_files_ranges(service: Service, dora: Client) -> None:
    def live() -> int:
        return next(int(row.value) for row in service.client.read(ReadBoard()) if row.key == "live_minutes")

    dora.act(BoardSet("live_minutes", "30", "busy", PAPER))
    assert live() == 30
    adopt(service.client, FIRST.read_text().replace("least = 1, most = 60 }\ngrace", "least = 1, most = 20 }\ngrace"))
    assert live() == 20
    with pytest.raises(BadRequest, match="from 1 to 20"):
        dora.act(BoardSet("live_minutes", "25", "busy", PAPER))


def test_cameras_stand_where_the_file_says(service: Service, dora: Client) -> None:
    office = '\n[[place]]\nkey = "office"\nwords.en = "private office"\nprivate = true\n'
    adopt(service.client, FIRST.read_text().replace('"seating"', '"garden"').replace("seating area", "garden") + office)
    assert ("garden", "garden") in dora.read(ReadPolicyLists()).places
    asked = [CameraSettings(kind, f"rtsp://192.0.2.7/{kind}", kind) for kind in ("garden", "seating", "office")]
    garden, seating, private = service.client.read(ReadCamerasToAdd(asked))
    assert garden.troubles == []
    assert "'seating' is not a kind of area on the policy's list (P4)" in seating.troubles[0].sentence
    assert "private area such as a private office (P5)" in private.troubles[0].sentence and private.private


def test_what_was_adopted_once_stays_readable(service: Service, dora: Client) -> None:
    first, second = FIRST.read_text(), (POLICIES / "a.toml").read_text()
    adopt(service.client, first)
    service.client.act(PolicyAdopt("Another.", "2026-3", "2026-02-01", "enforce", PAPER, second))
    for text in (TEXT, "Another.", first, second):
        asked = ReadPolicyText(hashlib.sha256(text.encode()).hexdigest())
        assert dora.read(asked).text == text
    assert dora.read(ReadPolicyText("0" * 64)).text == ""
    for name in ("", "../register.json", "A" * 64):
        with pytest.raises(BadRequest, match="has 64 hex digits"):
            dora.read(ReadPolicyText(name))


def test_a_letter_gives_no_more_than_the_role_has(service: Service, people: People, dora: Client) -> None:
    people.appoint("sam", "Sam Roe", dora, "live", "archive")
    assert may_look(dora)
    adopt(service.client, FIRST.read_text().replace('rights = ["live", "archive", ', 'rights = ["archive", '))
    with pytest.raises(Refused, match="A letter cannot give 'live'"):
        dora.act(AppointmentMake("sam", ["live"], day(30), PAPER))
    assert not may_look(dora), "nor does a letter from before"


def may_look(client: Client) -> bool:
    asked = ReadMay("sam", "look.live", purpose="crime")
    return "letter of appointment does not allow" not in client.read(asked).sentence
