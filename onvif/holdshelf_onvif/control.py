"""Operations on the camera device: read its details, turn its sound off, set its clock, apply masks.

Each makes its own connection to the camera, which must present the known certificate. Results are plain data without hosts and
secrets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from holdshelf_core.integration import ConfigEntry, Holdshelf
from holdshelf_core.integration.errors import EntryError, HoldshelfError

from . import parsers, strings
from .client import OnvifClient
from .const import CONF_ADDRESS, CONF_PASSWORD, CONF_USERNAME, DEFAULT_LIMITS, Limits
from .coordinator import async_clock_or_none, channel_of, known_of
from .device import VideoProfile, within
from .errors import RequestRefused

CONF_MASKS = "camera_masks"
MASKS_MAX = 16
_MASKS, _SOUND, _TIME = "its masks", "its sound", "its time"

type Corners = Sequence[tuple[float, float]]


@asynccontextmanager
async def client_of(entry: ConfigEntry[Any], limits: Limits) -> AsyncIterator[OnvifClient]:
    data = entry.data
    async with OnvifClient(
        data[CONF_ADDRESS], data.get(CONF_USERNAME), data.get(CONF_PASSWORD), limits=limits, known=known_of(data)
    ) as client:
        await async_clock_or_none(client)
        yield client


def own_profiles(data: Mapping[str, Any], profiles: Sequence[VideoProfile]) -> list[VideoProfile]:
    """Return the profiles of this camera's channel: others of its device are cameras of their own."""
    return within(profiles, *channel_of(data))


async def async_details(
    _holdshelf: Holdshelf, entry: ConfigEntry[Any], *, limits: Limits = DEFAULT_LIMITS
) -> dict[str, Any]:
    """Return make, clock, profiles with their sound, masks, and wrong data. Raises HoldshelfError."""
    async with client_of(entry, limits) as client:
        clock = await async_clock_or_none(client)
        information = await client.async_device_information()
        profiles = own_profiles(entry.data, await client.async_profiles())
        masks = await _read_masks(client, profiles)
        return {
            "device": {key: value for key, value in asdict(information).items() if key != "serial_number"},
            "clock_skew_s": clock.skew_s if clock else None,
            "profiles": [asdict(profile) for profile in profiles],
            "masks": masks,
            "notes": client.notes,
            "takes_password_by": client.known.auth,
            "certificate_sha256": client.known.certificate,
        }


