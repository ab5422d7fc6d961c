"""A recorder is added when the broker tells of it, or chosen among those that it tells of."""

from __future__ import annotations

import asyncio
from typing import Any

import voluptuous as vol
from homeassistant.components import mqtt
from homeassistant.components.mqtt import ReceiveMessage
from homeassistant.config_entries import ConfigFlow, ConfigFlowResult
from homeassistant.core import callback
from homeassistant.helpers.selector import SelectOptionDict, SelectSelector, SelectSelectorConfig
from homeassistant.helpers.service_info.mqtt import MqttServiceInfo

from . import payloads
from .const import ABOUT, CONF_ID, CONF_TITLE, DOMAIN

LISTEN_S = 1.0
"""The broker sends what it keeps at once."""


def about_of(topic: str, payload: Any) -> dict[str, Any] | None:
    """Return what a recorder tells of itself; None for what is none, or of a form that is not understood here."""
    told = payloads.read(payload)
    if told is None:
        return None
    about = payloads.about(topic, told)
    return None if payloads.NEEDED.intersection(about.bad) else about.fields


class HoldshelfConfigFlow(ConfigFlow, domain=DOMAIN):
    """By MQTT discovery, or by hand."""

    VERSION = 1

    def __init__(self) -> None:
        """Know of none yet."""
        self._about: dict[str, Any] = {}
        self._found: dict[str, dict[str, Any]] = {}

    async def async_step_mqtt(self, discovery_info: MqttServiceInfo) -> ConfigFlowResult:
        """A recorder was told of."""
        about = about_of(discovery_info.topic, discovery_info.payload)
        if about is None:
            return self.async_abort(reason="invalid_discovery_info")
        await self.async_set_unique_id(about["id"])
        self._abort_if_unique_id_configured()
        self._about = about
        self.context["title_placeholders"] = {"name": about["title"]}
        return await (self.async_step_repairs() if about["discovery"] else self.async_step_confirm())

    async def async_step_confirm(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """The integration will make the entities."""
        return self._confirm("confirm", user_input)

    async def async_step_repairs(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """MQTT discovery makes the entities already; the integration will bring repairs and diagnostics."""
        return self._confirm("repairs", user_input)

    def _confirm(self, step: str, user_input: dict[str, Any] | None) -> ConfigFlowResult:
        if user_input is not None:
            return self._create(self._about)
        self._set_confirm_only()
        return self.async_show_form(step_id=step, description_placeholders={"name": self._about["title"]})

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose among the recorders that the broker knows of."""
        if user_input is not None:
            about = self._found[user_input[CONF_ID]]
            # It may be offered as discovered meanwhile: that offer goes when this one is taken.
            await self.async_set_unique_id(about["id"], raise_on_progress=False)
            self._abort_if_unique_id_configured()
            return self._create(about)
        if not mqtt.is_connected(self.hass):
            return self.async_abort(reason="mqtt_not_connected")
        self._found = await self._listen()
        for entry in self._async_current_entries():
            self._found.pop(entry.data[CONF_ID], None)
        if not self._found:
            return self.async_abort(reason="no_devices_found")
        options = [SelectOptionDict(value=id, label=about["title"]) for id, about in sorted(self._found.items())]
        chosen = SelectSelector(SelectSelectorConfig(options=options))
        return self.async_show_form(step_id="user", data_schema=vol.Schema({vol.Required(CONF_ID): chosen}))

    async def _listen(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}

        @callback
        def came(message: ReceiveMessage) -> None:
            about = about_of(message.topic, message.payload)
            if about is not None:
                found[about["id"]] = about

        stop = await mqtt.async_subscribe(self.hass, ABOUT, came)
        try:
            await asyncio.sleep(LISTEN_S)
        finally:
            stop()
        return found

    def _create(self, about: dict[str, Any]) -> ConfigFlowResult:
        return self.async_create_entry(title=about["title"], data={CONF_ID: about["id"], CONF_TITLE: about["title"]})
