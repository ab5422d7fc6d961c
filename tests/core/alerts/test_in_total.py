"""As many ways as there may be, whose targets hang: what sends takes no more memory than its bound, and recording goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdshelf_core.alerts.actions import MOST_WAYS
from holdshelf_core.alerts.types import AlertSet, AnyWay, AppriseWay, HeartbeatWay, MailWay, MqttWay, ReadAlerts
from tests.core.alerts.test_by_apprise import ROLE
from tests.core.alerts.test_sending import sender_pid
from tests.rig.front import HOST, Front, hang
from tests.rig.hashes import is_run_of, recorded_hashes
from tests.rig.processes import members, pss_bytes
from tests.rig.rtsp import Mount, RtspServer
from tests.rig.web import Page, WebServer
from tests.service import Service, faults_in, wait_for

SENDER_BYTES, DELIVERY_BYTES = 25_000_000, 30_000_000
"""They take 23.4 and 25.2 MB, and without what bounds them 27 MB and as many deliveries at once as there are ways by Apprise."""
APPRISE = 7
SILENT = "Holdshelf: Door is not being recorded"


def test_sixteen_ways_that_hang_are_delivered_by_two_small_processes_and_the_one_that_works_is_told(
    tmp_path: Path,
) -> None:
    with ExitStack() as stack:
        web = stack.enter_context(WebServer({"/topic": Page(b"ok")}))
        rtsp = stack.enter_context(RtspServer([Mount("door"), Mount("hall")]))
        service = stack.enter_context(Service(tmp_path / "data"))
        door, hall = (service.add(rtsp.url(name), name.title()) for name in ("door", "hall"))
        service.await_recording(door, hall)
        front = stack.enter_context(Front(hang))
        for way in ways(front.port, web.url("/topic").replace("http:", "json:")):
            service.act(AlertSet(way, new=True))
        with looked_at(service) as most:
            rtsp.stall("door")
            wait_for("it is told by the way that works", lambda: len(web.bodies) == 1, 180, 0.5)
            wait_for("the others fail", lambda: failing(service) == MOST_WAYS - 1, 180, 0.5)
            wait_for("a delivery is under way", lambda: most.delivery)
        assert most.at_once == 1, "processes that deliver by Apprise"
        assert most.sender < SENDER_BYTES and most.delivery < DELIVERY_BYTES, most
        service.stop()
        recorded = recorded_hashes(service.files(hall))
        assert len(recorded) > 100 and is_run_of(recorded, rtsp.sent_hashes("hall")), "no frame is lost for it"
        assert faults_in(service.log()) == []


def ways(port: int, works: str) -> list[AnyWay]:
    """One by Apprise that works, and others of all kinds that hang."""
    made: list[AnyWay] = [AppriseWay("works", secret=works)]
    made += [AppriseWay(f"topic-{number}", secret=f"json://{HOST}:{port}/{number}") for number in range(APPRISE)]
    made.append(HeartbeatWay("pulse", secret=f"http://{HOST}:{port}/ping"))
    made += [MqttWay(f"broker-{kind}", HOST, kind, port=port, security=kind) for kind in ("tls", "none")]
    for number in range(MOST_WAYS - len(made)):
        security = ("none", "tls", "starttls")[number % 3]
        made.append(MailWay(f"desk-{number}", HOST, ("it@library.example",), "a@library.example", port, security))
    return made


def failing(service: Service) -> int:
    return sum(row.health.ok is False for row in service.client.read(ReadAlerts()))


class Most:
    """The most that was seen: bytes (PSS) of the sender and of a delivery, deliveries at once."""

    sender = delivery = at_once = 0

    def __repr__(self) -> str:
        return f"{self.sender=} {self.delivery=} {self.at_once=}"


@contextmanager
def looked_at(service: Service) -> Iterator[Most]:
    """The processes that send, all the time."""
    most, over = Most(), threading.Event()

    def look() -> None:
        while not over.is_set():
            deliveries = members(service.pid, ROLE)
            most.at_once = max(most.at_once, len(deliveries))
            most.sender = max(most.sender, pss_bytes(sender_pid(service)))
            most.delivery = max(most.delivery, *map(pss_bytes, deliveries), 0)
            over.wait(0.1)

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield most
    finally:
        over.set()
        watching.join()
