"""Cameras that return together after a long time are one message, by a real service and a real mail server."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from holdshelf_core.alerts.types import AlertSet, MailWay, Rules
from tests.rig.front import HOST, Front, Hold, hang_up, pass_to
from tests.rig.hang import HANG_S
from tests.rig.mail import MailServer
from tests.rig.processes import patience
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

FIRST = 4
"""Cameras that the recorder happens to be connecting to when their power returns; the last has just been tried in vain."""
ONLY = Rules(kinds=("camera_silent",))
DIALS = 6
"""After so many in vain, a camera waits for the longest time."""
MANY = 40


def test_cameras_whose_power_was_away_for_long_return_in_one_message_within_thirty_seconds(tmp_path: Path) -> None:
    with ExitStack() as stack:
        mail = stack.enter_context(MailServer())
        rtsp = stack.enter_context(RtspServer([*(Mount(f"c{n}") for n in range(FIRST)), Mount("last")]))
        port = rtsp.port("last")
        first, last = (stack.enter_context(Front(pass_to(port))) for _ in range(2))
        service = stack.enter_context(Service(tmp_path / "data"))
        cameras = [
            service.add(rtsp.url(name).replace(f":{port}/", f":{(last if name == 'last' else first).port}/"), name)
            for name in rtsp.mounts
        ]
        service.await_recording(*cameras)
        desk = MailWay("desk", HOST, ("it@library.example",), "recorder@library.example", mail.port, "none", rules=ONLY)
        service.act(AlertSet(desk, new=True))
        hold = Hold()
        while last.calls.acquire(blocking=False):
            pass
        last.turn(hang_up)
        first.turn(hold)
        mail.await_mail(f"and {FIRST} more")
        dials = 0
        while dials < DIALS or hold.held == 0:
            assert last.calls.acquire(timeout=HANG_S)
            dials += 1
        hold.go(port)
        last.turn(pass_to(port))
        told_in_time = patience(30, service.pid)
        over = mail.await_mail("Over: ", HANG_S)
        assert not told_in_time.is_over()
        assert str(over["subject"]).endswith(f"is not being recorded, and {FIRST} more")
        assert len(mail.subjects()) == 2, mail.subjects()


@pytest.mark.soak
def test_forty_cameras_that_are_unplugged_at_once_are_one_mail_and_one_when_they_are_back(tmp_path: Path) -> None:
    with ExitStack() as stack:
        mail = stack.enter_context(MailServer())
        rtsp = stack.enter_context(RtspServer([Mount(f"c{n}", media="h264_100k") for n in range(MANY)]))
        service = stack.enter_context(Service(tmp_path / "data"))
        service.await_recording(*(service.add(rtsp.url(name), name) for name in rtsp.mounts))
        desk = MailWay("desk", HOST, ("it@library.example",), "recorder@library.example", mail.port, "none", rules=ONLY)
        service.act(AlertSet(desk, new=True))
        for back in (False, True):
            told_in_time = patience(30, service.pid)
            if back:
                rtsp.start()
            else:
                rtsp.stop()
            told = mail.await_mail("Over: " if back else "is not being recorded", HANG_S)
            assert not told_in_time.is_over()
            assert str(told["subject"]).endswith(f"is not being recorded, and {MANY - 1} more")
        wait_for("none is silent", lambda: not [one for one in service.repairs() if one.startswith("camera_silent")])
        assert len(mail.subjects()) == 2, mail.subjects()
