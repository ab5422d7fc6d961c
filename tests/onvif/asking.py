"""Short ways to ask a ``SoapDevice`` something, and to have it answer something else."""

from __future__ import annotations

import pytest
from aiohttp import web

from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import Limits
from tests.onvif.conftest import QUICK
from tests.onvif.soap_device import Handler, SoapDevice


def client_of(device: SoapDevice, password: str | None = None, limits: Limits = QUICK) -> OnvifClient:
    return OnvifClient(device.address, device.username, password or device.password, limits=limits)


async def failure(device: SoapDevice, limits: Limits = QUICK) -> HoldshelfError:
    """What asking for the device's information ends with."""
    async with client_of(device, limits=limits) as client:
        with pytest.raises(HoldshelfError) as caught:
            await client.async_device_information()
    return caught.value


def respond(kind: type[web.Response], **arguments: object) -> Handler:
    """A handler for ``SoapDevice.answers`` that answers ``kind(**arguments)``."""

    async def handler(_request: web.Request) -> web.StreamResponse:
        return kind(**arguments)  # type: ignore[arg-type]

    return handler
