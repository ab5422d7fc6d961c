"""The rolling buffer: capacity, retention, the sweeper, and the roots that anchor footage in the log."""
