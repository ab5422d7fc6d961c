"""One person's session: the client for the service, input, and the looks that are open."""
