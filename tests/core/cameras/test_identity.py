"""Which configured camera a device is: by the device, and by the channel where it has several."""

from __future__ import annotations

from typing import Any

import pytest

from holdshelf_core.cameras.identity import added_of, device_id, same_camera, same_device
from holdshelf_core.integration import ConfigEntry, EntryDraft


def entry(unique_id: str, domain: str = "onvif", **data: Any) -> ConfigEntry[Any]:
    return ConfigEntry(unique_id, domain, unique_id, "Desk", "seating", "", data)


def draft(unique_id: str, domain: str = "onvif", **data: Any) -> EntryDraft:
    return EntryDraft(domain, unique_id, "Desk", data)


@pytest.mark.parametrize(
    ("known", "tried", "same"),
    [
        (entry("d#s1", channel="s1"), draft("d#s1", channel="s1"), True),
        (entry("d#s1", channel="s1"), draft("d#s2", channel="s2"), False),
        (entry("d#s1", channel="s1"), draft("e#s1", channel="s1"), False),
        (entry("d", channel="s1"), draft("d#s1", channel="s1"), True),
        (entry("d", channel="s1"), draft("d#s2", channel="s2"), False),
        (entry("d#s1", channel="s1"), draft("d", channel="s1"), True),
        (entry("d", profile="main"), draft("d#s1", channel="s1", profile="main"), True),
        (entry("d", profile="main"), draft("d#s2", channel="s2", profile="other"), False),
        (entry("d", "stream"), draft("d"), True),
    ],
    ids=[
        *("the same", "another channel", "another device", "added when it had one channel", "its second channel"),
        *("one channel is left", "an entry of an earlier version", "a further channel beside such", "one id"),
    ],
)
def test_a_camera_is_its_device_and_its_channel(known: ConfigEntry[Any], tried: EntryDraft, same: bool) -> None:
    assert same_camera(known, tried) is same


def test_a_device_is_known_by_its_serial_number_too() -> None:
    known = entry("uuid#s1", channel="s1", serial_number="SN-1")
    assert same_device(known, draft("acme-sn-1#s1", channel="s1", serial_number="SN-1"))
    assert not same_device(known, draft("acme-sn-2#s1", channel="s1", serial_number="SN-2"))
    assert not same_device(entry("a", serial_number=""), draft("b", serial_number=""))


def test_the_cameras_of_a_device_are_counted_against_its_channels() -> None:
    known = [entry("d#a#b", channel="a#b", channels=3), entry("d#c", channel="c", channels=3), entry("e")]
    assert added_of(known, "d") == (["d#a#b", "d#c"], 3)
    assert added_of(known, "e") == (["e"], 1)
    assert added_of(known, "f") == ([], 1)
    assert device_id(known[0]) == "d"
