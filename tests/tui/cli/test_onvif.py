"""ONVIF cameras at the command line: found, added by id, by address and all at once with questions at a terminal.

The cameras are virtual and hostile in their names; their clocks are a year behind.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from holdshelf_core.cameras.types import CameraRemove
from tests.rig.onvif_cameras import PASSWORD, CameraSpec, VirtualCameras, onvif_cameras
from tests.service import Service, wait_for
from tests.tui.cli.test_driver import Ran, Terminal, run

WAITS_S = "20"
"""Nobody waits for so long: a search among addresses ends when all of them have answered."""
HOSTILE = "Front \x1b[31mdoor\u202e"


@pytest.fixture(scope="module")
def cameras() -> Iterator[VirtualCameras]:
    with onvif_cameras(HOSTILE, "Men's restroom", clocks_off_by="-1y") as found:
        yield found


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("onvif") / "data") as running:
        yield running


@pytest.fixture
def at(cameras: VirtualCameras) -> list[str]:
    """The options that ask these cameras and no others."""
    return [word for camera in cameras for word in ("--at", camera.probe_address)]


@pytest.fixture(autouse=True)
def _no_camera_is_left(service: Service) -> Iterator[None]:
    yield
    for row in service.client.status().cameras:
        service.act(CameraRemove(row.id))


def holdshelf(service: Service, *words: str, **more: dict[str, str]) -> Ran:
    return run("camera", *words, "--data", service.data, **more)


def terminal(service: Service, *words: str) -> Terminal:
    return Terminal("camera", *words, "--data", service.data)


def test_discovered_cameras_are_listed_with_inert_names(
    service: Service, cameras: VirtualCameras, at: list[str]
) -> None:
    text = holdshelf(service, "discover", *at, "--timeout", WAITS_S).out
    assert text.replace("\n", "").isprintable()
    rows = holdshelf(service, "discover", *at, "--timeout", WAITS_S, "--json").json()
    assert {row["id"] for row in rows} == {camera.unique_id for camera in cameras}
    for row in rows:
        assert row["id"] in text
        assert row["name"].isprintable()
        assert row["added_as"] is None


def test_a_camera_is_added_by_its_id_and_refused_by_its_address_then(
    service: Service, cameras: VirtualCameras, at: list[str]
) -> None:
    holdshelf(service, "discover", *at, "--timeout", WAITS_S)
    words = ["--name", "Front", "--area", "entrance", "--user", cameras[0].username, "--password-env", "PW"]
    added = holdshelf(service, "add", cameras[0].unique_id[:8], *words, env={"PW": PASSWORD})
    assert added.out.startswith("Added Front as front")
    assert "note: " in added.out
    assert "year" in added.out, "its clock is a year off"
    for again in (cameras[0].onvif_address, cameras[0].probe_address, cameras[0].unique_id):
        assert "here already" in holdshelf(service, "add", again, *words, env={"PW": PASSWORD}).refusal()
    service.await_recording(service.client.status().cameras[0].id)

    # A clock that is off is a warning: told, and the monitor's exit code is 1.
    def warned() -> bool:
        return run("status", "--check", "--data", service.data).code == 1

    wait_for("the warning", warned, every=0.5)
    checked = run("status", "--check", "--data", service.data)
    assert checked.out.startswith("WARNING: ")
    assert "(1 warning; 1 of 1 cameras recording; 1 step waits for a seat)" in checked.out
    assert "warning" in holdshelf(service, "check", "Front").out
    rows = holdshelf(service, "discover", *at, "--timeout", WAITS_S, "--json").json()
    assert {row["added_as"] for row in rows} == {None, service.client.status().cameras[0].id}


def test_a_wrong_password_and_a_silent_host_are_told_apart_and_nothing_is_added(
    service: Service, cameras: VirtualCameras
) -> None:
    words = ["--name", "Front", "--area", "entrance", "--user", "admin", "--password-env", "PW"]
    refused = holdshelf(service, "add", cameras[0].onvif_address, *words, env={"PW": "guess"}).refusal()
    assert "refuses this user name or password" in refused
    assert "guess" not in refused
    silent = holdshelf(service, "add", "http://127.0.0.99:8080", *words, env={"PW": PASSWORD}).refusal()
    assert "No camera answers at 127.0.0.99:8080" in silent
    assert service.client.status().cameras == []
    assert "guess" not in service.log()


def test_all_discovered_asks_one_password_and_then_a_name_and_an_area_for_each(
    service: Service, cameras: VirtualCameras, at: list[str]
) -> None:
    with terminal(service, "add", "--all-discovered", *at, "--timeout", WAITS_S) as asked:
        asked.expect("2 cameras answered")
        asked.answer("User name", "")
        asked.answer("Password for admin", PASSWORD, hidden=True)
        asked.expect("Front ")
        asked.answer("Name .*: ", "")
        asked.answer("Kind of area", "restroom")
        asked.expect(r"\(P5\)")
        asked.answer("Kind of area", "roof")
        asked.expect(r"\(P4\)")
        asked.answer("Kind of area", "Service desk")
        asked.expect("added as front")
        asked.expect("Men's restroom ")
        asked.answer("Name .*: ", "")
        asked.answer("Kind of area", "seating")
        asked.answer("sounds like a private area", "n")
        asked.expect("skipped")
        assert asked.end() == 0
        assert PASSWORD not in asked.screen
        assert "\u202e" not in asked.screen
        assert "\x1b[31m" not in asked.screen
    (camera,) = service.client.status().cameras
    assert camera.area_kind == "service-desk"
    service.await_recording(camera.id)


def test_all_discovered_goes_on_after_a_refusal_and_says_how_many_failed(service: Service, at: list[str]) -> None:
    with terminal(service, "add", "--all-discovered", *at, "--timeout", WAITS_S) as asked:
        asked.answer("User name", "admin")
        asked.answer("Password for admin", "guess", hidden=True)
        asked.expect("Front ")
        asked.answer("Name .*: ", "Door")
        asked.answer("Kind of area", "entrance")
        asked.expect("not added: .*refuses this user name or password")
        asked.expect("Men's restroom ")
        asked.answer("Name .*: ", "-")
        asked.expect("skipped")
        assert asked.end() == 1
        assert "1 of 2 cameras were not added" in asked.screen
    assert service.client.status().cameras == []


def test_one_camera_is_added_checked_and_removed_at_a_terminal(service: Service, cameras: VirtualCameras) -> None:
    with terminal(service, "add", cameras[1].onvif_address) as asked:
        asked.answer("User name on the camera", "")
        asked.answer("Password for admin", "guess", hidden=True)
        asked.expect("refuses this user name or password")
        asked.answer("User name on the camera", "")
        asked.answer("Password for admin", PASSWORD, hidden=True)
        asked.answer("What do people call this camera", "Men's restroom corner")
        asked.answer("What kind of place is it", "roof")
        asked.answer("Does this camera see no private place", "y")
        asked.expect(r"\(P4\)")
        asked.answer("What do people call this camera", "Quiet corner")
        asked.answer("What kind of place is it", "other")
        asked.answer("Which place is it", "by the stairs: bags were taken")
        assert asked.end() == 0
        assert "Added Quiet corner as quiet-corner" in asked.screen
    for typed, code, words in (("guess", 1, "FAILED"), (PASSWORD, 0, "is correct and was saved")):
        with terminal(service, "check", "quiet-corner", "--ask-password") as asked:
            asked.answer("Password for quiet-corner", typed, hidden=True)
            assert asked.end() == code
            assert words in asked.screen
    with terminal(service, "remove", "Quiet corner") as asked:
        asked.answer(r"Stop recording Quiet corner \(quiet-corner\)\?", "n")
        assert asked.end() == 1
        assert "Nothing was changed" in asked.screen
    with terminal(service, "remove", "Quiet corner") as asked:
        asked.answer("Stop recording", "y")
        assert asked.end() == 0
    assert service.client.status().cameras == []


def test_a_camera_that_got_another_address_is_found_and_kept_there(service: Service) -> None:
    """As DHCP does. Its footage goes on under the same id."""
    moving, words = VirtualCameras([CameraSpec("Moving", 9)], password=PASSWORD), ["--password-env", "PW"]
    env = {"PW": PASSWORD}
    with moving:
        old = moving[0].probe_address
        added = ["--name", "Moving", "--area", "parking", "--user", "admin", *words]
        assert holdshelf(service, "add", moving[0].onvif_address, *added, env=env).code == 0
        assert holdshelf(service, "check", "moving").code == 0
    with socket.socket() as taken:
        taken.bind((old, 3702))  # the virtual cameras then go to another address
        with moving:
            assert moving[0].probe_address != old
            away = holdshelf(service, "check", "moving")
            assert away.code == 1
            holdshelf(service, "discover", "--at", moving[0].probe_address, "--timeout", WAITS_S)
            hinted = holdshelf(service, "check", "moving").out
            assert f"warning  Moving now answers at {moving[0].onvif_address}." in hinted
            assert "camera check moving --ask-password" in hinted
            moved = holdshelf(service, "check", "moving", *words, env=env)
            assert moved.code == 0, moved
            assert service.client.status().cameras[0].address == moving[0].onvif_address
            service.await_recording("moving")
            assert "now." not in holdshelf(service, "check", "moving").out


def test_ctrl_c_at_a_question_changes_nothing(service: Service, cameras: VirtualCameras) -> None:
    with terminal(service, "add", cameras[0].onvif_address) as asked:
        asked.expect("User name on the camera")
        asked.interrupt()
        assert asked.end() == 130
        assert "interrupted" in asked.screen
        assert "Traceback" not in asked.screen
    assert service.client.status().cameras == []


def test_an_unknown_camera_is_said_before_a_password_is_asked(service: Service) -> None:
    for words in (["check", "nosuch", "--ask-password"], ["remove", "nosuch"]):
        with terminal(service, *words) as asked:
            assert asked.end() == 1
            assert "There is no camera 'nosuch'" in asked.screen
            assert "Password" not in asked.screen
