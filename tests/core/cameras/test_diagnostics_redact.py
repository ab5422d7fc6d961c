"""What may be handed on: known secrets leave wherever they stand, and so does whatever looks like a host or a device's number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.integration import ConfigEntry
from holdshelf_core.integration.redact import REDACTED, redact, secrets_of


def entry(**data: object) -> ConfigEntry[None]:
    stream = {"url": "rtsp://cam7.example.org:8554/live?pass={password}", "username": "viewer", "width": 1280}
    stored = {"address": "http://cam7.example.org:8080/onvif/device_service", "stream": stream, **data}
    return ConfigEntry("door", "onvif", "urn-7", "Door", "entrance", "", stored)


@pytest.mark.parametrize(
    "text",
    [
        "00:1a:2b:3c:4d:5e",
        "00-1A-2B-3C-4D-5E",
        "001A2B3C4D5E",
        "5f5a69c2-e0ae-504f-829b-001a2b3c4d5e",
        "urn:uuid:5f5a69c2",
        "192.0.2.7",
        "192.0.2.7:8080",
        "[2001:db8::7]:554",
        "fe80::1a2b:3cff:fe4d:5e01",
        "https://elsewhere/live?token=abc",
        "cam7.example.org:8080",
        "CAM7.example.org",
        "urn-7",
        "viewer",
    ],
)
def test_hosts_and_numbers_leave_wherever_they_stand(text: str) -> None:
    said = redact({"notes": [f"it says {text}, again"], "n": {"deep": (text,)}}, secrets_of(entry()))
    assert said == {"notes": [f"it says {REDACTED}, again"], "n": {"deep": [REDACTED]}}


@pytest.mark.parametrize("text", ["12:30:45", "1280x720", "H.264 High@L4.1", "Acme Eye 3", "25.0 fps", "a1b2c3"])
def test_what_helps_stays(text: str) -> None:
    assert redact({"told": text, "width": 1280, "on": True, "none": None}, secrets_of(entry())) == {
        "told": text,
        "width": 1280,
        "on": True,
        "none": None,
    }


def test_by_key_and_without_an_empty_one() -> None:
    told = {"serial_number": "x", "hardware_id": "y", "password": "", "address": None, "unique_id": "z"}
    assert redact(told, []) == {
        "serial_number": REDACTED,
        "hardware_id": REDACTED,
        "password": "",
        "address": None,
        "unique_id": REDACTED,
    }


def test_a_short_user_name_takes_no_letters_out_of_words() -> None:
    assert redact("a camera of a", secrets_of(entry(username="a"))) == f"{REDACTED} camera of {REDACTED}"


@given(st.text(min_size=4, max_size=40), st.text(max_size=60))
def test_no_password_stands_in_any_text(password: str, around: str) -> None:
    said = redact({"error": f"{around}{password}{around}"}, secrets_of(entry(password=password)))["error"]
    assert all(password not in part for part in said.split(REDACTED))
