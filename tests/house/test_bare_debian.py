"""From a bare Debian 13, with the very lines that README.md and docs/operate.md print.

Long (each makes a Debian and installs everything into it), so these are run by `make soak`.
"""

import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.house.bare_debian import MARKS, BareDebian, a_disk, succeed, virtual_camera, well
from tests.rig.hang import HANG_S
from tests.rig.processes import tree
from tests.rig.rtsp import self_signed
from tests.service import faults_in, wait_for

ROOT = Path(__file__).parents[2]
ALERTS, METRICS = ((ROOT / "docs" / f"{name}.md").read_text() for name in ("alerts", "metrics"))

# The town's mail server, in the booted system's network: prints the subject of each mail that it was given.
RELAY = """
import sys
from pathlib import Path
from tests.rig.mail import MailServer
server = MailServer(pem=Path(sys.argv[1]), login=("recorder", sys.argv[2]))
server.port = 587
with server:
    print("ready", flush=True)
    known = 0
    while True:
        with server._came:
            server._came.wait_for(lambda: len(server.mails) > known)
        for subject in server.subjects()[known:]:
            print(subject, flush=True)
            known += 1
"""
# Runs commands at a terminal of their own, and types the password when one is asked for.
AT_A_TERMINAL = """
import os, pty, sys
pid, terminal = pty.fork()
if not pid:
    os.execvp("sh", ["sh", "-e", "-c", sys.argv[1]])
said, typed = b"", False
while True:
    try:
        said += os.read(terminal, 4096)
    except OSError:
        break
    if b": " in said and not typed:  # behind its prompt: what is typed before that is thrown away
        typed = bool(os.write(terminal, sys.argv[2].encode() + b"\\n"))
print(said.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"""
pytestmark = MARKS


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[BareDebian]:
    with BareDebian(tmp_path / "debian") as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with a_disk(tmp_path / "disk.img") as device:
        yield device


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
    for page in (ALERTS, METRICS):  # a booted system has no network to bring packages from
        succeed(debian.run(apt_line(page)))
    debian.copy_in(ROOT, "/usr/local/src/holdshelf")
    succeed(debian.run(program))
    apprise = shell_blocks(ALERTS)["Apprise"]
    succeed(
        debian.run(
            apprise.replace("systemctl restart holdshelf", "/opt/holdshelf/current/bin/python -c 'import apprise'")
        )
    )

    debian.boot(disk)
    for step in (user, footage_disk, set_up, service):
        succeed(debian.booted_run(as_here(step)))
    log = debian.booted_run("journalctl -u holdshelf --no-pager").stdout
    assert debian.booted_run("systemctl is-active holdshelf").stdout.strip() == "active", log

    status = json.loads(succeed(debian.booted_run("holdshelf status --json")))
    assert status["disk"]["problem"] == "", log
    assert status["disk"]["size_bytes"] < 3 << 30, "the footage is not on its own disk"

    with virtual_camera(debian) as camera:
        well(debian)
        steps_of_doctor = json.loads(succeed(debian.booted_run("holdshelf doctor --json")))["steps"]
        assert "skipped" not in {step["outcome"] for step in steps_of_doctor}, "the unit shuts out what doctor asks"
        the_service_is_killed_and_comes_back(debian)
        the_disk_goes_and_comes_back(debian, disk)
        the_journal_has_priorities(debian)
        a_backup_is_taken_where_the_guide_says(debian, steps["Made by itself"])
        a_stuck_service_is_restarted(debian)
        the_metrics_are_given_as_the_guide_says(debian)
        it_calls_as_the_guide_says(
            debian, camera
        )  # before the restore, which a seat has to accept: until then all is not well

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
    assert faults_in(log) == []


def the_service_is_killed_and_comes_back(debian: BareDebian) -> None:
    """systemd starts it again, and the monitoring's one line ends with 3 only in between."""
    before = succeed(debian.booted_run("systemctl show holdshelf -P MainPID"))
    succeed(debian.booted_run("systemctl kill --signal=KILL --kill-whom=main holdshelf"))
    deadline = time.monotonic() + HANG_S
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


