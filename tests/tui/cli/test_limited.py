"""Who may only place holds is told so, on the screen that opens."""

from __future__ import annotations

import shutil
from pathlib import Path

from holdshelf_core.people import types as types_people
from tests.tui.stage import Stage, told, until


async def test_p11_an_older_state_is_said_when_the_screen_opens(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        service = stage.service
        service.stop()
        shutil.copytree(service.data / "state", tmp_path / "old")
        service.start()
        stage.people.client("dora").act(types_people.AppointmentEnd("a1", "over"))
        service.stop()
        shutil.rmtree(service.data / "state")
        shutil.copytree(tmp_path / "old", service.data / "state")
        service.start()
        async with stage.app("dora").run_test(size=(100, 30)) as pilot:
            for words in ("Only holds can be placed now", "are missing"):
                await until(pilot, words, lambda words=words: any(words in one for one in told(pilot)))
