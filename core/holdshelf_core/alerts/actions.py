"""Acts on the ways by which the recorder calls: set, remove, test; and the reads of them. The admin's alone."""

from __future__ import annotations

import contextlib
import re
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.alerts import types
from holdshelf_core.alerts.alerts import Alerts
from holdshelf_core.alerts.allowed import ADMIN, KINDS, RECORDER_ID, SEATS
from holdshelf_core.errors import BadRequest, Conflict, NotFound

MOST_WAYS: Final = 16
MOST_ADDRESSES: Final = 20
MOST_REMIND_HOURS: Final = 24 * 366
MOST_HEARTBEAT_MINUTES: Final = 1440
MOST_CA_CHARS: Final = 64_000
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", re.ASCII)
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII
)
_QUIET: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,30})://\S", re.ASCII)
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


class AlertActs:
    """Handlers of these acts."""

    def __init__(self, alerts: Alerts) -> None:
        self._alerts = alerts

    @handles(types.AlertSet, log=lambda q: LogForm(subject=q.way.name[:40], facts={"way": _kind(q.way)}))
    async def set_way(self, call: Call[types.AlertSet]) -> types.AlertDone:
        asked = call.request
        way = _checked(asked.way)
        known = self._alerts.ways.get(way.name)
        if asked.new and known is not None:
            raise Conflict(
                f"There is a channel {way.name!r} already.", f"Change it: `holdshelf alert change {way.name}`."
            )
        if not asked.new and known is None:
            raise self._unknown(way.name)
        if known is None and len(self._alerts.ways) >= MOST_WAYS:
            raise Conflict(f"There are already {MOST_WAYS} channels.", "Remove one: `holdshelf alert remove NAME`.")
        way = _with_secret(way, known)
        seq = await call.record(subject=way.name, facts=_facts(way), private={"target": way.target})
        await self._alerts.async_put(way)
        moved = isinstance(known, types.MqttWay) and _place(known) != _place(way)
        kept = await self._async_use(call, known if moved else None)
        return types.AlertDone(seq, way.name, f"{way.name} tells {way.target}. {kept}".rstrip(". "))

    @handles(types.AlertRemove, log=lambda q: LogForm(subject=q.name[:40]))
    async def remove(self, call: Call[types.AlertRemove]) -> types.AlertDone:
        name = call.request.name
        if name not in self._alerts.ways:
            raise self._unknown(name)
        seq = await call.record(subject=name)
        way = self._alerts.ways[name]
        await self._alerts.async_remove(name)
        kept = await self._async_use(call, way)
        return types.AlertDone(seq, name, f"{name} is removed. {kept}".rstrip(". "))

    @handles(types.AlertTest, log=lambda q: LogForm(subject=q.name[:40]))
    async def test(self, call: Call[types.AlertTest]) -> types.AlertDone:
        name = call.request.name
        if name not in self._alerts.ways:
            raise self._unknown(name)
        target = self._alerts.ways[name].target
        seq = await call.record(subject=name)
        why = await self._alerts.async_test(name)
        return types.AlertDone(seq, name, why or f"The test message was delivered to {target}.", ok=not why)

    @handles(types.ReadAlerts)
    async def ways(self, _asked: Reading[types.ReadAlerts]) -> list[types.WayRow]:
        """Return the ways and how they do."""
        return self._alerts.rows()

    @handles(types.ReadAlertHistory)
    async def history(self, _asked: Reading[types.ReadAlertHistory]) -> list[types.SentRow]:
        """Return what was sent."""
        return await self._alerts.async_history()

    async def _async_use(self, call: Call[Any], gone: types.AnyWay | None = None) -> str:
        """Have a new sender. Its predecessor may take seconds to end: other acts need not wait for that.

        ``gone``: a way that was removed, or as it was before it moved. Returns sentences on what others may keep of it, or ''.
        """
        if call.turn is not None:
            call.turn.leave()
        kept = await self._alerts.async_leave(gone) if isinstance(gone, types.MqttWay) else ""
        await self._alerts.async_use()
        return kept

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(sorted(self._alerts.ways)) or "none yet"
        return NotFound(f"There is no alert channel {name[:40]!r}.", f"Known: {known}.")


