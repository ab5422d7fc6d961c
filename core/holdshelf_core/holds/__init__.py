"""Holds: the book, the shelf, coverage, archives and reviews."""
