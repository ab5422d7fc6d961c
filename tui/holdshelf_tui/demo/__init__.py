"""`holdshelf demo`: virtual cameras on loopback, recorded for real. Touches no network but this machine's own."""
