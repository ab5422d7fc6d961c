"""RTSP by UDP over a line of the kernel's that drops packets, at length: a real server, the whole service, its journal."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.core.recorder.worker.test_whep_lines import filter_input
from tests.recorded import assert_holes_stand_in_gaps
from tests.rig.hashes import recorded_hashes
from tests.rig.media import media
from tests.rig.netns import NetNamespace
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service

# With B-frames, too: a picture that is lost may be shown before others that came.
MEDIA = ("h264_720p", "h265_360p", "h264_b_closed", "h264_b_open", "h265_b_closed", "h265_b_open")


@pytest.mark.soak  # a minute for each line
@pytest.mark.parametrize("percent", [1, 3, 5])
def test_a_line_that_drops_packets_costs_no_picture_unseen(tmp_path: Path, percent: int) -> None:
    with NetNamespace() as net, RtspServer([Mount(name, media=name) for name in MEDIA], prefix=net.prefix) as server:
        service = Service(tmp_path / "data")
        with net.entered():
            service.start()
        try:
            cameras = {name: service.add(server.url(name), name, transport="udp") for name in MEDIA}
            service.await_recording(*cameras.values())
            filter_input(net, f"udp dport 20000-21999 numgen random mod 100 < {percent} drop")
            time.sleep(45)
            for name, camera in cameras.items():
                service.remove(camera)
                files, sent, fps = service.files(camera), server.sent(name), media(name).fps
                holes = assert_holes_stand_in_gaps(files, sent, service.segments(camera), service.gaps(camera), fps)
                kept = sum(len(recorded_hashes(path)) for path in files)
                print(f"{percent} %, {name}: {holes} holes, {kept} of {len(sent)} access units kept")
                assert holes > 3
        finally:
            service.close()
