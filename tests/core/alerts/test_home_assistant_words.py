"""The integration for Home Assistant has words for all that the recorder can tell, and the entities that discovery has."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.alerts import mqtt_payloads
from holdshelf_core.alerts.allowed import KINDS, REASONS
from holdshelf_core.alerts.types import MqttWay
from tests.core.alerts.reports import LOBBY, report

FOLDER = Path(__file__).parents[3] / "contrib" / "home-assistant" / "custom_components" / "holdshelf"
OWN = {"newer", "recorder_silent"}


def words(language: str) -> Any:
    return json.loads((FOLDER / "translations" / f"{language}.json").read_text())


def leaves(tree: Any, path: str = "") -> dict[str, set[str]]:
    """Each sentence by its path, as its placeholders."""
    if isinstance(tree, str):
        return {path: set(re.findall(r"\{(\w+)\}", tree))}
    return {key: found for name, below in tree.items() for key, found in leaves(below, f"{path}/{name}").items()}


def constant(name: str) -> set[str]:
    """The strings of a tuple or set in const.py, which can be imported only where Home Assistant is."""
    found = re.search(
        rf"^{name}: Final = [^\n]*\(\s*\{{?(.*?)\n\s*[)}}]", (FOLDER / "const.py").read_text(), re.S | re.M
    )
    assert found is not None
    return set(re.findall(r'"([a-z_]+)"', found[1]))


def test_each_condition_has_the_words_of_the_allow_list_and_its_first_step() -> None:
    """A new kind goes into KINDS of const.py, and with its words into translations/*.json, under issues."""
    issues = words("en")["issues"]
    assert {kind: one["title"] for kind, one in issues.items() if kind not in OWN} == {
        kind: f"{{title}}: {one.words}" for kind, one in KINDS.items()
    }
    for kind, one in KINDS.items():
        assert f"`{one.next_step}`" in issues[kind]["description"]
    assert constant("KINDS") == set(KINDS)


@pytest.mark.parametrize("language", ["es"])
def test_another_language_has_the_same_sentences_with_the_same_places_for_names(language: str) -> None:
    assert leaves(words(language)) == leaves(words("en"))


def test_each_reason_has_words() -> None:
    assert set(words("en")["entity"]["sensor"]["reason"]["state"]) == set(REASONS) == constant("REASONS")


def test_the_integration_and_discovery_make_the_same_entities_by_the_same_names() -> None:
    discovered: dict[str, dict[str, str]] = {}
    for message in mqtt_payloads.discovery(MqttWay("a", "b", "c"), report(LOBBY)):
        for key, one in json.loads(message.payload)["components"].items():
            discovered.setdefault(one["platform"], {})[key] = one["name"]
    own = {
        platform: {key: one["name"] for key, one in entities.items()}
        for platform, entities in words("en")["entity"].items()
    }
    assert own == discovered


def test_it_is_found_by_mqtt_and_cannot_publish() -> None:
    manifest = json.loads((FOLDER / "manifest.json").read_text())
    assert (manifest["dependencies"], manifest["mqtt"]) == (["mqtt"], ["holdshelf/+/about"])
    assert not [file for file in FOLDER.glob("*.py") if "async_publish" in file.read_text()]
