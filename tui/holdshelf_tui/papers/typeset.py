"""Typst, as the papers use it: a template of ours and data go in, a tagged PDF comes out.

Data reaches a template as one JSON string, and its strings are set letter by letter: nothing that anybody wrote is read as
markup. Typst opens files below ``templates/`` and our own typefaces; no package, no network.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from holdshelf_core.api.errors import Conflict

if TYPE_CHECKING:
    import typst

_LOGGER = logging.getLogger(__name__)

UNDATED = datetime(2000, 1, 1, tzinfo=UTC)
"""The date of a PDF whose print has none: equal facts give equal bytes."""
PAGES: dict[str, tuple[float, float]] = {
    "letter": (612, 792),
    "a4": (595.28, 841.89),
    "tabloid": (792, 1224),
    "12x18": (864, 1296),
}
"""Width and height, in points."""
_REMEMBERED = 10
TEMPLATES = Path(__file__).parent / "templates"
FONTS = Path(__file__).parent / "fonts"


class Typesetter:
    """One template with its data. Raises Conflict where Typst refuses."""

    def __init__(self, template: str, data: str, *, page: str, **inputs: str) -> None:
        width, height = PAGES[page]
        self._compiler = _typst().Compiler(
            TEMPLATES / template,
            root=TEMPLATES,
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs={"data": data, "width": str(width), "height": str(height), **inputs},
            package_path=TEMPLATES,
            package_cache_path=TEMPLATES,
        )

    def pages(self) -> int:
        """How many pages it takes, by the template's own mark on the last one."""
        try:
            return int(self._compiler.query("<last-page>", field="value", one=True))
        except RuntimeError as error:
            raise _refused(error) from error

    def pdf(self, at: datetime) -> bytes:
        """Tagged for screen readers: PDF/UA-1 wants headings, lists, tables, language and words for every picture."""
        try:
            made = self._compiler.compile(pdf_standards=["ua-1"], timestamp=at)
        except RuntimeError as error:
            raise _refused(error) from error
        assert isinstance(made, bytes)
        return made


def forget() -> None:
    """To be called behind each paper. Typst keeps all that it laid out, tens of megabytes, until it has set ten other papers,
    and cannot be told to let go: so it sets ten that are empty, in less than a millisecond.
    """
    nothing = _typst().Compiler(b"", font_paths=_fonts(), root=TEMPLATES)
    for _ in range(_REMEMBERED + 1):
        nothing.compile(b"", format="svg")


def _refused(error: RuntimeError) -> Conflict:
    _LOGGER.error("typst: %s", getattr(error, "diagnostic", error))
    return Conflict("This paper could not be made as a PDF.", "Print it as text instead.")


@cache
def _fonts() -> typst.Fonts:
    fonts: typst.Fonts = _typst().Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FONTS])
    return fonts


def _typst() -> Any:
    # One thread is enough for a paper, and a session's process may not take an address space for each core.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
    import typst  # noqa: PLC0415 (80 MB that only a PDF costs)

    return typst
