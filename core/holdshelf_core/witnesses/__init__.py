"""Witnesses: others who countersign the access log's head, and a witness of ours for others' logs (c2sp.org/tlog-witness)."""