def the_journal_has_priorities(debian: BareDebian) -> None:
    """A camera that was not recorded is a warning, and that it is again is told, too."""
    lines = succeed(debian.booted_run("journalctl -u holdshelf -p warning -o cat --no-pager")).splitlines()
    losses = [line for line in lines if "camera_log" in line]
    assert losses and all(" (" in line for line in losses), lines
    assert not [line for line in lines if " INFO " in line or line.startswith("<")]
    told = "journalctl -u holdshelf -p info..info -o cat --no-pager"
    wait_for("its end is told", lambda: "recorded again after" in succeed(debian.booted_run(told)), 120, 0.5)


def a_backup_is_taken_where_the_guide_says(debian: BareDebian, block: str) -> None:
    """By the service, shut in as it is but for one folder."""
    succeed(debian.booted_run(block))
    row = json.loads(succeed(debian.booted_run("holdshelf backup status --json")))
    (kept,) = row["kept"]
    owner = succeed(debian.booted_run(f"stat -c '%U %a' /mnt/backup/holdshelf/{kept['name']}"))
    assert owner.strip() == "holdshelf 600"


def a_stuck_service_is_restarted(debian: BareDebian) -> None:
    """Whoever does not say that it lives, systemd's watchdog ends: here after 10 s in place of 60."""
    unit = "/run/systemd/system/holdshelf.service.d"
    succeed(debian.booted_run(f"mkdir -p {unit} && printf '[Service]\\nWatchdogSec=10s\\n' > {unit}/test.conf"))
    succeed(debian.booted_run("systemctl daemon-reload && systemctl restart holdshelf"))
    well(debian)  # it lives longer than that
    before = succeed(debian.booted_run("systemctl show holdshelf -P MainPID"))
    pid = json.loads(succeed(debian.booted_run("holdshelf status --json")))["pid"]
    assert pid != int(before), "the supervisor is not what is stuck"
    succeed(debian.booted_run(f"kill -STOP {pid}"))
    deadline = time.monotonic() + 90
    while succeed(debian.booted_run("systemctl show holdshelf -P MainPID")).strip() in (before.strip(), "0"):
        assert time.monotonic() < deadline, succeed(debian.booted_run("systemctl status holdshelf; true"))
        time.sleep(0.5)
    assert "Watchdog timeout" in succeed(debian.booted_run("journalctl -u holdshelf --no-pager"))
    while debian.booted_run("holdshelf status").returncode:
        assert time.monotonic() < deadline + HANG_S
        time.sleep(0.5)
    well(debian)
    succeed(debian.booted_run(f"rm -r {unit} && systemctl daemon-reload && systemctl restart holdshelf"))
    well(debian)


def the_metrics_are_given_as_the_guide_says(debian: BareDebian) -> None:
    """The settings of docs/metrics.md let the service, shut in as it is, write its file and open its page."""
    (settings,) = re.findall(r"^```ini\n(.*?)^```$", METRICS, re.MULTILINE | re.DOTALL)
    file = re.findall(r"HOLDSHELF_METRICS_FILE=(\S+)", settings)[0]
    unit = "/etc/systemd/system/holdshelf.service.d"
    succeed(debian.booted_run(f"install -d -o holdshelf {Path(file).parent} && mkdir -p {unit}"))
    settings += "Environment=HOLDSHELF_METRICS_PORT=9842\n"
    succeed(debian.booted_run(f"cat > {unit}/override.conf <<'EOF'\n{settings}EOF"))
    succeed(debian.booted_run("systemctl daemon-reload && systemctl restart holdshelf"))
    deadline = time.monotonic() + 60
    while "holdshelf_camera_recording{" not in debian.booted_run(f"cat {file}").stdout:
        assert time.monotonic() < deadline, debian.booted_run("journalctl -u holdshelf -p warning --no-pager").stdout
        time.sleep(0.5)
    assert succeed(debian.booted_run(f"stat -c '%a %U' {file}")).split() == ["644", "holdshelf"]
    ask = "import urllib.request as u; print(u.urlopen('http://localhost:9842/metrics').read().decode())"
    assert "holdshelf_camera_recording{" in succeed(debian.booted_run(f'python3 -c "{ask}"'))
    well(debian)  # the service was started again, and a doctor that finds a camera not recorded yet ends with an error
    steps = json.loads(succeed(debian.booted_run("holdshelf doctor --json")))["steps"]
    assert [step["outcome"] for step in steps if step["name"] == "metrics"] == ["ok", "ok"]


