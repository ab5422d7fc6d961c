"""The service's part of the SSH server: the host key, and verification of logins."""
