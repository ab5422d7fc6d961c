"""Actions on proofs of a release: the library's key and its renewal, and whether a local bundle is unchanged."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.policy.case import Scope
from holdshelf_core.policy.releases import has_bundle
from holdshelf_core.releases import types
from holdshelf_core.releases.action_parts import find_release
from holdshelf_core.releases.bundle_builds import BundleBuilds
from holdshelf_core.releases.check import check
from holdshelf_core.releases.signing_keys import KeyRing
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_core.releases.types import Report
from holdshelf_core.releases.writing import SUMS
from holdshelf_storage.outbox.bundles import folder_of

MAX_WHY = 400


def _rows(ring: KeyRing | None, seq: int = 0) -> types.ReleaseKeys:
    if ring is None:
        return types.ReleaseKeys([], "", seq)
    rows = [types.ReleaseKeyRow(row.fingerprint, row.since_utc_ns, row.until_utc_ns) for row in reversed(ring.rows)]
    return types.ReleaseKeys(rows, ring.allowed_signers(), seq)


def _target(q: types.ReleaseAsk, _s: Any) -> Scope:
    return Scope(target=q.release)


def _subject(q: types.ReleaseAsk) -> LogForm:
    return LogForm(subject=q.release[:20])


class ProofActs:
    """Actions on proofs of a release."""

    def __init__(self, builds: BundleBuilds) -> None:
        self._builds = builds
        self._checking = asyncio.Semaphore(1)
        """A check reads all of a bundle: several at once would use up the threads that everything else needs."""

    @handles(types.ReadReleaseKeys)
    async def keys(self, asked: Reading[types.ReadReleaseKeys]) -> types.ReleaseKeys:
        """Return the public keys, which are not secret: each receipt names one."""
        return _rows(await asyncio.to_thread(KeyRing.load, asked.frame.paths.state / "keys"))

    @handles(types.ReleaseKeyRenew, log=lambda _q: LogForm(subject="release.key"))
    async def renew(self, call: Call[types.ReleaseKeyRenew]) -> types.ReleaseKeys:
        why = call.request.why.strip()
        if not why or len(why) > MAX_WHY:
            raise BadRequest("Explain in a few words why a new key is needed.", "Use --why 'the server was replaced'.")
        keys, now_utc_ns = call.frame.paths.state / "keys", call.now.utc_ns
        ring = await asyncio.to_thread(KeyRing.load, keys)
        if ring is None:
            raise Conflict(
                "There is no signing key yet: it is made with the first bundle.", "There is nothing to renew."
            )
        new = ReleaseKey.generate()
        facts = {"new": new.fingerprint, "old": ring.current.fingerprint, "keys": len(ring.rows) + 1}
        seq = await call.record(facts=facts, private={"why": why})
        await asyncio.to_thread(ring.renew, new, now_utc_ns)
        return _rows(ring, seq)

    @handles(types.ReleaseVerify, scope=_target, log=_subject)
    async def verify(self, call: Call[types.ReleaseAsk]) -> Report:
        row = find_release(call, call.request.release)
        if row.bundle is None or not has_bundle(row):
            raise Conflict(f"There is no bundle of {row.id} here.", f"See `holdshelf release show {row.id}`.")
        opened, bundle = self._builds.opened(), row.bundle
        keys = call.frame.paths.state / "keys"
        path = Path(f"/proc/self/fd/{opened.volume.root_fd}") / folder_of(row.id)

        def read() -> Report:
            ring = KeyRing.load(keys)
            signers = ring.signers() if ring is not None else None
            return check(path, bundle.fingerprint, signers=signers, stop=call.frame.stop_threads)

        if self._checking.locked():
            raise Conflict("Another bundle is already being checked.", "Try again when it is done.")
        async with self._checking:
            report = await asyncio.to_thread(read)
        report.bundle = report.release = row.id
        if not report.problems and report.sums_sha256 != bundle.sums_sha256:
            report.problems.append(f"It is not the bundle that was made: its {SUMS} is another than the register says.")
        report.seq = await call.record(
            facts={"files": report.files, "bytes": report.bytes, "problems": len(report.problems)}
        )
        return report
