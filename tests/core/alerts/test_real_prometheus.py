"""What contrib/prometheus has, tried: promtool's checks, and each query of rules and dashboard in a Prometheus that scrapes us.

Soak: Debian's packages are taken (80 MB), as they are, without installing them: a Prometheus that is installed opens its port to
the network.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, free_port, wait_for
from tests.tui.cli.test_driver import run

pytestmark = pytest.mark.soak
ROOT = Path(__file__).parents[3]
CONTRIB = ROOT / "contrib" / "prometheus"
PACKAGES = ("prometheus", "prometheus-node-exporter", "promtool")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prometheus")
    subprocess.run(["apt-get", "download", *PACKAGES], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    return folder / "usr" / "bin"


def test_rules_and_their_tests_are_accepted(programs: Path) -> None:
    for words in (["check", "rules", "holdshelf-rules.yml"], ["test", "rules", "holdshelf-rules-test.yml"]):
        done = subprocess.run([programs / "promtool", *words], cwd=CONTRIB, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


class Peer:
    """A Prometheus that scrapes the page, and node_exporter, which reads the file."""

    def __init__(self, programs: Path, folder: Path, page: int, textfile: Path) -> None:
        self.port, node = free_port(), free_port()
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            f"rule_files: [{CONTRIB}/holdshelf-rules.yml]\n"
            "scrape_configs:\n"
            f"  - {{job_name: holdshelf, static_configs: [{{targets: ['localhost:{page}']}}]}}\n"
            f"  - {{job_name: node, static_configs: [{{targets: ['127.0.0.1:{node}']}}]}}\n"
        )
        log = (folder / "log").open("w")
        commands = (
            [
                *(programs / "prometheus-node-exporter", "--collector.disable-defaults", "--collector.textfile"),
                *(f"--collector.textfile.directory={textfile}", f"--web.listen-address=127.0.0.1:{node}"),
            ],
            [
                *(programs / "prometheus", f"--config.file={folder}/prometheus.yml"),
                *(f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{self.port}"),
            ],
        )
        self._running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]

    def close(self) -> None:
        for one in self._running:
            one.terminate()
            one.wait(HANG_S)

    def ask(self, path: str, **query: str) -> Any:
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=HANG_S) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        try:
            found: list[Any] = self.ask("query", query=expression)["result"]
        except urllib.error.URLError:
            return []
        return found


@pytest.fixture(scope="module")
def rig() -> Iterator[RtspServer]:
    with RtspServer([Mount("a")]) as running:
        yield running


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, rig: RtspServer) -> Iterator[Service]:
    folder, port = tmp_path_factory.mktemp("recorder"), free_port()
    (folder / "textfile").mkdir()
    environment = {
        "HOLDSHELF_METRICS_FILE": str(folder / "textfile" / "holdshelf.prom"),
        "HOLDSHELF_METRICS_PORT": str(port),
    }
    with Service(folder / "data", environment=environment) as running:
        running.await_recording(running.add(rig.url("a"), "Front entrance"))
        yield running


@pytest.fixture(scope="module")
def peer(programs: Path, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    page = int(service.environment["HOLDSHELF_METRICS_PORT"])
    textfile = Path(service.environment["HOLDSHELF_METRICS_FILE"]).parent
    made = Peer(programs, tmp_path_factory.mktemp("peer"), page, textfile)
    try:
        wait_for(
            "both ways are scraped", lambda: len(made.query("holdshelf_camera_recording == 1")) == 2, 60, every=0.5
        )
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("openmetrics", [False, True])
def test_promtool_finds_nothing_to_say(programs: Path, service: Service, openmetrics: bool) -> None:
    text = run("metrics", *(["--openmetrics"] if openmetrics else []), "--data", service.data).out
    done = subprocess.run(
        [programs / "promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_read_as_openmetrics_with_units(peer: Peer) -> None:
    told = peer.ask("metadata", metric="holdshelf_disk_free_bytes")["holdshelf_disk_free_bytes"]
    assert "bytes" in {row["unit"] for row in told}
    assert {target["health"] for target in peer.ask("targets")["activeTargets"]} == {"up"}


def test_every_query_of_the_dashboard_is_answered(peer: Peer) -> None:
    dashboard = json.loads((CONTRIB / "holdshelf-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [row["expr"] for row in dashboard["annotations"]["list"]]
    unknown = re.compile("forecast|floor|coverage|changes|condition_since")
    assert len(queries) > 15
    for query in queries:
        answer = peer.ask("query", query=query.replace("$instance", ".*"))["result"]
        assert answer or unknown.search(query), query


def test_a_camera_that_is_unplugged_is_told_within_thirty_seconds_and_that_it_is_back(
    peer: Peer, rig: RtspServer
) -> None:
    rig.stop()
    wait_for("both say so", lambda: len(peer.query("holdshelf_camera_recording == 0")) == 2)
    wait_for("its condition", lambda: len(peer.query('holdshelf_conditions{kind="camera_silent"}')) == 2)
    pending = 'ALERTS{alertname="HoldshelfCameraNotRecorded"}'
    (alert, *_) = wait_for("the alert", lambda: peer.query(pending) or None)
    assert alert["metric"]["name"] == "Front entrance"
    rig.start()
    wait_for("it is back", lambda: len(peer.query("holdshelf_camera_recording == 1")) == 2)
    wait_for("the alert is over", lambda: not peer.query(pending))
