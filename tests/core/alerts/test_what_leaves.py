"""Everything that any way can send, in all states, against the one allow-list and the documents; and hostile names."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.alerts import allowed, mqtt_payloads, prometheus, words
from holdshelf_core.alerts.allowed import KINDS, METRICS, REASONS, TOPICS, CameraState, Condition, NotAllowed, Report
from holdshelf_core.alerts.conditions import conditions_of, waiting_of
from holdshelf_core.alerts.heartbeat import Heartbeat
from holdshelf_core.alerts.mqtt import Mqtt
from holdshelf_core.alerts.prometheus import Metric, exposition
from holdshelf_core.alerts.report import reason_word
from holdshelf_core.integration import reasons
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.policy import example
from holdshelf_core.policy_file.first import first_policy
from tests.core.alerts.reports import AT_NS, LOBBY, STACKS, broken, report
from tests.core.alerts.sent import (
    BROKER,
    all_of,
    every_report,
    leaves,
    mails,
    messages,
    metrics,
    payload,
    place_of,
    published,
)
from tests.core.alerts.test_heartbeat import watcher
from tests.rig.hang import HANG_S
from tests.rig.web import Page, WebServer

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


# --- the walk -----------------------------------------------------------------------------------------------------------


def test_these_metrics_with_these_labels_leave_and_no_other() -> None:
    found: dict[str, set[frozenset[str]]] = {}
    for told in every_report():
        for name, labels, _ in metrics(told):
            found.setdefault(name, set()).add(frozenset(labels))
    assert found == {
        name: {frozenset(one.labels), frozenset((*one.labels, *one.sometimes))} for name, one in METRICS.items()
    }


def test_these_topics_with_these_fields_leave_and_no_other() -> None:
    found: dict[str, set[str]] = {}
    for message in chain.from_iterable(map(published, every_report())):
        fields = found.setdefault(place_of(message.topic), set())
        told = payload(message)
        fields.update(allowed.fields_of(told) if isinstance(told, dict) else ())
        assert message.retain or not message.topic.endswith(("about", "availability", "config"))
    discovery = allowed.DISCOVERY.path
    wanted = {one.path: set(one.fields) for one in TOPICS if one is not allowed.DISCOVERY}
    both = [found.pop(discovery.replace("{device}", device)) for device in ("recorder", "camera_{camera}")]
    assert found == wanted
    assert both[0] | both[1] == allowed.DISCOVERY.fields


def test_these_entities_are_announced_and_no_other() -> None:
    found: dict[str, set[str]] = {}
    for message in mqtt_payloads.discovery(BROKER, report(LOBBY)):
        device = "camera" if "camera_" in message.topic else "recorder"
        found[device] = set(payload(message)["components"])
    assert found == {device: set(entities) for device, entities in allowed.ENTITIES.items()}


TIME = r"\w{3} \d{1,2}, \d{4}, \d{1,2}:\d\d(?::\d\d)?(?: [ap]m)? UTC"


def test_a_mail_has_these_headers_and_says_the_words_of_the_conditions_and_nothing_else() -> None:
    """Each line of each mail is one of ours, or a condition with its times and the command to begin with."""
    headers: set[str] = set()
    fixed = {*words._MEANS.values(), *words.FOOT.splitlines(), ""}
    for told in every_report():
        texts = {allowed.words(one.kind, "Front entrance", one.count) for one in told.conditions}
        texts |= {allowed.words(one.kind, "A camera", one.count) for one in told.conditions}
        steps = {allowed.next_step(one.kind, one.camera) for one in told.conditions}
        so, step = "|".join(map(re.escape, texts)), "|".join(map(re.escape, steps))
        line = re.compile(
            rf"\* (?:Error|Warning|Notice): (?:{so}), (?:since {TIME}|begun 4 times in the last hour)"
            rf"|\* (?:{so}): from {TIME} to {TIME} \(1 min 30 s\)|  To begin with: (?:{step})|Told on {TIME}\."
        )
        subject = re.compile(rf"Holdshelf: (?:Comes and goes: |Still: |Over: )?(?:{so})(?:, and 1 more)?")
        for mail in mails(told):
            headers |= set(mail.keys())
            assert subject.fullmatch(mail["subject"]), mail["subject"]
            unknown = [one for one in mail.get_content().splitlines() if one not in fixed and not line.fullmatch(one)]
            assert unknown == []
    assert headers == set(allowed.MAIL_HEADERS)


APPRISE = """
import sys, msgspec
from holdshelf_core.alerts.by_apprise import Apprise
from holdshelf_core.alerts.types import AppriseWay
from holdshelf_core.alerts.link import Message
way = Apprise(AppriseWay(name="a", service="json", secret=sys.argv[1]))
for message in msgspec.json.decode(sys.stdin.buffer.read(), type=list[Message]):
    way.deliver(message)
