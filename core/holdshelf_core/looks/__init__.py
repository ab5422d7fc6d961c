"""Viewing footage: from disk to picture. Must never import the recorder, and never decode outside the picture worker."""
