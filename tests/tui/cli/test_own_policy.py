"""Commands under another library's policy: its roles and its clauses, where Holdshelf's own words name the first library's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from holdshelf_core.people.board_types import PolicyAdopt, PolicyLists, PolicyRole
from holdshelf_core.policy import date_forms, numbering
from holdshelf_tui.text.first_day import told
from tests.people import PAPER, wait_past_midnight
from tests.rig.faults import environment_with_clock_off_by
from tests.service import Service
from tests.tui.cli.test_driver import Ran, run

POLICY = Path(__file__).parents[2] / "policies" / "h.toml"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("own") / "data") as running:
        running.client.act(PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", PAPER, POLICY.read_text()))
        yield running


@pytest.fixture(autouse=True)
def _first_numbers() -> Iterator[None]:
    yield
    numbering.use()
    date_forms.use()


def test_the_first_day_names_the_policys_roles_and_clauses(service: Service) -> None:
    said = run("first-day", "--data", str(service.data)).out
    assert "Name the Customer Services Librarian of the branch" in said
    assert "`holdshelf seat name branch --person LOGIN" in said
    assert "no camera can be approved (signs)." in said and "(P" not in said
    assert "Director" not in said and "Mayor" not in said


def test_the_files_name_and_contact_are_the_librarys_until_the_board_says_others(service: Service) -> None:
    said = run("first-day", "--data", service.data).out
    assert "[x] 3. Say the library's name" in said and "[x] 4. Say whom the public asks" in said
    shown = " ".join(run("board", "show", "--data", service.data).out.split())
    assert "library Vancouver Island Regional Library Vancouver Island Regional Library" in shown


def test_settings_cite_the_policys_clauses(service: Service) -> None:
    said = run("board", "show", "--data", str(service.data)).out
    assert "a sign may be waived for (signs)" in said or "(signs)" in said
    assert "(P" not in said


def test_a_refusal_of_the_command_itself_cites_them_too(service: Service) -> None:
    said = run("policy", "check", "--data", str(service.data))
    assert said.code == 1 and "The Board has not said where the policy is posted." in said.err


def test_the_second_person_is_one_of_the_roles_that_can_be_it() -> None:
    roles = [PolicyRole(key, f"The {key}", key, False, False) for key in ("head", "deputy", "trustee", "guard")]
    lists = PolicyLists(roles=roles, second={"hold.lift": [], "release.approve": ["head", "deputy", "trustee"]})
    (step,) = (step for step in told(lists) if step.id == "second")
    assert step.words == "Name a second person: the deputy or the trustee"
    assert step.command == "holdshelf seat name deputy --person LOGIN --name NAME"


def test_the_file_in_force_is_shown_as_it_was_adopted(service: Service, tmp_path: Path) -> None:
    assert run("policy", "show", "--policy", "--data", service.data).out == POLICY.read_text()
    with Service(tmp_path / "data") as first:
        shown = run("policy", "show", "--policy", "--data", first.data).out
    assert shown == run("policy", "draft", "first").out


def test_the_policy_that_was_in_force_on_a_day_is_shown_with_its_file(tmp_path: Path) -> None:
    """One was adopted three days ago, another one today; between them the recorder was off."""
    wait_past_midnight()
    days = [datetime.now().astimezone().date() - timedelta(days=ago) for ago in range(5)]
    before, after = POLICY.read_text(), (POLICY.parent / "a.toml").read_text()
    service = Service(tmp_path / "data", environment=environment_with_clock_off_by("-3d"))
    with service:
        service.client.act(PolicyAdopt("The one before.", "1", "2026-01-01", "enforce", PAPER, before))
    service = Service(tmp_path / "data")
    with service:
        service.client.act(PolicyAdopt("The new one.", "2", "2026-01-02", "enforce", PAPER, after))

        def shown(ago: int, *more: str) -> Ran:
            return run("policy", "show", "--at", str(days[ago]), *more, "--data", service.data)

        assert "No policy was adopted by" in shown(4).refusal()
        for ago, version, text, file in (
            (3, "1", "The one before.", before),
            (1, "1", "The one before.", before),
            (0, "2", "The new one.", after),
        ):
            said = shown(ago, "--text").out
            assert f"Version {version}," in said and text in said
            assert hashlib.sha256(file.encode()).hexdigest() in said
            assert shown(ago, "--policy").out == file


@pytest.mark.parametrize("running", [True, False])
def test_a_paper_has_the_days_of_the_file_with_and_without_a_service(tmp_path: Path, running: bool) -> None:
    with Service(tmp_path / "data") as service:
        text = (POLICY.parent / "i.toml").read_text()
        service.client.act(PolicyAdopt("The policy.", "2", "2026-01-31", "enforce", PAPER, text))
        said = run("print", "refusal", "--data", service.data).out if running else ""
    if not running:
        said = run("print", "refusal", "--data", service.data).out
        assert "service was not running" in said
    assert "adopted 31 Jan 2026" in said