"""


def test_apprise_is_given_what_a_mail_says_and_nothing_else() -> None:
    told = list(messages(broken()))
    with WebServer({"/topic": Page(b"ok")}) as web:
        url = web.url("/topic").replace("http:", "json:")
        # In a process of its own: Apprise is bounded for the whole process.
        subprocess.run([sys.executable, "-c", APPRISE, url], input=msgspec.json.encode(told), check=True)
        bodies = [json.loads(body) for body in web.bodies]
    assert [(one["title"], one["message"].strip()) for one in bodies] == [
        (one.subject, one.text.strip()) for one in told
    ]
    assert {frozenset(one) for one in bodies} == {frozenset({"version", "title", "message", "attachments", "type"})}
    assert {(one["type"], *one["attachments"]) for one in bodies} == {("failure",), ("success",)}


async def test_a_heartbeat_asks_for_its_address_and_says_nothing_else() -> None:
    async with watcher() as (server, way):
        await asyncio.wait_for(Heartbeat(way).test(), HANG_S)
    first, *lines = server.asked[0].decode().strip().split("\r\n")
    assert first == "GET /ping/secret HTTP/1.1"
    told = dict(line.split(": ", 1) for line in lines)
    assert set(told) == set(allowed.HEARTBEAT_HEADERS)
    assert {told["User-Agent"], told["Accept-Encoding"], told["Connection"]} == {"Holdshelf", "identity", "close"}


def test_each_reason_of_a_gap_has_a_word_that_home_assistant_takes() -> None:
    """A new one is a decision: it is listed in the allow-list, too, and in docs/alerts.md."""
    assert {reason_word(reason) for reason in reasons.ALL} | {allowed.RECORDED} == set(REASONS)
    assert len(REASONS) == len(set(REASONS)) == len(reasons.ALL) + 1
    assert all(re.fullmatch(r"[a-z_]+", reason) for reason in REASONS)
    assert reason_word("") == reason_word("Dora Reed") == "unknown"


def test_a_reason_is_the_same_word_by_each_way() -> None:
    for reason in REASONS[1:]:
        told = report(CameraState("lobby", "Front entrance", False, False, reason, 0.0, None, 0.0))
        by_mqtt = {payload(one)["reason"] for one in published(told) if one.topic.endswith("camera/lobby/state")}
        in_metrics = {labels["reason"] for name, labels, _ in metrics(told) if name == "camera_unrecorded_info"}
        assert by_mqtt == in_metrics == {reason}


# --- what is not on the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "leave",
    [
        lambda: Condition("hold_of_dora", "error", "", 0),
        lambda: Condition("camera_silent", "H-2026-0001", "", 0),
        lambda: CameraState("lobby", "Lobby", False, False, "Dora Reed stood before it", 0.0, None, 0.0),
        lambda: mqtt_payloads.Message("holdshelf/main/holds", b""),
        lambda: mqtt_payloads.Message("holdshelf/main/camera/a/b/state", b""),
        lambda: mqtt_payloads.Message("holdshelf/Dora Reed/about", b""),
        lambda: allowed.CAMERA_STATE.at("main", "a/#"),
        lambda: allowed.STATE.check({"conditions": [{"kind": "clock", "person": "Dora Reed"}]}),
        lambda: allowed.DISCOVERY.check({"components": {"holds": {"name": "Holds"}}}),
        lambda: allowed.DISCOVERY.check({"components": {"problem": {"command_topic": "x"}}}),
        lambda: allowed.family("holds", {}),
        lambda: allowed.family("problem", {"person": "Dora Reed"}),
        lambda: allowed.family("camera_recording", {}),
        lambda: allowed.only(["X-Person"], allowed.MAIL_HEADERS, "a header"),
    ],
)
def test_a_name_that_is_not_on_the_list_is_refused(leave: Callable[[], object]) -> None:
    with pytest.raises(NotAllowed):
        leave()


def test_no_way_sends_what_a_change_adds_beside_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    state = mqtt_payloads._camera_state
    monkeypatch.setattr(mqtt_payloads, "_camera_state", lambda camera: {**state(camera), "person": "Dora Reed"})
    with pytest.raises(NotAllowed, match="person may not leave"):
        mqtt_payloads.states(BROKER, broken())
    monkeypatch.setitem(mqtt_payloads._RECORDER, "holds", {"platform": "sensor", "name": "Holds"})
    with pytest.raises(NotAllowed, match="holds may not leave"):
        mqtt_payloads.discovery(BROKER, broken())
    monkeypatch.setattr(prometheus, "metrics_of", lambda _report: [Metric("holds", [({"person": "Dora Reed"}, 1)])])
    with pytest.raises(NotAllowed, match="holds may not leave"):
        exposition(broken())


def test_what_an_integration_calls_by_a_name_of_its_own_leaves_as_other(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = Repair("theirs:lobby", "lobby", "error", "Dora Reed", "Ask her.", AT_NS, condition="camera_of_dora")  # type: ignore[arg-type]
    (one,) = conditions_of([theirs])
    assert (one.kind, one.camera) == (allowed.OTHER, "")


def test_what_a_damaged_file_says_was_announced_is_not_written_to(tmp_path: Path) -> None:
    file, place = tmp_path / "broker.json", "homeassistant/device/holdshelf_main/"
    topics = [f"{place}recorder/config", f"{place}Dora Reed/config", f"{place}recorder/set", "holdshelf/main/state"]
    file.write_text(json.dumps({"announced": topics}))
    assert Mqtt(BROKER, file)._known() == {topics[0]}


# --- the documents ------------------------------------------------------------------------------------------------------


def test_the_document_of_alerts_lists_these_conditions_and_these_reasons() -> None:
    page = (DOCS / "alerts.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (admin|seats) \|$", page, re.M)
    assert rows == [(name, kind.words, kind.audience) for name, kind in KINDS.items()]
    section = page.partition("### Reasons")[2].partition("\n### ")[0]
    assert tuple(re.findall(r"`(\w+)`", section)) == REASONS


def test_the_document_of_metrics_lists_these_names_with_these_labels() -> None:
    rows = [line for line in (DOCS / "metrics.md").read_text().splitlines() if line.startswith("| `holdshelf_")]
    found = {
        name: tuple(labels.split(", ")) if labels else ()
        for row in rows
        for name, labels in re.findall(r"`holdshelf_(\w+)(?:\{([\w, ]+)\})?`", row)
    }
    assert found == {name: (*one.labels, *one.sometimes) for name, one in METRICS.items()}


def test_dashboard_and_rules_ask_for_metrics_of_the_list() -> None:
    asked = {
        name
        for file in (ROOT / "contrib" / "prometheus").iterdir()
        for name in re.findall(r"\bholdshelf_(\w+)", file.read_text())
    }
    assert len(asked) > 15 and asked <= set(METRICS)


def test_the_document_of_home_assistant_lists_these_topics_fields_and_entities() -> None:
    page = (DOCS / "home-assistant.md").read_text()
    rows = dict(re.findall(r"^\| `(ho(?:ldshelf|meassistant)/[\w/]+)` \| (?:yes|no) \| (.+) \|$", page, re.M))
    found = {place_of(topic): set(re.findall(r"`(\w+)`", told)) for topic, told in rows.items()}
    assert found.pop(allowed.AVAILABILITY.path) == {"online", "offline"}
    for device, place in (("recorder", "recorder"), ("camera", "camera_{camera}")):
        assert found.pop(allowed.DISCOVERY.path.replace("{device}", place)) == set(allowed.ENTITIES[device])
    plain = (allowed.ABOUT, allowed.STATE, allowed.CAMERA_STATE, allowed.LOG_HEAD)
    assert found == {one.path: {field for field in one.fields if "[]" not in field} for one in plain}
    (sentence,) = re.findall(r"A condition has (.+);", page)
    assert set(re.findall(r"`(\w+)`", sentence)) == {
        field.partition("[].")[2] for field in allowed.STATE.fields if "[]" in field
    }


# --- hostile names ------------------------------------------------------------------------------------------------------

SECRETS = re.compile(r"Dora|Reed|H-2026|R-2026|26-0?114|theft|reviewed|Shelf-4|writer-7|mqtt\.example|smtp\.example")


def private_report(*cameras: CameraState) -> Report:
    """Of a recorder whose repairs, holds and requests name people, holds and incidents."""
    said = ("H-2026-0001 of Dora Reed, 26-0114 theft", "Ask Dora Reed, who reviewed R-2026-0002.")
    ids = (
        *("hold_review:H-2026-0001", "release:R-2026-0002", "sheet:V-2026-0003", "locked_out:Dora Reed"),
        *("camera_silent:lobby", "losses:lobby", "Dora Reed", "theft:26-0114", "scrub:H-2026-0001"),
    )
    repairs = [Repair(one, "lobby", severity, *said, AT_NS) for one in ids for severity in ("error", "warning")]
    house = example.house(first_policy())
    assert house.holds and house.people
    conditions = (*conditions_of(repairs), *waiting_of(house, AT_NS))
    assert len(conditions) > 5
    return report(*cameras, conditions=conditions)


def test_of_people_holds_and_incidents_nothing_leaves_by_any_way() -> None:
    sent = all_of(private_report(LOBBY, STACKS))
    assert "Front entrance is not being recorded" in sent
    assert SECRETS.findall(sent) == []
    house = example.house(first_policy())
    people = {person.name for person in house.people.values()} | set(house.holds) | set(house.releases)
    assert [one for one in people if one in sent] == []


NAMES = (
    "Dora Reed",
    "H-2026-0001",
    "26-0114 theft, asked by Dora Reed",
    "Door\r\nBcc: dora@example.org",
    'Door"} 1\nholdshelf_problem 0\n#',
    "{count}{id}{camera.__class__}",
    "{{ states('person.dora') }}",
    "\x1b[31mDoor\u202e",
    "x" * 500,
    "",
)
NAME_FIELDS = re.compile(r"\.name|\.device\.name|\.conditions\[\d+\]\.(?:name|words)")


def with_name(name: str) -> Report:
    return private_report(msgspec.structs.replace(LOBBY, name=name), STACKS)


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_name_of_a_camera_leaves_as_its_name_alone(name: str) -> None:
    """As "Front entrance" would: in the same fields, in one label, in the words about it, and as no header, line or topic."""
    plain, hostile = private_report(LOBBY, STACKS), with_name(name)
    for one, other in zip(published(plain), published(hostile), strict=True):
        assert one.topic == other.topic
        before, after = (dict(leaves(payload(message))) for message in (one, other))
        assert before.keys() == after.keys()
        changed = {path for path, value in before.items() if after[path] != value}
        assert [path for path in changed if not NAME_FIELDS.fullmatch(path)] == []
    for (metric, labels, value), (other_metric, other_labels, other_value) in zip(
        metrics(plain), metrics(hostile), strict=True
    ):
        assert (metric, value) == (other_metric, other_value)
        assert (labels.pop("name", None) is None) == (other_labels.pop("name", None) is None)
        assert labels == other_labels
    for mail, other_mail in zip(mails(plain), mails(hostile), strict=True):
        assert mail.keys() == other_mail.keys()
        assert _but_subject(mail) == _but_subject(other_mail)
        lines, other_lines = mail.get_content().splitlines(), other_mail.get_content().splitlines()
        assert len(lines) == len(other_lines)
        unlike = [line for line, other_line in zip(lines, other_lines, strict=True) if line != other_line]
        assert [line for line in unlike if "Front entrance" not in line] == []
        assert all(line.isprintable() for line in (other_mail["subject"], *other_lines))


def _but_subject(mail: Any) -> list[tuple[str, str]]:
    return [(name, value) for name, value in mail.items() if name not in ("Subject", "Content-Transfer-Encoding")]
