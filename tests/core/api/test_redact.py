"""What a sentence for a person may hold: no host, no address, no path; everything else as it was."""

from __future__ import annotations

import pytest

from holdshelf_core.api.redact import scrub


@pytest.mark.parametrize(
    ("sentence", "secret"),
    [
        ("192.0.2.7 refuses the password.", "192.0.2.7"),
        ("The camera at 192.0.2.7:8554 is gone.", "192.0.2.7"),
        ("rtsp://user:pw@cam-3.lan:554/live1?x=1 does not play.", "cam-3"),
        ("http://[fe80::1%eth0]/onvif says no.", "fe80"),
        ("2001:db8:0:1::7 does not answer.", "2001:db8"),
        ("/srv/holdshelf/media is not mounted.", "/srv"),
        ("Look at /var/lib/holdshelf/state/keys.", "/var/lib"),
        ("cam-door.town.example is not found.", "cam-door.town.example"),
        ("The folder 'DATA of Ada' is full.", "DATA of Ada"),
    ],
)
def test_an_address_or_path_is_taken_out(sentence: str, secret: str) -> None:
    assert secret not in scrub(sentence, ["cam-door.town.example", "DATA of Ada"])


@pytest.mark.parametrize(
    "sentence",
    [
        "Front door: nothing was recorded since 13:05:07.",
        "Recorded 2026-11-24T13:05:07Z, H.264/H.265, 1280x720 at 15 frames/s.",
        "The wall clock is 12 minutes ahead; ask the admin.",
        "Hold H-2026-0001 and/or its review is due.",
        "P11: 3.5 days, 1.2.3 of 4.",
    ],
)
def test_everything_else_stays_as_it_was(sentence: str) -> None:
    assert scrub(sentence, ["", "ab"]) == sentence
