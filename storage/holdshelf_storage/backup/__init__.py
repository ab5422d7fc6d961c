"""Backups of STATE, and restoring them."""
