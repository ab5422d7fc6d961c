"""The rules: pure functions over plain data. Who may do what, on which clause, and who can help when the answer is no.

``rules.decide`` is the one question that the gate asks. Nothing in here reads a clock, a disk or a socket: what
it needs to know is given to it (``state.State``, ``instants.Now``), so any answer can be had again later from the log.
"""
