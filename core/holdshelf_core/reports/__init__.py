"""The Board's quarterly report: counted from the access log, the register, the footage's journals and the ledger.

Nothing here decides, changes or deletes anything; missing records are reported as such, never guessed.
"""