async def async_sound_off(
    _holdshelf: Holdshelf, entry: ConfigEntry[Any], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[int, int]:
    """Remove the audio encoder from every profile; return (profiles that had one, profiles that still have). Raises
    HoldshelfError."""
    async with client_of(entry, limits) as client:
        offering = [p for p in own_profiles(entry.data, await client.async_profiles()) if p.offers_sound]
        refusals: list[HoldshelfError] = []
        for profile in offering:
            try:
                await _change(client, _SOUND, _silence(client, profile))
            except HoldshelfError as error:
                refusals.append(error)
        left = [p for p in own_profiles(entry.data, await client.async_profiles()) if p.offers_sound]
        if left and len(left) == len(offering) and refusals:
            raise refusals[0]
        return len(offering), len(left)


async def _change[T](client: OnvifClient, what: str, coro: Coroutine[Any, Any, T]) -> T:
    """Run a call that changes the camera; a refusal says that it is about a change."""
    try:
        return await client.async_run(what, coro)
    except RequestRefused as error:
        raise EntryError(*strings.error("refused_change", what=what, detail=error.detail)) from None


async def _silence(client: OnvifClient, profile: VideoProfile) -> None:
    service = await client.told_service(profile.service)
    if profile.service == "media2":
        params: dict[str, Any] = {"ProfileToken": profile.token, "Configuration": [{"Type": "AudioEncoder"}]}
        await client.call(service, "RemoveConfiguration", params)
    else:
        await client.call(service, "RemoveAudioEncoderConfiguration", {"ProfileToken": profile.token})


async def async_set_time(
    _holdshelf: Holdshelf, entry: ConfigEntry[Any], *, limits: Limits = DEFAULT_LIMITS
) -> tuple[float | None, float | None]:
    """Set the camera's clock to this server's; return how far it was off before and after, in s. Raises HoldshelfError."""
    async with client_of(entry, limits) as client:
        before = await async_clock_or_none(client)
        await _change(client, _TIME, _set_time(client))
        after = await async_clock_or_none(client)
        return before.skew_s if before else None, after.skew_s if after else None


async def _set_time(client: OnvifClient) -> None:
    device = await client.service_at("devicemgmt", client.address)
    now = datetime.now(UTC) + timedelta(milliseconds=500)  # whole seconds only: rounded, not cut
    params = {
        "DateTimeType": "Manual",
        "DaylightSavings": False,
        "UTCDateTime": {
            "Time": {"Hour": now.hour, "Minute": now.minute, "Second": now.second},
            "Date": {"Year": now.year, "Month": now.month, "Day": now.day},
        },
    }
    await client.call(device, "SetSystemDateAndTime", params)


async def async_put_masks(
    holdshelf: Holdshelf, entry: ConfigEntry[Any], masks: Sequence[Corners], *, limits: Limits = DEFAULT_LIMITS
) -> int:
    """Have the camera hide these polygons (corners as fractions of width and height), replacing those we set before.

    Masks drawn at the camera itself stay. Returns how many of ours it now hides. Raises HoldshelfError.
    """
    async with client_of(entry, limits) as client:
        profiles = own_profiles(entry.data, await client.async_profiles())
        source = next((p.source_token for p in profiles if p.service == "media2" and p.source_token), "")
        if not source:
            raise EntryError(*strings.error("no_masks"))
        most, rectangles = await client.async_run(_MASKS, _mask_options(client, source))
        if len(masks) > most:
            raise EntryError(*strings.error("too_many_masks", most=most, count=len(masks)))
        for token in entry.data.get(CONF_MASKS, []):
            try:
                await _change(client, _MASKS, _ask(client, "DeleteMask", {"Token": token}))
            except HoldshelfError:
                continue  # deleted at the camera meanwhile
        tokens: list[str] = []
        try:
            for corners in masks:
                polygon = _bounds(corners) if rectangles else corners
                tokens.append(await _change(client, _MASKS, _create(client, source, polygon)))
        finally:
            holdshelf.async_update_entry(entry, data={**entry.data, CONF_MASKS: tokens})
        return len(tokens)


async def _read_masks(client: OnvifClient, profiles: Sequence[VideoProfile]) -> list[dict[str, Any]] | None:
    """Return the camera's masks; None if it does not support masks."""
    source = next((p.source_token for p in profiles if p.service == "media2"), None)
    if source is None:
        return None
    try:
        asked = {"ConfigurationToken": source} if source else {}
        return parsers.masks(await client.async_run(_MASKS, _ask(client, "GetMasks", asked)))
    except HoldshelfError:
        return None


async def _mask_options(client: OnvifClient, source: str) -> tuple[int, bool]:
    raw = await _ask(client, "GetMaskOptions", {"ConfigurationToken": source})
    return parsers.mask_options(raw, MASKS_MAX)


async def _create(client: OnvifClient, source: str, corners: Corners) -> str:
    # ONVIF coordinates start in the middle, −1 to 1, upwards.
    points = [{"x": round(x * 2 - 1, 4), "y": round(1 - y * 2, 4)} for x, y in corners]
    black = {"X": 0.0, "Y": 0.0, "Z": 0.0, "Colorspace": "http://www.onvif.org/ver10/colorspace/YCbCr"}
    mask = {
        "ConfigurationToken": source,
        "Polygon": {"Point": points},
        "Type": "Color",
        "Color": black,
        "Enabled": True,
        "token": "",
    }
    return parsers.token_text(await _ask(client, "CreateMask", {"Mask": mask}))


def _bounds(corners: Corners) -> Corners:
    """Return the bounding rectangle of a polygon, for cameras that support only rectangles."""
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return ((min(xs), min(ys)), (max(xs), min(ys)), (max(xs), max(ys)), (min(xs), max(ys)))


async def _ask(client: OnvifClient, operation: str, params: dict[str, Any]) -> Any:
    return await client.call(await client.told_service("media2"), operation, params)
