"""Names from cameras made harmless, spans of time in words, addresses taken apart."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.integration import FlowError
from holdshelf_onvif import address, config_flow, strings
from holdshelf_onvif.device import DeviceClock
from holdshelf_onvif.text import clean_text, in_words

DAY = 86_400


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        (None, ""),
        ("  Front \t entrance\r\n", "Front entrance"),
        ("\x1b[2J\x1b]0;pwned\x07Foyer", "[2J]0;pwnedFoyer"),
        ("\x9b31mFoyer", "31mFoyer"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("line\u2028break", "line break"),
        ("Café", "Café"),
        ("\ud800half", "half"),
        ("Kamera №3 – Hof", "Kamera №3 – Hof"),
    ],
)
def test_names_lose_what_no_name_has(raw: str | None, clean: str) -> None:
    assert clean_text(raw) == clean


def test_a_name_of_ten_kilobytes_is_cut() -> None:
    assert clean_text("x" * 10_000) == "x" * 63 + "…"


@given(st.text(alphabet=st.characters(), max_size=300))
def test_whatever_comes_in_one_short_printable_line_comes_out(raw: str) -> None:
    clean = clean_text(raw)
    assert len(clean) <= 64
    assert clean == clean.strip()
    assert not any(unicodedata.category(c)[0] == "C" or c in string.whitespace.replace(" ", "") for c in clean)
    assert clean_text(clean) == clean


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 seconds"),
        (1, "1 second"),
        (-7.2, "7 seconds"),
        (61, "1 minute 1 second"),
        (3_600, "1 hour"),
        (39_605, "11 hours"),
        (2 * DAY + 3_700, "2 days 1 hour"),
        (-367 * DAY, "1 year 2 days"),
        (365 * DAY, "1 year"),
        (365 * DAY - 1, "1 year"),
        (3_599.6, "1 hour"),
        (2 * DAY + 1_799, "2 days"),
    ],
)
def test_spans_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("192.0.2.7", "http://192.0.2.7/onvif/device_service"),
        (" 192.0.2.7:8080 ", "http://192.0.2.7:8080/onvif/device_service"),
        ("camera.lan", "http://camera.lan/onvif/device_service"),
        ("https://camera.lan", "https://camera.lan/onvif/device_service"),
        ("http://192.0.2.7:8080/other/path?a=1", "http://192.0.2.7:8080/other/path?a=1"),
        ("2001:db8::7", "http://[2001:db8::7]/onvif/device_service"),
        ("[2001:db8::7]:80", "http://[2001:db8::7]:80/onvif/device_service"),
    ],
)
def test_what_a_person_types_becomes_the_device_services_address(typed: str, taken: str) -> None:
    assert config_flow.matches(typed)
    assert address.device_address(typed) == taken


@pytest.mark.parametrize(
    "typed", ["rtsp://192.0.2.7/live", "whep+http://192.0.2.7/", "Foyer", "1abbeca6", "", "two words"]
)
def test_other_addresses_and_bare_words_are_left_to_others(typed: str) -> None:
    assert not config_flow.matches(typed)


@pytest.mark.parametrize(
    "typed", ["http://", "http://192.0.2.7:99999/", "http://192.0.2.7:x", "http://a b/", "x" * 3000]
)
def test_an_address_that_is_none_is_told_in_a_sentence(typed: str) -> None:
    with pytest.raises(FlowError) as caught:
        address.device_address(typed)
    assert caught.value.field == "address"
    assert "is not the address of an ONVIF camera" in caught.value.sentence
    assert len(caught.value.sentence) < 200


def test_credentials_in_an_address_are_refused_and_not_repeated() -> None:
    with pytest.raises(FlowError) as caught:
        address.device_address("http://admin:mellon@192.0.2.7/")
    assert "mellon" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        ("http://192.0.2.7:81/onvif/media", "http://192.0.2.7:81/onvif/media"),
        ("http://10.0.0.5/onvif/media", "http://192.0.2.7:8080/onvif/media"),
        ("https://10.0.0.5:444/onvif/media", "http://192.0.2.7:8080/onvif/media"),
        ("http://127.0.0.1:22/", "http://192.0.2.7:8080/"),
    ],
)
def test_services_are_asked_on_the_host_that_the_person_gave(told: str, asked: str) -> None:
    assert address.service_address(told, "http://192.0.2.7:8080/onvif/device_service") == asked


def test_every_sentence_is_whole() -> None:
    loaded = strings.load()
    for kind in ("errors", "issues"):
        for key, entry in loaded[kind].items():
            assert set(entry) == {"sentence", "next_step"}, key
            assert all(text[0].isupper() or text[0] == "{" for text in entry.values()), key
            assert all(text.endswith(".") for text in entry.values()), key
    assert all(text.endswith(".") for text in loaded["warnings"].values())


@pytest.mark.parametrize(
    ("skew_s", "words"), [(-31_535_999.4, "1 year"), (31_536_000.4, "1 year"), (-59.6, "1 minute"), (7.2, "7 seconds")]
)
def test_how_far_a_clock_is_off_is_said_no_finer_than_it_is_known(skew_s: float, words: str) -> None:
    assert DeviceClock(int(skew_s * 1e9)).amount == words
