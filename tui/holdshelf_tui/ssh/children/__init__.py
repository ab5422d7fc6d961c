"""The processes that run for one SSH session."""
