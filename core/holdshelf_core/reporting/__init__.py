"""What the Board is told each quarter: counted from the access log, the register, the footage's journals and the ledger.

Nothing in here decides, changes or deletes anything; what no record tells of is said to be that, never guessed.
"""
