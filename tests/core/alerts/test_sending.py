"""A camera falls silent in a real service, and mail about it comes to a real server, whatever other ways do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.alerts.alerts import _confinement_step, _delivery_step
from holdshelf_core.alerts.types import (
    AlertRemove,
    AlertSet,
    AlertTest,
    AppriseWay,
    MailWay,
    MqttWay,
    ReadAlertHistory,
    ReadAlerts,
    Rules,
)
from holdshelf_core.api.types import CheckStep
from holdshelf_core.operations.types import ReadDoctor
from holdshelf_core.processes.confinement import landlock_abi
from holdshelf_core.processes.ends import ENDS
from holdshelf_core.processes.online_link import Ready
from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.mail import HOST, Listener, MailServer, certificate
from tests.rig.processes import member, memory_bytes
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.web import Page, WebServer
from tests.service import HoldshelfError, Service, faults_in, wait_for

LOGIN = ("recorder", "p@ss w/o%rd")


@dataclass
class Stage:
    service: Service
    camera: str
    hall: str
    """The camera beside, which goes on."""
    mail: MailServer
    rtsp: RtspServer
    pem: Path
    other_pem: Path
    """Trusted as ``pem`` is, and of another name."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("mail")
    pem, other_pem = certificate(folder), certificate(folder, "127.0.0.2")
    trusted = folder / "trusted.pem"
    trusted.write_bytes(pem.read_bytes() + other_pem.read_bytes())
    with ExitStack() as stack:
        mail = stack.enter_context(MailServer(pem=pem, login=LOGIN))
        rtsp = stack.enter_context(RtspServer([Mount("door"), Mount("hall")]))
        service = stack.enter_context(Service(folder / "data", environment={"SSL_CERT_FILE": str(trusted)}))
        camera, hall = (service.add(rtsp.url(name), name.title()) for name in ("door", "hall"))
        service.await_recording(camera, hall)
        service.act(AlertSet(way("desk", mail.port, username=LOGIN[0], secret=LOGIN[1]), new=True))
        yield Stage(service, camera, hall, mail, rtsp, pem, other_pem)


def way(name: str, port: int, **more: object) -> MailWay:
    settings = {"host": HOST, "to": ("it@library.example",), "sender": "recorder@library.example"} | more
    return MailWay(name=name, port=port, **settings)  # type: ignore[arg-type]


def alarmed(stage: Stage) -> bool:
    return f"camera_silent:{stage.camera}" in stage.service.repairs()


def sender_pid(service: Service) -> int:
    """Of the process that sends; 0 where there is none just now."""
    return member(service.pid, r"holdshelf_core\.alerts\.sender")


def test_a_silent_camera_is_told_by_mail_whatever_other_mail_servers_do(stage: Stage) -> None:
    """One that hangs, one that talks without end, one that refuses, one with another's certificate, and one that is away; a
    broker and an Apprise target hang, too. No frame of the camera beside is lost for it."""
    service, mail = stage.service, stage.mail
    with ExitStack() as stack:
        hangs = stack.enter_context(Listener())
        endless = stack.enter_context(Listener(b"220-" + b"x" * 996 + b"\n", 10 << 20))
        refuses = stack.enter_context(MailServer(pem=stage.pem, refused="*"))
        other = stack.enter_context(MailServer(pem=stage.other_pem))
        away = MailServer()
        away.start()
        away.stop()
        tested = service.act(AlertTest("desk"))
        assert tested.ok, tested.sentence
        assert mail.subjects() == ["Holdshelf: a test message"]
        assert mail.senders == [("recorder@library.example", ["it@library.example"], True)]
        for name, server, security in (
            ("hangs", hangs, "none"),
            ("endless", endless, "none"),
            ("refuses", refuses, "starttls"),
            ("other", other, "starttls"),
            ("away", away, "none"),
        ):
            service.act(AlertSet(way(name, server.port, security=security), new=True))
        service.act(AlertSet(AppriseWay("topic-hangs", secret=f"json://{HOST}:{hangs.port}/topic"), new=True))
        broker = MqttWay("broker-hangs", HOST, "main", port=hangs.port, security="none")
        service.act(AlertSet(broker, new=True))
        stage.rtsp.stall("door")
        told = mail.await_mail("Door is not being recorded", 60)
        assert told["subject"] == "Holdshelf: Door is not being recorded"
        assert f"holdshelf camera check {stage.camera}" in told.get_content()
        assert told["auto-submitted"] == "auto-generated"
        failing = wait_for("seven fail", lambda: found if len(found := failures(service)) == 7 else None, 120, 0.5)
        assert "does not answer within 20 s" in failing["hangs"]
        assert "does not answer as a mail server" in failing["endless"]
        assert "refuses the addresses (550 5.7.1)" in failing["refuses"] and "Dora" not in failing["refuses"]
        assert "certificate that is not valid for it" in failing["other"]
        assert "is not reached: Connection refused" in failing["away"]
        assert "The service behind the Apprise URL does not answer." in failing["topic-hangs"]
        assert "does not answer" in failing["broker-hangs"]
        assert memory_bytes(sender_pid(service), "VmHWM") < 50 << 20, "at its highest: none of the ten megabytes stay"
        steps = steps_of(service)
        assert steps["alerts by desk"].outcome == "ok"
        assert {steps[f"alerts by {name}"].outcome for name in failing} == {"failed"}
        assert "A message waits." in steps["alerts by hangs"].sentence
        assert steps["alerts confinement"].outcome in ("ok", "warning")
        # The relay that was away is back: it gets the message now.
        away.start()
        stack.callback(away.stop)
        assert service.act(AlertTest("away")).ok
        away.await_mail("Door is not being recorded")
    # A restart of the service, while it is so, tells nothing a second time.
    service.stop()
    recorded = recorded_hashes(service.files(stage.hall))
    assert len(recorded) > 100 and is_run_of(recorded, stage.rtsp.sent_hashes("hall"))
    service.start()
    wait_for("the alarm anew", lambda: alarmed(stage), 60, 0.5)
    stage.rtsp.resume("door")
    mail.await_mail("Over: Door", 60)
    silent = "Door is not being recorded"
    assert mail.subjects()[1:] == [f"Holdshelf: {silent}", f"Holdshelf: Over: {silent}"]
    wait_for("the history", lambda: history(service) == [("desk", "sent"), ("desk", "sent")])
    assert {gap.reason for gap in service.gaps("hall")} <= {"connecting", "service stopped"}
    assert faults_in(service.log()) == []