def _place(way: types.AnyWay) -> tuple[str, str]:
    """Where a broker keeps what a way publishes; another port is mostly the same broker's."""
    return (way.host, way.id) if isinstance(way, types.MqttWay) else ("", "")


def _kind(way: types.AnyWay) -> str:
    return str(way.__struct_config__.tag)


def _facts(way: types.AnyWay) -> dict[str, str]:
    """What the log says of it."""
    if isinstance(way, types.MqttWay):
        return {"way": _kind(way), "discovery": "on" if way.discovery else "off"}
    if isinstance(way, types.HeartbeatWay):
        return {"way": _kind(way), "every_minutes": str(way.every_minutes)}
    rules = way.rules
    return {
        "way": _kind(way),
        "audience": rules.audience,
        "conditions": " ".join(rules.kinds) or "all",
        "least": rules.least,
        "quiet": rules.quiet or "none",
    }


def _checked(way: types.AnyWay) -> types.AnyWay:
    if not _NAME.fullmatch(way.name):
        raise BadRequest(
            f"{way.name[:40]!r} cannot be the name of a channel.", "Use small letters, digits and '-', e.g., `mail`."
        )
    _check_rules(way.rules)
    match way:
        case types.MailWay():
            return _checked_mail(way)
        case types.AppriseWay():
            return _checked_apprise(way)
        case types.MqttWay():
            return _checked_mqtt(way)
        case types.HeartbeatWay():
            return _checked_heartbeat(way)


def _check_rules(rules: types.Rules) -> None:
    if rules.audience not in (ADMIN, SEATS):
        raise BadRequest("An alert channel is for the admin or for the seats.", "Use admin or seats.")
    of_audience = sorted(name for name, kind in KINDS.items() if kind.audience == rules.audience)
    for kind in rules.kinds:
        if kind not in of_audience:
            raise BadRequest(
                f"{kind[:40]!r} is not a condition for the {rules.audience}.", f"Known: {', '.join(of_audience)}."
            )
    if rules.least not in ("notice", "warning", "error"):
        raise BadRequest(f"{rules.least[:20]!r} is not a severity.", "Use notice, warning or error.")
    if rules.quiet and (not _QUIET.fullmatch(rules.quiet) or rules.quiet[:5] == rules.quiet[6:]):
        raise BadRequest(f"{rules.quiet[:20]!r} are not quiet hours.", "Give them as 22:00-07:00.")
    if not 0 <= rules.remind_hours <= MOST_REMIND_HOURS:
        raise BadRequest("Reminders come after 1 to 8784 hours, or never (0).", "Give a number of hours.")


def _checked_mail(way: types.MailWay) -> types.MailWay:
    if not _HOST.fullmatch(way.host):
        raise BadRequest(f"{way.host[:60]!r} is not a mail server.", "Give its name, e.g., smtp.example.org.")
    if not 0 < way.port < 65_536:
        raise BadRequest(f"{way.port} is not a port.", "The usual ports are 587 (STARTTLS), 465 (TLS) and 25.")
    if way.security not in ("starttls", "tls", "none"):
        raise BadRequest(f"{way.security[:20]!r} is not a kind of security.", "Use starttls, tls or none.")
    if way.security == "none" and way.host not in _LOCAL:
        raise BadRequest(
            "Email without TLS is allowed to this machine only.", "Use starttls or tls, or the host localhost."
        )
    for address in (way.sender, *way.to):
        if not _ADDRESS.fullmatch(address):
            raise BadRequest(f"{address[:60]!r} is not an email address.", "Give one as it@library.example.")
    if not 0 < len(way.to) <= MOST_ADDRESSES:
        raise BadRequest(f"A channel has 1 to {MOST_ADDRESSES} addresses.", "Give others to another channel.")
    _check_login(way)
    return msgspec.structs.replace(way, host=way.host.lower(), to=tuple(dict.fromkeys(way.to)))


