"""Releasing footage (P13): the bundle of an approved release, its signature, its check, and copying it to a stick."""
