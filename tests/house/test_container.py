"""The container says the same as the Debian package and the systemd unit, and a shell reads its first process."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from holdshelf_core.api.door_name import DEFAULT_DOOR_PORT
from tests.house.bare_debian import SUITE

ROOT = Path(__file__).parents[2]
CONTAINER = ROOT / "contrib" / "container"
FILE = (CONTAINER / "Containerfile").read_text()
ENTRY = (CONTAINER / "entrypoint").read_text()
QUADLET = (CONTAINER / "holdshelf.container").read_text()
UNIT = (ROOT / "docs" / "holdshelf.service").read_text()
SYSUSERS = (ROOT / "contrib" / "debian" / "holdshelf.sysusers").read_text()


def of_unit(setting: str) -> str:
    """What the unit says last of a setting."""
    return re.findall(rf"^{setting}=(.*)$", UNIT, re.MULTILINE)[-1]


def test_it_is_the_package_on_the_debian_that_it_is_built_for() -> None:
    assert re.search(rf"^FROM \S*/debian:{SUITE}-slim$", FILE, re.MULTILINE)
    assert "/package/holdshelf_*.deb" in FILE, "installed from what `make deb` leaves in dist"
    assert "source=dist," in FILE
    assert "pip" not in FILE


def test_its_accounts_are_those_of_the_package() -> None:
    for line in SYSUSERS.splitlines():
        _, name, _, *rest = line.split(" ")
        home, shell = rest[-2:]
        assert re.search(rf"useradd --uid \d+ --gid {name} --home-dir {home} .*--shell {shell} {name}\b", FILE), name


def test_it_starts_what_the_unit_starts_with_the_same_rights() -> None:
    command = of_unit("ExecStart").partition(" ")[2].replace("/var/lib/holdshelf", '"$data"')
    assert f'as_holdshelf $holdshelf {command} "$@"' in ENTRY
    capabilities = [word.removeprefix("CAP_").lower() for word in of_unit("AmbientCapabilities").split()]
    wanted = ",".join(["-all", *(f"+{one}" for one in capabilities)])
    for kind in ("--bounding-set", "--inh-caps", "--ambient-caps"):
        assert re.search(rf"{kind} {re.escape(wanted)}\s", ENTRY), kind
    assert "--no-new-privs" in ENTRY and of_unit("NoNewPrivileges") == "yes"
    assert f"umask {of_unit('UMask')[1:]}" in ENTRY
    added = re.findall(r"^AddCapability=(.*)$", QUADLET, re.MULTILINE)[0].split()
    assert {one.upper() for one in capabilities} | {"SETPCAP", "KILL"} == set(added)


def test_folders_port_and_ends_are_those_of_the_unit() -> None:
    runtime = f"/run/{of_unit('RuntimeDirectory')}"
    assert f"RUNTIME_DIRECTORY={runtime}" in FILE
    assert f"-m {of_unit('RuntimeDirectoryMode')} {runtime}" in FILE
    assert f'install -d -m {of_unit("RuntimeDirectoryMode")} "$RUNTIME_DIRECTORY"' in ENTRY and "Tmpfs=/run:" in QUADLET
    state = f"/var/lib/{of_unit('StateDirectory')}"
    assert f"-m {of_unit('StateDirectoryMode')} {state}" in FILE and f"VOLUME {state}" in FILE
    assert f"data={state}\n" in ENTRY and f":{state}\n" in QUADLET
    assert f"EXPOSE {DEFAULT_DOOR_PORT}/tcp" in FILE
    files = of_unit("LimitNOFILE")
    assert f"Ulimit=nofile={files}:{files}" in QUADLET
    assert f"StopTimeout={of_unit('TimeoutStopSec').removesuffix('s')}" in QUADLET


def test_a_shell_reads_its_first_process() -> None:
    entry = CONTAINER / "entrypoint"
    assert entry.stat().st_mode & 0o111
    subprocess.run(["sh", "-n", entry], check=True)
