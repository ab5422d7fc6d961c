"""What the files of this folder may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from textual.screen import Screen


def _not_painted(self: Screen[object]) -> None:
    self._compositor._dirty_regions.clear()
    self._dirty_widgets.clear()
    self.app._update_mouse_over(self)


_PAINTED = Screen._compositor_refresh


@pytest.fixture
def no_frames() -> Iterator[None]:
    """Frames are not painted for a terminal that is not there: what a test looks at (`screen_text`) is painted when it looks.

    For files where no frame counts by itself: not for how screens look, nor for pictures, which are painted later. What a test
    reads may stand there before what follows a frame, such as the cursor in the field to correct: await that, too.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", _not_painted)
        yield


@pytest.fixture
def frames(no_frames: None) -> Iterator[None]:
    """For a test about frames in a file that asks for `no_frames`: they are painted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Screen, "_compositor_refresh", _PAINTED)
        yield
