"""One volume: its identity, its day folders, journals and sequence."""