def _checked_mqtt(way: types.MqttWay) -> types.MqttWay:
    if not _HOST.fullmatch(way.host):
        raise BadRequest(f"{way.host[:60]!r} is not an MQTT broker.", "Give its name, e.g., homeassistant.local.")
    if not 0 < way.port < 65_536:
        raise BadRequest(f"{way.port} is not a port.", "The usual ports are 8883 (TLS) and 1883.")
    if way.security not in ("tls", "none"):
        raise BadRequest(f"{way.security[:20]!r} is not a kind of security.", "Use tls or none.")
    if way.security == "none" and way.host not in _LOCAL:
        raise BadRequest("MQTT without TLS is allowed to this machine only.", "Use tls, or the host localhost.")
    if not RECORDER_ID.fullmatch(way.id):
        raise BadRequest(
            f"{way.id[:40]!r} cannot be the recorder's id.", "Use small letters, digits, '-' and '_', e.g., `main`."
        )
    title = common.words(way.title, "The title", most=60)
    if way.ca_pem:
        try:
            if len(way.ca_pem) > MOST_CA_CHARS:
                raise ValueError
            ssl.create_default_context(cadata=way.ca_pem)
        except (ValueError, ssl.SSLError):
            raise BadRequest(
                "That contains no certificate.", "Give a PEM file, which begins with -----BEGIN CERTIFICATE-----."
            ) from None
    _check_login(way)
    return msgspec.structs.replace(way, host=way.host.lower(), title=title or "Holdshelf")


def _check_login(way: types.MailWay | types.MqttWay) -> None:
    common.words(way.username, "The user name", most=200)
    if len(way.secret) > 1000 or any(ord(c) < 32 for c in way.secret):
        raise BadRequest("That cannot be a password: it is too long, or has control characters.")


def _checked_apprise(way: types.AppriseWay) -> types.AppriseWay:
    if not way.secret:
        return way
    found = _SCHEME.match(way.secret)
    if found is None or len(way.secret) > 2000 or any(ord(c) < 33 for c in way.secret):
        raise BadRequest(
            "That is not an Apprise URL.", "Give one as ntfys://TOPIC; `apprise --details` lists the services."
        )
    return msgspec.structs.replace(way, service=found[1].lower())


def _checked_heartbeat(way: types.HeartbeatWay) -> types.HeartbeatWay:
    if not 1 <= way.every_minutes <= MOST_HEARTBEAT_MINUTES:
        raise BadRequest("A heartbeat goes out every 1 to 1440 minutes.", "Give a number of minutes, e.g., 5.")
    if not way.secret:
        return way
    host = ""
    if len(way.secret) <= 2000 and all(33 <= ord(c) < 127 for c in way.secret):
        with contextlib.suppress(ValueError):
            parts = urlsplit(way.secret)
            host = parts.hostname or ""
            if parts.username or not (parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)):
                host = ""
    if not host:
        raise BadRequest(
            "That is not an address for a heartbeat.",
            "Give it as https://hc-ping.com/…; http:// is allowed to this machine only.",
        )
    return msgspec.structs.replace(way, service=host)


def _with_secret(way: types.AnyWay, known: types.AnyWay | None) -> types.AnyWay:
    """Return the way with the secret that is known, where none is given. It never goes to another server or user."""
    if way.secret:
        return way
    if isinstance(way, types.HeartbeatWay):
        if isinstance(known, types.HeartbeatWay) and known.secret:
            return msgspec.structs.replace(way, secret=known.secret, service=known.service)
        raise BadRequest("A heartbeat needs its address.", "`--ask-password` asks for it.")
    if isinstance(way, types.AppriseWay):
        if isinstance(known, types.AppriseWay) and known.secret:
            return msgspec.structs.replace(way, secret=known.secret, service=known.service)
        raise BadRequest("An Apprise channel needs its URL.", "`--ask-password` asks for it.")
    if not way.username:
        return way
    if isinstance(known, types.MailWay | types.MqttWay) and known.secret:
        if _server(way) == _server(known):
            return msgspec.structs.replace(way, secret=known.secret)
        raise BadRequest("Another server or user needs its own password.", "`--ask-password` asks for it.")
    raise BadRequest(f"The user {way.username!r} needs a password.", "`--ask-password` asks for it.")


def _server(way: types.MailWay | types.MqttWay) -> tuple[object, ...]:
    """Who gets the password."""
    ca_pem = way.ca_pem if isinstance(way, types.MqttWay) else ""
    return (_kind(way), way.host, way.port, way.security, way.username, ca_pem)
