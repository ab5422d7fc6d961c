"""Papers, rows of an earlier version, and a state that nobody has accepted yet: what the rules say of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from holdshelf_core.access_log.repair import UNPROVEN
from holdshelf_core.access_log.types import LogAccept, LogRepair
from holdshelf_core.actions.registry import Change, LogForm
from holdshelf_core.cameras import commission_types as commission
from holdshelf_core.cameras import types as cameras
from holdshelf_core.holds import types as holds
from holdshelf_core.looks import types as looks
from holdshelf_core.people import types as people
from holdshelf_core.people.board_types import PolicyAdopt, ReadPolicyLists
from holdshelf_core.policy import doubt
from holdshelf_core.policy.model import Flag
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.cli import camera as camera_commands
from tests.core.policy.product.test_looks_and_holds import look, place
from tests.core.policy.product.test_people import share
from tests.core.policy.product.test_releases import paper, request
from tests.rules_furnished import House
from tests.rules_machine import PAPER
from tests.rules_model import MINUTE_NS


def test_papers_say_times_and_purposes_in_words(house: House) -> None:
    hold = house.ask("dora", place(house)).id
    told = house.ask("dora", PrintRequest("hold", hold=hold))
    assert told.hold.spans[0].endswith("12:01:59")
    sheet = house.ask("dora", share(house, person="", given_to="Officer Hill", kind="sheet")).id
    assert house.ask("dora", PrintRequest("still", share=sheet)).still.purpose == "possible crime on library property"
    asked = house.ask("dora", request(house, paper=paper(house)))
    assert house.ask("dora", PrintRequest("release", release=asked.id)).released is not None
    house.ask("dora", looks.BreakGlass(["front"], "smoke"))
    house.ask("dora", look(house))
    report = house.ask("dora", PrintRequest("report", quarter="now")).report
    assert {row.words for row in report.purposes if row.count} >= {"imminent danger"}


def test_p20_another_text_than_the_adopted_one_is_not_printed(house: House) -> None:
    house.ask("carl", PolicyAdopt("Cameras keep us safe.", "1", "2026-01-01"))
    assert house.ask("dora", PrintRequest("policy")) is not None


def as_an_earlier_version_wrote(house: House, camera: str, **changed: Any) -> None:
    """The row of a camera with a kind of place that is not, or no longer, one that may be given."""
    row: dict[str, Any] = {"entry_id": camera, "domain": "stream", "unique_id": camera, "title": camera.title()}
    row |= {"area_kind": "entrance", "area_note": "", "added_utc_ns": 2} | changed
    row |= {"data": {"stream": {"url": "rtsp://192.0.2.1/stream"}}}
    form = LogForm(cameras=(camera,))
    change = Change("entries", camera, row)
    house.rig.run(house.rig.house.authorizer.async_service_entry("camera.add", form, [change]))
    house.rig.flush()
    house.rig.crash()  # what a camera's place is comes from its entry, which is read at a start
    house.sessions.clear()


@pytest.mark.parametrize(
    ("place", "clause", "words"),
    [
        ({"area_kind": "restroom"}, "P5", "is in a private place (restroom)"),
        ({"area_kind": "roof"}, "P4", "has no area that the policy lists"),
        ({"area_kind": "other"}, "P4", "Nobody has said which other place"),
    ],
    ids=["private", "unknown", "other"],
)
def test_p5_a_camera_of_an_earlier_version_is_judged_by_todays_list(
    house: House, place: dict[str, str], clause: str, words: str
) -> None:
    mask = commission.MaskAsk([(0, 0), (5000, 0), (5000, 5000)], "the desk")
    house.ask("dora", commission.CommissionEdit("hall", masks=[mask], why="the view changed"))
    as_an_earlier_version_wrote(house, "hall", **place)
    house.refused("dora", commission.CommissionApprove("hall", "a" * 16), clause, words)
    if clause == "P5":
        house.refused("dora", look(house, cameras=["hall"]), "P5", "nobody may see it")


def test_p21_after_a_log_that_was_begun_anew_only_holds_are_placed(house: House) -> None:
    house.ask("dora", looks.PurposeClose(house.ask("dora", look(house)).id))

    def break_it(data: Any) -> None:
        month = next((data.state / "access").glob("*.jsonl"))
        month.write_bytes(month.read_bytes().replace(b'"purpose":"crime"', b'"purpose":"grime"', 1))

    house.rig.crash(break_it)
    house.sessions.clear()
    assert house.rig.run(house.rig.house.jobs.run["access log"]())  # type: ignore[attr-defined]
    house.ask(None, LogRepair("a byte had changed"))
    house.refused("dora", look(house), "P11", f"You can only place holds now. {UNPROVEN.rstrip('.')}")
    house.refused(None, people.PersonAdd("eve", "Eve"), "P11", "The admin can accept it on the Board's signed paper")
    span = holds.SpanAsk("front", house.now - MINUTE_NS, None)
    house.ask("dora", holds.HoldPlace("violation", "26-7", [span]))
    house.refused(None, LogAccept("", "compared"), "P11", "needs a signed paper")
    house.ask(None, LogAccept(PAPER, "compared with the paper"))
    house.ask("dora", look(house))


def test_p11_a_state_in_doubt_is_limited_though_its_flag_bears_no_note() -> None:
    for kind in doubt.KINDS:
        flag = Flag("f1", kind, 1, "admin", 1, 1)
        assert doubt.sentence({"f1": flag}).startswith("The state may be older")


def test_p5_a_private_place_is_refused_where_the_kind_is_asked(house: House) -> None:
    app = typer.Typer()
    service: Any = SimpleNamespace(read=lambda asked: house.read(None, asked))

    @app.command()
    def ask() -> None:
        found = cameras.DiscoveredRow("u1", "onvif", "Door", "192.0.2.5", "", "", None)
        camera_commands._ask_row(service, service.read(ReadPolicyLists()), found, None, "", "tcp")

    asked = CliRunner().invoke(app, input="Door\nrestroom\nroof\nother\n-\n-\n-\n")
    assert "No camera is allowed in a private area such as a restroom (P5)" in asked.output
