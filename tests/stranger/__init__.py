"""Checkers written from the documents alone: they import nothing of Holdshelf."""
