"""Footage as a whole: recovery, reading, verifying, and missing files."""
