"""Alert channels, in words: for commands and screens."""

from __future__ import annotations

from holdshelf_core.alerts.types import AnyWay, Health, HeartbeatWay, MailWay, MqttWay, Rules, SentRow
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import counted, inert

AUDIENCES = {"admin": "what the admin must see to", "seats": "what the seats must see to"}
LEAST = {"notice": "all of it", "warning": "warnings and errors", "error": "errors only"}
OUTCOMES = {"sent": "sent", "waiting": "waits", "dropped": "not sent: too many waited"}


def target_words(way: AnyWay) -> str:
    """Where it goes: 'it@library.example by smtp.library.example:587 (STARTTLS)'."""
    if not isinstance(way, MailWay):
        return inert(way.target, 120)
    security = {"starttls": "STARTTLS", "tls": "TLS", "none": "not encrypted, on this machine"}.get(way.security, "?")
    return f"{inert(way.target, 300)} ({security})"


def whom_words(way: AnyWay) -> str:
    """Whom it tells, in short."""
    if isinstance(way, HeartbeatWay):
        return "watcher"
    return "home" if isinstance(way, MqttWay) else way.rules.audience


def told_words(way: AnyWay) -> list[str]:
    """What it is told and when, a line each."""
    if isinstance(way, HeartbeatWay):
        return [f"Told: that the recorder runs, every {counted(way.every_minutes, 'minute')}, and nothing else"]
    if not isinstance(way, MqttWay):
        return rules_words(way.rules)
    entities = "MQTT discovery" if way.discovery else "Holdshelf's integration"
    return [
        "Told: the state of the recorder and its cameras, every ten seconds",
        f"In Home Assistant: {inert(way.title, 60)}",
        f"Entities made by: {entities}",
    ]


def rules_words(rules: Rules) -> list[str]:
    """What it is told and when, a line each."""
    kinds = f": {inert(', '.join(rules.kinds), 600)}" if rules.kinds else ""
    lines = [f"Told: {AUDIENCES.get(rules.audience, '?')}, {LEAST.get(rules.least, '?')}{kinds}"]
    if rules.quiet:
        through = "errors break through" if rules.errors_break_quiet else "errors wait, too"
        lines.append(f"Quiet hours: {inert(rules.quiet, 20)}; {through}")
    again = f"every {counted(rules.remind_hours, 'hour')}" if rules.remind_hours else "never"
    lines.append(f"Reminder while it lasts: {again}")
    return lines


def state_words(health: Health) -> str:
    """In short: 'works', 'fails; 2 messages waiting'."""
    state = {None: "not tried yet", True: "works", False: "fails"}[health.ok]
    return f"{state}; {counted(health.waiting, 'message')} waiting" if health.waiting else state


def health_words(health: Health) -> str:
    """How it does: 'works', 'fails since Nov 24, 2026, 2:05 pm: The mail server … refuses the login (535).'"""
    if health.ok is not False:
        return state_words(health)
    state, semicolon, waits = state_words(health).partition(";")
    since = f" since {when(health.since_utc_ns)}" if health.since_utc_ns else ""
    return f"{state}{since}{semicolon}{waits}: {inert(health.sentence, 300)}"


def sent_words(row: SentRow) -> str:
    """What became of a message: 'sent', 'sent at the third try'."""
    outcome = OUTCOMES.get(row.outcome, "?")
    return outcome if row.tries <= 1 else f"{outcome}, tried {row.tries} times"
