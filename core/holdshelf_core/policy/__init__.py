"""The rules: pure functions over plain data. Who may do what, by which clause, and who can help after a refusal.

The authorizer asks a single question, ``rules.decide``. Nothing here reads a clock, a disk or a socket: all input is passed in
(``state.State``, ``instants.Now``), so any answer can be reproduced later from the log.
"""
