"""Fragmented and plain MP4 files."""