def steps_of(service: Service) -> dict[str, CheckStep]:
    return {step.name: step for step in service.client.read(ReadDoctor()).steps}


def test_the_doctor_says_of_both_processes_that_send_what_this_kernel_lacks() -> None:
    for step in (_confinement_step(Ready(5, True)), _delivery_step(Ready(5, True))):
        assert (step.outcome, step.next_step) == ("ok", "") and "(Landlock 5, seccomp)." in step.sentence
    for lacks, ready in (
        ("no Landlock", Ready(0, True)),
        ("no seccomp", Ready(5, False)),
        ("neither", Ready(0, False)),
    ):
        for step in (_confinement_step(ready), _delivery_step(ready)):
            assert step.outcome == "warning" and f"This kernel offers {lacks}" in step.sentence and step.next_step
    assert _delivery_step(None).outcome == "skipped"


def history(service: Service) -> list[tuple[str, str]]:
    """Of each message of the way that works, what came of it."""
    rows = service.client.read(ReadAlertHistory())
    return [(one.way, one.outcome) for one in rows if one.way == "desk"]


def failures(service: Service) -> dict[str, str]:
    """Why each way fails that does."""
    rows = service.client.read(ReadAlerts())
    return {one.way.name: one.health.sentence for one in rows if one.health.ok is False}


def test_apprise_delivers_too_and_no_answer_of_its_service_hangs_or_fills_the_sender(stage: Stage) -> None:
    service = stage.service
    with WebServer({"/topic": Page(b"ok")}) as web:
        url = web.url("/topic").replace("http:", "json:")
        done = service.act(AlertSet(AppriseWay(name="topic", secret=f"{url}?+x-token=sealed-in"), new=True))
        assert "://…" in done.sentence and "sealed" not in done.sentence
        assert service.act(AlertTest("topic")).ok
        confined = steps_of(service)["Apprise confinement"]
        assert confined.outcome == ("ok" if landlock_abi() else "warning"), confined
        told = json.loads(web.bodies[0])
        assert told["title"] == "Holdshelf: a test message" and "Nothing is wrong." in told["message"]
        before = memory_bytes(sender_pid(service))
        web.pages["/topic"] = Page(endless=bytes(1 << 16))
        assert service.act(AlertTest("topic")).ok  # it says 200, and what follows is left unread
        assert memory_bytes(sender_pid(service)) < before + (8 << 20)
        web.pages["/topic"] = Page.to(web.url("/elsewhere"))
        failed = service.act(AlertTest("topic"))
        assert not failed.ok and "does not take the message" in failed.sentence
        assert "/elsewhere" not in web.asked
        web.pages["/topic"] = Page(b"later", hold_s=60)
        assert not service.act(AlertTest("topic")).ok
        assert service.act(AlertTest("desk")).ok
    assert service.act(AlertRemove("topic")).name == "topic"
    for file in (service.data / "state").rglob("*"):
        assert not file.is_file() or b"sealed-in" not in file.read_bytes(), file
    assert "sealed-in" not in service.log() and faults_in(service.log()) == []


