"""How soon it is noticed, told and mended when a camera says goodbye, falls silent or renames its stream; and how soon forty of
them are recorded."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from bench.parts.promised import Promise, promised, promises, timed
from bench.parts.rows import Row
from holdshelf_core.alerts.types import AlertSet, MailWay
from holdshelf_core.cameras.types import CameraCheck
from holdshelf_core.recorder.worker.nal import split_annexb
from tests.rig.camera_thread import CameraThread
from tests.rig.hang import HANG_S
from tests.rig.mail import HOST, MailServer
from tests.rig.media import media
from tests.rig.netns import NetNamespace
from tests.rig.onvif_device import OnvifDevice, Profile, running
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp
from tests.rig.udp_rtsp import UdpRtsp, report
from tests.rig.whep import WhepMount, WhepPeer
from tests.service import Service, free_port, wait_for
from tests.tui.cli.test_driver import run

REDIAL_BAR_S, HEALED_BAR_S = 2.0, 5.0
SILENT_BAR_S, MAIL_BAR_S, UNPLUGGED_BAR_S, WHEP_BAR_S = 14.0, 30.0, 30.0, 15.0
FORTY_BAR_S = 60.0
WHEP_ADDRESS = "10.77.0.1"
USER, PASSWORD = "viewer", "correct, horse 1"
PICTURES = 30
SILENT = "an RTSP camera falls silent: an alarm (`status`)"
MAILED = "  mail about it has come"


def redial_rows(folder: Path, turns: int) -> list[Row]:
    """A camera that says goodbye (RTCP BYE): until it is asked to play again."""
    return [
        promised(
            f"a camera says goodbye (BYE, {transport.upper()}): it is dialed again",
            REDIAL_BAR_S,
            lambda row, transport=transport: [
                row.ours.append(_redial_s(folder / f"{transport}{turn}", transport)) for turn in range(turns)
            ],
        )
        for transport in ("tcp", "udp")
    ]


def _redial_s(folder: Path, transport: str) -> float:
    medium, sender = media("h264_small"), RtpSender()
    data = medium.data.read_bytes()
    footage: list[bytes | float] = []
    for unit in medium.units[:PICTURES]:
        footage += [b"".join(sender.picture(split_annexb(data[unit.offset : unit.offset + unit.size]))), 0.02]
        sender.next(1800)
    goodbye = report(sender.ssrc, 1e9, bye=True)
    if transport == "tcp":  # on the channel of the reports, between the pictures
        footage.append(b"$\x01" + len(goodbye).to_bytes(2) + goodbye)
    kind = UdpRtsp if transport == "udp" else ScriptedRtsp
    with kind(media=footage, stay=True) as server, CameraThread(server.url, folder, transport=transport) as recording:
        if not server.done.wait(HANG_S):
            raise AssertionError("the pictures were not sent")
        if isinstance(server, UdpRtsp):
            server.say(goodbye)
        said_s = time.monotonic()
        recording.wait_for("it is dialed again", lambda: len(server.asked("PLAY")) > 1)
        return time.monotonic() - said_s


def healed_rows(folder: Path, turns: int) -> list[Row]:
    """A stream that the device has renamed, from when the device tells its new address; one whose password has changed, from when
    a person gives the new one: each until it is recorded again."""

    def renamed(row: Promise) -> None:
        port = free_port()
        with Service(folder / "renamed") as service, running(OnvifDevice()) as device:
            with RtspServer([Mount("old")], port=port) as cameras:
                device.profiles = [Profile("main", uri=cameras.url("old"))]
                porch = service.add(device.address, "Porch", username="admin", password=device.password)
                service.await_recording(porch)
            for turn in range(turns):
                name = f"new{turn}"
                with RtspServer([Mount(name)], port=port) as cameras:
                    wait_for("it is not found", lambda: service.camera(porch).reason == "stream not found")
                    with timed(row.ours):
                        device.profiles = [Profile("main", uri=cameras.url(name))]
                        wait_for("it is recorded again", lambda: service.camera(porch).state == "recording")

    def another_password(row: Promise) -> None:
        port = free_port()
        with Service(folder / "password") as service:
            with RtspServer([Mount("gate", auth="digest", password=PASSWORD)], port=port) as cameras:
                gate = service.add(cameras.url("gate"), "Gate", username=USER, password=PASSWORD)
                service.await_recording(gate)
            for turn in range(turns):
                password = f"number-{turn}"
                with RtspServer([Mount("gate", auth="digest", password=password)], port=port):
                    wait_for("the stream refuses it", lambda: service.camera(gate).asks == "reauth")
                    with timed(row.ours):
                        service.client.act(CameraCheck(gate, password=password), timeout_s=HANG_S)
                        wait_for("it is recorded again", lambda: service.camera(gate).state == "recording")

    return [
        promised("a stream is renamed: recorded again once the device tells it", HEALED_BAR_S, renamed),
        promised("a password is changed: recorded again once the new one is given", HEALED_BAR_S, another_password),
    ]


def silence_rows(folder: Path, turns: int) -> list[Row]:
    """Of a camera by RTSP: that stops sending, and that is unplugged; of a peer by WHEP."""
    with (
        RtspServer([Mount("door"), Mount("hall")]) as cameras,
        MailServer() as mail,
        Service(folder / "rtsp") as service,
    ):
        names = {name: service.add(cameras.url(name), name.title()) for name in cameras.mounts}
        way = MailWay("desk", HOST, ("it@library.example",), "recorder@library.example", mail.port, "none")
        service.act(AlertSet(way, new=True))
        service.await_recording(*names.values())

        def falls_silent(made: dict[str, Promise]) -> None:
            """Once: what comes and goes is told more slowly, on purpose."""
            began_s = time.monotonic()
            cameras.stall("door")
            wait_for("an alarm", lambda: _is_alarmed(service, names["door"]))
            made[SILENT].ours.append(time.monotonic() - began_s)
            mail.await_mail("Door is not being recorded", 2 * HANG_S)
            made[MAILED].ours.append(time.monotonic() - began_s)
            cameras.resume("door")
            service.await_recording(*names.values())

        def is_unplugged(row: Promise) -> None:
            for _ in range(turns):
                wait_for("nothing is wrong", lambda: not _is_critical(service), every=0.5)
                with timed(row.ours):
                    cameras.stop()
                    wait_for("it is critical", lambda: _is_critical(service), every=0.2)
                cameras.start()
                service.await_recording(*names.values())

        rows = promises({SILENT: SILENT_BAR_S, MAILED: MAIL_BAR_S}, falls_silent)
        rows.append(promised("cameras are unplugged: `status --check` ends with 2", UNPLUGGED_BAR_S, is_unplugged))
    rows.append(
        promised(
            "a WHEP peer falls silent: an alarm (`status`)", WHEP_BAR_S, lambda row: _whep(folder / "whep", row, turns)
        )
    )
    return rows


def _is_alarmed(service: Service, camera: str) -> bool:
    return f"camera_silent:{camera}" in service.repairs()


def _is_critical(service: Service) -> bool:
    return run("status", "--check", "--data", service.data).code == 2


def _whep(data: Path, row: Promise, turns: int) -> None:
    """In a network of its own: ICE does not connect on loopback alone."""
    with (
        NetNamespace(addresses=[f"{WHEP_ADDRESS}/24"]) as net,
        WhepPeer([WhepMount("plain")], address=WHEP_ADDRESS, prefix=net.prefix) as peer,
    ):
        service = Service(data)
        with net.entered():
            service.start()
        try:
            camera = service.add(peer.url("plain"), "plain")
            for _ in range(turns):
                service.await_recording(camera)
                with timed(row.ours):
                    peer.stall("plain")
                    wait_for("an alarm", lambda: _is_alarmed(service, camera))
                peer.resume("plain")
                wait_for("the alarm's end", lambda: not _is_alarmed(service, camera))
        finally:
            service.close()


def many_rows(folder: Path, turns: int, count: int) -> list[Row]:
    """A file of cameras, of which each fourth is an ONVIF device, imported; then the service is started anew."""
    imported, started = f"{count} cameras imported from a file and recorded", f"{count} cameras recorded after a start"

    def measure(made: dict[str, Promise]) -> None:
        with _addresses(count) as addresses, Service(folder / "many") as service:
            lines = [f"Camera {number},{address},seating" for number, address in enumerate(addresses)]
            file, secrets = folder / "cameras.csv", folder / "cameras.secret"
            _private(file, "name,address,area", *lines)
            _private(secrets, "camera,user,password", f'*,{USER},"{PASSWORD}"')

            def all_recorded() -> bool:
                rows = service.client.status().cameras
                return len(rows) == count and all(row.state == "recording" for row in rows)

            with timed(made[imported].ours):
                done = run(
                    "camera", "import", file, "--secrets", secrets, "--data", service.data, timeout_s=10 * HANG_S
                )
                if done.code:
                    raise AssertionError(done.out + done.err)
                wait_for("all are recorded", all_recorded, 5 * HANG_S)
            for _ in range(turns):
                service.stop()
                with timed(made[started].ours):
                    service.start()
                    wait_for("all are recorded", all_recorded, 5 * HANG_S)

    return promises({imported: FORTY_BAR_S, started: FORTY_BAR_S}, measure)


def _private(path: Path, *lines: str) -> None:
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)


@contextlib.contextmanager
def _addresses(count: int) -> Iterator[list[str]]:
    """Of so many cameras that ask for a password."""
    mounts = [Mount(f"in{number}", auth="digest", username=USER, password=PASSWORD) for number in range(count)]
    with contextlib.ExitStack() as stack:
        streams = stack.enter_context(RtspServer(mounts))
        urls = [streams.url(mount.name) for mount in mounts]
        found = []
        for number, url in enumerate(urls):
            if number % 4:
                found.append(url)
                continue
            profiles = [Profile("main", uri=url)]
            device = OnvifDevice(username=USER, password=PASSWORD, profiles=profiles, serial_number=f"SN-{number}")
            found.append(stack.enter_context(running(device)).address)
        yield found
