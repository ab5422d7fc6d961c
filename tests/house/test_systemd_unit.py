"""docs/holdshelf.service: systemd accepts it without a word, and it is shut as far as a recorder can be.

That the service *works* inside it is tried in test_bare_debian.py, under a systemd that really runs.
"""

import configparser
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "docs" / "holdshelf.service"
# systemd's own score times ten, 0 (shut) to 100. Measured: 23, of which 5 for the right to start the SSH door as another account.
EXPOSURE_MAX = 23


def settings() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return parser


def test_systemd_reads_the_unit_without_a_complaint(tmp_path: Path) -> None:
    program = settings()["Service"]["ExecStart"].split()[0]
    copy = tmp_path / UNIT.name
    # The program lies where docs/operate.md installs it; here, this Python stands in.
    copy.write_text(UNIT.read_text().replace(program, sys.executable))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", "--man=no", copy],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_unit_is_shut_as_far_as_a_recorder_can_be() -> None:
    said = subprocess.run(
        ["systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_MAX}", UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr


def test_the_unit_starts_what_the_guide_installs() -> None:
    guide = (ROOT / "docs" / "operate.md").read_text()
    service = settings()["Service"]
    program, *arguments = service["ExecStart"].split()
    assert arguments == ["serve", "--data", "/var/lib/holdshelf", "--door-user", "holdshelf-door"]
    assert "useradd --system --no-create-home --shell /usr/sbin/nologin holdshelf-door" in guide
    assert str(Path(program).parents[1]) in guide
    assert f"--home-dir /var/lib/{service['StateDirectory']}" in guide
    assert f"/var/lib/{service['StateDirectory']}/media" == settings()["Unit"]["WantsMountsFor"]
