"""An alert channel, for the admin: mail, or a service that Apprise knows; what it is told, and when."""

from __future__ import annotations

import msgspec
from textual.app import ComposeResult

from holdshelf_core.alerts.types import AlertDone, AlertSet, AnyWay, AppriseWay, HeartbeatWay, MailWay, MqttWay, Rules
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.text.alerts import AUDIENCES, LEAST
from holdshelf_tui.widgets.fields import Choice, FormField, TextField, Tick

SECURITY = (
    ("starttls", "STARTTLS, usually port 587"),
    ("tls", "TLS, usually port 465"),
    ("none", "not encrypted: to this machine only"),
)


MQTT_SECURITY = (
    ("tls", "TLS, usually port 8883"),
    ("none", "not encrypted: to this machine only"),
)


KINDS = (
    ("mail", "mail, by a mail server (SMTP)"),
    ("apprise", "any service that Apprise knows: ntfy, Matrix, Teams …"),
    ("mqtt", "the state for Home Assistant, by an MQTT broker"),
    ("heartbeat", "a heartbeat to a service that alerts when it stops"),
)


class KindDialog(FormDialog[str]):
    """By what a new way tells."""

    title_words = "Send alerts to somebody"
    does = "Continue"

    def fields(self) -> ComposeResult:
        """One of the kinds."""
        yield FormField("By", Choice(KINDS, id="kind"))

    async def async_submit(self) -> str:
        """Return the kind of way to add, of `KINDS`."""
        return self.query_one("#kind", Choice).value


class WayDialog[W: (MailWay, AppriseWay)](FormDialog[AlertDone]):
    """What mail and Apprise have in common. ``way`` None: a new one."""

    does = "Set it"
    doing = "Setting it"

    def __init__(self, way: W | None = None) -> None:
        super().__init__()
        self._way: W | None = way
        self.title_words = f"Change the alert {way.name}" if way is not None else self.title_words

    def own_fields(self) -> ComposeResult:
        """What this kind of way alone asks for."""
        raise NotImplementedError

    def own_way(self, name: str, rules: Rules) -> AnyWay:
        """The way as it is filled in. Raises Missing."""
        raise NotImplementedError

    def fields(self) -> ComposeResult:
        """Name, where it goes, what it is told."""
        rules = self._way.rules if self._way is not None else Rules()
        if self._way is None:
            yield FormField("Name", TextField("", "e.g., office", id="name", most=32))
        yield from self.own_fields()
        yield FormField("Notifies", Choice(tuple(AUDIENCES.items()), rules.audience, id="audience"))
        yield FormField("How much", Choice(tuple(LEAST.items()), rules.least, id="least"))
        only = ", ".join(rules.kinds)
        yield FormField("Conditions", TextField(only, "blank: all; their names are in docs/alerts.md", id="only"))
        yield FormField("Quiet hours", TextField(rules.quiet, "e.g., 22:00-07:00; blank: none", id="quiet", most=11))
        yield FormField("", Tick("send errors during quiet hours, too", rules.errors_break_quiet, id="through"))
        again = str(rules.remind_hours)
        yield FormField("Remind after (hours)", TextField(again, "0: never", id="remind", most=4))

    async def async_submit(self) -> AlertDone:
        """Set. Raises Missing, HoldshelfError."""
        name = self._way.name if self._way is not None else self.needed("name", "What is it called?")
        try:
            hours = int(self.text("remind") or "0")
        except ValueError:
            raise Missing("remind", "After how many hours?", "Type a number; 0: never.") from None
        rules = Rules(
            audience="seats" if self.query_one("#audience", Choice).value == "seats" else "admin",
            kinds=tuple(word for word in self.text("only").replace(",", " ").split() if word != "all"),
            least=self.query_one("#least", Choice).value,
            quiet=self.text("quiet"),
            errors_break_quiet=self.query_one("#through", Tick).value,
            remind_hours=hours,
        )
        return await self.link.act(AlertSet(self.own_way(name, rules), self._way is None))


class MailDialog(WayDialog[MailWay]):
    """How mail goes out: by which SMTP server, with which login, to whom."""

    title_words = "Alerts by mail"

    def own_fields(self) -> ComposeResult:
        way = self._way
        yield FormField("Mail server", TextField(way.host if way else "", "e.g., smtp.town.example", id="host"))
        yield FormField("Security", Choice(SECURITY, way.security if way else None, id="security"))
        yield FormField("Port", TextField(str(way.port) if way else "587", "", id="port", most=5))
        yield FormField("User", TextField(way.username if way else "", "blank: no login", id="user", most=200))
        password = TextField("", "blank: as before" if way else "blank: no login", id="password", most=1000)
        password.password = True
        yield FormField("Password", password)
        yield FormField("From", TextField(way.sender if way else "", "e.g., recorder@library.example", id="sender"))
        to = ", ".join(way.to) if way else ""
        yield FormField("To", TextField(to, "addresses, with commas between", id="to", most=2000))

    def own_way(self, name: str, rules: Rules) -> MailWay:
        try:
            port = int(self.text("port"))
        except ValueError:
            raise Missing("port", "Which port?", "It is usually 587, 465 or 25.") from None
        return MailWay(
            name=name,
            host=self.needed("host", "Which mail server?"),
            to=tuple(self.needed("to", "Who gets the alerts?").replace(",", " ").split()),
            sender=self.needed("sender", "From which address?"),
            port=port,
            security=self.query_one("#security", Choice).value,
            username=self.text("user"),
            rules=rules,
            secret=self.text("password"),
        )


