"""Roots over footage and ledger, as recorded in the access log."""
