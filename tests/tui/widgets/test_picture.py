"""A picture that somebody steps to comes in few bytes first, and as it is once it has stood for a moment."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import ComposeResult

from holdshelf_tui.widgets import picture
from holdshelf_tui.widgets.picture import PictureView
from tests.tui.noisy_app import NoisyApp, noisy_jpeg
from tests.tui.stage import until


class SteppedApp(NoisyApp):
    """One large picture, from which somebody goes to the next."""

    def compose(self) -> ComposeResult:
        """Nothing but the picture."""
        yield PictureView(is_stepped=True)

    def on_mount(self) -> None:
        """The test says which is shown."""


async def test_a_picture_is_sharp_once_it_has_stood_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []
    real = picture.prepare

    def prepare(*args: Any, **options: Any) -> picture.Painting:
        painting = real(*args, **options)
        made.append(painting.is_coarse)
        return painting

    monkeypatch.setattr(picture, "prepare", prepare)
    app = SteppedApp("half-block")
    async with app.run_test(size=(160, 48)) as pilot:
        view = app.query_one(PictureView)
        await until(pilot, "it has its place", lambda: bool(view.size.area))
        for seed in (1, 2):
            made.clear()
            view.show(noisy_jpeg(seed=seed))
            await until(pilot, "it is sharp", lambda: made[-2:] == [True, False])
        # Whoever goes on meanwhile gets the next one, not the sharper one of before.
        monkeypatch.setattr(picture, "SHARPEN_AFTER_S", 3600.0)
        made.clear()
        view.show(noisy_jpeg(seed=3))
        await until(pilot, "the next one", lambda: made[-1:] == [True])
