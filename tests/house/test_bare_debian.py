"""From a bare Debian 13, with the very lines that README.md and docs/operate.md print.

Long (each makes a Debian and installs everything into it), so these are run by `make soak`.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.bare_debian import BareDebian

ROOT = Path(__file__).parents[2]

# Runs in the booted system's network until its standard input closes; prints the address to ask.
VIRTUAL_CAMERA = """
import sys
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCameras
with VirtualCameras([CameraSpec("Front door", 1)], password=sys.argv[1], username="holdshelf") as cameras:
    print(cameras[0].probe_address, flush=True)
    sys.stdin.read()
"""
pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 and "CI" not in os.environ, reason="makes a root and mounts: needs root"),
    pytest.mark.skipif(shutil.which("debootstrap") is None and "CI" not in os.environ, reason="needs debootstrap"),
]


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[BareDebian]:
    with BareDebian(tmp_path / "debian") as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 3 GB, as a block device."""
    image = tmp_path / "disk.img"
    with image.open("wb") as file:
        file.truncate(3 << 30)
    device = subprocess.run(
        ["losetup", "--find", "--show", image], capture_output=True, text=True, check=True
    ).stdout.strip()
    yield Path(device)
    subprocess.run(["losetup", "--detach", device], check=True)


def apt_line(document: str) -> str:
    """The first `apt install` line that a document prints, to be run without questions."""
    found = re.search(r"^\s*(?:sudo )?apt install ([a-z0-9.+ -]+?)\s*(?:#.*)?$", document, re.MULTILINE)
    assert found, "no apt install line"
    return f"apt-get update && apt-get install -y --no-install-recommends {found[1]}"


def shell_blocks(document: str) -> dict[str, str]:
    """The ```sh blocks of a document, each under the heading before it."""
    blocks = {}
    heading = ""
    for match in re.finditer(
        r"^#+ (?P<heading>[^\n]+)$|^```sh\n(?P<block>.*?)^```$", document, re.MULTILINE | re.DOTALL
    ):
        if match["heading"]:
            heading = match["heading"]
        else:
            blocks[heading] = match["block"]
    return blocks


