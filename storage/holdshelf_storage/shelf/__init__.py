"""Held segments, linked to the shelf."""
