"""What `holdshelf setup` does to the machine, as root and by Debian's own tools: the disk, the networks, the service.

Each step is checked before the first one is taken, and a step that was taken already is left alone, so that a setup that was
interrupted goes on where it was. Nothing here is a part of the service.
"""

from __future__ import annotations

import ipaddress
import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from holdshelf_core.api.ownership import has_unit
from holdshelf_core.errors import BadRequest, Conflict, HoldshelfError
from holdshelf_core.paths import DataPaths

ACCOUNT = "holdshelf"
LABEL = "holdshelf-media"
FILE_SYSTEMS = ("ext4", "xfs", "btrfs")
MOUNT_OPTIONS = "noatime,nodev,nosuid,noexec,nofail,x-systemd.device-timeout=10s"
FSTAB = Path("/etc/fstab")
NETWORKS_FILE = Path("/etc/systemd/system/holdshelf.service.d/networks.conf")
SMALLEST_BYTES = 2 << 30
TOOL_TIMEOUT_S = 600
"""mkfs of a large disk on a slow bus."""


class Disk(msgspec.Struct, frozen=True):
    """A disk, partition or the like that nothing uses. Sizes in bytes; ``holds``: its file system, ''; none known."""

    path: str
    size_bytes: int
    model: str = ""
    holds: str = ""
    label: str = ""
    parts: int = 0

    @property
    def is_ours(self) -> bool:
        """Whether it was made for footage already."""
        return self.label == LABEL and self.holds in FILE_SYSTEMS


class _Row(msgspec.Struct):
    """What lsblk says of one device."""

    path: str
    size: int
    type: str
    ro: bool = False
    fstype: str | None = None
    label: str | None = None
    model: str | None = None
    mountpoints: list[str | None] = []
    children: list[_Row] = []


class _Rows(msgspec.Struct):
    blockdevices: list[_Row]


def check_machine() -> None:
    """Whether setup can be done here. Raises Conflict."""
    if os.geteuid() != 0:
        raise Conflict("Setting up this machine requires root.", "Run it as root: `sudo holdshelf setup`.")
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        raise Conflict(
            f"There is no account {ACCOUNT} on this machine.",
            "Install the Debian package, or do step 3 of docs/operate.md.",
        ) from None
    if not has_unit():
        raise Conflict(
            "The service is not installed on this machine.", "Install the Debian package, or take the guide's step 6."
        )


def media_of(data: Path) -> Path:
    """Where the footage lies."""
    return DataPaths(data).media


def free_disks() -> list[Disk]:
    """Disks and partitions of 2 GB and more that are not mounted, swapped to, or a part of something."""
    return [disk for disk, uses in _disks() if not uses and disk.size_bytes >= SMALLEST_BYTES]


def disk_at(path: str) -> Disk:
    """The disk of that name. Raises BadRequest when there is none, it is in use, or it is too small."""
    found = {disk.path: (disk, uses) for disk, uses in _disks()}
    real = str(Path(path).resolve())
    if real not in found:
        raise BadRequest(f"{path} is not a disk of this machine.", "`lsblk` lists them.")
    disk, uses = found[real]
    if uses:
        raise BadRequest(f"{path} is in use: {uses}.", "Choose another disk; `lsblk` shows which are used.")
    if disk.size_bytes < SMALLEST_BYTES:
        raise BadRequest(f"{path} holds {disk.size_bytes >> 20} MiB, which is too small for footage.")
    return disk


def use_disk(disk: Disk, media: Path) -> str:
    """Have ``disk`` mounted at ``media``, now and at each start; returns what was done. Erases it unless it is ours already.

    Raises HoldshelfError.
    """
    _check_fstab(media)
    if not disk.is_ours:
        run("wipefs", "--all", "--quiet", disk.path)
        run("mkfs.ext4", "-q", "-F", "-m", "0", "-L", LABEL, disk.path)
    uuid = run("blkid", "-p", "-o", "value", "-s", "UUID", disk.path).strip()
    kind = run("blkid", "-p", "-o", "value", "-s", "TYPE", disk.path).strip()
    media.mkdir(mode=0o700, exist_ok=True)
    _add_to_fstab(f"UUID={uuid} {media} {kind} {MOUNT_OPTIONS} 0 2")
    run("systemctl", "daemon-reload")
    run("mount", str(media))
    owner = pwd.getpwnam(ACCOUNT)
    os.chown(media, owner.pw_uid, owner.pw_gid)
    media.chmod(0o700)
    done = "is used as it is" if disk.is_ours else "was erased and made ready"
    return f"{disk.path} {done}, and is mounted at {media} now and at each start."


def networks_in(texts: Sequence[str]) -> list[str]:
    """Networks as systemd takes them. Raises BadRequest for what is none."""
    found = []
    for text in texts:
        try:
            found.append(str(ipaddress.ip_network(text.strip())))
        except ValueError as error:
            raise BadRequest(
                f"{text[:60]!r} is not a network: {error}.", "Write it as 10.20.0.0/24, or fd00:20::/64."
            ) from None
    return found


