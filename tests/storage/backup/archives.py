"""A STATE to back up, and backups as a forger would make them fit."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.register import Register

NOW = 1_795_000_000 * 10**9
AT = "2026-11-25T04:05:06.123456789Z"


def entry(action: str, month: str = "2026-11") -> dict[str, object]:
    return {"at": AT.replace("2026-11", month), "action": action, "outcome": "done", "person": "p1"}


def fill(state: Path, entries: int = 20) -> None:
    """A state with everything in it: register with a password, log over two months, ledger, policy."""
    register = Register.open(state)
    register.put("people", "p1", {"name": "Ada"})
    register.put("meta", "log", {"applied_seq": entries})
    register.put("entries", "front", {"password_sealed": register.encrypt("camera's own")})
    log = AccessLog.open(state)
    for number in range(entries):
        log.append(
            entry(f"test.{number}", "2026-11" if number < entries // 2 else "2026-12"), {"note": f"text {number}"}
        )
    log.close()
    (state / "ledger" / "2026-11.jsonl").write_bytes(b'{"kind":"done","id":"a"}\n{"kind":"torn')
    (state / "policy").mkdir(mode=0o700)
    (state / "policy" / f"{hashlib.sha256(b'the policy').hexdigest()}.txt").write_bytes(b"the policy")
    (state / "clock.json").write_text("{}")


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "reserve"
    }


def members(archive: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    with tarfile.open(archive) as tar:
        return [(info, file.read() if (file := tar.extractfile(info)) else b"") for info in tar]


def write_tar(path: Path, parts: list[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.USTAR_FORMAT) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for info, data in parts:
            tar.addfile(info, io.BytesIO(data))
    return path


def seal(manifest: object) -> bytes:
    """A manifest as a forger would make it fit."""
    raw = json.dumps(manifest).encode()
    return b'{"holdshelf_backup":1,"sha256":"%s","manifest":%s}' % (hashlib.sha256(raw).hexdigest().encode(), raw)


def rewrite(archive: Path, change: Callable[[str, bytes], bytes]) -> Path:
    """The archive with its files changed and a manifest that fits them."""
    parts = [(info, change(info.name, data)) for info, data in members(archive)]
    manifest = json.loads(parts[-1][1])["manifest"]
    manifest["files"] = [
        {"name": info.name.removeprefix("state/"), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for info, data in parts[1:-1]
    ]
    parts[-1] = (parts[-1][0], seal(manifest))
    for info, data in parts:
        info.size = len(data)
    return write_tar(archive.with_name("forged.tar"), parts)


def with_member(archive: Path, info: tarfile.TarInfo, data: bytes = b"", form: int = tarfile.USTAR_FORMAT) -> Path:
    """The archive with one member more, in its manifest too."""
    parts = members(archive)
    manifest = json.loads(parts[-1][1])["manifest"]
    manifest["files"].append(
        {"name": info.name.removeprefix("state/"), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    )
    raw = seal(manifest)
    parts[-1][0].size = len(raw)
    info.size = len(data)
    return write_tar(archive.with_name("hostile.tar"), [*parts[:-1], (info, data), (parts[-1][0], raw)], form)
