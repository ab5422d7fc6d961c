"""What becomes of a camera's goodbye and of a lossy line on disk: dialed again soon, and what is missing stands in a gap."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_core.integration.reasons import FRAMES_LOST, STREAM_ENDED
from holdshelf_core.recorder.worker import protocol as wire
from holdshelf_core.times import NS
from tests.core.recorder.worker.test_rtsp_recorded import _encoded, _played, _units
from tests.rig.camera_thread import CameraThread, shown_pictures
from tests.rig.hang import HANG_S
from tests.rig.scripted_rtsp import RtpSender, ScriptedRtsp, sdp
from tests.rig.udp_rtsp import UdpRtsp, lossy, report

FPS = 60


def _interleaved(compound: bytes, channel: int = 1) -> bytes:
    return b"$" + bytes((channel,)) + len(compound).to_bytes(2) + compound


@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_a_camera_that_says_goodbye_is_dialed_again_with_a_gap(tmp_path: Path, transport: str) -> None:
    sender = RtpSender()
    footage: list[bytes | float] = []
    for unit in _units("h264_small", 30):
        footage += [b"".join(sender.picture(unit.nals)), 0.02]
        sender.next(1800)
    others, own = (_interleaved(report(ssrc, 1e9, bye=True)) for ssrc in (99, sender.ssrc))
    kind = UdpRtsp if transport == "udp" else ScriptedRtsp
    media = footage if transport == "udp" else [*footage[:20], others, *footage[20:], own]
    with kind(media=media, stay=True) as server, CameraThread(server.url, tmp_path, transport=transport) as recording:
        assert server.done.wait(HANG_S)
        if transport == "udp":
            assert isinstance(server, UdpRtsp)
            server.say(report(sender.ssrc, 1e9, bye=True))
        recording.wait_for("it is dialed again", lambda: len(server.asked("PLAY")) > 1)
    (lost,) = recording.heard(wire.Lost)[:1]
    assert (lost.reason, "BYE" in lost.detail) == (STREAM_ENDED, True)
    assert len(recording.pictures()[0]) == 30
    closed = recording.heard(wire.Closed)[0]
    assert lost.at_boot_ns == pytest.approx(closed.start_boot_ns + closed.duration_ns, abs=NS), "there the gap begins"


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_what_a_lossy_line_takes_is_missing_between_recordings_and_nothing_on_disk_is_torn(
    tmp_path: Path, codec: str
) -> None:
    params = "bframes=2:b-adapt=0:b-pyramid=none:keyint=15:min-keyint=15:scenecut=0"
    if codec == "hevc":
        params = "bframes=3:b-adapt=0:b-pyramid=1:keyint=15:min-keyint=15:scenecut=0:open-gop=0:log-level=error"
    units = _encoded(tmp_path, codec, FPS, 90, params)
    with (
        UdpRtsp(
            media=_played(units, FPS, hevc=codec == "hevc"),
            line=lossy(5, 0.02, late=0.05),
            description=sdp(codec="H265" if codec == "hevc" else "H264"),
            stay=True,
        ) as server,
        CameraThread(server.url, tmp_path / "recorded", transport="udp") as recording,
    ):
        assert server.done.wait(HANG_S)
        recording.wait_idle()
    sent = [unit.nals for unit in units]
    at = 0
    spans: list[tuple[int, int]] = []
    for path, pictures in zip(recording.files(), recording.pictures(), strict=True):
        first = sent.index(pictures[0], at)
        assert first % 15 == 0, "each begins with a key frame"
        assert pictures == sent[first : first + len(pictures)], "nothing is torn, and nothing is missing within"
        at = first + len(pictures)
        spans.append((first, at))
        assert len(shown_pictures(path)) == len(pictures), "a decoder can make all of them"
        shown = [unit.shown for unit in units[first:at]]
        assert sorted(shown) == list(range(shown[0], shown[0] + len(shown))), "nor in the order of showing"
    assert sum(end - start for start, end in spans) < len(sent)
    started, closed = recording.heard(wire.Started), recording.heard(wire.Closed)
    for (_, before), (after, _), one, closing, opening in zip(
        spans, spans[1:], closed, closed, started[1:], strict=False
    ):
        assert opening.why == FRAMES_LOST
        gap_s = (opening.start_boot_ns - one.start_boot_ns - closing.duration_ns) / NS
        assert gap_s == pytest.approx((after - before) / FPS, abs=0.5 / FPS), (
            "the time between them is as long as what is missing"
        )
    assert len(spans) > 1
