"""Relay, broker and Apprise target, each hanging, refusing, answering ten megabytes, and with a certificate of another name."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from holdshelf_core.alerts.types import AlertSet, AlertTest, AnyWay, AppriseWay, MailWay, MqttWay, ReadAlerts
from holdshelf_core.operations.types import ReadDoctor
from tests.core.alerts.test_sending import sender_pid
from tests.rig.front import HOST, Does, Front, flood, hang, pass_to
from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.mail import MailServer, certificate
from tests.rig.mosquitto import PASSWORD, WRITER, Mosquitto
from tests.rig.processes import memory_bytes
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.web import Page, WebServer
from tests.service import Service, faults_in, wait_for

FAULTS = ("hangs", "refuses", "floods", "other")
SILENT = "Holdshelf: Door is not being recorded"
TOLD = {
    "mail-hangs": "does not answer within 20 s",
    "mail-refuses": "refuses the addresses (550 5.7.1)",
    "mail-floods": "does not answer as a mail server",
    "mail-other": "has a certificate that is not valid for it",
    "mqtt-hangs": "does not answer",
    "mqtt-refuses": "refuses the user name or password",
    "mqtt-floods": "sent what was not asked for",
    "mqtt-other": "shows a certificate that is not trusted: it is for another address",
    "apprise-hangs": "does not answer",
    "apprise-refuses": "does not take the message (403)",
    "apprise-floods": "does not take the message (500)",
    "apprise-other": "has no certificate that is valid for it",
}


def test_each_fault_of_each_kind_of_target_is_told_holds_nothing_up_and_once_it_is_over_the_message_is_sent(
    tmp_path: Path,
) -> None:
    pem, other = certificate(tmp_path), certificate(tmp_path, "127.0.0.2")
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(pem.read_bytes() + other.read_bytes())
    with ExitStack() as stack:
        enter = stack.enter_context
        mail, mail_tls = enter(MailServer()), enter(MailServer(pem=pem))
        broker = enter(Mosquitto(tmp_path / "broker", *FAULTS))
        refusing = enter(Mosquitto(tmp_path / "refusing", *FAULTS))
        refusing.give_password(WRITER, "another")
        pages = {f"/{fault}": Page(b"ok") for fault in FAULTS}
        web, web_tls = enter(WebServer(pages)), enter(WebServer(pages, pem=pem))
        forbids = enter(WebServer({"/refuses": Page(b"no", status=403)}))
        at_fault: dict[str, Does] = {
            "mail-refuses": pass_to(enter(MailServer(refused="*")).port),
            "mail-floods": flood(b"", b"220-" + b"x" * 996 + b"\n"),
            "mail-other": pass_to(enter(MailServer(pem=other)).port),
            "mqtt-refuses": pass_to(refusing.plain_port),
            "mqtt-floods": flood(b"\x20\x03\0\0\0\x30\xff\xff\xff\x7f", bytes(1 << 16)),
            "mqtt-other": pass_to(broker.wrong_port),
            "apprise-refuses": pass_to(forbids.port),
            "apprise-floods": flood(b"HTTP/1.1 500 No\r\n\r\n", b"x" * (1 << 16)),
            "apprise-other": pass_to(enter(WebServer(pages, pem=other)).port),
        }
        fronts = {name: enter(Front(at_fault.get(name, hang))) for name in TOLD}
        rtsp = enter(RtspServer([Mount("door"), Mount("hall")]))
        service = enter(Service(tmp_path / "data", environment={"SSL_CERT_FILE": str(trusted)}))
        door, hall = (service.add(rtsp.url(name), name.title()) for name in ("door", "hall"))
        service.await_recording(door, hall)
        authorities = broker.ca_pem + broker.other_ca_pem
        for name, front in fronts.items():
            service.act(AlertSet(way(name, front.port, authorities), new=True))
        rtsp.stall("door")
        failing = wait_for(
            "all fail", lambda: found if len(found := failures(service)) == len(TOLD) else None, 180, 0.5
        )
        for name, words in TOLD.items():
            assert words in failing[name] and ". " not in failing[name], failing[name]
        steps = {step.name: step for step in service.client.read(ReadDoctor()).steps}
        for name, words in TOLD.items():
            step = steps[f"alerts by {name}"]
            waits = "" if name.startswith("mqtt") else " A message waits."
            assert step.outcome == "failed" and words in step.sentence and step.sentence.endswith(waits), step
        assert memory_bytes(sender_pid(service), "VmHWM") < 40 << 20, "at its highest: none of the megabytes stay"
        for name, front in fronts.items():
            kind, _, fault = name.partition("-")
            plain, tls = {
                "mail": (mail.port, mail_tls.port),
                "mqtt": (broker.plain_port, broker.port),
                "apprise": (web.port, web_tls.port),
            }[kind]
            front.turn(pass_to(tls if fault == "other" else plain))
        with broker.listen() as listener:
            for name in TOLD:
                wait_for(f"{name} is whole", lambda name=name: service.act(AlertTest(name)).ok, every=1)
            for fault in FAULTS:
                listener.until(f"holdshelf/{fault}/camera/{door}/state", '"recording":false')
        wait_for("nothing fails", lambda: not failures(service), every=0.5)
        got = sorted(mail_of["to"] for mail_of in (*mail.mails, *mail_tls.mails) if mail_of["subject"] == SILENT)
        assert got == sorted(f"{fault}@library.example" for fault in FAULTS)
        bodies = [json.loads(body) for body in (*web.bodies, *web_tls.bodies)]
        assert [body["title"] for body in bodies].count(SILENT) == len(FAULTS)
        service.stop()
        recorded = recorded_hashes(service.files(hall))
        assert len(recorded) > 100 and is_run_of(recorded, rtsp.sent_hashes("hall")), "no frame is lost for it"
        assert faults_in(service.log()) == []


def way(name: str, port: int, authorities: str) -> AnyWay:
    kind, _, fault = name.partition("-")
    is_tls = fault == "other"
    if kind == "mail":
        security = "starttls" if is_tls else "none"
        return MailWay(name, HOST, (f"{fault}@library.example",), "recorder@library.example", port, security)
    if kind == "apprise":
        return AppriseWay(name, secret=f"{'jsons' if is_tls else 'json'}://{HOST}:{port}/{fault}")
    login = {"username": WRITER, "secret": PASSWORD}
    if is_tls:
        return MqttWay(name, HOST, fault, port=port, ca_pem=authorities, **login)  # type: ignore[arg-type]
    return MqttWay(name, HOST, fault, port=port, security="none", **login)  # type: ignore[arg-type]


def failures(service: Service) -> dict[str, str]:
    """Why each way fails that does."""
    rows = service.client.read(ReadAlerts())
    return {one.way.name: one.health.sentence for one in rows if one.health.ok is False}
