"""Holds and heads kept in an S3 store as well: sealed here, put there under a legal hold, by a process of its own (ADR 59)."""
