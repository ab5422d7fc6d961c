"""How the making of a bundle ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.actions.caller import SERVICE
from holdshelf_core.releases.bundle_builds import BundleBuild
from tests.rules_furnished import furnish
from tests.rules_house import Rig


def test_a_build_is_over_only_when_its_entry_is_in_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So whoever sees that it was called off finds who did it."""
    template = furnish(tmp_path)
    rig = Rig(tmp_path / "house", template.folder, template.time)
    rig.start()
    try:
        authorizer, builds = rig.house.authorizer, rig.house.bundle_builds
        append = authorizer.async_append
        seen: list[tuple[str, str]] = []

        async def spy(action: str, *words: Any, **more: Any) -> int:
            seq = await append(action, *words, **more)
            seen.append((action, one.state))
            return seq

        monkeypatch.setattr(authorizer, "async_append", spy)
        one = BundleBuild("R-2026-0001", SERVICE, "director")
        rig.run(builds._ended(one, "cancelled", "Not made: Dora Reed called it off."))
        assert seen == [("release.not_exported", "queued")]
        assert (one.state, one.step) == ("cancelled", "Not made: Dora Reed called it off.")
    finally:
        rig.close()
