"""Home Assistant's manner: strings.json is the one place for words, and each rule of the scale that is done has a test."""

from __future__ import annotations

import ast
import asyncio
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from holdshelf_core.cameras import flows
from holdshelf_core.integration.flow import CORE, FlowField, step_words
from holdshelf_core.integration.flow import strings as loaded
from holdshelf_core.integration.loader import integrations
from holdshelf_onvif import async_setup_entry, async_unload_entry, config_flow
from tests.onvif.conftest import House, entry_of
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, notification

ROOT = Path(__file__).parents[2]
ONVIF = ROOT / "onvif" / "holdshelf_onvif"
STREAM = ROOT / "core" / "holdshelf_core" / "integration" / "stream"
KINDS = {"error": "errors", "issue": "issues", "warning": "warnings"}
# What a step may say in its title and lead, besides plain words.
PLACEHOLDERS = {"device": {"address"}, "reauth": {"name"}, "reconfigure": {"name"}}


def calls(folder: Path, names: set[str], of: str = "") -> Iterator[tuple[str, str, set[str]]]:
    """(function, key, placeholders) of each call of these functions with a key of strings.json."""
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func
            if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
                name, owner = called.attr, called.value.id
            elif isinstance(called, ast.Name):
                name, owner = called.id, ""
            else:
                continue
            if name in names and owner == of:
                keys = [arg for arg in node.args if isinstance(arg, ast.Constant)]
                assert keys, f"{file.name}:{node.lineno} names no key of strings.json"
                yield name, str(keys[-1].value), {str(keyword.arg) for keyword in node.keywords}


def placeholders(words: Any) -> set[str]:
    """In all texts below."""
    if isinstance(words, str):
        return {field for _, field, _, _ in Formatter().parse(words) if field}
    return {field for text in words.values() for field in placeholders(text)}


def check_used(defined: dict[str, Any], used: list[tuple[str, set[str]]]) -> None:
    assert {key for key, _ in used} == set(defined), "each key that is used exists, and each that exists is used"
    for key, given in used:
        assert placeholders(defined[key]) <= given, f"{key}: a placeholder is not filled in"
    for key, words in defined.items():
        filled = set().union(*(given for used_key, given in used if used_key == key))
        assert filled == placeholders(words), f"{key}: what is given is not said"


@pytest.mark.parametrize("kind", KINDS)
def test_each_sentence_of_the_onvif_integration_is_used_and_each_that_is_used_exists(kind: str) -> None:
    used = [(key, given) for name, key, given in calls(ONVIF, set(KINDS), "strings") if name == kind]
    check_used(loaded("holdshelf_onvif")[KINDS[kind]], used)


def test_each_error_of_the_stream_integration_is_used_and_each_that_is_used_exists() -> None:
    used = [(key, given) for _, key, given in calls(STREAM, {"_error"})]
    check_used(loaded("holdshelf_core.integration.stream")["errors"], used)


def test_each_error_of_the_flows_is_used_and_each_that_is_used_exists() -> None:
    used = [(key, given) for _, key, given in calls(ROOT / "core" / "holdshelf_core", {"error_words"})]
    check_used(loaded(CORE)["config"]["error"], used)


@pytest.mark.parametrize("domain", ["onvif", "stream"])
def test_each_step_of_an_integration_has_its_words_and_no_others_are_there(domain: str) -> None:
    integration = integrations()[domain]
    steps, package = integration.config_flow.STEPS, flows.package_of(integration)
    said = loaded(package)["config"]["step"]
    assert set(steps) == set(said) == set(PLACEHOLDERS)
    for step, fields in steps.items():
        assert placeholders(said[step]["lead"]) == PLACEHOLDERS[step]
        words = step_words(package, step, fields, address="192.0.2.7", name="Door")
        check_words(words.fields, fields, said[step].get("data", {}))
        assert all((words.title, words.lead, words.does, words.doing))


def check_words(words: Any, fields: tuple[FlowField, ...], own: dict[str, Any]) -> None:
    assert set(words) == {field.key for field in fields}
    assert set(own) <= set(words), "words for a field that is not asked"
    for field in fields:
        assert words[field.key].ask and words[field.key].hint, field.key


CORE_STEPS = {"pick": flows._PICK, "channel": flows._CHANNEL, "place": flows._PLACE, "replace": flows._REPLACE}


