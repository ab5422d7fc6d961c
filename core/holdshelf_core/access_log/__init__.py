"""The access log in the service: reading, verifying and exporting it, and comparing the register with it."""
