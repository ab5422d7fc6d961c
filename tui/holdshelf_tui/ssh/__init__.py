"""The SSH door: who comes in from outside. asyncssh in front, one forked child behind each session.

server (listens, knows the living) → connection (one SSH connection: limits, key, identity) → session (one channel: terminal or
command) → children (their processes). ``link`` asks the service who somebody is. The door never reads a register, a log or
footage; it must never let anybody be someone but the service, and never hold on to what a slow client does not take.
"""
