"""Outboxes: what lies ready for one person each, how it gets there, who fetches it, and when it goes."""