def limit_networks(networks: Sequence[str]) -> str:
    """Let the service talk to these networks alone, from its next start on; returns what was done."""
    NETWORKS_FILE.parent.mkdir(parents=True, exist_ok=True)
    allowed = " ".join(["localhost", "multicast", *networks])
    _replace(NETWORKS_FILE, f"# By `holdshelf setup`.\n[Service]\nIPAddressDeny=any\nIPAddressAllow={allowed}\n")
    run("systemctl", "daemon-reload")
    return f"The service talks to {', '.join(networks)} and to nothing else ({NETWORKS_FILE})."


def start(*, anew: bool) -> str:
    """Start the service, now and with the machine; returns what was done. ``anew``: its settings changed."""
    run("systemctl", "enable", "--quiet", "holdshelf")
    run("systemctl", "restart" if anew else "start", "holdshelf")
    return "The service runs, and starts with the machine."


def as_account(words: Sequence[str]) -> list[str]:
    """The command line that does these words as the service's account."""
    return ["runuser", "-u", ACCOUNT, "--", *words]


def run(*words: str) -> str:
    """What a program of this machine prints. Raises HoldshelfError with the last line of what it complained of."""
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise HoldshelfError(f"{words[0]} is not installed on this machine.") from None
    except subprocess.TimeoutExpired:
        raise HoldshelfError(f"{words[0]} did not finish within {TOOL_TIMEOUT_S // 60} minutes.") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
        why = lines[-1] if lines else f"exit code {done.returncode}"
        raise HoldshelfError(f"`{' '.join(words)}` failed: {why.rstrip('.')}.")
    return done.stdout


def _disks() -> Iterator[tuple[Disk, str]]:
    """Every block device that could hold a file system, and what uses it ('' nothing)."""
    columns = "PATH,SIZE,TYPE,RO,FSTYPE,LABEL,MODEL,MOUNTPOINTS"
    rows = msgspec.json.decode(run("lsblk", "--json", "--bytes", "--output", columns), type=_Rows, strict=False)
    for row in rows.blockdevices:
        yield from _with_parts(row)


def _with_parts(row: _Row) -> Iterator[tuple[Disk, str]]:
    if row.type != "rom":
        if not row.fstype and not row.children:
            row.fstype, row.label = _probed(row.path)
        disk = Disk(row.path, row.size, (row.model or "").strip(), row.fstype or "", row.label or "", len(row.children))
        yield disk, "it is read-only" if row.ro else _use_of(row)
    for part in row.children:
        yield from _with_parts(part)


def _probed(path: str) -> tuple[str, str]:
    """File system and label as they lie on the device, for a machine whose udev has told lsblk nothing; '' unknown."""
    words = ("blkid", "-p", "-o", "export", path)
    done = subprocess.run(words, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S, check=False)
    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return found.get("TYPE", ""), found.get("LABEL", "")


def _use_of(row: _Row) -> str:
    """What uses a device, or any part of it; '' nothing."""
    mounts = [place for place in row.mountpoints if place]
    if mounts:
        return "it is mounted at " + mounts[0] if mounts[0] != "[SWAP]" else "it is this machine's swap"
    if row.fstype and (row.fstype.endswith("_member") or row.fstype in ("swap", "crypto_LUKS")):
        return f"it holds {row.fstype}"
    for part in row.children:
        uses = _use_of(part)
        if uses:
            return f"{part.path}, {uses.removeprefix('it ')}" if uses.startswith("it ") else uses
    return ""


def _fstab_lines(mount: Path) -> list[str]:
    """The lines of fstab for that folder."""
    lines = FSTAB.read_text(encoding="utf-8").splitlines() if FSTAB.exists() else []
    fields = [(line, line.split()) for line in lines if not line.lstrip().startswith("#")]
    return [line for line, words in fields if len(words) > 1 and words[1] == str(mount)]


def _check_fstab(mount: Path) -> None:
    """Raises Conflict when something else is meant to be mounted there."""
    lines = _fstab_lines(mount)
    if lines:
        raise Conflict(
            f"{FSTAB} already has a disk for {mount}: {lines[0].split()[0]}.",
            f"Mount it with `mount {mount}` and leave --disk out, or take its line out first.",
        )


def _add_to_fstab(line: str) -> None:
    text = FSTAB.read_text(encoding="utf-8") if FSTAB.exists() else ""
    _replace(FSTAB, text + ("" if not text or text.endswith("\n") else "\n") + line + "\n")


def _replace(path: Path, text: str) -> None:
    """Replace a file of /etc in one step: after a power cut it is the old or the new one, whole. Readable for all."""
    with tempfile.NamedTemporaryFile(
        "w", dir=path.parent, prefix=f".{path.name}.", delete=False, encoding="utf-8"
    ) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
        os.fchmod(new.fileno(), 0o644)
    Path(new.name).replace(path)