def test_no_secret_is_in_a_file_a_log_an_answer_or_an_environment(stage: Stage) -> None:
    service, secret = stage.service, LOGIN[1]
    pid = sender_pid(service)
    for file in (service.data / "state").rglob("*"):
        assert not file.is_file() or secret.encode() not in file.read_bytes(), file
    assert secret not in service.log()
    assert secret not in msgspec.json.encode(service.client.read(ReadAlerts())).decode()
    for name in ("environ", "cmdline"):
        assert secret.encode() not in Path(f"/proc/{pid}/{name}").read_bytes()
    entry = service.act(LogShow(action="alert.set")).entries[0].entry
    assert entry["facts"]["way"] == "mail" and "library.example" not in json.dumps(entry["facts"])


def test_a_password_goes_to_the_server_that_it_was_given_for_alone(stage: Stage) -> None:
    moved = way("desk", stage.mail.port, host="mail.example", username=LOGIN[0])
    with pytest.raises(HoldshelfError, match="needs its own password"):
        stage.service.act(AlertSet(moved))
    stage.service.act(AlertSet(way("desk", stage.mail.port, username=LOGIN[0], rules=Rules(quiet="22:00-07:00"))))
    assert stage.service.act(AlertTest("desk")).ok


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"host": "mail.example", "security": "none"}, "is allowed to this machine only"),
        ({"to": ("a@b\r\nBcc: c@d",)}, "is not an email address"),
        ({"rules": Rules(kinds=("reviews_overdue",))}, "is not a condition for the admin"),
        ({"rules": Rules(quiet="7-22")}, "are not quiet hours"),
        ({"username": "x"}, "needs a password"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_sentence(
    stage: Stage, changed: dict[str, object], words: str
) -> None:
    with pytest.raises(HoldshelfError, match=words):
        stage.service.act(AlertSet(way("new", 25, **changed), new=True))


def test_a_sender_that_was_killed_is_followed_by_another(stage: Stage) -> None:
    kill_sender(stage.service)
    assert stage.service.act(AlertTest("desk")).ok
    assert steps_of(stage.service)["alerts by desk"].outcome == "ok"


def test_the_doctor_says_so_where_one_sender_after_another_ends(stage: Stage) -> None:
    for _ in range(ENDS):
        kill_sender(stage.service)
    step = steps_of(stage.service)["alerts by desk"]
    assert step.outcome == "failed" and "The process that sends alerts ends again and again" in step.sentence, step
    assert stage.service.act(AlertTest("desk")).ok, "there is another one all the same"


def kill_sender(service: Service) -> None:
    """And wait for another one."""
    killed = sender_pid(service)
    os.kill(killed, signal.SIGKILL)
    wait_for("another one", lambda: sender_pid(service) not in (0, killed), 60, 0.2)


def test_a_password_whose_key_is_gone_is_asked_for_by_a_repair(stage: Stage) -> None:
    service = stage.service
    service.stop()
    (service.data / "state" / "keys" / "register.key").unlink()
    service.start()
    repair = wait_for("the repair", lambda: service.repairs().get("alert_way:desk"))
    assert "Its password is no longer known" in repair.sentence
    told = service.act(AlertTest("desk"))
    assert not told.ok and "Its password is no longer known" in told.sentence
    service.act(AlertSet(way("desk", stage.mail.port, username=LOGIN[0], secret=LOGIN[1])))
    assert service.act(AlertTest("desk")).ok
    wait_for("the repair's end", lambda: "alert_way:desk" not in service.repairs())


def test_the_sender_reads_neither_register_nor_log_nor_footage_and_reaches_no_unix_socket(tmp_path: Path) -> None:
    """By its own confinement, in a process of the same kind."""
    secret = tmp_path / "register.json"
    secret.write_text("{}")
    folder = tmp_path / "alerts"
    folder.mkdir()
    script = f"""
import socket
from pathlib import Path
from holdshelf_core.alerts.sender import MORE_MEMORY_BYTES, OPEN_FILES
from holdshelf_core.processes.online import readable
from holdshelf_core.processes.confinement import confine_sender
done = confine_sender(readable(), Path({str(folder)!r}), more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
assert done.seccomp
def fails(what):
    try:
        what()
    except OSError:
        return True
    return False
if done.landlock_abi:
    assert fails(lambda: Path({str(secret)!r}).read_text())
    assert fails(lambda: Path({str(tmp_path / "new")!r}).write_text("x"))
assert fails(lambda: socket.socket(socket.AF_UNIX))
(Path({str(folder)!r}) / "way.json").write_text("x")
socket.getaddrinfo("localhost", 25)
import sched, smtplib  # late imports work
print("confined")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "confined\n", ran.stderr
