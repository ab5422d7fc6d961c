"""What proves a release: the library's key and its renewal, and whether a bundle that lies here is still as it was made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_releases as types
from holdshelf_core.caller import Caller
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.gate import Call
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.releases import has_bundle
from holdshelf_core.releasing.check import Report, check
from holdshelf_core.releasing.signing_keys import KeyRing
from holdshelf_core.releasing.sshsig import ReleaseKey
from holdshelf_core.releasing.writing import SUMS
from holdshelf_storage.bundles import folder_of

MAX_WHY = 400
_CHECKING = asyncio.Semaphore(1)
"""It reads all of a bundle: several at once would take the threads that everything else needs."""


def _rows(ring: KeyRing | None, seq: int = 0) -> types.ReleaseKeys:
    if ring is None:
        return types.ReleaseKeys([], "", seq)
    rows = [types.ReleaseKeyRow(row.fingerprint, row.since_utc_ns, row.until_utc_ns) for row in reversed(ring.rows)]
    return types.ReleaseKeys(rows, ring.allowed_signers(), seq)


async def async_release_keys(holdshelf: Any, _caller: Caller, _query: Mapping[str, str]) -> types.ReleaseKeys:
    """The view: the key that signs and those that did. They are no secret: each receipt names one."""
    return _rows(await asyncio.to_thread(KeyRing.load, holdshelf.paths.state / "keys"))


async def _renew(call: Call[types.ReleaseKeyRenew]) -> types.ReleaseKeys:
    why = call.request.why.strip()
    if not why or len(why) > MAX_WHY:
        raise BadRequest("A new key needs a reason, in a few words.", "Give --why 'the server was replaced'.")
    keys, now_utc_ns = call.holdshelf.paths.state / "keys", call.now.utc_ns
    ring = await asyncio.to_thread(KeyRing.load, keys)
    if ring is None:
        raise Conflict("No key signs releases yet: it is made with the first bundle.", "There is nothing to renew.")
    new = ReleaseKey.generate()
    facts = {"new": new.fingerprint, "old": ring.current.fingerprint, "keys": len(ring.rows) + 1}
    seq = await call.record(facts=facts, private={"why": why})
    await asyncio.to_thread(ring.renew, new, now_utc_ns)
    return _rows(ring, seq)


async def _verify(call: Call[types.ReleaseAsk]) -> Report:
    row = common.find_row(dict(call.state.releases), call.request.release, "release")
    if row.bundle is None or not has_bundle(row):
        raise Conflict(f"No bundle of {row.id} is here.", f"See `holdshelf release show {row.id}`.")
    opened, bundle = call.holdshelf.exports.opened(), row.bundle
    keys = call.holdshelf.paths.state / "keys"
    path = Path(f"/proc/self/fd/{opened.volume.root_fd}") / folder_of(row.id)

    def read() -> Report:
        ring = KeyRing.load(keys)
        signers = ring.signers() if ring is not None else None
        return check(path, bundle.fingerprint, signers=signers, stop=call.holdshelf.stop_threads)

    if _CHECKING.locked():
        raise Conflict("A bundle is being checked already, and that takes the disk.", "Try again when it is done.")
    async with _CHECKING:
        report = await asyncio.to_thread(read)
    report.bundle = report.release = row.id
    if not report.problems and report.sums_sha256 != bundle.sums_sha256:
        report.problems.append(f"It is not the bundle that was made: its {SUMS} is another than the register says.")
    report.seq = await call.record(
        facts={"files": report.files, "bytes": report.bytes, "problems": len(report.problems)}
    )
    return report


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""

    def target(q: types.ReleaseAsk, _s: Any) -> Scope:
        return Scope(target=q.release)

    def subject(q: types.ReleaseAsk) -> LogForm:
        return LogForm(subject=q.release[:20])

    registry.register(Action("release.verify", "release.see", types.ReleaseAsk, Report, _verify, target, subject))
    registry.register(
        Action(
            "release.key.renew",
            "release.key.renew",
            types.ReleaseKeyRenew,
            types.ReleaseKeys,
            _renew,
            lambda _q, _s: Scope(),
            lambda _q: LogForm(subject="release.key"),
            changes=True,
        )
    )