def it_calls_as_the_guide_says(debian: BareDebian, camera: subprocess.Popen[str]) -> None:
    """Mail by the town's server and by this machine's own, and cron's, as a camera falls silent and comes back."""
    alerts, password = shell_blocks(ALERTS), "p@ss w/o%rd"
    pem = debian.root / "town.pem"
    pem.write_bytes(self_signed("smtp.town.example"))
    debian.write(
        "/usr/local/share/ca-certificates/town.crt", pem.read_text()[: pem.read_text().index("-----BEGIN PRIV")]
    )
    succeed(debian.booted_run("echo '127.0.0.1 smtp.town.example' >> /etc/hosts; update-ca-certificates"))
    succeed(debian.booted_run("systemctl restart holdshelf"))
    well(debian)
    with town_relay(debian, pem, password) as subjects:
        words = " ".join(
            shlex.quote(word) for word in ("python3", "-c", AT_A_TERMINAL, alerts["Mail and Apprise"], password)
        )
        assert "was delivered to it@town.example" in succeed(debian.booted_run(words))
        own = without_packages(alerts["By this machine's own mail server"])
        assert "was delivered to root@localhost" in succeed(debian.booted_run(own))
        cron = without_packages(shell_blocks(METRICS)["Mail from cron"])
        succeed(debian.booted_run(cron.replace("*/15 *", "* *").replace("you@town.example", "root@localhost")))
        for pid in all_of(camera.pid):
            os.kill(pid, signal.SIGSTOP)
        try:
            silent = "Holdshelf: Front door is not being recorded"
            wait_for("mail by the town's server", lambda: silent in subjects(), 240, 0.5)
            wait_for("mail by its own server", lambda: silent in mailbox(debian), 240, 0.5)
            wait_for("mail from cron", lambda: "Holdshelf: CRITICAL" in mailbox(debian), 240, 0.5)
        finally:
            for pid in all_of(camera.pid):
                os.kill(pid, signal.SIGCONT)
        over = "Holdshelf: Over: Front door is not being recorded"
        wait_for("the end by the town's server", lambda: over in subjects(), 240, 0.5)
        wait_for("the end by its own server", lambda: over in mailbox(debian), 240, 0.5)
        try:
            ends = {"Holdshelf: OK", "Holdshelf: WARNING"}
            wait_for("the end from cron", lambda: set(mailbox(debian)) & ends, 240, 0.5)
        except AssertionError as error:
            raise AssertionError(f"{error}: {debian.booted_run('holdshelf status --check').stdout}") from None
        asked = json.loads(succeed(debian.booted_run("holdshelf doctor --json")))["steps"]
        told = {step["name"]: step["outcome"] for step in asked if "alerts" in step["name"]}
        assert (told["alerts by office"], told["alerts by local"]) == ("ok", "ok"), told


@contextlib.contextmanager
def town_relay(debian: BareDebian, pem: Path, password: str) -> Iterator[Callable[[], list[str]]]:
    """smtp.town.example, with STARTTLS and a login. Gives what to ask for the subjects of its mail."""
    log = debian.root / "relay.log"
    with log.open("wb") as said:
        relay = subprocess.Popen(
            [*debian.in_its_network(), sys.executable, "-c", RELAY, pem, password], stdout=said, cwd=ROOT
        )
    try:
        wait_for("the relay", lambda: log.read_text().startswith("ready"))
        yield lambda: log.read_text().splitlines()[1:]
    finally:
        relay.kill()
        relay.wait()


def all_of(pid: int) -> list[int]:
    """A process and all below it."""
    return [one.pid for one in tree(pid)]


def mailbox(debian: BareDebian) -> list[str]:
    """The subjects of what this machine's own mail server has delivered here."""
    lines = debian.booted_run("cat /var/mail/* 2>/dev/null").stdout.splitlines()
    return [line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: ")]


def without_packages(block: str) -> str:
    """The same, where the packages are there already."""
    kept = [line for line in block.splitlines(keepends=True) if not line.startswith("apt install ")]
    assert kept != block.splitlines(keepends=True)
    return "".join(kept)


def wait_for_problem(debian: BareDebian, *, there: bool) -> None:
    deadline = time.monotonic() + HANG_S
    while True:
        status = json.loads(succeed(debian.booted_run("holdshelf status --json")))
        if bool(status["disk"]["problem"]) is there:
            return
        assert time.monotonic() < deadline, status["disk"]
        time.sleep(0.5)
