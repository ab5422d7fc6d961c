"""Screens: one module each, with its style beside it."""
