"""What the recorder tells of itself, by itself: mail, Apprise, MQTT, metrics, heartbeat. State, and nothing else (ADR 56)."""