def test_the_steps_that_are_cores_have_their_words_and_every_field_is_asked_somewhere() -> None:
    said = loaded(CORE)["config"]
    assert set(said["step"]) == CORE_STEPS.keys()
    asked = {field.key for fields in CORE_STEPS.values() for field in fields}
    for step, fields in CORE_STEPS.items():
        words = step_words(CORE, step, fields, address="x", count="4", left="3", name="Door")
        check_words(words.fields, fields, said["step"][step].get("data", {}))
    for integration in integrations().values():
        asked |= {field.key for fields in integration.config_flow.STEPS.values() for field in fields}
    assert asked == set(said["data"])


# --- the quality scale -----------------------------------------------------------------------------------------------

# Home Assistant's rules, by tier (script/hassfest/quality_scale.py).
RULES = {
    "bronze": """action-setup appropriate-polling brands common-modules config-flow config-flow-test-coverage
        dependency-transparency docs-actions docs-conditions docs-high-level-description docs-installation-instructions
        docs-removal-instructions docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
        test-before-configure test-before-setup unique-config-entry""",
    "silver": """action-exceptions config-entry-unloading docs-configuration-parameters docs-installation-parameters
        entity-unavailable integration-owner log-when-unavailable parallel-updates reauthentication-flow test-coverage""",
    "gold": """devices diagnostics discovery discovery-update-info docs-data-update docs-examples docs-known-limitations
        docs-supported-devices docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices entity-category
        entity-device-class entity-disabled-by-default entity-translations exception-translations icon-translations
        reconfiguration-flow repair-issues stale-devices""",
    "platinum": "async-dependency inject-websession strict-typing",
}
_TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")


def scale() -> dict[str, tuple[str, str]]:
    """{rule: (status, comment)} of quality_scale.yaml, in the one form that Home Assistant gives it."""
    found: dict[str, tuple[str, str]] = {}
    rule = ""
    for line in (ONVIF / "quality_scale.yaml").read_text().splitlines():
        if not line.strip() or line.strip().startswith("#") or line == "rules:":
            continue
        if match := re.fullmatch(r"  ([a-z-]+):( todo)?", line):
            rule = match[1]
            assert rule not in found, rule
            found[rule] = (match[2] or "").strip(), ""
        elif match := re.fullmatch(r"    status: (done|exempt|todo)", line):
            found[rule] = match[1], found[rule][1]
        elif match := re.fullmatch(r"    comment: (.+)", line):
            found[rule] = found[rule][0], match[1].strip("\"'")
        else:
            raise AssertionError(f"not a line of a quality scale: {line!r}")
    return found


SCALE = scale()


def test_the_quality_scale_has_every_rule_in_its_order() -> None:
    assert list(SCALE) == [rule for tier in RULES.values() for rule in tier.split()]


@pytest.mark.parametrize("rule", SCALE)
def test_a_rule_that_is_done_names_a_test_that_exists_and_another_its_reason(rule: str) -> None:
    status, comment = SCALE[rule]
    if status != "done":
        assert status in ("exempt", "todo")
        assert comment.endswith("."), f"{rule} is {status} without a reason"
        return
    named = _TEST.findall(comment)
    assert named, f"{rule} is done and names no test"
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
        assert test in functions, f"{rule}: {file} has no {test}"


# --- what some rules ask and nothing else shows -------------------------------------------------------------------------


async def test_events_are_heard_from_set_up_until_unloading(house: House) -> None:
    heard = asyncio.Event()
    house.bus.async_listen("camera_event", lambda _event: heard.set())
    async with OnvifDevice(events=True) as device:
        draft = await config_flow.async_probe(house, device.address, "admin", device.password)
        entry = entry_of(draft)
        await async_setup_entry(house, entry)
        device.messages.append(notification("tns1:VideoSource/MotionAlarm"))
        async with asyncio.timeout(HANG_S):
            await heard.wait()
        assert entry.runtime_data.events.listening
        coordinator = entry.runtime_data
        await async_unload_entry(house, entry)
        assert not coordinator.events.listening
        assert device.subscriptions == {}, "given back: cameras hold few"
        asked = len(device.calls)
        await asyncio.sleep(0.3)
        assert len(device.calls) == asked


def test_mypy_is_strict_and_runs_over_the_integration() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["strict"] is True
    assert (ONVIF / "py.typed").exists()
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(r"^PACKAGES.*\bholdshelf_onvif\b", makefile, re.MULTILINE)
    assert "/mypy $(PACKAGES:%=-p %)" in makefile


@pytest.mark.parametrize("command", ["discover", "add", "check", "reconfigure", "reload", "diagnostics", "remove"])
def test_the_documentation_tells_how_a_camera_is_added_changed_and_removed(command: str) -> None:
    assert f"    holdshelf camera {command}" in (ROOT / "docs" / "operate.md").read_text()
