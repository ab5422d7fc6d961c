"""Metrics as text by Prometheus's conventions, with nothing but the report; a file, and a page that holds up under what comes."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import stat
from pathlib import Path
from typing import cast

import pytest

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.alerts.allowed import METRICS_PREFIX, CameraState, Condition, NotAllowed, Report
from holdshelf_core.alerts.metrics import MOST_CONNECTIONS, SUFFIX, Metrics, write_file
from holdshelf_core.alerts.prometheus import exposition, metrics_of
from holdshelf_core.alerts.reporter import Reporter
from holdshelf_core.frame import Frame
from holdshelf_core.operations.views import StatusReader
from holdshelf_core.paths import DataPaths
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, free_port, wait_for
from tests.tui.cli.test_driver import run

NS = 10**9
REPORT = Report(
    at_utc_ns=1_790_000_000 * NS + 5,
    started_utc_ns=1_780_000_000 * NS,
    version="0.1",
    disk_writable=True,
    disk_size_bytes=10**12,
    disk_free_bytes=5 * 10**11,
    budget_bytes=9 * 10**11,
    used_bytes=8 * 10**11,
    reserved_bytes=10**9,
    days_kept=30.5,
    oldest_utc_ns=1_780_000_000 * NS,
    days_forecast=None,
    floor_days=21.0,
    log_size=512,
    log_head="512:aaaa",
    cameras=(
        CameraState("lobby", 'Front "x" \\ \n\x1b[2J y', True, True, "recorded", 30.5, 17 * 10**17, 250_000.5, 99.98),
        CameraState("desk", "Desk", False, False, "camera_unreachable", 0.0, None, 0.0),
    ),
    conditions=(
        Condition("camera_silent", "error", "desk", 17 * 10**17),
        Condition("reviews_overdue", "warning", "", 17 * 10**17, 3),
    ),
)
_SAMPLE = re.compile(
    r'(holdshelf_[a-z_]+)(?:\{[a-z]+="(?:[^"\\\n]|\\\\|\\")*"(?:,[a-z]+="(?:[^"\\\n]|\\\\|\\")*")*\})? (\S+)'
)


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_line_is_of_the_format_with_its_help_and_its_type(openmetrics: bool) -> None:
    text = exposition(REPORT, openmetrics=openmetrics)
    assert text.endswith("# EOF\n") is openmetrics
    assert ("# UNIT holdshelf_disk_free_bytes bytes\n" in text) is openmetrics
    told: set[str] = set()
    for line in text.removesuffix("# EOF\n").splitlines():
        assert line.isprintable()
        if line.startswith("# "):
            _, word, name, rest = line.split(" ", 3)
            assert word in ("HELP", "TYPE", "UNIT") and name.startswith(METRICS_PREFIX) and rest
            told.add(f"{word} {name}")
            continue
        sample = _SAMPLE.fullmatch(line)
        assert sample, line
        float(sample[2])
        assert {f"HELP {sample[1]}", f"TYPE {sample[1]}"} <= told
    for line in (
        'holdshelf_camera_recording{camera="lobby"} 1',
        'holdshelf_camera_recording{camera="desk"} 0',
        'holdshelf_camera_info{camera="lobby",name="Front \\"x\\" \\\\   [2J y"} 1',
        'holdshelf_camera_unrecorded_info{camera="desk",reason="camera_unreachable"} 1',
        'holdshelf_camera_yesterday_coverage_ratio{camera="lobby"} 0.9998',
        'holdshelf_conditions{kind="camera_silent",severity="error",audience="admin",camera="desk"} 1',
        'holdshelf_conditions{kind="reviews_overdue",severity="warning",audience="seats"} 3',
        "holdshelf_oldest_footage_timestamp_seconds 1780000000",
        "holdshelf_kept_seconds 2635200",
    ):
        assert f"\n{line}\n" in text, line
    assert "forecast" not in text, "what is not known has no sample"
    assert "512:aaaa" not in text, "a head would be a new series with each entry"


def test_units_and_names_are_those_of_the_conventions() -> None:
    names = [metric.name for metric in metrics_of(REPORT)]
    assert len(set(names)) == len(names)
    for name in names:
        assert not re.search(r"days|hours|minutes|percent|_ms|mega|kilo|total$", name), name


def test_a_file_takes_the_place_of_the_last_one_whole_and_follows_no_link(tmp_path: Path) -> None:
    file, precious = tmp_path / f"holdshelf{SUFFIX}", tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / f".{file.name}.tmp").symlink_to(precious)
    write_file(file, "one\n")
    write_file(file, "two\n")
    assert (file.read_text(), precious.read_text()) == ("two\n", "keep")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert sorted(path.name for path in tmp_path.iterdir()) == [file.name, "precious"]


async def test_a_folder_that_is_gone_is_told_once_and_again_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "holdshelf_core.alerts")
    frame, file = Frame(DataPaths(tmp_path)), tmp_path / "gone" / "holdshelf.prom"
    metrics = Metrics(frame, cast(Reporter, None), file, 0)

    async def take() -> None:
        metrics._take(REPORT)
        await asyncio.gather(*frame._tasks)

    await take()
    await take()
    assert [(step.outcome, "No such file" in step.sentence) for step in metrics.steps()] == [("warning", True)]
    file.parent.mkdir()
    await take()
    assert [step.outcome for step in metrics.steps()] == ["ok"]
    assert file.read_text() == exposition(REPORT)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_a_listener_that_fails_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    reporter, heard = Reporter(cast(Authorizer, None), cast(StatusReader, None), dict), list[Report]()

    def fails(_report: Report) -> None:
        raise NotAllowed("a name")

    for listener in (fails, heard.append):
        reporter.async_listen(listener)
    reporter._tell(REPORT)
    assert heard == [REPORT]
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def asked(port: int, request: str) -> str:
    """The whole answer to these bytes; '' where the connection was cut."""
    try:
        with socket.create_connection(("127.0.0.1", port), 20) as link:
            link.settimeout(HANG_S)
            link.sendall(request.replace("PORT", str(port)).encode())
            return b"".join(iter(lambda: link.recv(65_536), b"")).decode()
    except ConnectionError:
        return ""


def test_file_and_page_tell_what_the_service_knows_and_hostile_requests_are_bounded(tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "textfile"
    folder.mkdir()
    file = folder / "holdshelf.prom"
    environment = {"HOLDSHELF_METRICS_FILE": str(file), "HOLDSHELF_METRICS_PORT": str(port)}
    close = "Connection: close\r\n\r\n"
    with RtspServer([Mount("a")]) as rig, Service(tmp_path / "data", environment=environment) as service:
        camera = service.add(rig.url("a"), "Front")
        line = f'holdshelf_camera_info{{camera="{camera}",name="Front"}} 1\n'
        wait_for("the camera in the file", lambda: file.exists() and line in file.read_text())
        page = asked(
            port, f"GET /metrics HTTP/1.1\r\nHost: localhost:PORT\r\nAccept: application/openmetrics-text\r\n{close}"
        )
        assert page.startswith("HTTP/1.1 200 OK") and line in page and page.endswith("# EOF\n")
        assert "application/openmetrics-text; version=1.0.0" in page
        printed = run("metrics", "--data", service.data)
        assert line in printed.out and "# EOF" not in printed.out
        service.await_recording(camera)
        recorded = f'holdshelf_camera_recording{{camera="{camera}"}} 1\n'
        wait_for("it is told to be recorded", lambda: recorded in run("metrics", "--data", service.data).out)
        for request, code in (
            (f"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n{close}", "403"),
            (f"GET /status HTTP/1.1\r\nHost: localhost:PORT\r\n{close}", "404"),
            (f"POST /metrics HTTP/1.1\r\nHost: localhost:PORT\r\nContent-Length: 0\r\n{close}", "405"),
            (f"GET /{'a' * 9000} HTTP/1.1\r\nHost: localhost:PORT\r\n{close}", "400"),
            ("\x16\x03\x01\r\n\r\n", "400"),
        ):
            answer = asked(port, request)
            assert code in answer.split("\r\n")[0] or not answer, request[:60]
        held = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(2 * MOST_CONNECTIONS)]
        assert line in asked(port, f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n{close}"), "others hold all lines"
        for link in held:
            link.close()
        assert service.camera(camera).state == "recording"


def test_a_file_that_nobody_would_read_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for name in ("metrics.txt", "holdshelf.prom"):
        assert "ends with .prom" in run("serve", "--metrics-file", name, "--data", tmp_path / "data").refusal()
