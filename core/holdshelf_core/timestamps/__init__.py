"""Time stamps on the access log's head by a server that the Board chose (RFC 3161)."""
