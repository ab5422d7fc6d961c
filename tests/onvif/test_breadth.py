"""Media2, the ways of taking a password, and addresses that a camera tells wrongly."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from holdshelf_core.integration import FlowError
from holdshelf_onvif import config_flow
from holdshelf_onvif.address import service_address, usable_stream_url
from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import HTTP_DIGEST, PLAIN_TOKEN
from holdshelf_onvif.device import Known, choose_profile
from holdshelf_onvif.errors import CertificateChanged, WrongPassword
from tests.onvif.asking import client_of
from tests.onvif.conftest import PASSWORD, QUICK, House
from tests.onvif.test_client import self_signed
from tests.rig.onvif_device import OnvifDevice, Profile


def asker(
    device: OnvifDevice, password: str = PASSWORD, known: Known | None = None, *, plain: bool = False
) -> OnvifClient:
    return OnvifClient(device.address, device.username, password, limits=QUICK, known=known, may_send_plain=plain)


# --- Media2 ---------------------------------------------------------------------------------------------------------------


async def test_h265_is_found_through_media2_and_preferred_when_it_is_the_best() -> None:
    profiles2 = [Profile("main", "H265", 3840, 2160, 20, name="Main", sound=True), Profile("sub", "H264", 640, 360)]
    async with OnvifDevice(profiles=[Profile("main", "")], profiles2=profiles2) as device, asker(device) as client:
        best = choose_profile(await client.async_profiles())
        assert best is not None
        assert (best.service, best.codec, best.width, best.sound, best.source_token) == (
            "media2", "hevc", 3840, "MP4A-LATM", "vs",
        )  # fmt: skip
        assert await client.async_stream_uri(best) == "rtsp://127.0.0.1:8554/live/main"


async def test_the_best_profile_is_taken_over_both_services() -> None:
    profiles2 = [Profile("small", "H265", 640, 360)]
    device = OnvifDevice(profiles=[Profile("large", "H264", 1920, 1080)], profiles2=profiles2)
    async with device, asker(device) as client:
        best = choose_profile(await client.async_profiles())
        assert best is not None
        assert (best.token, best.service) == ("large", "media")
        assert (await client.async_stream_uri(best)).endswith("/large")


async def test_a_media2_that_fails_leaves_media_usable() -> None:
    async with OnvifDevice(profiles2=[Profile("x")]) as device:
        original = device._GetProfiles
        device._GetProfiles = lambda m: None if "ver20" in m else original(m)  # type: ignore[method-assign]
        async with asker(device) as client:
            assert {p.service for p in await client.async_profiles()} == {"media"}
            client.forget()
            device.media2_xaddr = "http://127.0.0.1:9/nobody"
            assert {p.service for p in await client.async_profiles()} == {"media"}


async def test_a_stream_address_that_media2_will_not_tell_is_asked_of_media() -> None:
    device = OnvifDevice(profiles=[Profile("main")], profiles2=[Profile("main", "H265")])
    original = device._GetStreamUri
    device._GetStreamUri = lambda m: None if "ver20" in m else original(m)  # type: ignore[method-assign]
    async with device, asker(device) as client:
        (main,) = await client.async_profiles()
        assert main.service == "media2"
        assert await client.async_stream_uri(main) == "rtsp://127.0.0.1:8554/live/main"


# --- passwords --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
async def test_http_digest_is_spoken_when_tokens_are_refused(algorithm: str) -> None:
    async with OnvifDevice(accepts=frozenset({"http-digest"}), algorithm=algorithm) as device, asker(device) as client:
        assert (await client.async_device_information()).model == "Eye 3"
        assert await client.async_profiles()
        assert client.known.auth == HTTP_DIGEST
        assert device.plain_seen == 0


async def test_a_wrong_password_is_wrong_by_http_digest_too_and_not_guessed_at_often() -> None:
    async with OnvifDevice(accepts=frozenset({"http-digest"})) as device, asker(device, "guess", plain=True) as client:
        with pytest.raises(WrongPassword):
            await client.async_device_information()
        assert len(device.refused) <= 4


async def test_the_password_goes_out_in_plain_only_when_a_person_gave_it_just_now() -> None:
    async with OnvifDevice(accepts=frozenset({"plain-token"})) as device:
        async with asker(device) as client:
            with pytest.raises(WrongPassword):
                await client.async_device_information()
        assert device.plain_seen == 0
        async with asker(device, plain=True) as client:
            await client.async_device_information()
            known = client.known
        assert known.auth == PLAIN_TOKEN
        async with asker(device, known=known) as client:  # as it was taken once
            assert await client.async_profiles()


async def test_an_operation_that_is_refused_to_a_known_account_never_brings_the_password_out_in_plain() -> None:
    async with OnvifDevice() as device, asker(device, plain=True) as client:
        await client.async_device_information()
        device.accepts = frozenset()
        with pytest.raises(WrongPassword):
            await client.async_profiles()
        assert device.plain_seen == 0


@pytest.mark.parametrize("page", [" ", "OK", "<html>", ""], ids=["blank", "text", "web page", "nothing"])
async def test_a_refusal_stands_whatever_the_next_way_is_answered_with(page: str) -> None:
    """Seen: NotAuthorized to the digest, an empty page to the plain password, told as a fault of the firmware."""
    async with OnvifDevice() as device, asker(device, "guess", plain=True) as client:
        device.plain_answer = page
        with pytest.raises(WrongPassword):
            await client.async_device_information()
        assert device.plain_seen == 1


async def test_a_camera_that_wants_the_password_in_plain_is_added_with_a_warning(house: House) -> None:
    async with OnvifDevice(accepts=frozenset({"plain-token"})) as device:
        draft = await config_flow.async_probe(house, device.address, "admin", PASSWORD, limits=QUICK)
    assert draft.data["auth"] == PLAIN_TOKEN
    assert any("only in plain" in warning for warning in draft.warnings)


# --- certificates -----------------------------------------------------------------------------------------------------------


def context(tmp_path: Path, name: str) -> ssl.SSLContext:
    folder = tmp_path / name
    folder.mkdir()
    return self_signed(folder)


async def test_the_first_certificate_is_kept_and_another_is_sent_nothing(tmp_path: Path, house: House) -> None:
    async with OnvifDevice(tls=context(tmp_path, "one")) as device:
        draft = await config_flow.async_probe(house, device.address, "admin", PASSWORD, limits=QUICK)
        port = device.port
        known = draft.data
        assert len(known["certificate_sha256"]) == 64
        again = await config_flow.async_probe(house, device.address, "admin", PASSWORD, known=known, limits=QUICK)
        assert again.data["certificate_sha256"] == known["certificate_sha256"]
    async with OnvifDevice(tls=context(tmp_path, "two"), port=port) as other:
        with pytest.raises(FlowError, match="another certificate"):
            await config_flow.async_probe(house, other.address, "admin", PASSWORD, known=known, limits=QUICK)
        assert other.calls == []
        accepted = await config_flow.async_probe(house, other.address, "admin", PASSWORD, limits=QUICK)
        assert accepted.data["certificate_sha256"] != known["certificate_sha256"]


async def test_a_device_reached_by_https_is_never_asked_by_http(tmp_path: Path) -> None:
    async with SoapWitness() as witness, OnvifDevice(tls=context(tmp_path, "one")) as device:
        device.media_xaddr = f"http://127.0.0.1:{witness.port}/onvif/media_service"
        async with asker(device) as client:
            assert await client.async_profiles()
            assert client.notes == [
                "The camera names another scheme for its media service; it is asked where it was added."
            ]
        assert witness.calls == []


class SoapWitness(OnvifDevice):
    """Another device, which must not be asked."""


async def test_a_changed_certificate_is_its_own_error(tmp_path: Path) -> None:
    async with OnvifDevice(tls=context(tmp_path, "one")) as device, asker(device, known=Known("", "ab" * 32)) as client:
        with pytest.raises(CertificateChanged, match="nothing was sent"):
            await client.async_clock()
    assert device.calls == []


# --- addresses --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "dialed", "asked"),
    [
        ("http://10.0.0.5/onvif/media", "http://198.51.100.7:8080/x", "http://198.51.100.7:8080/onvif/media"),
        ("http://198.51.100.7:81/m", "http://198.51.100.7/x", "http://198.51.100.7:81/m"),
        ("http://[fe80::1]/m", "http://198.51.100.7/x", "http://198.51.100.7/m"),
        ("http://[2001:DB8:0:0::1]:81/m", "http://[2001:db8::1]/x", "http://[2001:db8:0:0::1]:81/m"),
        ("https://198.51.100.7/m", "http://198.51.100.7/x", "https://198.51.100.7/m"),
        ("http://198.51.100.7/m", "https://198.51.100.7:8443/x", "https://198.51.100.7:8443/m"),
        ("http://0.0.0.0/m", "http://198.51.100.7/x", "http://198.51.100.7/m"),
        ("http://127.0.0.1:22/m", "http://198.51.100.7/x", "http://198.51.100.7/m"),
    ],
    ids=["NAT", "own port", "IPv6 told", "IPv6 written otherwise", "https told", "no step down", "zeros", "loopback"],
)
def test_the_host_that_was_dialed_wins(told: str, dialed: str, asked: str) -> None:
    assert service_address(told, dialed) == asked


def test_a_stream_is_dialed_on_the_host_that_was_dialed() -> None:
    device = "http://[2001:db8::7]/onvif/device_service"
    assert usable_stream_url("rtsp://192.168.1.9:8554/a?b=1", device) == "rtsp://[2001:db8::7]:8554/a?b=1"
    assert usable_stream_url("rtsp://[2001:DB8::7]/a", device) == "rtsp://[2001:DB8::7]/a"


async def test_what_is_not_followed_is_told_in_diagnostics() -> None:
    profiles = [Profile("main", uri="rtsp://10.9.8.7/live")]
    device = OnvifDevice(profiles2=profiles, media2_xaddr="http://10.9.8.7/onvif/media2")
    async with device, client_of(device) as client:
        (main, *_) = await client.async_profiles()
        await client.async_stream_uri(main)
        assert client.notes == [
            "The camera names another host for its media2 service; it is asked where it was added.",
            "The camera names another host for its stream; it is dialed where it was added.",
        ]


async def test_a_device_without_getservices_tells_its_capabilities() -> None:
    async with OnvifDevice(unsupported={"GetServices"}) as device, asker(device) as client:
        assert {p.service for p in await client.async_profiles()} == {"media"}
    assert device.calls.count("GetServices") == 1
