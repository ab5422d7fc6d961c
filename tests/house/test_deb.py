"""The Debian package, as somebody who looks after the machine has it: installed, set up, upgraded, gone back from, removed.

On a bare Debian 13 whose systemd runs. Long, so these are run by `make soak`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.bare_debian import MARKS, BareDebian, a_disk, succeed, virtual_camera, well

ROOT = Path(__file__).parents[2]
LATER = "+later1"
GAP_MOST_S = 5.0
"""What an upgrade may cost a camera (issue 18)."""
pytestmark = MARKS


@pytest.fixture
def debian(tmp_path: Path) -> Iterator[BareDebian]:
    with BareDebian(tmp_path / "debian") as made:
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with a_disk(tmp_path / "disk.img") as device:
        yield device


def package(folder: Path) -> Path:
    """Built from this checkout, and moved into that folder."""
    done = subprocess.run(["make", "-s", "deb"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = (ROOT / "dist").glob("holdshelf_*.deb")
    return Path(shutil.move(built, folder))


def later_than(package: Path, scratch: Path) -> Path:
    """The same package as a later version."""
    subprocess.run(["dpkg-deb", "--raw-extract", package, scratch], check=True)
    control = scratch / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*$", rf"\g<0>{LATER}", control.read_text(), flags=re.MULTILINE))
    later = package.with_name(package.name.replace("_amd64", f"{LATER}_amd64"))
    subprocess.run(["dpkg-deb", "-Zzstd", "-z1", "--root-owner-group", "--build", scratch, later], check=True)
    shutil.rmtree(scratch)
    return later


def gaps_s(debian: BareDebian) -> list[float]:
    """How long nothing was recorded, each time, of all cameras."""
    rows = json.loads(succeed(debian.booted_run("holdshelf footage gaps --json")))
    return [(row["end_utc_ns"] - row["start_utc_ns"]) / 1e9 for row in rows]


def version(debian: BareDebian) -> str:
    return succeed(debian.booted_run("dpkg-query -W -f '${Version}' holdshelf"))


def test_it_is_installed_set_up_upgraded_gone_back_from_and_removed(
    debian: BareDebian, disk: Path, tmp_path: Path
) -> None:
    inside = debian.root / "srv"
    now = package(inside)
    later = later_than(now, tmp_path / "later")
    succeed(
        debian.run(
            "apt-get update && apt-get install -y --no-install-recommends systemd-sysv dbus udev iproute2 man-db"
        )
    )
    said = succeed(debian.run(f"apt-get install -y --no-install-recommends /srv/{now.name}"))
    assert "Run: holdshelf setup" in said
    assert (debian.root / "usr/share/man/man1/holdshelf-camera.1.gz").exists()
    parts = json.loads((debian.root / "usr/share/doc/holdshelf/sbom.cdx.json").read_text())
    assert parts["metadata"]["component"]["name"] == "holdshelf"
    assert {"aiortc", "apprise", "boto3"} <= {part["name"] for part in parts["components"]}
    key = tmp_path / "dora"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    shutil.copy(f"{key}.pub", inside / "dora.pub")

    (
        debian.root / "usr/sbin/policy-rc.d"
    ).unlink()  # from here on it is a machine like any other: packages restart services
    debian.boot(disk)
    refused = debian.booted_run("holdshelf setup")
    assert refused.returncode == 1 and "Give --disk DEVICE, or --disk none." in refused.stderr
    refused = debian.booted_run(f"holdshelf setup --disk {disk}")
    assert refused.returncode == 1 and "Add --erase if it may be." in refused.stderr
    asked = "--network 10.20.0.0/24 --director dora --name 'Dora Reed' --key /srv/dora.pub"
    said = succeed(debian.booted_run(f"holdshelf setup --disk {disk} --erase {asked}"))
    assert "Dora Reed is the Library Director" in said, said
    status = json.loads(succeed(debian.booted_run("holdshelf status --json")))
    assert status["disk"]["size_bytes"] < 3 << 30, "the footage is not on its own disk"
    assert "10.20.0.0/24" in succeed(debian.booted_run("systemctl show holdshelf -p IPAddressAllow"))
    again = succeed(debian.booted_run("holdshelf setup"))
    assert "erased" not in again

    with virtual_camera(debian):
        well(debian)
        for one in (later, now):
            before = len(gaps_s(debian))
            succeed(debian.booted_run(f"dpkg -i /srv/{one.name}", timeout_s=300))
            assert version(debian) == one.name.split("_")[1]
            well(debian)
            new = gaps_s(debian)[before:]
            print(f"{one.name}: {new}")
            assert new and max(new) < 2 * GAP_MOST_S

    succeed(debian.booted_run("dpkg --purge holdshelf", timeout_s=300))
    assert debian.booted_run("systemctl is-active holdshelf").stdout.strip() != "active"
    assert not (debian.root / "usr/lib/holdshelf").exists()
    assert not (debian.root / "etc/systemd/system/holdshelf.service.d").exists()
    left = succeed(debian.booted_run("find /var/lib/holdshelf/media -name '*.mp4' | head -1"))
    assert left.strip(), "footage went with the package"
