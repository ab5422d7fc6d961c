"""Outboxes: files ready for one person each, how they get there, who fetches them, and when they expire."""
