"""A house whose footage people look at through its socket, and their looks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Refused
from holdshelf_core.looks import types
from holdshelf_core.policy import model
from tests.looking import Recorded
from tests.service import Service

CAMERAS = ("lobby", "desk", "stacks", "door", "lot")
# The left half of the desk's picture, as wide as high.
MASK = model.Mask(((0, 0), (5000, 0), (5000, 10000), (0, 10000)), "screen")
TIMES: list[Recorded] = []
"""When something was recorded in the house of the file that runs: by `CAMERAS`, and in the attic."""
# One incident's looks at many cameras are one wandering: each test has its own, unless that is its subject.
INCIDENTS = itertools.count(1000)


def entries(service: Service, action: str = "", camera: str = "") -> list[dict[str, Any]]:
    rows = service.act(LogShow(action=action, camera=camera, most=500)).entries
    return [{**row.entry, "seq": row.seq} for row in rows]


def look(client: Client, made: Recorded, *cameras: str, **more: Any) -> types.GrantRow:
    asked = types.PurposeOpen(
        list(cameras or ("lobby",)),
        more.pop("purpose", "violation"),
        more.pop("incident", f"26-{next(INCIDENTS)}"),
        start_utc_ns=more.pop("start", made.start_utc_ns),
        end_utc_ns=more.pop("end", made.end_utc_ns),
        **more,
    )
    return client.act(asked)


def still(client: Client, grant: types.GrantRow, at: int, camera: str = "lobby", **more: Any) -> types.PictureRow:
    kind = types.ShareStill if grant.kind == "share" else types.LookStill
    return client.act(kind(grant.id, camera, at, **more))


def refused(clause: str, match: str) -> Any:
    class _Clause:
        def __enter__(self) -> None:
            self._raises = pytest.raises(Refused, match=match)
            self._info = self._raises.__enter__()

        def __exit__(self, *exc: Any) -> bool:
            swallowed = bool(self._raises.__exit__(*exc))
            assert self._info.value.clause == clause
            return swallowed

    return _Clause()
