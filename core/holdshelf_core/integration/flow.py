"""The steps in which a person adds or changes a camera: an integration defines their fields, strings.json their texts.

The command line and the screens ask exactly these fields. An integration's ``config_flow`` lists them in ``STEPS``; texts missing
from its strings.json come from core's (``integration/strings.json``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

type Kind = Literal["text", "secret", "tick", "choice"]
type Steps = Mapping[str, tuple[FlowField, ...]]
"""Fields by step: ``device`` (test a new camera), ``reauth`` and ``reconfigure`` (an existing one)."""

CORE = "holdshelf_core.integration"


@dataclass(frozen=True, slots=True)
class FlowField:
    """One field. ``needed``: it is required. ``value``: the usual answer."""

    key: str
    kind: Kind = "text"
    needed: bool = False
    value: str = ""


USERNAME = FlowField("username")
PASSWORD = FlowField("password", "secret")
ADDRESS = FlowField("address", needed=True)
UDP, MULTICAST = FlowField("udp", "tick"), FlowField("multicast", "tick")


@dataclass(frozen=True, slots=True)
class FieldWords:
    """``label`` in a form, ``hint`` inside the empty field, ``ask`` as a question at a prompt and when the value is missing."""

    label: str
    hint: str
    ask: str


@dataclass(frozen=True, slots=True)
class StepWords:
    """``does`` is the button's text, ``doing`` is shown while it runs."""

    title: str
    lead: str
    does: str
    doing: str
    fields: Mapping[str, FieldWords]


@cache
def strings(package: str) -> dict[str, Any]:
    """Return a package's strings.json. Small, read once."""
    loaded: dict[str, Any] = json.loads((files(package) / "strings.json").read_text(encoding="utf-8"))
    return loaded


def step_words(package: str, step: str, fields: Sequence[FlowField], **placeholders: str) -> StepWords:
    """Return a step's texts with the placeholders filled in. Raises KeyError for one that strings.json lacks."""
    said = strings(package)["config"]["step"][step]
    common = strings(CORE)["config"]["data"]
    own = said.get("data", {})
    return StepWords(
        title=said["title"].format(**placeholders),
        lead=said["lead"].format(**placeholders),
        does=said["does"],
        doing=said["doing"],
        fields={field.key: FieldWords(**{**common.get(field.key, {}), **own.get(field.key, {})}) for field in fields},
    )


def error_words(key: str, **placeholders: str) -> tuple[str, str]:
    """Return (sentence, next step) of an error that core itself raises in a flow."""
    said = strings(CORE)["config"]["error"][key]
    return said["sentence"].format(**placeholders), said["next_step"].format(**placeholders)


# Loaded at import, as the first question is asked on a running loop.
strings(CORE)