class AppriseDialog(WayDialog[AppriseWay]):
    """Any service that Apprise knows."""

    title_words = "Alerts by Apprise"

    def lead(self) -> str:
        return "Apprise knows ntfy, Matrix, Teams and many more, each by a URL. It is an extra: docs/alerts.md."

    def own_fields(self) -> ComposeResult:
        """The URL, which is a secret."""
        url = TextField("", "blank: as before" if self._way else "e.g., ntfys://TOPIC", id="url", most=2000)
        url.password = True
        yield FormField("URL", url)

    def own_way(self, name: str, rules: Rules) -> AppriseWay:
        way = self._way or AppriseWay(name)
        return msgspec.structs.replace(way, rules=rules, secret=self.text("url"))


class MqttDialog(FormDialog[AlertDone]):
    """An MQTT broker, for Home Assistant. ``way`` None: a new one."""

    title_words = "Alerts to Home Assistant"
    does = "Set it"
    doing = "Setting it"

    def __init__(self, way: MqttWay | None = None) -> None:
        super().__init__()
        self._way = way
        self.title_words = f"Change the alert {way.name}" if way is not None else self.title_words

    def lead(self) -> str:
        """What goes there, and what cannot be typed here."""
        return (
            "State goes to a broker; nothing comes back. For a private certificate authority: "
            "`holdshelf alert change NAME --ca FILE`."
        )

    def fields(self) -> ComposeResult:
        """Broker, login, what it is called there."""
        way = self._way
        if way is None:
            yield FormField("Name", TextField("", "e.g., home", id="name", most=32))
        yield FormField("MQTT broker", TextField(way.host if way else "", "e.g., mqtt.town.example", id="host"))
        yield FormField("Security", Choice(MQTT_SECURITY, way.security if way else None, id="security"))
        yield FormField("Port", TextField(str(way.port) if way else "8883", "", id="port", most=5))
        yield FormField("User", TextField(way.username if way else "", "blank: no login", id="user", most=200))
        password = TextField("", "blank: as before" if way else "blank: no login", id="password", most=1000)
        password.password = True
        yield FormField("Password", password)
        yield FormField("Id in topics", TextField(way.id if way else "recorder", "", id="topic", most=40))
        yield FormField("Called", TextField(way.title if way else "Holdshelf", "", id="called", most=60))
        on = way.discovery if way else True
        yield FormField("", Tick("MQTT discovery makes the entities there", on, id="discovery"))

    async def async_submit(self) -> AlertDone:
        """Set. Raises Missing, HoldshelfError."""
        name = self._way.name if self._way is not None else self.needed("name", "What is it called?")
        try:
            port = int(self.text("port"))
        except ValueError:
            raise Missing("port", "Which port?", "It is usually 8883 or 1883.") from None
        way = MqttWay(
            name=name,
            host=self.needed("host", "Which MQTT broker?"),
            id=self.needed("topic", "Which id?"),
            title=self.text("called"),
            port=port,
            security=self.query_one("#security", Choice).value,
            ca_pem=self._way.ca_pem if self._way is not None else "",
            username=self.text("user"),
            discovery=self.query_one("#discovery", Tick).value,
            secret=self.text("password"),
        )
        return await self.link.act(AlertSet(way, self._way is None))


class HeartbeatDialog(FormDialog[AlertDone]):
    """An address that is asked for every few minutes. ``way`` None: a new one."""

    title_words = "Report that it is running"
    does = "Set it"
    doing = "Setting it"

    def __init__(self, way: HeartbeatWay | None = None) -> None:
        super().__init__()
        self._way = way
        self.title_words = f"Change the alert {way.name}" if way is not None else self.title_words

    def lead(self) -> str:
        """What it is for."""
        return "Services such as healthchecks.io give you an address and notify you when it has not been called for some minutes."

    def fields(self) -> ComposeResult:
        """The address, which is a secret, and how often."""
        way = self._way
        if way is None:
            yield FormField("Name", TextField("", "e.g., pulse", id="name", most=32))
        url = TextField("", "blank: as before" if way else "https://…", id="url", most=2000)
        url.password = True
        yield FormField("Address", url)
        yield FormField("Every (minutes)", TextField(str(way.every_minutes) if way else "5", "", id="every", most=4))

    async def async_submit(self) -> AlertDone:
        """Set. Raises Missing, HoldshelfError."""
        name = self._way.name if self._way is not None else self.needed("name", "What is it called?")
        try:
            every = int(self.text("every"))
        except ValueError:
            raise Missing("every", "Every how many minutes?", "Type a number, e.g., 5.") from None
        way = HeartbeatWay(name, every_minutes=every, secret=self.text("url"))
        return await self.link.act(AlertSet(way, self._way is None))
