"""The recorder worker's process: parses streams and writes segments."""