def succeed(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_readmes_lines_lead_to_the_demo_without_root_or_network(debian: BareDebian) -> None:
    succeed(debian.run(apt_line((ROOT / "README.md").read_text())))
    debian.copy_in(ROOT, "/srv/holdshelf")
    succeed(debian.run("useradd --create-home visitor && chown -R visitor: /srv/holdshelf"))
    succeed(debian.run("cd /srv/holdshelf && make setup", user="visitor"))
    demo = "cd /srv/holdshelf && make demo ARGS='--seconds 25 --data /tmp/demo --json'"
    said = succeed(debian.run(demo, user="visitor", network=False))
    cameras = json.loads(said)["cameras"]
    assert cameras
    for camera in cameras:
        assert camera["recorded_seconds"] > 5, camera
        assert camera["audio_tracks"] == 0, camera
        assert camera["bytes"] > 0, camera


def test_the_guide_leads_from_bare_debian_to_recording(debian: BareDebian, disk: Path) -> None:
    guide = (ROOT / "docs" / "operate.md").read_text()
    steps = shell_blocks(guide)
    packages, program, user, footage_disk, set_up, service = (
        next(block for heading, block in steps.items() if heading.startswith(f"{number}. ")) for number in range(1, 7)
    )

    def as_here(block: str) -> str:
        """With this disk's name in place of DISK, and of its label, which no udev here would know."""
        return block.replace("/dev/DISK", str(disk)).replace("LABEL=holdshelf-media", str(disk))

    # What a minimal root lacks and every installed Debian has.
    succeed(debian.run("apt-get update && apt-get install -y --no-install-recommends systemd-sysv dbus iproute2 udev"))
    succeed(debian.run(packages.replace("apt install", "apt-get install -y --no-install-recommends")))
    debian.copy_in(ROOT, "/usr/local/src/holdshelf")
    succeed(debian.run(program))

    debian.boot(disk)
    for step in (user, footage_disk, set_up, service):
        succeed(debian.booted_run(as_here(step)))
    log = debian.booted_run("journalctl -u holdshelf --no-pager").stdout
    assert debian.booted_run("systemctl is-active holdshelf").stdout.strip() == "active", log

    status = json.loads(succeed(debian.booted_run("holdshelf status --json")))
    assert status["disk"]["problem"] == "", log
    assert status["disk"]["size_bytes"] < 3 << 30, "the footage is not on its own disk"

    with virtual_camera(debian):
        well(debian)
        steps_of_doctor = json.loads(succeed(debian.booted_run("holdshelf doctor --json")))["steps"]
        assert "skipped" not in {step["outcome"] for step in steps_of_doctor}, "the unit shuts out what doctor asks"
        the_service_is_killed_and_comes_back(debian)
        the_disk_goes_and_comes_back(debian, disk)

        succeed(debian.booted_run(steps["Back up"]))
        today = succeed(debian.booted_run("date +%F")).strip()
        succeed(debian.booted_run(steps["Restore"].replace("DATE", today)))
        well(debian)
        succeed(debian.booted_run(as_here(steps["The old disk is dead"])))
        well(debian)

    succeed(debian.booted_run("systemctl stop holdshelf"))
    shown = succeed(debian.booted_run("systemctl show holdshelf -p Result -p ExecMainStatus"))
    assert "Result=success" in shown
    assert "ExecMainStatus=0" in shown
    log = debian.booted_run("journalctl -u holdshelf --no-pager").stdout
    assert "Traceback" not in log, log


@contextlib.contextmanager
def virtual_camera(debian: BareDebian) -> Iterator[None]:
    """A virtual camera on the booted system's own loopback, found and added as the guide says."""
    password = "a-long-password"
    camera = subprocess.Popen(
        [*debian.in_its_network(), sys.executable, "-c", VIRTUAL_CAMERA, password],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert camera.stdin is not None and camera.stdout is not None
        address = camera.stdout.readline().strip()
        (found,) = json.loads(succeed(debian.booted_run(f"holdshelf camera discover --at {address} --json")))
        add = f"holdshelf camera add {found['id']} --name 'Front door' --area entrance --user holdshelf --password-env CAMERA"
        succeed(debian.booted_run(add, environment={"CAMERA": password}))
        stored = debian.booted_run(f"grep -r {password} /var/lib/holdshelf/state; journalctl | grep {password}")
        assert stored.stdout == "", "the password lies about in the clear"
        yield
    finally:
        camera.communicate(timeout=20)


def well(debian: BareDebian) -> None:
    """Waits until footage comes in, and sees that whatever there is verifies."""
    before = recorded_s(debian)
    deadline = time.monotonic() + 60
    while recorded_s(debian) < before + 3:
        assert time.monotonic() < deadline, succeed(debian.booted_run("holdshelf status"))
        time.sleep(0.5)
    succeed(debian.booted_run("holdshelf footage verify"))


def recorded_s(debian: BareDebian) -> float:
    cameras = json.loads(succeed(debian.booted_run("holdshelf status --json")))["cameras"]
    return sum(float(camera["recorded_s"]) for camera in cameras)


def the_service_is_killed_and_comes_back(debian: BareDebian) -> None:
    """systemd starts it again, and the monitoring's one line ends with 3 only in between."""
    before = succeed(debian.booted_run("systemctl show holdshelf -P MainPID"))
    succeed(debian.booted_run("systemctl kill --signal=KILL --kill-whom=main holdshelf"))
    deadline = time.monotonic() + 20
    while True:
        checked = debian.booted_run("holdshelf status --check")
        if checked.returncode != 3 and succeed(debian.booted_run("systemctl show holdshelf -P MainPID")) != before:
            break
        assert time.monotonic() < deadline, checked.stdout
        time.sleep(0.2)
    well(debian)


def the_disk_goes_and_comes_back(debian: BareDebian, disk: Path) -> None:
    """The service, shut in as it is, sees its disk go and come, and is never restarted for it."""
    before = succeed(debian.booted_run("systemctl show holdshelf -p MainPID"))
    succeed(debian.booted_run("umount -l /var/lib/holdshelf/media"))
    wait_for_problem(debian, there=True)
    succeed(debian.booted_run(f"mount {disk} /var/lib/holdshelf/media"))
    wait_for_problem(debian, there=False)
    assert succeed(debian.booted_run("systemctl show holdshelf -p MainPID")) == before


def wait_for_problem(debian: BareDebian, *, there: bool) -> None:
    deadline = time.monotonic() + 30
    while True:
        status = json.loads(succeed(debian.booted_run("holdshelf status --json")))
        if bool(status["disk"]["problem"]) is there:
            return
        assert time.monotonic() < deadline, status["disk"]
        time.sleep(0.5)
