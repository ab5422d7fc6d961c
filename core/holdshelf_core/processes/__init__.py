"""Worker processes and their confinement."""
